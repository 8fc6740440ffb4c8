// A report: one page with all of a recorded session in it, which answers itself as a host does.

import { BLANK, applied, difference } from "./documents.js";
import { ReplayPane } from "./replay.js";

class Recorded {
  // `steps`: [moment in ms, patch from the step before]; `texts`: what patches and details refer to by number;
  // `details`: [task, tool, step, input, result, diff], from that step on; `timeline`: null for a single moment.
  constructor({ steps, texts, details, timeline }) {
    Object.assign(this, { texts, timeline });
    this.moments = steps.map(([moment]) => moment);
    const text = (more) => (typeof more === "number" ? texts[more] : more ?? "");
    this.documents = [];
    for (const [, patch] of steps) this.documents.push(applied(this.documents.at(-1) ?? BLANK, patch, text));
    this.details = new Map();
    for (const [task, tool, ...detail] of details) {
      const key = JSON.stringify([task, tool]);
      this.details.set(key, [...(this.details.get(key) ?? []), detail]);
    }
    this.shown = BLANK;
    this.opened = new Set();
    this.seq = 0;
    this.at = timeline?.end ?? this.moments.at(-1);
  }

  receive({ op, t, task, tool }) {
    if (op === "sync") {
      this.shown = BLANK;
      this.show("snapshot");
      if (this.timeline) this.pane.receive({ op: "timeline", ...this.timeline });
    } else if (op === "seek") {
      this.at = t;
      this.show("patch");
    } else if (op === "open") {
      this.opened.add(task);
      this.show("patch");
    } else if (op === "tool") {
      const found = this.details.get(JSON.stringify([task, tool]))?.findLast(([step]) => step <= this.step) ?? [];
      const [input, result, diff] = [1, 2, 3].map((at) => this.texts[found[at]] ?? "");
      this.pane.receive({ op, task, tool, input, result, diff });
    }
  }

  get step() {
    return Math.max(0, this.moments.findLastIndex((moment) => moment <= this.at));
  }

  // Only open tasks are on the page, however many there are.
  show(op) {
    const whole = this.documents[this.step];
    for (const [id, row] of whole.tasks.items) if (row.shown) this.opened.add(id);
    const parts = new Map([...whole.parts].filter(([id]) => !id || this.opened.has(id)));
    const fresh = { ...whole, parts };
    const patch = difference(this.shown, fresh);
    this.shown = fresh;
    this.seq += 1;
    this.pane.receive({ op, seq: this.seq, now: this.at, still: true, at: this.at, ...patch });
  }
}

const report = new Recorded(JSON.parse(document.getElementById("ag-data").textContent));
const place = document.getElementById("ag-page");
// The page is answered when it is there: it asks while it is being made.
const send = (message) => queueMicrotask(() => report.receive(message));
place.replaceChildren();
place.classList.add("ag-fill");
report.pane = new ReplayPane(place, { send, text: "" });
document.addEventListener("keydown", (event) => {
  if (event.target === document.body) report.pane.timeline.key(event);
});
