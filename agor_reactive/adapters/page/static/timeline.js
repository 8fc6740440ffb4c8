// The slider through the time of a recorded session: play, speed, steps from event to event, marks on the track.

import { Axis } from "./axis.js";
import { button, duration, make } from "./dom.js";

const SPEEDS = [1, 2, 5, 10, 30, 100];
const TICK = 100; // ms between two steps while playing
const EVERY = 60; // ms between two moments that are asked for
const FAR = 10; // steps of the slider in one step with Page Up and Page Down
const STEPS = 100; // steps of the slider from one end to the other

// Like a clock: 1:02:03.
function elapsed(ms) {
  const seconds = Math.floor(ms / 1000);
  const parts = [Math.floor(seconds / 60) % 60, seconds % 60].map((part) => String(part).padStart(2, "0"));
  const hours = Math.floor(seconds / 3600);
  return hours ? `${hours}:${parts.join(":")}` : parts.join(":");
}

export class Timeline {
  // `seek` is called with the moment to show, in ms.
  constructor(parent, seek) {
    this.seek = seek;
    this.marks = [];
    this.axis = new Axis(0, 0, []);
    this.at = 0; // ms, epoch
    this.speed = 1;
    this.build(parent);
    this.onHidden = () => document.visibilityState === "hidden" && this.pause();
    document.addEventListener("visibilitychange", this.onHidden);
  }

  build(parent) {
    const root = (this.root = parent.appendChild(make("div", "ag-replay")));
    root.setAttribute("role", "group");
    root.setAttribute("aria-label", "Replay");
    root.hidden = true;
    root.addEventListener("keydown", (event) => this.key(event));
    const track = root.appendChild(make("div", "ag-track"));
    this.lane = track.appendChild(make("div", "ag-marks"));
    this.lane.setAttribute("aria-hidden", "true");
    this.lane.addEventListener("click", (event) => this.press(event));
    this.slider = track.appendChild(make("input", "ag-slider"));
    Object.assign(this.slider, { type: "range", min: "0", step: "any" });
    this.slider.setAttribute("aria-label", "Moment of the session");
    this.slider.addEventListener("input", () => {
      this.pause();
      this.go(this.axis.time(Number(this.slider.value)));
    });
    const bar = root.appendChild(make("div", "ag-replay-bar"));
    this.button = button("ag-play", "Play", "Play from here (space)", () => this.toggle());
    this.back = button("ag-step", "‹", "Previous event (Shift+←)", () => this.step(-1));
    this.on = button("ag-step", "›", "Next event (Shift+→)", () => this.step(1));
    this.back.setAttribute("aria-label", "Previous event");
    this.on.setAttribute("aria-label", "Next event");
    this.clock = make("span", "ag-clock");
    this.moment = make("span", "ag-moment");
    this.rate = make("select", "ag-speed");
    this.rate.setAttribute("aria-label", "Speed");
    this.rate.title = "Speed. Pauses without events are shortened.";
    for (const speed of SPEEDS) this.rate.append(new Option(`${speed}×`, String(speed)));
    this.rate.addEventListener("change", () => (this.speed = Number(this.rate.value)));
    bar.append(this.button, this.back, this.on, this.clock, this.moment, this.rate);
    this.note = root.appendChild(make("div", "ag-replay-note ag-dim"));
  }

  // ---- what the host says

  load({ begin, end, spans, marks, left, reading, failed, note }) {
    this.root.hidden = failed || begin === undefined;
    if (this.root.hidden) return this.pause();
    Object.assign(this, { begin, end, marks, known: true });
    this.axis = new Axis(begin, end, spans);
    this.slider.max = String(this.axis.total);
    this.lane.replaceChildren(...this.axis.pauses.map((pause) => this.gap(pause)), ...marks.map((mark) => this.mark(mark)));
    const notes = [note, reading ? "Reading the log for its events…" : "", left ? `${left.toLocaleString()} more events are not marked.` : ""];
    this.note.textContent = notes.filter(Boolean).join(" ");
    this.note.hidden = !this.note.textContent;
    this.draw();
  }

  mark([t, kind, text]) {
    const mark = make("span", "ag-mark");
    mark.dataset.kind = kind;
    mark.dataset.t = t;
    mark.title = `${elapsed(t - this.begin)} ${text}`;
    mark.style.left = this.percent(this.axis.place(t));
    return mark;
  }

  gap([from, to, ms]) {
    const gap = make("span", "ag-gap");
    gap.title = `${duration(ms / 1000)} without events`;
    gap.style.left = this.percent(from);
    gap.style.width = this.percent(to - from);
    return gap;
  }

