// A permission request with the buttons that answer it.

import { button, focusedIn, make } from "./dom.js";
import { Part } from "./part.js";

export class Request extends Part {
  constructor(...of) {
    super(...of);
    this.root.tabIndex = -1; // takes the focus of a button that disappears
    this.root.setAttribute("role", "group");
    const head = this.root.appendChild(make("div", "ag-request-head"));
    head.append((this.sign = make("span", "ag-sign", "?")), (this.who = make("span")), (this.name = make("span", "ag-name")));
    this.body = this.root.appendChild(make("pre", "ag-request-data"));
    this.body.tabIndex = 0;
    this.body.setAttribute("aria-label", "Input");
    // The outcome takes the place of the buttons, so that the card and what is around it do not move.
    const foot = this.root.appendChild(make("div", "ag-request-foot"));
    this.answers = foot.appendChild(make("div", "ag-answers"));
    this.answers.append(
      button("ag-approve", "Approve", "Allow this once", (event) => this.answer("approve", event.currentTarget)),
      button("ag-deny", "Deny", "Refuse this", (event) => this.answer("deny", event.currentTarget)),
    );
    this.outcome = foot.appendChild(make("div", "ag-outcome"));
    this.outcome.setAttribute("role", "status");
  }

  answer(op, pressed) {
    // A button that is disabled or removed would lose the focus to the page.
    this.root.focus({ preventScroll: true });
    this.disable(true);
    this.say(op === "approve" ? "Approving…" : "Denying…");
    this.pane.actions.act({ op, request: this.fields.request }, {
      // The outcome comes with the next patch of the session.
      onSuccess: () => this.fields.state === "pending" && this.say("Answered"),
      onError: (error, passing) => {
        if (this.fields.state !== "pending") return;
        this.disable(false);
        if (focusedIn(this.root) === this.root) pressed.focus({ preventScroll: true });
        this.say(`Not answered: ${error}`, "bad");
        this.passing = passing;
      },
    });
  }

  disable(disabled) {
    for (const element of this.answers.children) element.disabled = disabled;
  }

  recovered() {
    if (this.passing && this.fields.state === "pending") this.say("");
  }

  say(text, tone = "") {
    this.passing = false;
    this.outcome.textContent = text;
    this.outcome.dataset.tone = tone;
  }

  show() {
    const { state, who, name, outcome, when } = this.fields;
    const focused = focusedIn(this.answers);
    this.root.dataset.state = state;
    this.root.setAttribute("aria-label", `Permission request: ${name}`);
    this.sign.textContent = { pending: "?", approved: "✓", denied: "✗" }[state] ?? "–";
    this.who.textContent = who;
    this.name.textContent = name;
    this.body.textContent = this.text;
    this.body.hidden = !this.text;
    this.answers.hidden = state !== "pending";
    if (state === "pending" && !this.announced) {
      this.announced = true;
      this.pane.announce(`${who} ${name}. Approve or deny.`);
    }
    if (state === "pending") {
      if (this.answered) this.say(""); // a replay went back
      this.answered = false;
      return;
    }
    this.answered = true;
    this.say([outcome, when === null ? "" : new Date(when).toLocaleTimeString()].filter(Boolean).join(" · "));
    if (focused) this.root.focus({ preventScroll: true });
  }
}
