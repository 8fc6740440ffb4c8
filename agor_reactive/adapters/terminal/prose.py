"""Prose in a terminal: as Markdown, or as it is where that would take too long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.text import Text

if TYPE_CHECKING:
    from rich.markdown import Markdown

__all__ = ["MARKDOWN_LIMIT", "LongText", "prose", "tail_of"]

MARKDOWN_LIMIT = 50_000
"""Characters of one text that are laid out as Markdown, at most."""

_FENCE = "```"


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
                # Line by line: rich cuts the text that it has wrapped at one line end after the other, and copies all
                # that follows each time.
                wrapped = Text(line).wrap(
                    console, width, justify=options.justify, overflow=options.overflow, no_wrap=bool(options.no_wrap)
                )
                for part in wrapped:
                    yield Segment(part.plain, style)
                    yield Segment.line()


def prose(text: str) -> Markdown | LongText | Text:
    """Return the text as Markdown. Links show their address; nothing is fetched.

    Text above `MARKDOWN_LIMIT` is returned as it is: laying out 600 kB of Markdown takes half a minute.
    """
    if len(text) > MARKDOWN_LIMIT:
        return LongText(text)
    if not text:
        return Text()
    from agor_reactive.adapters.terminal.markdown import AgentMarkdown  # a parser and a highlighter: not before a text

    return AgentMarkdown(text, hyperlinks=False)


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
