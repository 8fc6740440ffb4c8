// Links of hostile texts: only the web's and mail's can be opened, and one says where it leads.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Element, dice, load, seeds } from "./setup.mjs";

const { inline } = await load("inline");
const SAFE = /^(https?:\/\/|mailto:)/i;

function shown(text) {
  const root = new Element("div");
  inline(text, root);
  return root;
}

const links = (root) => root.find(({ className }) => className === "ag-link");

// What a click on each link opens.
function opened(root) {
  const found = [];
  globalThis.window = { open: (address, target, features) => found.push([address, target, features]) };
  for (const { listeners } of links(root)) {
    listeners.click();
    listeners.keydown({ key: "Enter" });
    listeners.keydown({ key: "a" });
  }
  return found;
}

const SCHEMES = ["javascript:", "data:text/html,", "vbscript:", "file:///", "blob:null/", "about:", "//", "/", "", "intent:", "ftp://"];
const SPACES = ["", " ", "\t", "\n", "\r\n", "\u00a0", "\u0000", "\u0001", "\u200b", "\ufeff", "\u202e", "&#9;", "&Tab;", "\\"];

// The scheme with spaces around it and in it, and its letters in other cases or as entities.
function* disguised(scheme) {
  for (const space of SPACES) {
    yield space + scheme;
    yield scheme + space;
    yield scheme.slice(0, 4) + space + scheme.slice(4);
  }
  yield scheme.toUpperCase();
  yield scheme.replace(/[a-z]/g, (letter, at) => (at % 2 ? letter.toUpperCase() : letter));
  yield scheme.replace(/[a-z]/, (letter) => `&#${letter.charCodeAt(0)};`);
  yield scheme.replace(":", "&colon;");
  yield `<${scheme}`;
  yield `<${scheme}x>`;
  yield encodeURIComponent(scheme);
}

test("a link of any other scheme cannot be opened, however it is written", () => {
  for (const scheme of SCHEMES) {
    for (const address of disguised(scheme)) {
      for (const text of [`[a](${address}alert(1))`, `[a](${address}x "t")`, `![a](${address}x)`, `<${address}x>`, `${address}x`, `**[a](${address}x)**`]) {
        assert.deepEqual(opened(shown(text)), [], JSON.stringify(text));
      }
    }
  }
});

test("a safe one is opened in a tab that knows nothing of this page", () => {
  for (const address of ["https://a.example/x?y=1", "HTTP://a.example", "mailto:a@b.example"]) {
    for (const text of [`[here](${address})`, `[here]( ${address} "title")`, `![here](<${address}>)`]) {
      assert.deepEqual(opened(shown(text)), Array(2).fill([address, "_blank", "noopener,noreferrer"]), text);
    }
  }
  assert.equal(opened(shown("see https://a.example/x, or <https://b.example>.")).length, 4);
});

test("a link says its host, unless its label is that host or an address of it", () => {
  const host = (text) => shown(text).find(({ className }) => className === "ag-host").map(({ textContent }) => textContent.trim());
  for (const label of ["here", "https://good.example", "https://good.example/evil.example", "evil.example.good.example",
    "https://evil.example@good.example/", "good.example?evil.example", "www.evil.example", "еvil.example"]) {
    assert.deepEqual(host(`[${label}](https://evil.example/x)`), ["(evil.example)"], label);
  }
  for (const label of ["evil.example", "https://evil.example", "http://evil.example/other", "EVIL.example"]) {
    assert.deepEqual(host(`[${label}](https://evil.example/x)`), [], label);
  }
  assert.deepEqual(host("[https://good.example](https://good.example@evil.example/)"), ["(evil.example)"]);
  assert.deepEqual(host("https://evil.example/x <https://evil.example>"), []);
});

const PIECES = ["*", "**", "_", "~~", "`", "``", "[", "](", ")", "!", "<", ">", "&amp;", "&#106;", "\\", "\n", " ", "a", "b c", "é", "𝄞",
  "https://", "https://a.example", "javascript:", "<img src=x onerror=alert(1)>", "|", "#"];
const MARKS = /[\s*_~`[\]()!<>\\&;#]|amp|106|image: |j/g;

test("any text is shown: nothing throws, nothing unsafe can be opened, no word is lost", () => {
  for (const seed of seeds(1000)) {
    const roll = dice(seed);
    const text = Array.from({ length: 1 + roll.below(14) }, () => roll.of(PIECES)).join("");
    const root = shown(text);
    for (const [address] of opened(root)) assert.match(address, SAFE, text);
    for (const { localName } of root.find(() => true)) assert.match(localName, /^(span|code|em|strong|s)$/);
    const letters = (of) => [...of.replace(MARKS, "")].filter((letter) => letter === "𝄞" || letter === "é").length;
    assert.ok(letters(root.textContent) >= letters(text) - 2, JSON.stringify([text, root.textContent]));
  }
});
