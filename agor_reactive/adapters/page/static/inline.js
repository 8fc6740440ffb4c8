// A line of Markdown: emphasis, code, links. Nothing is fetched: images are shown as their text, links open on a click.

import { make } from "./dom.js";

const DEEPEST_WORDS = 6;
const LONGEST_LABEL = 1000;

function link(label, address) {
  // No href: browsers may resolve its host before a click.
  const element = make("span", "ag-link", label);
  element.setAttribute("role", "link");
  element.tabIndex = 0;
  element.title = address;
  const open = () => window.open(address, "_blank", "noopener,noreferrer");
  element.addEventListener("click", open);
  element.addEventListener("keydown", (event) => event.key === "Enter" && open());
  return element;
}

function hostOf(address) {
  try {
    return new URL(address).host || new URL(address).pathname;
  } catch {
    return "";
  }
}

// Whether a label is that host or an address of it. One that only has the host's name in it may be another address.
function isNamedIn(label, host) {
  const text = label.trim().toLowerCase();
  return text === host || text === `mailto:${host}` || (/^https?:/.test(text) && hostOf(text) === host);
}

function putLink(parent, label, address, lead) {
  if (!/^(https?:\/\/|mailto:)/i.test(address)) {
    parent.append(make("span", "ag-dead", `${lead}${label}${address && address !== label ? ` (${address})` : ""}`));
    return;
  }
  parent.append(link(lead + label, address));
  const host = hostOf(address);
  if (host && !isNamedIn(label, host.toLowerCase())) parent.append(make("span", "ag-host", ` (${host})`));
}

const SPECIAL = /[\\`*_~![<&]|https?:\/\//g;
const WORD = /[\p{L}\p{N}_]/u;
const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0" };

function unpadded(code) {
  const line = code.replace(/\n/g, " ");
  return line.startsWith(" ") && line.endsWith(" ") && line.trim() ? line.slice(1, -1) : line;
}

function withoutTitle(address) {
  const title = address.search(/\s["'(]/);
  return title < 0 ? address : address.slice(0, title).trimEnd();
}

export function inline(text, parent, depth = 0) {
  const missing = new Set(); // marks known to be absent in the rest: keeps this linear
  let shown = 0;
  let at = 0;
  const say = (upTo) => {
    if (upTo > shown) parent.append(text.slice(shown, upTo));
  };
  const find = (mark, from) => {
    if (missing.has(mark)) return -1;
    const found = text.indexOf(mark, from);
    if (found < 0) missing.add(mark);
    return found;
  };
  const wrap = (tag, start, end, next) => {
    say(at);
    const element = make(tag);
    inline(text.slice(start, end), element, depth + 1);
    parent.append(element);
    shown = at = next;
  };
  if (depth > DEEPEST_WORDS) {
    parent.append(text);
    return;
  }
  for (;;) {
    SPECIAL.lastIndex = at;
    const match = SPECIAL.exec(text);
    if (!match) break;
    at = match.index;
    const sign = match[0];
    if (sign === "\\") {
      if (at + 1 < text.length && /[!-/:-@[-`{-~]/.test(text[at + 1])) {
        say(at);
        shown = at + 1;
      }
      at += 2;
    } else if (sign === "`") {
      const run = /^`+/.exec(text.slice(at, at + 40))[0];
      let end = find(run, at + run.length);
      while (end >= 0 && text[end + run.length] === "`") {
        while (text[end] === "`") end += 1;
        end = find(run, end);
      }
      if (end < 0) {
        at += run.length;
        continue;
      }
      say(at);
      parent.append(make("code", "", unpadded(text.slice(at + run.length, end))));
      shown = at = end + run.length;
    } else if (sign === "*" || sign === "_" || sign === "~") {
      const twice = text[at + 1] === sign;
      const mark = twice ? sign + sign : sign;
      const before = text[at - 1] ?? " ";
      const first = text[at + mark.length] ?? " ";
      let end = -1;
      if (!/\s/.test(first) && !(sign === "~" && !twice) && !(sign === "_" && WORD.test(before))) {
        end = find(mark, at + mark.length + 1);
        for (let tries = 0; end >= 0 && tries < 50; tries += 1) {
          const doubled = !twice && text[end + 1] === sign;
          const inWord = sign === "_" && WORD.test(text[end + mark.length] ?? " ");
          if (!doubled && !inWord && !/\s/.test(text[end - 1])) break;
          end = find(mark, end + (doubled ? 2 : 1));
        }
      }
      if (end > 0) wrap(sign === "~" ? "s" : twice ? "strong" : "em", at + mark.length, end, end + mark.length);
      else at += mark.length;
    } else if (sign === "[" || sign === "!") {
      const from = sign === "!" ? at + 1 : at;
      const middle = text[from] === "[" ? from + text.slice(from, from + LONGEST_LABEL).indexOf("](") : -1;
      const end = middle > from ? find(")", middle) : -1;
      const label = middle > from ? text.slice(from + 1, middle) : "";
      if (end < 0 || label.includes("\n\n")) {
        at += 1;
        continue;
      }
      say(at);
      const address = withoutTitle(text.slice(middle + 2, end).trim()).replace(/^<(.*)>$/, "$1");
      putLink(parent, label || address, address, sign === "!" ? "image: " : "");
      shown = at = end + 1;
    } else if (sign === "<") {
      const found = /^<(https?:\/\/[^\s<>]{1,2000})>/.exec(text.slice(at, at + 2100));
      if (found) {
        say(at);
        putLink(parent, found[1], found[1], "");
        shown = at += found[0].length;
      } else at += 1;
    } else if (sign === "&") {
      const found = /^&(amp|lt|gt|quot|apos|nbsp|#\d{1,7}|#x[0-9a-f]{1,6});/i.exec(text.slice(at, at + 12));
      if (found) {
        say(at);
        const name = found[1].toLowerCase();
        const code = name[1] === "x" ? parseInt(name.slice(2), 16) : Number(name.slice(1));
        const readable = name[0] === "#" && code > 31 && code < 0x110000 && !(code > 126 && code < 160);
        parent.append(name[0] === "#" ? (readable ? String.fromCodePoint(code) : "") : ENTITIES[name]);
        shown = at += found[0].length;
      } else at += 1;
    } else {
      const found = /^https?:\/\/[^\s<>"'`)\]]{1,2000}/.exec(text.slice(at, at + 2100));
      const address = found ? found[0].replace(/[.,;:!?*_]+$/, "") : "";
      if (hostOf(address)) {
        say(at);
        putLink(parent, address, address, "");
        shown = at += address.length;
      } else at += found ? found[0].length : 4;
    }
  }
  say(text.length);
}
