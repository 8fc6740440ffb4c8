// The kernel, as every view on a page speaks with it: asks for all there is when it begins or has missed something, takes
// what is numbered in its order, says now and then that it keeps up, and when it is out of sight. `port.send` reaches it.

export const CUT_OFF = "Not connected to the kernel.";
export const WHERE_IT_STOOD = "Not connected to the kernel any more: this is where it stood. To go on, run the cell again.";

const ASK_AGAIN = 1500; // ms until what did not come is asked for again
const KEPT_UP = 900; // ms after which it is said that the page keeps up

export class Kernel {
  // `turned` is called with how it stands: "cut" when the kernel is found to be gone, "quiet" when it did not answer, ""
  // when it is heard again.
  constructor(port, turned) {
    this.port = port;
    this.turned = turned;
    this.state = "";
    this.view = Math.random().toString(36).slice(2);
    this.seq = null;
    this.skew = 0; // ms that the page's clock is ahead of the kernel's
    this.visible = this.near = true;
  }

  send(message) {
    this.port.send({ ...message, view: this.view });
  }

  // Begin, for what is shown in `root`.
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

  // Out of sight, the kernel need not tell us anything.
  look() {
    const visible = this.near && document.visibilityState !== "hidden";
    if (visible === this.visible) return;
    this.visible = visible;
    this.send({ op: visible ? "wake" : "rest" });
  }

  // Asks for all of it, twice more if it does not come: some frontends lose what is said around a page's own start.
  sync(again = 2) {
    this.seq = null;
    this.send({ op: "sync" });
    clearTimeout(this.retry);
    if (again) this.retry = setTimeout(() => this.seq === null && this.sync(again - 1), ASK_AGAIN);
  }

  // Seconds since a moment of the kernel's clock, in ms.
  since(moment) {
    return Math.max(0, (Date.now() - this.skew - moment) / 1000);
  }

  get cut() {
    return this.state === "cut";
  }

  // As far as can be seen from here it is gone. Not `sure`: it is asked, and whatever it says mends that.
  lost(sure = true) {
    if (this.cut) return;
    this.turn("cut");
    if (!sure) this.sync(0);
  }

  // It did not answer in time: gone, or busy with a cell.
  quiet() {
    if (!this.state) this.turn("quiet");
  }

  heard() {
    if (this.state) this.turn("");
  }

  turn(state) {
    this.state = state;
    this.turned(state);
  }

  // Whether a snapshot or a patch is the one to be shown next.
  takes(message) {
    if (message.op === "patch") {
      if (this.seq === null || message.seq <= this.seq) return false;
      if (message.seq !== this.seq + 1) {
        this.sync();
        return false;
      }
    } else if (message.seq === this.seq) return false;
    this.seq = message.seq;
    this.skew = Date.now() - message.now;
    this.acking ??= setTimeout(() => {
      this.acking = null;
      this.send({ op: "seen", seq: this.seq });
    }, KEPT_UP);
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
