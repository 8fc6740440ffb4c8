// A server as a host: sockets that open, close, fall silent or never open, and which state of them a view shows.

import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { dice, load, seeds } from "./setup.mjs";

const { SocketHost } = await load("socket_host");
const { Host } = await load("host");

let now = 0;
let sockets = [];
let online = null;

class Socket {
  static CONNECTING = 0;
  static OPEN = 1;

  constructor(address) {
    Object.assign(this, { address, readyState: 0, sent: [], listeners: {}, closes: 0 });
    sockets.push(this);
  }

  addEventListener(name, listener) {
    this.listeners[name] = listener;
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  // As in a browser, the event comes later.
  close() {
    this.closes += 1;
    this.readyState = 2;
  }

  opens() {
    this.readyState = 1;
    this.listeners.open({});
  }

  says(message) {
    if (this.readyState === 1) this.listeners.message({ data: JSON.stringify(message) });
  }

  closed(code = 1006) {
    this.readyState = 3;
    this.listeners.close({ code });
  }

  ops() {
    return this.sent.map(({ op }) => op);
  }
}

class View {
  constructor(port) {
    this.states = [];
    this.received = [];
    this.shown = port.text;
    this.disposed = 0;
    this.host = new Host(port, (state) => this.states.push(state));
    this.host.attend("root");
  }

  receive(message) {
    this.host.answered();
    this.received.push(message);
    if (["snapshot", "patch"].includes(message.op)) this.taken = this.host.takes(message);
  }

  saved(text) {
    this.shown = text;
  }

  dispose() {
    this.disposed += 1;
    this.host.leave();
  }
}

// Time passes in small steps, so that what a timer sets begins on time.
function pass(ms) {
  for (let left = ms; left > 0; left -= 100) {
    now += Math.min(100, left);
    mock.timers.tick(Math.min(100, left));
  }
}

function begin(address = "https://portal.example/agor/ws?token=1") {
  const host = new SocketHost(address, (port) => new View(port));
  return { host, view: host.view, newest: () => sockets.at(-1) };
}

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  [now, sockets, online] = [0, [], null];
  Object.assign(globalThis, {
    WebSocket: Socket,
    IntersectionObserver: class { observe() {} disconnect() {} },
    window: {
      addEventListener: (name, listener) => (online = listener),
      removeEventListener: (name, listener) => (online = online === listener ? null : online),
    },
  });
  Object.assign(document, { addEventListener() {}, removeEventListener() {}, visibilityState: "visible" });
  Object.defineProperty(globalThis, "performance", { value: { now: () => now }, configurable: true });
});

test("the scheme of the socket is that of the page, and it asks for a snapshot once it is open", () => {
  for (const [address, expected] of [["https://a.example/ws", "wss://a.example/ws"], ["http://a.example:1/x/ws?t=1", "ws://a.example:1/x/ws?t=1"]]) {
    const { newest } = begin(address);
    assert.equal(newest().address, expected);
    assert.deepEqual(newest().ops(), []);
    newest().opens();
    assert.deepEqual(newest().ops(), ["sync"]);
  }
});

test("a lost connection is tried again later and later, at once when the network is back, at first pace after a message", () => {
  const { view, newest } = begin();
  assert.equal(view.shown, "Connecting…");
  newest().closed();
  assert.match(view.shown, /cannot be reached/);
  const pauses = [];
  for (let tries = 0; tries < 10; tries += 1) {
    const [count, from] = [sockets.length, now];
    while (sockets.length === count) pass(100);
    pauses.push(now - from);
    newest().closed();
  }
  pauses.forEach((pause, at) => {
    const middle = Math.min(15000, 500 * 2 ** at);
    assert.ok(pause >= 0.75 * middle && pause <= 1.25 * middle + 100, `${at}: ${pauses}`);
  });
  const count = sockets.length;
  online();
  assert.equal(sockets.length, count + 1);
  pass(60000);
  online(); // it is being connected: not twice
  assert.ok(sockets.filter(({ readyState, closes }) => readyState < 2 && !closes).length === 1);
  newest().opens();
  newest().says({ op: "snapshot", seq: 1, now: 0 });
  newest().closed();
  pass(700);
  assert.equal(newest().readyState, 0);
});

test("a socket that neither opens nor fails is given up", () => {
  const { newest } = begin();
  pass(40000);
  assert.equal(sockets[0].closes, 1);
  assert.notEqual(newest(), sockets[0]);
  newest().opens();
  assert.deepEqual(newest().ops(), ["sync"]);
});

test("a refusal is the end: nothing is tried again, and the view says why", () => {
  const { view, newest } = begin();
  newest().opens();
  newest().closed(1008);
  online();
  pass(100000);
  assert.equal(sockets.length, 1);
  assert.match(view.host.words.gone, /access has ended/);
  assert.deepEqual(view.states, ["cut"]);
});

