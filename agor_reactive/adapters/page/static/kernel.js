// The page's end of the protocol with the kernel: requests a snapshot at the start and after a gap, accepts patches in the
// order of their numbers, confirms that it keeps up, and reports when it is hidden. `port.send` sends to the kernel.

export const CUT_OFF = "Kernel disconnected.";
export const RUN_AGAIN = "Kernel disconnected. Run the cell again to reconnect.";

const RETRY = 1500; // ms until a missing snapshot is requested again
const CONFIRM = 900; // ms after which a message is confirmed

export class Kernel {
  // `onState` is called with "cut" when the kernel is gone, "quiet" when it did not answer, "" when it answers again.
  constructor(port, onState) {
    this.port = port;
    this.onState = onState;
    this.state = "";
    this.view = Math.random().toString(36).slice(2);
    this.seq = null;
    this.skew = Infinity; // ms that the page's clock is ahead of the kernel's
    this.visible = this.near = true;
  }

  send(message) {
    this.port.send({ ...message, view: this.view });
  }

  // Starts, and watches whether `root` is visible.
  attend(root) {
    this.seen = new IntersectionObserver((entries) => {
      this.near = entries[entries.length - 1].isIntersecting;
      this.look();
    }, { rootMargin: "200px" });
    this.seen.observe(root);
    this.onVisibility = () => this.look();
    document.addEventListener("visibilitychange", this.onVisibility);
    this.sync();
  }

  // The kernel sends nothing to hidden pages.
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

  // Seconds since a moment of the kernel's clock, in ms. In a replay that clock stands still between two messages.
  since(moment) {
    return Math.max(0, ((this.still ?? Date.now() - this.skew) - moment) / 1000);
  }

  get cut() {
    return this.state === "cut";
  }

  // The kernel seems to be gone. If not `sure`, ask it: any answer reconnects.
  lost(sure = true) {
    if (this.cut) return;
    this.turn("cut");
    if (!sure) this.sync(0);
  }

  // It did not answer in time: it is gone or busy with a cell.
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
      if (message.seq !== this.seq + 1) {
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
