// Markdown that grows: however a text comes, in the end it looks as if it had come at once.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Element, dice, drawn, load, seeds } from "./setup.mjs";

const { Prose } = await load("prose");

const ENDLESS = { room: Infinity, over: false };
// A slice that is over after some characters.
const short = (room) => ({ room, get over() { return this.room <= 0; } });

class Shown {
  constructor() {
    this.prose = new Prose(new Element("div"));
  }

  change(keep, more, room = Infinity) {
    this.prose.change(keep, more);
    let left = 1000;
    while (this.prose.work(room === Infinity ? ENDLESS : short(room))) assert.ok((left -= 1) > 0, "it ends");
    return this;
  }

  get tree() {
    return drawn(this.prose.root);
  }
}

const whole = (text) => new Shown().change(0, text).tree;

const TEXTS = [
  "# One\ntext **bold *both* bold** `code` end\n\n- a\n- b\n  - c\n    more\n- [ ] open\n- [x] done\n\nlast",
  "| a | b |\n|---|:-:|\n| 1 | `x|y` |\n| 2 | 3 |\nafter\n\n> quote\n> - list\n>> deeper\nend",
  "before\n```py\ndef f(x):\n    return \"`\" # c\n\n\n```\nafter ~~gone~~",
  "  ```js\n  let a = `x`;\n    b\n  ```\n~~~\n```\n~~~\n```diff\n@@ 1\n+a\n-b",
  "```\nnot closed\n\n*x*\n``",
  "**not closed *at all `ever\n[label](https://a.example/x",
  "a  \nb\\\nc\n---\n***\n1. x\n2) y\n\n\n3. z\nHeading\n===",
  "1. one\n\n   two\n\n        code?\n\n\ttab\r\nwindows\r\n\r\n- x\r\n",
  "````md\n```\ninner\n```\n````\n&lt;b&gt; &#128512; 𝄞𝄞 **𝄞**\n",
  "![x](https://a.example/i.png) <https://b.example> https://c.example/d, _e_ f_g_h \\* \\",
];

test("a text that is cut anywhere and then goes on ends as the whole one", () => {
  for (const text of TEXTS) {
    const expected = whole(text);
    for (let cut = 0; cut <= text.length; cut += 1) {
      const tree = new Shown().change(0, text.slice(0, cut)).change(cut, text.slice(cut)).tree;
      assert.equal(tree, expected, JSON.stringify([text.slice(0, cut), text.slice(cut)]));
    }
  }
});

test("so does one that comes character by character, and one that is shown in small slices", () => {
  for (const text of TEXTS) {
    const shown = new Shown();
    for (let at = 0; at < text.length; at += 1) shown.change(at, text[at]);
    assert.equal(shown.tree, whole(text));
    assert.equal(new Shown().change(0, text, 30).tree, whole(text));
  }
});

const LINES = ["", " ", "a b", "- x", "  - y", "1. z", "# h", "> q", "```", "```py", "~~~", "| a | b |", "|--|--|", "---", "    x", "*e", "**b**", "`c", "x = 1  ", "𝄞"];

test("random texts in random pieces, some written again from an earlier place", () => {
  for (const seed of seeds(250)) {
    const roll = dice(seed);
    const text = Array.from({ length: 1 + roll.below(12) }, () => roll.of(LINES)).join("\n");
    const shown = new Shown();
    let at = 0;
    while (at < text.length) {
      const keep = roll() < 0.1 ? roll.below(at + 1) : at;
      const to = Math.min(text.length, keep + 1 + roll.below(9));
      shown.change(keep, text.slice(keep, to), roll() < 0.5 ? 20 : Infinity);
      at = to;
    }
    assert.equal(shown.tree, whole(text), JSON.stringify([seed, text]));
  }
});

test("long lines and blocks are shown in pieces that do not depend on how they came", () => {
  const texts = [
    "word ".repeat(5000),
    "x".repeat(20001),
    `x${"𝄞".repeat(9000)}`,
    `\`\`\`\n${"y".repeat(17000)}\nz\n\`\`\``,
    Array.from({ length: 600 }, (_, at) => `- item **${at}**`).join("\n"),
    ["| a | b |", "|---|---|", ...Array.from({ length: 500 }, (_, at) => `| ${at} | \`c\` |`), "end"].join("\n"),
  ];
  for (const text of texts) {
    const expected = whole(text);
    assert.ok(!/[\ud800-\udbff](?![\udc00-\udfff])/.test(expected), "no character is cut in two");
    for (const seed of seeds(4)) {
      const roll = dice(seed);
      const shown = new Shown();
      for (let at = 0; at < text.length; ) {
        const to = Math.min(text.length, at + 1 + roll.below(7000));
        shown.change(at, text.slice(at, to), roll() < 0.5 ? 3000 : Infinity);
        at = to;
      }
      assert.ok(shown.tree === expected, `${text.slice(0, 20)}…, seed ${seed}`);
    }
  }
});

test("the copy of a block of code is that code, also while it grows", () => {
  const CODE = ["", "a", "  b = 1", "# c", "`", "\"s", "x".repeat(9000), "𝄞", "~~"];
  for (const seed of seeds(200)) {
    const roll = dice(seed);
    const code = Array.from({ length: 1 + roll.below(6) }, () => roll.of(CODE)).join("\n");
    const text = `\`\`\`${roll.of(["", "py", "js", "diff"])}\n${code}`;
    const shown = new Shown();
    for (let at = 0; at < text.length; ) {
      const to = Math.min(text.length, at + 1 + roll.below(roll() < 0.5 ? 4 : 6000));
      shown.change(at, text.slice(at, to));
      at = to;
    }
    // The line that grows may still be the end of the block.
    const grows = code.split("\n").at(-1).trim();
    const expected = "```".startsWith(grows) ? code.slice(0, code.length - code.split("\n").at(-1).length).replace(/\n$/, "") : code;
    assert.equal(shown.prose.code.text, expected, JSON.stringify([seed, text.slice(0, 200)]));
  }
});

test("each kind of block", () => {
  const body = (text) => /<div class=ag-prose>(.*)<div class=ag-tail><\/><\/>$/s.exec(whole(`${text}\n\n`))?.[1];
  const kinds = {
    "# T #": "<h3>T</>",
    "a\n> b\n> > c\nd": "<p>a</><blockquote><p>b</><blockquote><p>c</></></><p>d</>",
    "a  \nb\\\nc\nd": "<p>a<br></>b<br></>c\nd</>",
    "3. x\n4. y\n   z": "<ol start=3><li><span>x</></><li><span>y\nz</></></>",
    "- [x] y\n- z\n  1. w": "<ul><li class=ag-todo><span class=ag-box>☑ </><span>y</></><li><span>z</><ol start=1><li><span>w</></></></></>",
    "| a | b |\n|--|-:|\n| `c|d` | \\| |": "<div class=ag-table><table><tr><th>a</><th textAlign=right>b</></><tr><td>`c</><td textAlign=right>d`</><td>|</></></></>",
    "| a | b\n|:-:|-": "<div class=ag-table><table><tr><th textAlign=center>a</><th>b</></></></>",
    "a | b\n- ": "<p>a | b</><ul><li></></>",
    "a\n***\n__b__ *c* ~~d~~ `e`": "<p>a</><hr></><p><strong>b</> <em>c</> <s>d</> <code>e</></>",
  };
  for (const [text, expected] of Object.entries(kinds)) assert.equal(body(text), `<div>${expected}</>`, text);
});
