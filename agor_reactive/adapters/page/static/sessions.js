// A table of sessions, sorted and filtered on the page, and the open session below it.

import { moveFocus } from "./arrows.js";
import { Attention } from "./attention.js";
import { button, focusedIn, make, ownPresses, paintAhead, region, watchWidth } from "./dom.js";
import { Host } from "./host.js";
import { SessionPane } from "./session.js";

const AT_ONCE = 100; // rows made at a time
const NEEDS_ATTENTION = "!"; // no status is called that

function ago(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 60) return "just now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} d ago`;
}

export class SessionList {
  constructor(parent, port) {
    this.port = port;
    this.host = new Host(port, (state) => this.onHost(state));
    this.rows = new Map();
    this.lines = new Map();
    this.attention = new Attention();
    this.most = AT_ONCE;
    this.selected = "";
    this.build(parent);
    this.clock = setInterval(() => this.host.visible && this.draw(), 30000);
    this.host.attend(this.root, paintAhead(this.body, ".ag-row"));
  }

  build(parent) {
    const root = (this.root = region("ag-list ag-unfed", "Agor sessions"));
    const bar = root.appendChild(make("div", "ag-bar"));
    this.total = bar.appendChild(make("span", "ag-title"));
    this.filter = bar.appendChild(make("input", "ag-filter"));
    this.filter.type = "search";
    this.filter.placeholder = "Filter…";
    this.filter.setAttribute("aria-label", "Filter");
    this.filter.addEventListener("keydown", (event) => {
      event.stopPropagation();
      this.arrow(event);
    });
    this.filter.addEventListener("input", () => this.draw());
    this.status = bar.appendChild(make("select", "ag-choice"));
    this.status.setAttribute("aria-label", "Status");
    this.status.addEventListener("change", () => this.draw());
    this.note = root.appendChild(make("div", "ag-notes"));
    this.keep = root.appendChild(make("pre", "ag-saved"));
    this.saved(this.port.text);
    this.body = root.appendChild(make("div", "ag-rows"));
    this.body.setAttribute("role", "group");
    this.body.setAttribute("aria-label", "Sessions");
    root.addEventListener("keydown", (event) => this.arrow(event));
    this.pointed = false;
    this.body.addEventListener("pointerenter", (event) => { this.pointed = event.pointerType === "mouse"; });
    this.body.addEventListener("pointerleave", () => {
      this.pointed = false;
      this.draw();
    });
    this.none = root.appendChild(make("div", "ag-dim ag-none"));
    this.none.hidden = true;
    this.more = root.appendChild(button("ag-older", "Show more", "", () => {
      this.most += AT_ONCE;
      this.draw();
    }));
    this.more.hidden = true;
    this.place = make("div", "ag-opened");
    ownPresses(root);
    this.unwatchWidth = watchWidth(root);
    parent.append(root, this.place);
  }

  // Arrows lead from the filter to the rows, and from row to row.
  arrow(event) {
    const rows = [...this.body.children];
    const at = rows.indexOf(focusedIn(this.body));
    if (at >= 0 || (event.target === this.filter && event.key === "ArrowDown")) moveFocus(event, rows, at, this.filter);
  }

  onHost(state) {
    this.root.classList.toggle("ag-cut", state === "cut");
    this.say();
    if (state === "cut") this.pane?.host.lost();
    else this.pane?.host.answered();
  }

  // Shown until the first rows are here.
  saved(text) {
    this.keep.textContent = text;
    this.keep.hidden = !text;
  }

  say() {
    const notes = this.host.cut ? [["bad", this.host.words.gone]] : this.noted ? [["", this.noted]] : [];
    this.note.replaceChildren(...notes.map(([tone, text]) => {
      const note = make("div", "ag-note", text);
      note.dataset.tone = tone;
      return note;
    }));
  }

  receive(message) {
    this.host.answered();
    if (message.op === "pane") {
      if (message.pane === this.pane?.number) this.pane.receive(message.message);
    } else if (message.op === "opened") this.open(message);
    else if (message.op === "snapshot" || message.op === "patch") this.apply(message);
  }

  apply(message) {
    if (!this.host.takes(message)) return;
    if (message.op === "snapshot") this.rows.clear();
    this.saved("");
    this.root.classList.remove("ag-unfed");
    for (const id of message.gone ?? []) this.rows.delete(id);
    for (const [id, row] of message.put ?? []) this.rows.set(id, row);
    this.attention.begin(this.rows);
    if (message.note !== undefined) {
      this.noted = message.note;
      this.say();
    }
    this.draw();
  }

