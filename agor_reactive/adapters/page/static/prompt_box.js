// The prompt box with its send and stop buttons; errors appear below it.

import { button, make } from "./dom.js";

const TALLEST = 220; // px

export class PromptBox {
  // `sent` is called after the daemon accepted a prompt.
  constructor(parent, actions, sent) {
    Object.assign(this, { actions, sent });
    const form = (this.form = parent.appendChild(make("form", "ag-ask")));
    this.box = form.appendChild(make("textarea"));
    this.box.rows = 1;
    this.box.setAttribute("aria-label", "Prompt");
    this.box.addEventListener("input", () => this.grow());
    // Notebooks would take these keys as commands.
    this.box.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        form.requestSubmit();
      }
    });
    const presses = form.appendChild(make("div", "ag-presses"));
    this.submit = presses.appendChild(make("button", "ag-send"));
    this.stop = presses.appendChild(
      button("ag-stop", "Stop", "Stop the running task", () => {
        this.stop.disabled = true;
        actions.act({ op: "stop" });
      }),
    );
    this.answer = parent.appendChild(make("div", "ag-answer"));
    this.answer.setAttribute("role", "alert");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send(this.box.value.trim());
    });
    this.busy(false);
  }

  send(text) {
    if (!text) return;
    this.submit.disabled = true;
    this.actions.act({ op: "prompt", text }, {
      onSuccess: () => {
        if (this.box.value.trim() === text) this.box.value = "";
        this.grow();
        this.sent();
      },
    });
  }

  grow() {
    this.box.style.height = "auto";
    this.box.style.height = `${Math.min(this.box.scrollHeight + 2, TALLEST)}px`;
  }

  // Whether a task is running, so that it can be stopped and a prompt is queued.
  busy(busy) {
    this.stop.hidden = !busy;
    this.form.classList.toggle("ag-busy", busy);
    this.submit.textContent = busy ? "Queue" : "Send";
    this.box.placeholder = busy ? "Queue a follow-up…" : "Prompt…";
  }

  // Nothing can be sent; a draft can still be read and copied.
  freeze(frozen) {
    this.box.readOnly = frozen;
    this.form.hidden = frozen && !this.box.value;
  }

  // `passing`: the error is outdated when the connection is back.
  say(error, passing = false) {
    this.answer.textContent = error;
    this.passing = passing;
  }

  recovered() {
    if (this.passing) this.say("");
  }

  enable() {
    this.submit.disabled = this.stop.disabled = false;
  }
}
