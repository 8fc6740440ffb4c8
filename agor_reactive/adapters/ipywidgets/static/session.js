// One session on a page. Fed by numbered patches against what was sent before; asks for a snapshot when it begins or
// has missed one. Everything that comes is text. `port.send` reaches the kernel; nothing here knows how.

const SLICE = 10; // ms of work between two chances for the page to react
const NARROW = 520; // px
const BOTTOM = 48; // px from the end that still count as being there

function spell(seconds) {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} m ${String(Math.floor(seconds % 60)).padStart(2, "0")} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} m`;
}

function button(className, label, title, deed) {
  const element = make("button", className, label);
  element.type = "button";
  if (title) element.title = title;
  element.addEventListener("click", deed);
  return element;
}

// What is left out where there is little room. Returns the undo. (A query of the style sheet would need a width that does
// not depend on what is in it, and a view beside others in a box has none.)
function watchWidth(root) {
  const seen = new ResizeObserver(([entry]) => root.classList.toggle("ag-narrow", entry.contentRect.width < NARROW));
  seen.observe(root);
  return () => seen.disconnect();
}

// JupyterLab gives the focus to the cell that is pressed in, and then lays out anew all that is in it. Here something has
// the focus wherever one presses, which selects the cell as well: the press itself is not told further.
function ownPresses(root) {
  root.addEventListener("mousedown", (event) => event.button === 0 && event.stopPropagation());
}

// The text that a notebook keeps of a view is not shown beside the view. Returns the undo.
function hideRecord(name) {
  if (!/^ag-record-[0-9a-f]+$/.test(name ?? "")) return () => {};
  const rule = make("style", "", `.${name}, .jp-OutputArea-child:has(.${name}) { display: none !important; }`);
  document.head.append(rule);
  return () => rule.remove();
}

// Children by key, in an order that is patched rather than sent anew.
class Rows {
  constructor(parent) {
    this.parent = parent;
    this.items = new Map();
    this.order = [];
  }

  remove(key) {
    const item = this.items.get(key);
    if (!item) return;
    item.root.remove();
    this.items.delete(key);
    this.order.splice(this.order.indexOf(key), 1);
  }

  insert(key, item, at) {
    this.items.set(key, item);
    const next = this.items.get(this.order[at]);
    this.parent.insertBefore(item.root, next ? next.root : null);
    this.order.splice(at, 0, key);
  }

  arrange(order) {
    order.forEach((key, at) => {
      const item = this.items.get(key);
      if (!item) return;
      const there = this.parent.children[at];
      if (there !== item.root) this.parent.insertBefore(item.root, there ?? null);
    });
    this.order = order.filter((key) => this.items.has(key));
  }
}

// ---- the parts of a task --------------------------------------------------------------------------------------------

const SIGNS = { executing: "●", complete: "✓", failed: "✗" };

class Part {
  constructor(pane, taskId, fields) {
    this.pane = pane;
    this.taskId = taskId;
    this.fields = {};
    this.text = "";
    this.kind = fields.kind;
    this.root = make("div", `ag-part ag-${fields.kind}`);
    if (this.kind === "text" || this.kind === "said") this.prose = new Prose(this.root);
    else if (this.kind === "thought") this.thought();
    else if (this.kind === "tool") this.tool();
    else if (this.kind === "asks") this.asks();
    else this.words = this.root.appendChild(make("span"));
  }

  thought() {
    this.button = button("ag-fold", "", "Show or hide the thinking", () => this.unfold());
    this.button.setAttribute("aria-expanded", "false");
    this.lead = this.button.appendChild(make("span", "ag-sign", "∴"));
    this.brief = this.button.appendChild(make("span", "ag-brief"));
    this.body = make("div", "ag-thinking");
    this.body.hidden = true;
    this.root.append(this.button, this.body);
  }

  tool() {
    this.button = button("ag-chip", "", "Show input and result", () => this.unfold());
    this.button.setAttribute("aria-expanded", "false");
    this.sign = this.button.appendChild(make("span", "ag-sign"));
    this.name = this.button.appendChild(make("span", "ag-name"));
    this.brief = this.button.appendChild(make("span", "ag-brief"));
    this.body = make("div", "ag-detail");
    this.body.hidden = true;
    this.root.append(this.button, this.body);
  }

  asks() {
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
    this.pane.act({ op, request: this.fields.request }, {
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

  request() {
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

  unfold() {
    this.body.hidden = !this.body.hidden;
    this.button.setAttribute("aria-expanded", String(!this.body.hidden));
    if (this.kind === "tool" && !this.body.hidden) this.ask();
    if (this.kind === "thought") this.showThought();
  }

  ask() {
    if (!this.body.childElementCount) this.body.append(make("div", "ag-dim", "asking…"));
    this.pane.send({ op: "tool", task: this.taskId, tool: this.fields.tool });
  }

  detail(input, result) {
    this.body.replaceChildren();
    for (const [label, text] of [["input", input], ["result", result]]) {
      this.body.append(make("div", "ag-label", label), text ? make("pre", "", text) : make("div", "ag-dim", "nothing yet"));
    }
  }

  showThought() {
    const line = this.text.replace(/\s+/g, " ").trim();
    this.brief.textContent = this.fields.live ? `thinking… ${line.slice(-160)}` : line.slice(0, 300);
    if (!this.body.hidden) this.body.textContent = this.text;
  }

  // Returns what is left to lay out: a function to be called with a deadline until it answers false, or null.
  change(fields, cut, more) {
    Object.assign(this.fields, fields);
    const keep = cut ?? this.text.length;
    this.text = this.text.slice(0, keep) + (more ?? "");
    const { live, tone } = this.fields;
    this.root.classList.toggle("ag-live", Boolean(live));
    this.root.dataset.tone = tone ?? "";
    if (this.prose) {
      if (more === undefined && cut === undefined) return null;
      this.prose.change(keep, more ?? "");
      return (deadline) => this.prose.work(deadline);
    }
    if (this.kind === "thought") this.showThought();
    else if (this.kind === "tool") {
      const state = this.fields.state;
      this.root.dataset.state = state;
      this.sign.textContent = SIGNS[state] ?? "●";
      this.name.textContent = this.fields.name;
      this.brief.textContent = this.fields.brief + (this.fields.why ? ` · ${this.fields.why}` : "");
      this.button.setAttribute("aria-label", `${this.fields.name}, ${state}`);
      if (!this.body.hidden) this.ask();
    } else if (this.kind === "asks") this.request();
    else this.words.textContent = this.text;
    return null;
  }
}

class TaskBlock {
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
    this.wait = this.body.appendChild(make("div", "ag-dim ag-wait", "reading the messages…"));
    this.list = this.body.appendChild(make("div", "ag-parts"));
    this.rows = new Rows(this.list);
    this.root.append(this.head, this.body);
    this.open(false);
  }

  open(open) {
    this.opened = open;
    this.body.hidden = !open;
    this.root.classList.toggle("ag-open", open);
    this.head.setAttribute("aria-expanded", String(open));
  }

  toggle() {
    this.open(!this.opened);
    if (this.opened && !this.asked) {
      this.asked = true;
      this.pane.send({ op: "open", task: this.id });
    }
    if (this.opened) this.waiting();
  }

  change(fields) {
    const opens = fields.shown && !this.fields.shown;
    Object.assign(this.fields, fields);
    const { prompt, status, tone, took, tools } = this.fields;
    if (fields.prompt !== undefined) this.prompt.textContent = prompt;
    this.status.textContent = status;
    this.status.dataset.tone = tone;
    this.root.dataset.tone = tone;
    this.took.textContent = [took, tools ? `${tools} tool${tools === 1 ? "" : "s"}` : ""].filter(Boolean).join(" · ");
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
    this.wait.textContent = fault || "reading the messages…";
    this.wait.classList.toggle("ag-fault", Boolean(fault));
    if (fault) this.asked = false;
  }

  tick() {
    const { began, took } = this.fields;
    if (!took && began) this.took.textContent = spell(Math.max(0, (Date.now() - this.pane.skew - began) / 1000));
  }
}

// ---- the whole ------------------------------------------------------------------------------------------------------

class SessionPane {
  constructor(parent, port) {
    this.port = port;
    this.seq = null;
    this.skew = 0;
    this.steps = [];
    this.working = null;
    this.stick = true;
    this.fields = {};
    this.view = Math.random().toString(36).slice(2);
    this.sent = new Map();
    this.build(parent);
    this.saved(port.text ?? "");
    this.clock = setInterval(() => this.tick(), 1000);
    this.watch();
    this.sync();
  }

  send(message) {
    this.port.send({ ...message, view: this.view });
  }

  // Asks for all of it, twice more if it does not come: some frontends lose what is said around a page's own start.
  sync(again = 2) {
    this.seq = null;
    this.send({ op: "sync" });
    clearTimeout(this.retry);
    if (again) this.retry = setTimeout(() => this.seq === null && this.sync(again - 1), 1500);
  }

  build(parent) {
    // Until a kernel told anything there is only what was saved: nothing to press that nobody would hear.
    const root = (this.root = make("div", "ag ag-unfed"));
    root.setAttribute("role", "region");
    root.setAttribute("aria-label", "Agor session");
    const head = root.appendChild(make("header", "ag-head"));
    this.title = head.appendChild(make("span", "ag-title"));
    this.status = head.appendChild(make("span", "ag-badge"));
    this.facts = head.appendChild(make("span", "ag-facts"));
    this.context = head.appendChild(make("span", "ag-context"));
    this.meter = this.context.appendChild(make("span", "ag-meter")).appendChild(make("span"));
    this.contextWords = this.context.appendChild(make("span"));
    this.link = head.appendChild(make("span", "ag-linkstate"));
    this.notes = root.appendChild(make("div", "ag-notes"));
    const frame = root.appendChild(make("div", "ag-frame"));
    this.scroll = frame.appendChild(make("div", "ag-scroll"));
    this.scroll.tabIndex = 0;
    this.older = button("ag-older", "Show older tasks", "", () => {
      this.older.disabled = true;
      this.act({ op: "older" });
    });
    this.older.hidden = true;
    const content = this.scroll.appendChild(make("div", "ag-content"));
    this.keep = content.appendChild(make("pre", "ag-saved"));
    this.empty = content.appendChild(make("div", "ag-dim ag-empty", "No prompt yet."));
    this.empty.hidden = true;
    content.append(this.older);
    this.tasks = new Rows(content.appendChild(make("div", "ag-tasks")));
    this.loose = new Rows(content.appendChild(make("div", "ag-parts ag-loose")));
    this.jump = frame.appendChild(button("ag-jump", "↓ newest", "Follow what is being written", () => this.toEnd()));
    this.jump.hidden = true;
    this.queue = root.appendChild(make("div", "ag-queue"));
    this.form(root);
    this.scroll.addEventListener("scroll", () => {
      const { scrollTop, scrollHeight, clientHeight } = this.scroll;
      this.stick = scrollHeight - scrollTop - clientHeight < BOTTOM;
      this.jump.hidden = this.stick;
    });
    this.grown = new ResizeObserver(() => {
      if (this.stick) this.scroll.scrollTop = this.scroll.scrollHeight;
      else this.jump.hidden = false;
    });
    this.grown.observe(content);
    ownPresses(root);
    this.unwatchWidth = watchWidth(root);
    parent.append(root);
  }

  form(root) {
    const form = (this.ask = root.appendChild(make("form", "ag-ask")));
    this.box = form.appendChild(make("textarea"));
    this.box.rows = 1;
    this.box.placeholder = "Prompt…";
    this.box.setAttribute("aria-label", "Prompt");
    const grow = () => {
      this.box.style.height = "auto";
      this.box.style.height = `${Math.min(this.box.scrollHeight + 2, 220)}px`;
    };
    this.box.addEventListener("input", grow);
    // Keys typed here are text: notebooks must not take them for their own commands.
    this.box.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        form.requestSubmit();
      }
    });
    this.submit = form.appendChild(make("button", "ag-send", "Send"));
    this.stop = form.appendChild(
      button("ag-stop", "Stop", "Stop the task at work", () => {
        this.stop.disabled = true;
        this.act({ op: "stop" });
      }),
    );
    this.stop.hidden = true;
    this.said = root.appendChild(make("div", "ag-answer"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const text = this.box.value.trim();
      if (!text) return;
      this.submit.disabled = true;
      this.act({ op: "prompt", text }, {
        well: () => {
          if (this.box.value.trim() === text) this.box.value = "";
          grow();
          this.toEnd();
        },
      });
    });
  }

  // A deed whose outcome somebody waits for. What went wrong is said below the prompt box, or by `ill`.
  act(message, { well, ill } = {}) {
    const deed = Math.random().toString(36).slice(2);
    this.said.textContent = "";
    const late = setTimeout(() => {
      this.done({ deed, error: "The kernel does not answer: is it running, and not busy with a cell?" });
    }, 20000);
    this.sent.set(deed, { well, ill, late });
    this.send({ ...message, deed });
  }

  done({ deed, error }) {
    const waiting = this.sent.get(deed);
    if (!waiting) return;
    clearTimeout(waiting.late);
    this.sent.delete(deed);
    this.submit.disabled = false;
    this.stop.disabled = false;
    this.older.disabled = false;
    if (!error) waiting.well?.();
    else if (waiting.ill) waiting.ill(error);
    else this.said.textContent = error;
  }

  saved(text) {
    this.keep.textContent = text;
    this.keep.hidden = !text;
  }

  // Out of sight, the kernel need not tell us anything.
  watch() {
    this.visible = true;
    const tell = () => {
      const visible = this.near && document.visibilityState !== "hidden";
      if (visible !== this.visible) {
        this.visible = visible;
        this.send({ op: visible ? "wake" : "rest", seq: this.seq });
      }
    };
    this.near = true;
    this.seen = new IntersectionObserver((entries) => {
      this.near = entries[entries.length - 1].isIntersecting;
      tell();
    }, { rootMargin: "200px" });
    this.seen.observe(this.root);
    this.onVisibility = tell;
    document.addEventListener("visibilitychange", tell);
  }

  toEnd() {
    this.stick = true;
    this.scroll.scrollTop = this.scroll.scrollHeight;
    this.jump.hidden = true;
  }

  // ---- what comes in

  receive(message) {
    if (message.op === "patch") {
      if (this.seq === null || message.seq <= this.seq) return;
      if (message.seq !== this.seq + 1) {
        this.sync();
        return;
      }
      this.seq = message.seq;
      this.apply(message);
      this.acknowledge();
    } else if (message.op === "snapshot") {
      if (this.seq === message.seq) return;
      this.seq = message.seq;
      this.steps.push(() => this.clear());
      this.root.classList.remove("ag-unfed");
      this.apply(message);
      this.acknowledge();
    } else if (message.op === "tool") {
      this.later(() => this.tasks.items.get(message.task)?.rows.items.get(`tool/${message.tool}`)?.detail(message.input, message.result));
    } else if (message.op === "done") this.done(message);
  }

  acknowledge() {
    if (this.acking) return;
    this.acking = setTimeout(() => {
      this.acking = null;
      this.send({ op: "seen", seq: this.seq });
    }, 900);
  }

  clear() {
    this.wasOpen = new Set([...this.tasks.items].filter(([, task]) => task.opened).map(([id]) => id));
    this.top = this.stick ? null : this.scroll.scrollTop;
    for (const rows of [this.tasks, this.loose]) for (const key of [...rows.order]) rows.remove(key);
    this.saved("");
    this.fields = {};
  }

  apply(message) {
    this.skew = Date.now() - message.now;
    if (message.head) this.steps.push(() => this.head(message.head));
    if (message.queue) this.steps.push(() => this.queued(message.queue));
    this.list(message.tasks, this.tasks, (id) => new TaskBlock(this, id), (task, [, , fields]) => {
      task.change(fields);
      return null;
    });
    for (const [taskId, patch] of Object.entries(message.parts ?? {})) {
      const rows = () => (taskId ? this.tasks.items.get(taskId)?.rows : this.loose);
      this.list(
        patch,
        rows,
        (key, fields) => new Part(this, taskId, fields),
        (part, [, , fields, cut, more]) => part.change(fields, cut ?? undefined, more ?? undefined),
      );
      this.steps.push(() => this.tasks.items.get(taskId)?.waiting());
    }
    if (message.op === "snapshot") this.steps.push(() => this.restore());
    this.run();
  }

  restore() {
    for (const id of this.wasOpen ?? []) {
      const task = this.tasks.items.get(id);
      if (task && !task.opened) task.toggle();
    }
    this.wasOpen = null;
    if (this.top !== null && this.top !== undefined) this.scroll.scrollTop = this.top;
  }

  list(patch, where, create, change) {
    if (!patch) return;
    const rows = typeof where === "function" ? where : () => where;
    for (const key of patch.gone ?? []) this.steps.push(() => rows()?.remove(key));
    for (const entry of patch.put ?? []) {
      this.steps.push(() => {
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
    if (patch.order) this.steps.push(() => rows()?.arrange(patch.order));
  }

  later(step) {
    this.steps.push(step);
    this.run();
  }

  // Work in slices, so that the page stays alive however much comes at once.
  run() {
    if (this.working !== null) return;
    const work = () => {
      this.working = null;
      const deadline = performance.now() + SLICE;
      let done = 0;
      while (done < this.steps.length) {
        let more = false;
        try {
          more = this.steps[done](deadline);
        } catch (error) {
          console.error("agor_reactive: a part of the page could not be shown", error);
        }
        if (typeof more === "function") {
          this.steps[done] = more;
          continue;
        }
        if (more !== true) done += 1;
        if (performance.now() > deadline) break;
      }
      this.steps.splice(0, done);
      if (this.steps.length) this.working = setTimeout(work, 0);
    };
    work();
  }

  head(fields) {
    const all = Object.assign(this.fields, fields);
    this.title.textContent = all.title;
    this.title.title = all.session;
    this.status.textContent = all.status;
    this.status.dataset.tone = all.tone;
    this.status.hidden = !all.status;
    this.link.textContent = all.link;
    this.link.dataset.tone = all.linkTone;
    this.facts.textContent = this.facts.title = all.facts;
    this.context.hidden = all.context === null;
    if (all.context) {
      this.meter.style.width = `${Math.min(100, all.context.percent)}%`;
      this.contextWords.textContent = all.context.words;
      this.context.title = all.context.about;
    }
    this.notes.replaceChildren(...all.notes.map(([tone, text]) => {
      const note = make("div", "ag-note", text);
      note.dataset.tone = tone;
      note.setAttribute("role", "status");
      return note;
    }));
    this.older.hidden = !all.older;
    this.older.disabled = false;
    this.empty.hidden = !all.empty;
    this.stop.hidden = !all.busy;
    this.submit.textContent = all.busy ? "Queue" : "Send";
    this.box.placeholder = all.busy ? "Prompt… it will wait its turn" : "Prompt…";
  }

  queued(rows) {
    this.queue.replaceChildren(...rows.map(([id, prompt], number) => {
      const row = make("div", "ag-queued");
      row.append(make("span", "ag-place", String(number + 1)), make("span", "ag-prompt", prompt));
      row.append(button("ag-cancel", "cancel", "Take this prompt out of the queue", (event) => {
        event.target.disabled = true;
        this.act({ op: "cancel", task: id });
      }));
      return row;
    }));
    if (rows.length) this.queue.prepend(make("div", "ag-label", rows.length === 1 ? "waits its turn" : "wait their turn"));
  }

  tick() {
    if (!this.visible) return;
    for (const task of this.tasks.items.values()) if (!task.fields.took && task.fields.began) task.tick();
  }

  dispose() {
    clearInterval(this.clock);
    clearTimeout(this.working);
    clearTimeout(this.acking);
    clearTimeout(this.retry);
    for (const { late } of this.sent.values()) clearTimeout(late);
    document.removeEventListener("visibilitychange", this.onVisibility);
    this.seen.disconnect();
    this.grown.disconnect();
    this.unwatchWidth();
    this.root.remove();
    this.send({ op: "bye" });
  }
}
