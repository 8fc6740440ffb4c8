// A part of a task: fields, and a text that may grow.

import { make } from "./dom.js";

export class Part {
  constructor(pane, taskId, kind) {
    this.pane = pane;
    this.taskId = taskId;
    this.fields = {};
    this.text = "";
    this.root = make("div", `ag-part ag-${kind}`);
  }

  // Returns what is left to lay out: a function to be called with a turn of `Work` until it answers false, or null.
  change(fields, cut, more) {
    Object.assign(this.fields, fields);
    const keep = cut ?? this.text.length;
    this.text = this.text.slice(0, keep) + (more ?? "");
    this.root.classList.toggle("ag-live", Boolean(this.fields.live));
    this.root.dataset.tone = this.fields.tone ?? "";
    return this.show(more === undefined && cut === undefined ? null : { keep, more: more ?? "" }) ?? null;
  }

  // Show it as it is now. `grown`: of the text `keep` stays and `more` follows; null if it is the same.
  show(grown) {}
}
