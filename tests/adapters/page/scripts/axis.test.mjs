// Places on the slider of a replay, and the times that they stand for.

import assert from "node:assert/strict";
import { test } from "node:test";
import { dice, load, seeds } from "./setup.mjs";

const { Axis } = await load("axis");
const BEGIN = 1.7e12;

function random(roll) {
  const spans = [];
  let at = BEGIN + (roll() < 0.5 ? 0 : roll.below(100000));
  const begin = Math.min(at, BEGIN);
  for (let left = roll.below(12); left > 0; left -= 1) {
    const to = at + (roll() < 0.3 ? 0 : roll.below(20000));
    spans.push([at, to]);
    at = to + roll.below(roll() < 0.5 ? 1000 : 1e7);
  }
  return { begin, end: at, spans, axis: new Axis(begin, at, spans) };
}

test("a time and its place lead to each other, in order, from one end to the other", () => {
  for (const seed of seeds(100)) {
    const roll = dice(seed);
    const { begin, end, axis } = random(roll);
    assert.equal(axis.place(begin), 0);
    assert.equal(axis.place(end), axis.total);
    assert.equal(axis.time(0), begin);
    assert.equal(axis.time(axis.total), end);
    let [before, place] = [begin, 0];
    for (const t of Array.from({ length: 50 }, () => begin + roll() * (end - begin)).sort((a, b) => a - b)) {
      assert.ok(axis.place(t) >= place, `${seed}: ${t} is after ${before}`);
      assert.ok(Math.abs(axis.time(axis.place(t)) - t) < 0.01 + (end - begin) * 1e-9, `${seed}: ${t}`);
      [before, place] = [t, axis.place(t)];
    }
  }
});

test("what is outside, or no number, is at an end", () => {
  const axis = new Axis(100, 200, [[100, 110], [150, 200]]);
  assert.deepEqual([-Infinity, NaN, 99, 201, Infinity].map((t) => axis.place(t)), [0, 0, 0, axis.total, axis.total]);
  assert.deepEqual([-1, NaN, axis.total + 1].map((place) => axis.time(place)), [100, 100, 200]);
});

test("an axis of one moment has one place", () => {
  for (const axis of [new Axis(5, 5, []), new Axis(5, 5, [[5, 5]])]) {
    assert.deepEqual([axis.total, axis.place(5), axis.time(0), axis.pauses], [0, 0, 5, []]);
  }
});

test("activity keeps its length, and long pauses are all as long as each other", () => {
  for (const seed of seeds(100)) {
    const { begin, end, spans, axis } = random(dice(seed));
    for (const [from, to] of spans) assert.ok(Math.abs(axis.place(to) - axis.place(from) - (to - from)) < 0.01, `${seed}`);
    const lengths = axis.pauses.map(([from, to]) => to - from);
    assert.ok(lengths.every((length) => Math.abs(length - lengths[0]) < 0.01 && length > 499 && length < 5001), `${seed}`);
    for (const [from, to, ms] of axis.pauses) {
      assert.ok(ms > to - from, `${seed}: it is shortened`);
      assert.ok(Math.abs(axis.time(to) - axis.time(from) - ms) < 0.01, `${seed}: and it says how long it was`);
    }
    assert.ok(axis.total <= end - begin + 0.01);
  }
});