  draw() {
    const words = this.filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    this.choices();
    const wanted = this.status.value;
    this.attention.see(this.selected, this.rows.get(this.selected));
    const found = [...this.rows].filter(([id, row]) => {
      if (wanted === NEEDS_ATTENTION && !this.attention.needs(id, row)) return false;
      if (wanted && wanted !== NEEDS_ATTENTION && row.status !== wanted) return false;
      const text = `${row.title} ${row.agent} ${row.ref} ${row.status}`.toLowerCase();
      return words.every((word) => text.includes(word));
    });
    found.sort(([a, one], [b, other]) => (other.when ?? 0) - (one.when ?? 0) || (a < b ? 1 : -1));
    if (this.pointed) this.still(found);
    const shown = found.slice(0, this.most);
    const total = this.rows.size;
    this.total.textContent = found.length === total ? `${total} session${total === 1 ? "" : "s"}` : `${found.length} of ${total}`;
    this.more.hidden = shown.length === found.length;
    this.none.textContent = total ? "No matching sessions." : "No sessions yet.";
    this.none.hidden = found.length > 0 || (!total && Boolean(this.noted));
    let place = this.body.firstElementChild;
    const focused = focusedIn(this.body);
    const ids = new Set(shown.map(([id]) => id));
    for (const [id, line] of this.lines) {
      if (!ids.has(id)) {
        if (line.root === place) place = place.nextElementSibling;
        line.root.remove();
        this.lines.delete(id);
      }
    }
    for (const [id, row] of shown) {
      const line = this.lines.get(id) ?? this.line(id);
      line.show(row);
      if (line.root === place) place = place.nextElementSibling;
      else this.body.insertBefore(line.root, place);
    }
    // Moving an element drops its focus.
    if (focused && focused !== focusedIn(this.body) && focused.isConnected) focused.focus({ preventScroll: true });
  }

  // Rows under the mouse do not move: known ones keep their order, new ones follow.
  still(found) {
    const places = new Map([...this.body.children].map((root, at) => [root.dataset.id, at]));
    const place = ([id]) => places.get(id) ?? Infinity;
    found.sort((one, other) => (place(one) === place(other) ? 0 : place(one) - place(other)));
  }

  choices() {
    const kept = this.status.value;
    // Keep the choice even if no session has that status now.
    const known = [...new Set([...this.rows.values()].map((row) => row.status).concat(kept || []))].sort();
    if (known.join("\n") === this.known) return;
    this.known = known.join("\n");
    const choices = new Map([["", "Any status"], [NEEDS_ATTENTION, "Needs attention"]]);
    for (const status of known) if (status !== NEEDS_ATTENTION) choices.set(status, status);
    this.status.replaceChildren(...[...choices].map(([status, label]) => {
      const option = make("option", "", label);
      option.value = status;
      return option;
    }));
    this.status.value = kept;
  }

  line(id) {
    const root = button("ag-row", "", "", () => this.pick(id));
    const parts = ["ag-dot", "ag-prompt", "ag-status", "ag-agent", "ag-count", "ag-when"].map((name) => root.appendChild(make("span", name)));
    const [, title, status, agent, count, when] = parts;
    root.dataset.id = id;
    let known = null;
    const line = {
      root,
      show: (row) => {
        const current = String(id === this.selected);
        if (root.getAttribute("aria-current") !== current) root.setAttribute("aria-current", current);
        const time = row.when === null ? "" : ago(Date.now() - this.host.skew - row.when);
        if (when.textContent !== time) when.textContent = time;
        if (row === known) return;
        known = row;
        root.dataset.tone = row.tone;
        title.textContent = row.title;
        root.title = [row.title, row.agent, row.ref].filter(Boolean).join("\n");
        status.textContent = row.status;
        agent.textContent = [row.agent, row.ref].filter(Boolean).join(" · ");
        count.textContent = row.tasks ? `${row.tasks} task${row.tasks === 1 ? "" : "s"}` : "";
      },
    };
    this.lines.set(id, line);
    return line;
  }

  pick(id) {
    if (!this.host.cut) this.host.send({ op: "pick", session: id });
  }

  open({ pane, session }) {
    if (this.pane?.number === pane) return;
    this.pane?.dispose();
    this.selected = session;
    this.place.replaceChildren();
    this.pane = new SessionPane(this.place, {
      ...this.port,
      send: (message) => this.port.send({ pane, message }),
      text: "",
    });
    this.pane.number = pane;
    this.draw();
  }

  dispose() {
    clearInterval(this.clock);
    this.unwatchWidth();
    this.pane?.dispose();
    this.root.remove();
    this.place.remove();
    this.host.leave();
  }
}