test("a server that says nothing is asked, and given up if it does not answer", () => {
  const { view, newest } = begin();
  const first = newest();
  first.opens();
  first.says({ op: "snapshot", seq: 1, now: 0 });
  pass(25000);
  assert.deepEqual(first.ops().filter((op) => op === "ping"), ["ping"]);
  first.says({ op: "pong" });
  assert.deepEqual(view.received.map(({ op }) => op), ["snapshot"]);
  pass(18000);
  assert.deepEqual([sockets.length, first.closes, view.states], [1, 0, []]);
  pass(25000);
  assert.equal(first.closes, 1);
  assert.deepEqual(view.states, ["cut"]);
  assert.ok(sockets.length > 1);
});

test("a page that slept does not give up before the server could answer", () => {
  const { newest } = begin();
  newest().opens();
  newest().says({ op: "snapshot", seq: 1, now: 0 });
  now += 3_600_000;
  pass(6000);
  assert.deepEqual([sockets.length, newest().closes, newest().ops()], [1, 0, ["sync", "seen", "ping"]]);
  pass(6000);
  newest().says({ op: "pong" });
  pass(15000);
  assert.deepEqual([sockets.length, newest().closes], [1, 0]);
});

test("whatever an old socket does, the new one and its state stay", () => {
  for (const seed of seeds(60)) {
    const roll = dice(seed);
    [now, sockets] = [0, []];
    const { host, view, newest } = begin();
    newest().opens();
    newest().says({ op: "snapshot", seq: 1, now: 0 });
    pass(45000); // given up
    newest().opens();
    newest().says({ op: "snapshot", seq: 1, now: 0 });
    assert.equal(view.taken, true);
    const [old, fresh] = [sockets[0], newest()];
    const [count, states, received] = [sockets.length, view.states.length, view.received.length];
    for (let left = 4; left > 0; left -= 1) roll.of([() => old.closed(), () => old.closed(1008), () => old.says({ op: "patch", seq: 9 }), () => online()])();
    pass(500);
    assert.deepEqual([sockets.length, view.states.length, view.received.length], [count, states, received], `seed ${seed}`);
    host.send({ op: "x" });
    assert.equal(fresh.ops().at(-1), "x");
    host.leave();
  }
});

test("the view is cut when the connection is lost and back with the first message, not when the socket opens", () => {
  const { view, newest } = begin();
  newest().opens();
  newest().says({ op: "snapshot", seq: 4, now: 0 });
  newest().closed();
  view.host.quiet(); // an action that got no answer says less
  view.host.lost(); // once is enough
  pass(1000);
  newest().opens();
  assert.deepEqual(view.states, ["cut"]);
  newest().says({ op: "patch", seq: 5, now: 0 });
  assert.equal(view.taken, false, "a patch before the snapshot is of another document");
  newest().says({ op: "snapshot", seq: 4, now: 0 });
  assert.equal(view.taken, true, "a snapshot of the number that was shown, too");
  assert.deepEqual(view.states, ["cut", ""]);
});

test("nothing is sent while there is no connection, and nothing is left behind at the end", () => {
  const { host, view, newest } = begin();
  host.send({ op: "x" });
  newest().opens();
  host.leave();
  assert.deepEqual(newest().ops(), ["sync", "bye"]);
  assert.deepEqual([newest().closes, view.disposed, online], [1, 1, null]);
  newest().closed();
  pass(100000);
  assert.equal(sockets.length, 1);
  const second = begin();
  second.newest().closed();
  second.host.leave();
  pass(100000);
  assert.equal(sockets.length, 2);
});

test("patches are taken in the order of their numbers; after a gap a snapshot is asked for", () => {
  const sent = [];
  const host = new Host({ send: ({ op }) => sent.push(op) }, () => {});
  const take = (op, seq, after) => host.takes({ op, seq, now: 0, ...(after === undefined ? {} : { after }) });
  host.sync(0);
  assert.equal(take("patch", 1), false);
  assert.equal(take("snapshot", 5), true);
  assert.equal(take("snapshot", 5), false, "once");
  assert.deepEqual([take("patch", 5), take("patch", 6), take("patch", 6), take("patch", 9, 6)], [false, true, false, true]);
  assert.deepEqual(sent, ["sync"]);
  assert.equal(take("patch", 11), false);
  assert.deepEqual(sent, ["sync", "sync"]);
  assert.equal(take("patch", 12), false, "until it is here");
  assert.equal(take("snapshot", 11), true);
});

test("elapsed times never run backwards, however late messages come", () => {
  const real = Date.now;
  try {
    for (const seed of seeds(50)) {
      const roll = dice(seed);
      const host = new Host({ send() {} }, () => {});
      let [clock, seq, before] = [1e12, 0, 0];
      Date.now = () => clock;
      for (let left = 20; left > 0; left -= 1) {
        clock += 1000;
        const late = roll.below(5000);
        host.takes({ op: seq ? "patch" : "snapshot", seq: (seq += 1), now: clock - late - 5e5 });
        const elapsed = host.since(1e12 - 5e5 - 1000);
        assert.ok(elapsed >= before, `seed ${seed}`);
        before = elapsed;
      }
    }
  } finally {
    Date.now = real;
  }
});
