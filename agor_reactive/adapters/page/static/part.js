// A part of a task: its fields, and a text that may grow.

import { make } from "./dom.js";

export class Part {
  constructor(pane, taskId, kind) {
    this.pane = pane;
    this.taskId = taskId;
    this.fields = {};
    this.text = "";
    this.root = make("div", `ag-part ag-${kind}`);
  }

  // Returns the rest of the work as a step of `Progress`, or null.
  change(fields, cut, more) {
    Object.assign(this.fields, fields);
    const keep = cut ?? this.text.length;
    this.text = this.text.slice(0, keep) + (more ?? "");
    this.root.classList.toggle("ag-live", Boolean(this.fields.live));
    this.root.dataset.tone = this.fields.tone ?? "";
    return this.show(more === undefined && cut === undefined ? null : { keep, more: more ?? "" }) ?? null;
  }

  // Paints the part. `grown`: `keep` characters stay and `more` is appended; null if the text is the same.
  show(grown) {}
}
