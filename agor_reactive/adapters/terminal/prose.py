"""Markdown in a terminal: headings at the left, code and tables without boxes, links with their addresses."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import CodeBlock, Heading, Markdown, MarkdownElement, TableElement
from rich.padding import Padding
from rich.segment import Segment
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

__all__ = ["MARKDOWN_LIMIT", "LongText", "prose", "tail_of"]

MARKDOWN_LIMIT = 50_000
"""Characters of one text that are laid out as Markdown, at most."""

_FENCE = "```"


class _Heading(Heading):
    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        heading = self.text.copy()
        heading.justify = "left"
        heading.stylize("bold" if self.tag in ("h1", "h2") else "bold dim")
        yield heading


class _Code(CodeBlock):
    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        code = Syntax(
            str(self.text).rstrip(), self.lexer_name, theme="ansi_dark", word_wrap=True, background_color="default"
        )
        yield Padding(code, (0, 0, 0, 2))


class _Table(TableElement):
    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for part in super().__rich_console__(console, options):
            if isinstance(part, Table):
                part.show_edge = False
            yield part


class _Markdown(Markdown):
    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements,
        "heading_open": _Heading,
        "fence": _Code,
        "code_block": _Code,
        "table_open": _Table,
    }


class LongText:
    """Text of any length: its lines as they are, wrapped where they are too wide; a run of blank lines is one.

    rich's `Text` takes 60 µs for each line, however short: 8 s for 400 kB of short lines.
    """

    def __init__(self, text: str, style: str = "") -> None:
        self.text = text
        self.style = style

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width, style = options.max_width, console.get_style(self.style)
        after_blank = False
        for line in self.text.split("\n"):
            is_blank = not line or line.isspace()
            if is_blank and after_blank:
                continue
            after_blank = is_blank
            if is_blank:
                yield Segment.line()
            elif len(line) * 2 <= width or cell_len(line) <= width:
                yield Segment(line, style)
                yield Segment.line()
            else:
                yield from console.render(Text(line, self.style), options)


def prose(text: str) -> Markdown | LongText | Text:
    """Return the text as Markdown. Links show their address; nothing is fetched.

    Text above `MARKDOWN_LIMIT` is returned as it is: laying out 600 kB of Markdown takes half a minute.
    """
    if len(text) > MARKDOWN_LIMIT:
        return LongText(text)
    return _Markdown(text, hyperlinks=False) if text else Text()


def tail_of(text: str, limit: int) -> str:
    """Return about the last `limit` characters, from a paragraph on; a code block cut in two is opened again."""
    if len(text) <= limit:
        return text
    cut = len(text) - limit
    at = text.find("\n\n", cut)
    if at < 0:
        at = text.find("\n", cut)
    at = cut if at < 0 else at
    opened = _FENCE + "\n" if text.count("\n" + _FENCE, 0, at) + text.startswith(_FENCE) & 1 else ""
    return opened + text[at:].lstrip("\n")
