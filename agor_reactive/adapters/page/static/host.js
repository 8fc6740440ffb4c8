// The interface between a view and what feeds it: a notebook's kernel, a server, or a report's own data.
//
// A view is made with a port, `{ send, text, words }`: `send(message)` passes a request on, `text` is shown until the first
// snapshot, `words` name what can happen to this host (see KERNEL and SERVER in the `*_host.js`). The host passes each
// message to `view.receive`, calls `view.host.lost()` when it is gone (any message brings it back), and ends the view with
// `view.dispose()`.
//
// `Host` is the page's end of the protocol: requests a snapshot at the start and after a gap, accepts patches in the order
// of their numbers, confirms that it keeps up, and reports when it is hidden.

const RETRY = 1500; // ms until a missing snapshot is requested again
const CONFIRM = 900; // ms after which a message is confirmed

export class Host {
  // `onState` is called with "cut" when the host is gone, "quiet" when it did not answer, "" when it answers again.
  constructor(port, onState) {
    this.port = port;
    this.words = port.words ?? {};
    this.onState = onState;
    this.state = "";
    this.view = Math.random().toString(36).slice(2);
    this.seq = null;
    this.skew = Infinity; // ms that the page's clock is ahead of the host's
    this.visible = this.near = true;
  }

  send(message) {
    this.port.send({ ...message, view: this.view });
  }

  // Starts, and watches whether `root` is visible. `onNear` is called when it comes near the window or leaves it.
  attend(root, onNear) {
    this.seen = new IntersectionObserver((entries) => {
      const near = entries[entries.length - 1].isIntersecting;
      if (near !== this.near) onNear(near);
      this.near = near;
      this.look();
    }, { rootMargin: "200px" });
    this.seen.observe(root);
    this.onVisibility = () => this.look();
    document.addEventListener("visibilitychange", this.onVisibility);
    this.sync();
  }

  // Hidden pages get nothing.
  look() {
    const visible = this.near && document.visibilityState !== "hidden";
    if (visible === this.visible) return;
    this.visible = visible;
    this.send({ op: visible ? "wake" : "rest" });
  }

  // Requests a snapshot, up to three times: some frontends lose messages while a page starts.
  sync(again = 2) {
    this.seq = null;
    this.send({ op: "sync" });
    clearTimeout(this.retry);
    if (again) this.retry = setTimeout(() => this.seq === null && this.sync(again - 1), RETRY);
  }

  // Seconds since a moment of the host's clock, in ms. In a replay that clock stands still between two messages.
  since(moment) {
    return Math.max(0, ((this.still ?? Date.now() - this.skew) - moment) / 1000);
  }

  get cut() {
    return this.state === "cut";
  }

  // The host seems to be gone. If not `sure`, ask it: any answer reconnects.
  lost(sure = true) {
    if (this.cut) return;
    this.turn("cut");
    if (!sure) this.sync(0);
  }

  // It did not answer in time: it is gone or busy.
  quiet() {
    if (!this.state) this.turn("quiet");
  }

  answered() {
    if (this.state) this.turn("");
  }

  turn(state) {
    this.state = state;
    this.onState(state);
  }

  // Whether a snapshot or patch can be applied now.
  takes(message) {
    if (message.op === "patch") {
      if (this.seq === null || message.seq <= this.seq) return false;
      // A server sends a page that was slow one patch from the number that it has.
      if ((message.after ?? message.seq - 1) !== this.seq) {
        this.sync();
        return false;
      }
    } else if (message.seq === this.seq) return false;
    this.seq = message.seq;
    this.still = message.still ? message.now : null;
    // The least delay seen: with that of each message, elapsed times would jump back and forth.
    this.skew = Math.min(this.skew, Date.now() - message.now);
    this.acking ??= setTimeout(() => {
      this.acking = null;
      this.send({ op: "seen", seq: this.seq });
    }, CONFIRM);
    return true;
  }

  leave() {
    clearTimeout(this.acking);
    clearTimeout(this.retry);
    document.removeEventListener("visibilitychange", this.onVisibility);
    this.seen.disconnect();
    this.send({ op: "bye" });
  }
}
