// An agent's request for permission, with the buttons that answer it.

import { button, make } from "./dom.js";
import { Part } from "./part.js";

export class Request extends Part {
  constructor(...of) {
    super(...of);
    this.root.tabIndex = -1; // takes the focus of a button that goes
    this.root.setAttribute("role", "group");
    const head = this.root.appendChild(make("div", "ag-asks-head"));
    head.append((this.sign = make("span", "ag-sign", "?")), (this.who = make("span")), (this.name = make("span", "ag-name")));
    this.body = this.root.appendChild(make("pre", "ag-asks-data"));
    this.body.tabIndex = 0;
    this.body.setAttribute("aria-label", "Input");
    this.answers = this.root.appendChild(make("div", "ag-answers"));
    this.answers.append(
      button("ag-approve", "Approve", "Allow it, this once", (event) => this.answer("approve", event.currentTarget)),
      button("ag-deny", "Deny", "Refuse it", (event) => this.answer("deny", event.currentTarget)),
    );
    this.outcome = this.root.appendChild(make("div", "ag-outcome"));
    this.outcome.setAttribute("role", "status");
  }

  answer(op, pressed) {
    // A button that is disabled or goes would drop the focus on the page.
    this.root.focus({ preventScroll: true });
    this.wait(true);
    this.say(op === "approve" ? "approving…" : "denying…");
    this.pane.deeds.act({ op, request: this.fields.request }, {
      // What became of it comes with the session itself.
      well: () => this.fields.state === "pending" && this.say("answered"),
      ill: (error) => {
        if (this.fields.state !== "pending") return;
        this.wait(false);
        if (document.activeElement === this.root) pressed.focus({ preventScroll: true });
        this.say(`Not answered: ${error}`, "bad");
      },
    });
  }

  wait(waits) {
    for (const element of this.answers.children) element.disabled = waits;
  }

  say(text, tone = "") {
    this.outcome.textContent = text;
    this.outcome.dataset.tone = tone;
  }

  show() {
    const { state, who, name, outcome, when } = this.fields;
    const held = this.answers.contains(document.activeElement);
    this.root.dataset.state = state;
    this.root.setAttribute("aria-label", `Request for permission: ${name}`);
    this.sign.textContent = { pending: "?", approved: "✓", denied: "✗" }[state] ?? "–";
    this.who.textContent = who;
    this.name.textContent = name;
    this.body.textContent = this.text;
    this.body.hidden = !this.text;
    this.answers.hidden = state !== "pending";
    if (state === "pending") return;
    this.say([outcome, when === null ? "" : new Date(when).toLocaleTimeString()].filter(Boolean).join(" · "));
    if (held) this.root.focus({ preventScroll: true });
  }
}
