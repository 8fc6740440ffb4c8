// Fenced code, added line by line and coloured by its language.

import { copyButton, make } from "./dom.js";

export const FENCE = /^(\s*)(`{3,}|~{3,})([^`]*)$/;

const MOST_OF_A_BOX = 8000;
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

export class Code {
  constructor(parent, opening) {
    const [, indent, mark, info] = FENCE.exec(opening);
    this.indent = indent.length;
    this.mark = mark;
    this.language = info.trim().split(/[\s{,]/)[0].toLowerCase();
    const frame = make("div", "ag-code");
    frame.classList.toggle("ag-named", Boolean(this.language));
    if (this.language) frame.append(make("span", "ag-language", this.language.slice(0, 20)));
    const copy = copyButton(() => this.text);
    const pre = make("pre");
    const code = make("code");
    this.body = make("span");
    this.rest = make("span", "ag-lines");
    code.append(this.body, this.rest);
    pre.append(code);
    frame.append(copy, pre);
    parent.append(frame);
    this.lines = 0;
    this.cut = false; // within a line that continues
    this.room = 0; // characters that the last box may still take
  }

  get text() {
    const rest = this.rest.textContent;
    return this.body.textContent + (rest && this.lines && !this.cut ? "\n" : "") + rest;
  }

  closes(line) {
    const text = this.cut ? "" : line.trim();
    return text.startsWith(this.mark) && text.split("").every((sign) => sign === this.mark[0]);
  }

  line(line) {
    this.part(line);
    this.cut = false;
  }

  // The beginning or continuation of a line. Each box is small, so that the browser lays out only the last one again.
  part(line) {
    const text = this.cut ? line : this.plain(line);
    if (!this.cut && this.lines > 0) this.box.append("\n");
    if (!this.cut) this.lines += 1;
    if (this.room <= 0 || this.cut) {
      this.box = this.body.appendChild(make("span", "ag-lines"));
      this.room = MOST_OF_A_BOX;
    }
    this.room -= text.length + 40;
    this.cut = true;
    this.rest.textContent = "";
    codeLine(text, this.language, this.box);
  }

  growing(line) {
    const text = this.cut ? line : this.plain(line);
    this.rest.textContent = text && (this.cut || !this.mark.startsWith(text.trim())) ? text : "";
  }

  plain(line) {
    return this.indent ? line.replace(new RegExp(`^\\s{0,${this.indent}}`), "") : line;
  }
}
