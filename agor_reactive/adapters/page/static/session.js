// One session on a page, updated by numbered patches. All content is shown as text.

import { PromptBox } from "./prompt_box.js";
import { Actions } from "./actions.js";
import { moveFocus } from "./arrows.js";
import { announcer, button, focusedIn, make, ownPresses, paintAhead, region, watchWidth } from "./dom.js";
import { Heading } from "./heading.js";
import { Host } from "./host.js";
import { partOf } from "./parts.js";
import { Rows } from "./rows.js";
import { Scroll } from "./scroll.js";
import { TaskBlock } from "./task.js";
import { Progress } from "./progress.js";

const AT_ONCE_MOST = 300000; // characters of a snapshot that is laid out in one go

export class SessionPane {
  constructor(parent, port) {
    this.host = new Host(port, (state) => this.onHost(state));
    this.work = new Progress(() => this.scroll.follow());
    this.actions = new Actions(this.host, () => this.acted(), (error, passing) => this.promptBox.say(error, passing));
    this.fields = {};
    this.openRuns = new Set();
    this.build(parent);
    this.saved(port.text ?? "");
    this.clock = setInterval(() => this.tick(), 1000);
    this.host.attend(this.root, paintAhead(this.scroll.place, ".ag-task", ".ag-long > :not(.ag-tail), .ag-long .ag-lines"));
  }

  build(parent) {
    // Until the host answers, only the saved text is shown: there is nothing to press.
    const root = (this.root = region("ag ag-unfed", "Agor session"));
    this.heading = new Heading(root);
    this.scroll = new Scroll(root, () => this.work.waiting !== null, "Conversation");
    this.scroll.content.addEventListener("keydown", (event) => this.arrow(event));
    this.older = button("ag-older", "Show older tasks", "", () => {
      this.older.disabled = true;
      this.actions.act({ op: "older" });
    });
    this.older.hidden = true;
    const content = this.scroll.content;
    this.keep = content.appendChild(make("pre", "ag-saved"));
    this.empty = content.appendChild(make("div", "ag-dim ag-empty", ""));
    this.empty.hidden = true;
    content.append(this.older);
    this.lists = content.appendChild(make("div", "ag-lists"));
    this.startLists(this.lists);
    this.queue = root.appendChild(make("div", "ag-queue"));
    this.announce = announcer(root);
    this.promptBox = new PromptBox(root, this.actions, () => this.scroll.toEnd());
    ownPresses(root);
    this.unwatchWidth = watchWidth(root);
    parent.append(root);
  }

  // Arrows lead from task to task, and from within a task to its head and to the next one. What scrolls keeps its keys.
  arrow(event) {
    const { key, target } = event;
    if (!target.matches("button, .ag-link, .ag-request")) return;
    const tasks = this.tasks.order.map((id) => this.tasks.items.get(id));
    const places = [this.older, ...tasks.map(({ head }) => head)];
    const at = Math.max(places.indexOf(target), 1 + tasks.findIndex(({ body }) => body.contains(target)));
    const within = places[at] !== target;
    if (within && !at) return;
    const first = this.older.hidden ? 1 : 0;
    moveFocus(event, places.slice(first), at - first + (within && key === "ArrowUp" ? 1 : 0));
  }

  saved(text) {
    this.keep.textContent = text;
    this.keep.hidden = !text;
  }

  // The host is gone, silent or back.
  onHost(state) {
    const cut = state === "cut";
    this.root.classList.toggle("ag-cut", cut);
    if (cut) this.heading.cover({ link: "disconnected", linkTone: "bad", note: this.host.words.gone });
    else this.heading.cover(state ? { link: "no answer", linkTone: "warn" } : null);
    if (cut) this.actions.giveUp();
    if (!state) this.promptBox.recovered();
    this.freeze();
    for (const task of this.tasks.items.values()) task.waiting();
  }

  // Without a host, a client or a session nothing can be sent.
  freeze() {
    const closed = this.fields.open === false;
    this.root.classList.toggle("ag-closed", closed);
    this.promptBox.freeze(closed || this.host.cut);
  }

  acted() {
    this.promptBox.enable();
    this.older.disabled = false;
  }

  // ---- messages of the host

  receive(message) {
    this.host.answered();
    if (message.op === "patch" || message.op === "snapshot") {
      if (this.host.takes(message)) this.apply(message);
    } else if (message.op === "tool") {
      this.work.push(() => this.tasks.items.get(message.task)?.rows.items.get(`tool/${message.tool}`)?.detail(message));
      this.work.run();
    } else if (message.op === "done") this.actions.done(message);
  }

