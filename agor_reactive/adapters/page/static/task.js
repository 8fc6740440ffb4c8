// A task: prompt, status, duration, and its parts once it is open.

import { button, duration, make, setFolded } from "./dom.js";
import { Rows } from "./rows.js";

export class TaskBlock {
  constructor(pane, id) {
    this.pane = pane;
    this.id = id;
    this.fields = {};
    this.asked = false;
    this.root = make("section", "ag-task");
    this.head = button("ag-task-head", "", "", () => this.toggle());
    this.head.append(
      make("span", "ag-chevron", "›"),
      (this.prompt = make("span", "ag-prompt")),
      (this.status = make("span", "ag-status")),
      (this.took = make("span", "ag-took")),
    );
    this.body = make("div", "ag-task-body");
    this.wait = this.body.appendChild(make("div", "ag-dim ag-wait", "Loading messages…"));
    this.list = this.body.appendChild(make("div", "ag-parts"));
    this.rows = new Rows(this.list);
    this.root.append(this.head, this.body);
    this.body.addEventListener("beforematch", () => this.opened || this.toggle());
    this.open(false);
  }

  open(open) {
    this.opened = open;
    setFolded(this.body, !open);
    this.root.classList.toggle("ag-open", open);
    this.head.setAttribute("aria-expanded", String(open));
  }

  toggle() {
    this.open(!this.opened);
    if (this.opened && !this.asked && !this.pane.host.cut) {
      this.asked = true;
      this.pane.host.send({ op: "open", task: this.id });
    }
    if (this.opened) this.waiting();
  }

  change(fields) {
    const opens = fields.shown && !this.fields.shown;
    Object.assign(this.fields, fields);
    const { prompt, whole, status, tone, took, tools } = this.fields;
    if (fields.prompt !== undefined) this.prompt.textContent = prompt;
    this.root.classList.toggle("ag-more", !whole);
    this.status.textContent = status;
    this.status.dataset.tone = tone;
    this.root.dataset.tone = tone;
    this.took.textContent = [took, tools ? `${tools} tool${tools === 1 ? "" : "s"}` : ""].filter(Boolean).join(" · ");
    if (fields.at) this.head.title = `Prompted ${new Date(fields.at).toLocaleString()}`;
    if (opens) {
      this.asked = true;
      this.open(true);
    }
    this.waiting();
    this.tick();
  }

  waiting() {
    const { loaded, fault, ended } = this.fields;
    this.wait.hidden = !this.opened || loaded || (this.rows.order.length > 0 && !fault) || (!ended && !fault);
    this.wait.textContent = fault || (this.pane.host.cut ? this.pane.host.words.cut : "Loading messages…");
    this.wait.classList.toggle("ag-fault", Boolean(fault));
    if (fault) this.asked = false;
  }

  tick() {
    const { began, took } = this.fields;
    if (this.pane.host.cut) return;
    if (!took && began) this.took.textContent = duration(this.pane.host.since(began));
    for (const part of this.opened ? this.rows.items.values() : []) part.tick?.();
  }
}