  percent(place) {
    return `${(100 * place) / (this.axis.total || 1)}%`;
  }

  // The host shows that moment. While one is being chosen here, it is out of date.
  confirm(t) {
    if (this.playing || this.asking || performance.now() - (this.asked ?? -1e9) < 1000) return;
    this.at = t;
    if (this.known) this.draw();
  }

  freeze(frozen) {
    if (frozen) this.pause();
    for (const control of [this.slider, this.button, this.back, this.on, this.rate]) control.disabled = frozen;
    if (this.known) this.draw();
  }

  // ---- moving

  go(t) {
    this.at = Math.min(Math.max(t, this.begin), this.end);
    this.draw();
    // The newest moment is asked for, not each one on the way.
    this.asking ??= setTimeout(() => {
      this.asking = null;
      this.asked = performance.now();
      this.seek(this.at);
    }, Math.max(0, (this.asked ?? 0) + EVERY - performance.now()));
  }

  // To the next or previous event; without one, to the end.
  step(by) {
    this.pause();
    const times = this.marks.map(([t]) => t);
    const next = by > 0 ? times.find((t) => t > this.at) : times.findLast((t) => t < this.at);
    this.go(next ?? (by > 0 ? this.end : this.begin));
  }

  toggle() {
    if (this.playing) return this.pause();
    if (this.at >= this.end) this.go(this.begin);
    this.last = performance.now();
    this.playing = setInterval(() => this.tick(), TICK);
    this.say();
  }

  tick() {
    const now = performance.now();
    const place = this.axis.place(this.at) + (now - this.last) * this.speed;
    this.last = now;
    this.go(place >= this.axis.total ? this.end : this.axis.time(place));
    if (this.at >= this.end) this.pause();
  }

  pause() {
    clearInterval(this.playing);
    this.playing = null;
    this.say();
  }

  say() {
    const label = this.playing ? "Pause" : "Play";
    if (this.button.textContent !== label) this.button.textContent = label;
  }

  // ---- keys and presses

  // Keys in the bar, or anywhere on a page that has nothing else to do with them.
  key(event) {
    const { key, shiftKey, ctrlKey, altKey, metaKey, target } = event;
    if (ctrlKey || altKey || metaKey || this.root.hidden || this.slider.disabled) return;
    if (target === this.rate || (key === " " && target.closest?.("button"))) return;
    const place = this.axis.place(this.at);
    const small = this.axis.total / STEPS;
    const to = (next) => {
      this.pause();
      this.go(this.axis.time(Math.min(Math.max(next, 0), this.axis.total)));
    };
    if (key === " ") this.toggle();
    else if (key === "ArrowLeft" || key === "ArrowDown") shiftKey ? this.step(-1) : to(place - small);
    else if (key === "ArrowRight" || key === "ArrowUp") shiftKey ? this.step(1) : to(place + small);
    else if (key === "PageDown") to(place - FAR * small);
    else if (key === "PageUp") to(place + FAR * small);
    else if (key === "Home") to(0);
    else if (key === "End") to(this.axis.total);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  press(event) {
    const box = this.lane.getBoundingClientRect();
    const mark = event.target.closest(".ag-mark");
    this.pause();
    if (mark) this.go(Number(mark.dataset.t));
    else this.go(this.axis.time(((event.clientX - box.left) / box.width) * this.axis.total));
    this.slider.focus({ preventScroll: true });
  }

  // ---- painting

  draw() {
    const place = this.axis.place(this.at);
    const before = this.marks.findLast(([t]) => t <= this.at);
    const gone = `${elapsed(this.at - this.begin)} / ${elapsed(this.end - this.begin)}`;
    const when = new Date(this.at).toLocaleTimeString();
    this.slider.value = String(place);
    this.root.style.setProperty("--ag-gone", this.percent(place));
    this.clock.textContent = gone;
    this.clock.title = new Date(this.at).toLocaleString();
    this.moment.textContent = this.moment.title = before ? before[2] : "";
    this.slider.setAttribute("aria-valuetext", [`${when}, ${gone.replace("/", "of")}`, before?.[2]].filter(Boolean).join(". "));
    this.back.disabled = this.slider.disabled || this.at <= this.begin;
    this.on.disabled = this.slider.disabled || this.at >= this.end;
  }

  leave() {
    this.pause();
    clearTimeout(this.asking);
    document.removeEventListener("visibilitychange", this.onHidden);
  }
}
