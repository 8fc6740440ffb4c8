// Blocks of Markdown: paragraphs, headings, lists, tables, quotes; not code.

import { make } from "./dom.js";
import { inline } from "./inline.js";

const DEEPEST = 6;
// None of these backtracks, so that no line can take quadratic time.
const HEADING = /^ {0,3}(#{1,6})\s+([^]*)$/;
const RULE = /^ {0,3}([-*_])(?:\s*\1){2,}\s*$/;
const ITEM = /^(\s*)([-*+]|\d{1,9}[.)])(?:\s+([^]*))?$/;
const QUOTE = /^ {0,3}> ?/;

function cells(line) {
  return line.trim().replace(/^\||\|$/g, "").split(/(?<!\\)\|/).map((cell) => cell.trim().replace(/\\\|/g, "|"));
}

// Whether a line is the second of a table.
export function divides(line) {
  if (!line.includes("--") && !(line.includes("-") && line.includes("|"))) return false;
  return /^[\s|:-]*$/.test(line) && cells(line).every((mark) => /^:?-+:?$/.test(mark));
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
  element.dir = "auto"; // list marks stand where the line begins
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

function withoutHashes(text) {
  let end = text.trimEnd().length;
  while (text[end - 1] === "#") end -= 1;
  return text.slice(0, end).trimEnd();
}

export function blocks(lines, parent, depth = 0, tight = false) {
  let words = [];
  const close = () => {
    if (!words.length) return;
    const box = tight ? make("span") : make("p");
    words.forEach((line, number) => {
      const hard = line.endsWith("  ") || line.endsWith("\\");
      inline(hard ? (line.endsWith("\\") ? line.slice(0, -1) : line.trimEnd()) : line, box);
      if (number < words.length - 1) box.append(hard ? make("br") : "\n");
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
      inline(withoutHashes(heading[2]), box);
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
    } else if (line.includes("|") && divides(lines[at + 1] ?? "")) {
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
