// The prompt box, with send and stop; what went wrong is said below it.

import { button, make } from "./dom.js";

const TALLEST = 220; // px

export class Ask {
  // `deeds` carries out; `sent` is called when a prompt got through.
  constructor(parent, deeds, sent) {
    Object.assign(this, { deeds, sent });
    const form = (this.form = parent.appendChild(make("form", "ag-ask")));
    this.box = form.appendChild(make("textarea"));
    this.box.rows = 1;
    this.box.setAttribute("aria-label", "Prompt");
    this.box.addEventListener("input", () => this.grow());
    // Keys typed here are text: notebooks must not take them for their own commands.
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
      button("ag-stop", "Stop", "Stop the task at work", () => {
        this.stop.disabled = true;
        deeds.act({ op: "stop" });
      }),
    );
    this.answer = parent.appendChild(make("div", "ag-answer"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send(this.box.value.trim());
    });
    this.busy(false);
  }

  send(text) {
    if (!text) return;
    this.submit.disabled = true;
    this.deeds.act({ op: "prompt", text }, {
      well: () => {
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

  // Whether there is something to stop, and a prompt would have to wait.
  busy(busy) {
    this.stop.hidden = !busy;
    this.form.classList.toggle("ag-busy", busy);
    this.submit.textContent = busy ? "Queue" : "Send";
    this.box.placeholder = busy ? "Prompt… it will wait" : "Prompt…";
  }

  // Nobody is there to be asked; what was written can still be read and copied.
  still(still) {
    this.box.readOnly = still;
    this.form.hidden = still && !this.box.value;
  }

  say(error) {
    this.answer.textContent = error;
  }

  enable() {
    this.submit.disabled = this.stop.disabled = false;
  }
}
