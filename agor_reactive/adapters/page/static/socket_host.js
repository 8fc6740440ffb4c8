// A server as the host of a view: a WebSocket, opened again whenever it is lost.

const FIRST_PAUSE = 500; // ms until the next try, twice as long after each
const LONGEST_PAUSE = 15000;
const PING = 20000; // ms without a message until the server is asked whether it is there
const PONG = 8000; // ms in which it answers
const OPENING = 20000; // ms in which a socket opens: browsers wait for minutes
const REFUSED = 1008;

const SERVER = {
  cut: "Disconnected.",
  gone: "Connection to the server lost. Reconnecting…",
  silent: "The server does not answer. Check the connection and try again.",
  unanswered: "The connection was lost before the server answered. Check what happened before you retry.",
};
const ENDED = "Your access has ended. Reload the page to sign in again.";
const UNREACHABLE = "The server cannot be reached, or it refuses access. Trying again…";

export class SocketHost {
  // `create` gets a port and returns the view. `address`: a URL with the scheme of the page that it belongs to.
  constructor(address, create) {
    const url = new URL(address);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    this.address = url.href;
    this.tries = 0;
    this.view = create({ send: (message) => this.send(message), text: "Connecting…", words: { ...SERVER } });
    this.onOnline = () => this.retry && this.connect();
    window.addEventListener("online", this.onOnline);
    this.beat = setInterval(() => this.check(), PING / 4);
    this.connect();
  }

  send(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  connect() {
    clearTimeout(this.retry);
    this.retry = null;
    const socket = (this.socket = new WebSocket(this.address));
    this.last = performance.now();
    socket.addEventListener("open", () => {
      this.opened = true;
      this.view.host.sync();
    });
    socket.addEventListener("message", ({ data }) => {
      this.tries = 0;
      this.last = performance.now();
      this.asked = false;
      const message = JSON.parse(data);
      if (message.op !== "pong") this.view.receive(message);
    });
    socket.addEventListener("close", ({ code }) => socket === this.socket && this.lost(code));
  }

  // A network that is gone closes nothing: the server has to answer from time to time.
  check() {
    const quiet = performance.now() - this.last;
    const state = this.socket?.readyState;
    if (state === WebSocket.CONNECTING && quiet > OPENING) this.drop();
    if (state !== WebSocket.OPEN) return;
    if (this.asked && quiet > PING + PONG) this.drop();
    else if (!this.asked && quiet > PING) {
      this.asked = true;
      // A page that was asleep has a long silence behind it: the answer counts from now on.
      this.last = performance.now() - PING;
      this.send({ op: "ping" });
    }
  }

  drop() {
    const { socket } = this;
    this.socket = null;
    socket?.close();
    this.lost();
  }

  lost(code) {
    this.socket = null;
    this.asked = false;
    const { view } = this;
    if (code === REFUSED) view.host.words.gone = ENDED;
    if (!this.opened) view.saved(UNREACHABLE);
    view.host.lost();
    if (code === REFUSED) return;
    const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** this.tries) * (0.75 + Math.random() / 2);
    this.tries += 1;
    this.retry = setTimeout(() => this.connect(), pause);
  }

  leave() {
    window.removeEventListener("online", this.onOnline);
    clearInterval(this.beat);
    clearTimeout(this.retry);
    const { socket } = this;
    this.view.dispose(); // says goodbye
    this.socket = null;
    socket?.close();
  }
}
