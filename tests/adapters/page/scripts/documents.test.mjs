// A patch leads from the document that it was made for to the other one; the lists of a page follow it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Element, dice, load, seeds } from "./setup.mjs";

const { BLANK, applied, difference } = await load("documents");
const { Rows } = await load("rows");
const KEYS = [..."abcdefgh"];
const TEXTS = ["", "a", "ab", "abc", "𝄞", "𝄞x", "𝄢", "\n"];
const text = (more) => more ?? "";

function list(roll, item) {
  const order = roll.shuffled(KEYS).slice(0, roll.below(KEYS.length + 1));
  return { order, items: new Map(order.map((key) => [key, item(key)])) };
}

const fields = (roll) => ({ tone: roll.of(["ok", "bad"]), when: roll.of([null, 1, 2]), notes: [roll.of(["", "x"])] });

function random(roll) {
  const tasks = list(roll, () => fields(roll));
  const parts = list(roll, () => ({ fields: { kind: "text", live: roll() < 0.5 }, text: roll.of(TEXTS) + roll.of(TEXTS) }));
  const note = () => ({ fields: { kind: "text", live: false }, text: roll.of(TEXTS) });
  const of = (task) => [task, list(roll, (key) => parts.items.get(key) ?? note())];
  const opened = ["", ...tasks.order].filter(() => roll() < 0.7);
  return { head: fields(roll), queue: [[roll.of(KEYS), "x"]], tasks, parts: new Map(opened.map(of)) };
}

// A page that never showed a list of parts and one whose list became empty look the same.
const seen = ({ head, queue, tasks, parts }) => ({
  head,
  queue,
  tasks: tasks.order.map((key) => [key, tasks.items.get(key)]),
  parts: [...parts].filter(([, { order }]) => order.length).sort()
    .map(([task, { order, items }]) => [task, order.map((key) => [key, items.get(key)])]),
});

test("the difference of two documents, applied to the first one, gives the second", () => {
  for (const seed of seeds(80)) {
    const roll = dice(seed);
    let shown = BLANK;
    for (let left = 5; left > 0; left -= 1) {
      const fresh = random(roll);
      const wire = JSON.parse(JSON.stringify(difference(shown, fresh)));
      const before = seen(shown);
      const found = applied(shown, wire, text);
      assert.deepEqual(seen(found), seen(fresh), `seed ${seed}`);
      assert.deepEqual(seen(shown), before, `seed ${seed}: the old document is as it was`);
      const again = applied(BLANK, JSON.parse(JSON.stringify(difference(BLANK, found))), text);
      assert.deepEqual(difference(found, { ...again, queue: found.queue }), {}, `seed ${seed}: equal ones differ in nothing`);
      shown = found;
    }
  }
});

test("what a patch leaves alone is the same object", () => {
  const old = applied(BLANK, difference(BLANK, random(dice(7))), text);
  const found = applied(old, { head: { tone: "ok" } }, text);
  assert.equal(found.tasks, old.tasks);
  assert.equal(found.parts, old.parts);
  assert.equal(found.queue, old.queue);
});

test("rows of a page are in the order of the document after each patch", () => {
  for (const seed of seeds(100)) {
    const roll = dice(seed);
    const parent = new Element("div");
    const rows = new Rows(parent);
    let shown = BLANK;
    for (let left = 6; left > 0; left -= 1) {
      const fresh = { ...BLANK, tasks: list(roll, () => fields(roll)) };
      const { gone = [], put = [], order } = difference(shown, fresh).tasks ?? {};
      for (const key of gone) rows.remove(key);
      for (const [key, at] of put) {
        if (!rows.items.has(key)) rows.insert(key, { root: Object.assign(new Element("p"), { key }) }, at ?? rows.order.length);
      }
      if (order) rows.arrange(order);
      const { order: expected } = fresh.tasks;
      assert.deepEqual(rows.order, expected, `seed ${seed}`);
      assert.deepEqual(parent.children.map(({ key }) => key), expected, `seed ${seed}: the elements`);
      assert.deepEqual([...rows.items.keys()].sort(), [...expected].sort(), `seed ${seed}: the items`);
      shown = fresh;
    }
  }
});

test("rows that are unknown are no rows", () => {
  const rows = new Rows(new Element("div"));
  rows.remove("x");
  rows.insert("a", { root: new Element("p") }, 5);
  rows.arrange(["y", "a"]);
  assert.deepEqual([rows.order, rows.parent.children.length], [["a"], 1]);
});
