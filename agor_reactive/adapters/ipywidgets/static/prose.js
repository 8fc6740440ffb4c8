// Markdown as agents write it, made of DOM nodes only: createElement and textContent, never markup from text.
// Nothing is fetched: images are shown as what they are called, links open only when somebody clicks.
// Text grows at its end: blocks that are finished are never touched again, only the last one is laid out anew.

const MOST_OF_A_BLOCK = 16000; // characters; what goes on longer is cut into several blocks
const DEEPEST = 6;

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

function link(label, address) {
  // No href: a browser may look up the host of an address before anybody clicked.
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

function putLink(parent, label, address, lead) {
  if (!/^(https?:\/\/|mailto:)/i.test(address)) {
    parent.append(make("span", "ag-dead", `${lead}${label}${address && address !== label ? ` (${address})` : ""}`));
    return;
  }
  parent.append(link(lead + label, address));
  const host = hostOf(address);
  if (host && !label.includes(host)) parent.append(make("span", "ag-host", ` (${host})`));
}

const SPECIAL = /[\\`*_~![<&]|https?:\/\//g;
const WORD = /[\p{L}\p{N}_]/u;
const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0" };

function inline(text, parent, depth = 0) {
  const missing = new Set(); // marks known not to come again: keeps this linear
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
  if (depth > DEEPEST) {
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
      parent.append(make("code", "", text.slice(at + run.length, end).replace(/\n/g, " ").replace(/^ (.*[^ ].*) $/, "$1")));
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
      const middle = text[from] === "[" ? find("](", from) : -1;
      const end = middle > 0 ? find(")", middle) : -1;
      const label = middle > 0 ? text.slice(from + 1, middle) : "";
      if (end < 0 || label.length > 1000 || label.includes("\n\n")) {
        at += 1;
        continue;
      }
      say(at);
      const address = text.slice(middle + 2, end).trim().replace(/\s+["'(].*$/s, "").replace(/^<(.*)>$/, "$1");
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
      } else at += 4;
    }
  }
  say(text.length);
}

// ---- blocks ---------------------------------------------------------------------------------------------------------

const HEADING = /^ {0,3}(#{1,6})\s+(.*?)\s*#*$/;
const RULE = /^ {0,3}([-*_])(?:\s*\1){2,}\s*$/;
const ITEM = /^(\s*)([-*+]|\d{1,9}[.)])(?:\s+(.*))?$/;
const QUOTE = /^ {0,3}> ?/;
const DIVIDER = /^\s*\|?\s*:?-{2,}:?\s*(?:\|\s*:?-{2,}:?\s*)*\|?\s*$/;
const FENCE = /^(\s*)(`{3,}|~{3,})\s*([^`]*)$/;

function cells(line) {
  return line.trim().replace(/^\||\|$/g, "").split(/(?<!\\)\|/).map((cell) => cell.trim().replace(/\\\|/g, "|"));
}

function table(lines, parent) {
  const element = make("table");
  const sides = cells(lines[1]).map((mark) => (/^:.*:$/.test(mark) ? "center" : /:$/.test(mark) ? "right" : ""));
  lines.forEach((line, number) => {
    if (number === 1) return;
    const row = make("tr");
    cells(line).slice(0, 50).forEach((cell, column) => {
      const box = make(number === 0 ? "th" : "td");
      if (sides[column]) box.style.textAlign = sides[column];
      inline(cell, box);
      row.append(box);
    });
    element.append(row);
  });
  const frame = make("div", "ag-table");
  frame.append(element);
  parent.append(frame);
}

function list(lines, parent, depth) {
  const [, indent, mark] = ITEM.exec(lines[0]);
  const ordered = /\d/.test(mark);
  const element = make(ordered ? "ol" : "ul");
  if (ordered) element.start = parseInt(mark, 10);
  let item = [];
  const close = () => {
    if (!item.length) return;
    const box = make("li");
    const todo = /^\[([ xX])\]\s+/.exec(item[0]);
    if (todo) {
      box.className = "ag-todo";
      box.append(make("span", "ag-box", todo[1] === " " ? "☐ " : "☑ "));
      item[0] = item[0].slice(todo[0].length);
    }
    blocks(item, box, depth + 1, true);
    element.append(box);
    item = [];
  };
  for (const line of lines) {
    const found = ITEM.exec(line);
    if (found && found[1].length <= indent.length + 1) {
      close();
      item = [found[3] ?? ""];
    } else item.push(line.replace(/^( {1,4}|\t)/, ""));
  }
  close();
  parent.append(element);
}

function blocks(lines, parent, depth = 0, tight = false) {
  let words = [];
  const close = () => {
    if (!words.length) return;
    const box = tight ? make("span") : make("p");
    words.forEach((line, number) => {
      inline(line.replace(/(?: {2,}|\\)$/, ""), box);
      if (number < words.length - 1) box.append(/(?: {2,}|\\)$/.test(line) ? make("br") : "\n");
    });
    parent.append(box);
    words = [];
  };
  if (depth > DEEPEST) {
    parent.append(lines.join("\n"));
    return;
  }
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at];
    const heading = HEADING.exec(line);
    if (!line.trim()) close();
    else if (heading) {
      close();
      const box = make(`h${Math.min(6, heading[1].length + 2)}`);
      inline(heading[2], box);
      parent.append(box);
    } else if (RULE.test(line)) {
      close();
      parent.append(make("hr"));
    } else if (QUOTE.test(line)) {
      close();
      const start = at;
      while (at + 1 < lines.length && QUOTE.test(lines[at + 1])) at += 1;
      const box = make("blockquote");
      blocks(lines.slice(start, at + 1).map((quoted) => quoted.replace(QUOTE, "")), box, depth + 1);
      parent.append(box);
    } else if (line.includes("|") && DIVIDER.test(lines[at + 1] ?? "") && lines[at + 1].includes("-")) {
      close();
      const start = at;
      at += 1;
      while (at + 1 < lines.length && lines[at + 1].includes("|")) at += 1;
      table(lines.slice(start, at + 1), parent);
    } else if (ITEM.test(line)) {
      close();
      const start = at;
      while (at + 1 < lines.length && (ITEM.test(lines[at + 1]) || /^\s+\S/.test(lines[at + 1]))) at += 1;
      list(lines.slice(start, at + 1), parent, depth);
    } else words.push(line);
  }
  close();
}

// ---- code -----------------------------------------------------------------------------------------------------------

const KEYWORDS = new Set(
  ("and as assert async await break case catch class const continue def default del do elif else enum except export " +
    "extends false False finally fn for from func function global go if impl import in interface is lambda let match mod " +
    "mut new nil None nonlocal not null or package pass private pub public raise return self static struct super switch " +
    "then this throw trait true True try type typeof undefined use var void while with yield fi done echo esac local " +
    "select where insert update delete into values create table join on group order by").split(" "),
);
const HASHES = /^(py|python|sh|bash|zsh|shell|console|ya?ml|toml|ruby|rb|r|make|makefile|dockerfile|ini|conf|perl)$/;
const TOKEN =
  /("(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|`(?:[^`\\]|\\.)*`?)|(#.*$)|(\/\/.*$|\/\*.*?(?:\*\/|$)|--\s.*$)|(\b\d[\w.]*)|([A-Za-z_]\w*)/g;

function codeLine(line, language, parent) {
  if (language === "diff" || language === "patch") {
    const kind = /^@@/.test(line) ? "ag-n" : line[0] === "+" ? "ag-added" : line[0] === "-" ? "ag-taken" : "";
    parent.append(kind ? make("span", kind, line) : line);
    return;
  }
  if (!language || /^(text|txt|plain|plaintext|output|log)$/.test(language) || line.length > 2000) {
    parent.append(line);
    return;
  }
  const hashes = HASHES.test(language);
  let shown = 0;
  for (const match of line.matchAll(TOKEN)) {
    const [all, string, hash, slashes, number, word] = match;
    const kind = string ? "ag-s" : number ? "ag-n" : word && KEYWORDS.has(word) ? "ag-k" : hash || slashes ? "ag-c" : "";
    if (!kind || (hash && !hashes) || (slashes && hashes)) continue;
    parent.append(line.slice(shown, match.index), make("span", kind, all));
    shown = match.index + all.length;
  }
  parent.append(line.slice(shown));
}

class Code {
  constructor(parent, opening) {
    const [, indent, mark, info] = FENCE.exec(opening);
    this.indent = indent.length;
    this.mark = mark;
    this.language = info.trim().split(/[\s{,]/)[0].toLowerCase();
    const frame = make("div", "ag-code");
    if (this.language) frame.append(make("span", "ag-language", this.language.slice(0, 20)));
    const copy = make("button", "ag-copy", "copy");
    copy.type = "button";
    copy.addEventListener("click", () => {
      navigator.clipboard?.writeText(this.body.textContent + this.rest.textContent).then(
        () => (copy.textContent = "copied"),
        () => (copy.textContent = "not allowed"),
      );
      setTimeout(() => (copy.textContent = "copy"), 1500);
    });
    const pre = make("pre");
    const code = make("code");
    this.body = make("span");
    this.rest = make("span");
    code.append(this.body, this.rest);
    pre.append(code);
    frame.append(copy, pre);
    parent.append(frame);
    this.lines = 0;
  }

  closes(line) {
    const text = line.trim();
    return text.startsWith(this.mark) && text.split("").every((sign) => sign === this.mark[0]);
  }

  line(line) {
    if (this.lines > 0) this.body.append("\n");
    this.lines += 1;
    this.rest.textContent = "";
    codeLine(this.plain(line), this.language, this.body);
  }

  growing(line) {
    const text = this.plain(line);
    this.rest.textContent = text && !this.mark.startsWith(text.trim()) ? (this.lines > 0 ? "\n" : "") + text : "";
  }

  plain(line) {
    return this.indent ? line.replace(new RegExp(`^\\s{0,${this.indent}}`), "") : line;
  }
}

// ---- text that grows ------------------------------------------------------------------------------------------------

class Prose {
  constructor(parent) {
    this.root = make("div", "ag-prose");
    this.tail = make("div", "ag-tail");
    this.root.append(this.tail);
    parent.append(this.root);
    this.clear();
  }

  clear() {
    this.root.replaceChildren(this.tail);
    this.tail.replaceChildren();
    this.text = "";
    this.at = 0; // where the first line not yet looked at begins
    this.pending = []; // lines of the block that is not finished
    this.size = 0;
    this.code = null;
  }

  // The text from `keep` on (UTF-16 units) is now `more`. Lay out with `work` afterwards.
  change(keep, more) {
    if (keep < this.text.length) {
      const kept = this.text.slice(0, keep);
      this.clear();
      this.text = kept;
    }
    this.text += more;
  }

  // Lay out until `deadline` (performance.now()); true when there is more to do.
  work(deadline) {
    for (;;) {
      const end = this.text.indexOf("\n", this.at);
      if (end < 0) break;
      this.line(this.text.slice(this.at, end));
      this.at = end + 1;
      if (performance.now() > deadline) return true;
    }
    const rest = this.text.slice(this.at);
    if (this.code) {
      this.code.growing(rest);
      this.tail.replaceChildren();
    } else {
      this.tail.replaceChildren();
      if (FENCE.test(rest)) blocks(this.pending, this.tail);
      else blocks(rest ? [...this.pending, rest] : this.pending, this.tail);
      if (rest.length > MOST_OF_A_BLOCK) {
        this.pending.push(rest);
        this.finish();
        this.at = this.text.length;
      }
    }
    return false;
  }

  line(line) {
    if (this.code) {
      if (this.code.closes(line)) {
        this.code.growing("");
        this.code = null;
      } else this.code.line(line);
      return;
    }
    if (FENCE.test(line)) {
      this.finish();
      this.code = new Code(this.root, line);
      this.root.append(this.tail);
      return;
    }
    if (!line.trim()) {
      this.finish();
      return;
    }
    this.pending.push(line);
    this.size += line.length;
    if (this.size > MOST_OF_A_BLOCK) this.finish();
  }

  finish() {
    if (!this.pending.length) return;
    const block = make("div");
    blocks(this.pending, block);
    this.root.insertBefore(block, this.tail);
    this.tail.replaceChildren();
    this.pending = [];
    this.size = 0;
  }
}
