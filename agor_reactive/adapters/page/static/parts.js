// The kinds of parts of a task, except requests.

import { button, copyButton, duration, focusedIn, make, setFolded } from "./dom.js";
import { Part } from "./part.js";
import { Prose } from "./prose.js";
import { Request } from "./request.js";

const SIGNS = { executing: "●", complete: "✓", failed: "✗" };

function scrolls(element, label) {
  element.tabIndex = 0;
  element.setAttribute("role", "group");
  element.setAttribute("aria-label", label);
  return element;
}

function putDiff(diff, parent) {
  for (const line of diff.split("\n")) {
    const kind = { "+": "ag-added", "-": "ag-taken" }[line[0]];
    parent.append(kind ? make("span", kind, line) : line, "\n");
  }
}

// Not read aloud.
function hidden(element) {
  element.setAttribute("aria-hidden", "true");
  return element;
}

class Written extends Part {
  constructor(...of) {
    super(...of);
    this.prose = new Prose(this.root);
  }

  show(grown) {
    if (!grown) return null;
    this.prose.change(grown.keep, grown.more);
    return (slice) => this.prose.work(slice);
  }
}

class Note extends Part {
  constructor(...of) {
    super(...of);
    this.words = this.root.appendChild(make("span"));
  }

  show() {
    this.words.textContent = this.text;
  }
}

// A prompt of several lines; it scrolls, so keys have to reach it.
class Whole extends Note {
  constructor(...of) {
    super(...of);
    scrolls(this.root, "Whole prompt");
  }
}

// A line that opens to show more.
class Folded extends Part {
  fold(className, title, bodyClass) {
    this.button = this.root.appendChild(button(className, "", title, () => this.unfold()));
    this.button.setAttribute("aria-expanded", "false");
    this.body = this.root.appendChild(make("div", bodyClass));
    this.body.addEventListener("beforematch", () => this.body.hidden && this.unfold());
    setFolded(this.body, true);
  }

  unfold() {
    setFolded(this.body, !this.body.hidden);
    this.button.setAttribute("aria-expanded", String(!this.body.hidden));
    this.show();
  }
}

class Thought extends Folded {
  constructor(...of) {
    super(...of);
    this.fold("ag-fold", "Show or hide the thinking", "ag-thinking");
    this.button.append(hidden(make("span", "ag-sign", "∴")), (this.brief = make("span", "ag-brief")));
  }

  show() {
    const { live } = this.fields;
    const line = (live ? this.text.slice(-400) : this.text.slice(0, 600)).replace(/\s+/g, " ").trim();
    this.brief.textContent = live ? `Thinking… ${line.slice(-160)}` : line.slice(0, 300);
    // What is folded is there to be found, but not while each chunk would be all of it again.
    if (!this.body.hidden || !live) this.body.textContent = this.text;
  }
}

// The line of a run of calls. They follow it, and are shown while it is open.
class Calls extends Part {
  constructor(...of) {
    super(...of);
    this.opened = false;
    this.button = this.root.appendChild(button("ag-group", "", "Show or hide these tool calls", () => this.open(!this.opened)));
    this.button.append(
      hidden(make("span", "ag-chevron", "›")),
      (this.name = make("span", "ag-name")),
      (this.brief = make("span", "ag-brief")),
      (this.took = make("span", "ag-seconds")),
    );
  }

  get id() {
    return JSON.stringify([this.taskId, this.fields.run]);
  }

  open(opened) {
    const { openRuns, tasks } = this.pane;
    openRuns[opened ? "add" : "delete"](this.id); // for the next snapshot
    this.show();
    for (const part of tasks.items.get(this.taskId)?.rows.items.values() ?? []) {
      if (part !== this && part.fields.run === this.fields.run) setFolded(part.root, !opened);
    }
  }

  show() {
    const { name, brief, took } = this.fields;
    this.opened = this.pane.openRuns.has(this.id);
    this.root.classList.toggle("ag-open", this.opened);
    this.button.setAttribute("aria-expanded", String(this.opened));
    this.name.textContent = name;
    this.brief.textContent = brief;
    this.took.textContent = took;
  }
}

class Tool extends Folded {
  constructor(...of) {
    super(...of);
    this.fold("ag-chip", "Show input and result", "ag-detail");
    this.root.addEventListener("beforematch", () => this.root.hidden && this.line?.open(true));
    this.button.append(
      (this.sign = hidden(make("span", "ag-sign"))),
      (this.name = make("span", "ag-name")),
      (this.state = make("span", "ag-unseen")),
      (this.brief = make("span", "ag-brief")),
      (this.took = make("span", "ag-seconds")),
    );
  }

  tick() {
    if (this.fields.began) this.took.textContent = duration(this.pane.host.since(this.fields.began));
  }

  show() {
    const { state, name, brief, why, took } = this.fields;
    this.root.dataset.state = state;
    this.sign.textContent = SIGNS[state] ?? "●";
    this.name.textContent = name;
    this.brief.textContent = brief + (why ? ` · ${why}` : "");
    this.took.textContent = took ?? "";
    this.tick();
    this.state.textContent = state; // what the sign says by its shape and colour
    this.join(this.fields.run ?? null);
    if (!this.body.hidden) this.load();
  }

  // A call comes into a run when it ends, or two runs become one. What is open or has the focus does not vanish: the run
  // opens.
  join(key) {
    if (key === this.run) return;
    const run = (this.line = this.pane.tasks.items.get(this.taskId)?.rows.items.get(key));
    const seen = !this.root.hidden && (this.run || !this.body.hidden || focusedIn(this.root));
    if (run && seen && !run.opened) run.open(true);
    this.run = key;
    this.root.classList.toggle("ag-within", key !== null);
    setFolded(this.root, Boolean(run && !run.opened));
  }

  load() {
    if (this.pane.host.cut) {
      if (!this.body.childElementCount) this.body.append(make("div", "ag-dim", this.pane.host.words.cut));
      return;
    }
    if (!this.body.childElementCount) this.body.append(make("div", "ag-dim", "Loading…"));
    this.pane.host.send({ op: "tool", task: this.taskId, tool: this.fields.tool });
  }

  // An edit shows its diff instead of the texts that it was made of.
  detail({ input, result, diff }) {
    // Unchanged texts are left alone: what is selected or found in them stays so.
    const known = JSON.stringify([input, result, diff]);
    if (known === this.known) return;
    this.known = known;
    this.body.replaceChildren();
    for (const [label, text] of [diff ? ["Change", diff] : ["Input", input], ["Result", result]]) {
      const head = this.body.appendChild(make("div", "ag-label", label));
      if (text) head.append(copyButton(() => text));
      const shown = text ? scrolls(make("pre", "", label === "Change" ? undefined : text), label) : make("div", "ag-dim", "(empty)");
      if (label === "Change") putDiff(text, shown);
      this.body.append(shown);
    }
  }
}

const KINDS = { text: Written, user: Written, thought: Thought, whole: Whole, calls: Calls, tool: Tool, request: Request };

export function partOf(pane, taskId, { kind }) {
  return new (KINDS[kind] ?? Note)(pane, taskId, kind);
}