  apply(message) {
    const { work } = this;
    const large = message.op === "snapshot" && JSON.stringify(message).length > AT_ONCE_MOST;
    if (message.op === "snapshot") work.push(() => this.clear(large));
    if (message.head) work.push(() => this.head(message.head));
    if (message.queue) work.push(() => this.queued(message.queue));
    this.list(message.tasks, () => this.tasks, (id) => new TaskBlock(this, id), (task, [, , fields]) => {
      task.change(fields);
      return null;
    });
    for (const [taskId, patch] of Object.entries(message.parts ?? {})) {
      this.list(
        patch,
        () => (taskId ? this.tasks.items.get(taskId)?.rows : this.unassigned),
        (key, fields) => partOf(this, taskId, fields),
        (part, [, , fields, cut, more]) => part.change(fields, cut ?? undefined, more ?? undefined),
      );
      work.push(() => this.tasks.items.get(taskId)?.waiting());
    }
    if (message.op === "snapshot") work.push(() => this.restore());
    work.run();
  }

  list(patch, rows, create, change) {
    if (!patch) return;
    for (const key of patch.gone ?? []) this.work.push(() => rows()?.remove(key));
    for (const entry of patch.put ?? []) {
      this.work.push(() => {
        const list = rows();
        if (!list) return;
        const [key, at, fields] = entry;
        let item = list.items.get(key);
        if (!item) {
          item = create(key, fields);
          list.insert(key, item, at ?? list.order.length);
        }
        return change(item, entry);
      });
    }
    if (patch.order) this.work.push(() => rows()?.arrange(patch.order));
  }

  startLists(parent) {
    this.tasks = new Rows(parent.appendChild(make("div", "ag-tasks")));
    this.unassigned = new Rows(parent.appendChild(make("div", "ag-parts ag-unassigned")));
  }

  // What is shown stays until all of the new is there: no blank frame. Not of a large snapshot, whose layout in one go
  // would hold the page up.
  clear(large) {
    this.before = this.tasks.items;
    const shown = this.tasks.order.length > 0 || !this.keep.hidden;
    this.root.classList.remove("ag-unfed");
    this.fresh = make("div", "ag-lists");
    this.startLists(this.fresh);
    if (!shown || large) this.swap();
    this.fields = {};
  }

  swap() {
    const { fresh } = this;
    this.fresh = null;
    if (!fresh) return;
    this.lists.replaceWith(fresh);
    this.lists = fresh;
    this.saved("");
  }

  restore() {
    this.left = this.scroll.left;
    const focused = focusedIn(this.lists);
    const [id] = [...this.before].find(([, { head }]) => head === focused) ?? [];
    this.swap();
    if (focused) (this.tasks.items.get(id)?.head ?? this.scroll.place).focus({ preventScroll: true });
    for (const [id, { opened }] of this.before) {
      const task = this.tasks.items.get(id);
      if (opened && task && !task.opened) task.toggle();
    }
    this.before = null;
    this.scroll.back(this.left ?? null);
  }

  // ---- painting

  head(fields) {
    const back = fields.link === "live" && this.fields.link !== undefined;
    const all = Object.assign(this.fields, fields);
    if (back) this.recovered();
    this.heading.show(all);
    this.older.hidden = !all.older;
    this.older.disabled = false;
    this.empty.hidden = !all.empty;
    this.empty.textContent = all.open === false ? "No prompts." : "No prompts yet. Write the first one below.";
    this.promptBox.busy(all.busy);
    this.freeze();
  }

  // The connection is back: errors about it are outdated.
  recovered() {
    this.promptBox.recovered();
    for (const task of this.tasks.items.values()) {
      for (const part of task.rows.items.values()) part.recovered?.();
    }
  }

  queued(rows) {
    this.queue.replaceChildren(...rows.map(([id, prompt], number) => {
      const row = make("div", "ag-queued");
      row.append(make("span", "ag-place", String(number + 1)), make("span", "ag-prompt", prompt));
      row.append(button("ag-cancel", "Cancel", "Remove this prompt from the queue", (event) => {
        event.target.disabled = true;
        this.actions.act({ op: "cancel", task: id });
      }));
      return row;
    }));
    if (rows.length) this.queue.prepend(make("div", "ag-label", "Queued"));
  }

  tick() {
    if (!this.host.visible || this.fields.open === false) return;
    for (const task of this.tasks.items.values()) if (!task.fields.took && task.fields.began) task.tick();
  }

  dispose() {
    clearInterval(this.clock);
    this.work.stop();
    this.actions.drop();
    this.scroll.leave();
    this.unwatchWidth();
    this.root.remove();
    this.host.leave();
  }
}
