"""A transcript as HTML for a notebook without its kernel: replies as Markdown, calls where they were made.

Nothing in it runs or is loaded: HTML in a text is text, there are no images, and links lead to http(s) only.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from html import escape
from typing import Any, Final

from markdown_it import MarkdownIt

from agor_reactive.adapters.presentation.transcript import Part

__all__ = ["saved_html"]

_LINES: Final = "white-space: pre-wrap; font-family: monospace; margin: 0"
_PROMPT: Final = "white-space: pre-wrap; border-left: 3px solid; padding-left: 0.6em; margin: 1em 0 0.4em"


def saved_html(parts: Sequence[Part]) -> str:
    """The parts as HTML."""
    return "".join(map(_html, parts))


def _html(part: Part) -> str:
    match part.kind:
        case "title":
            return f"<p><strong>{escape(part.text)}</strong></p>"
        case "markdown":
            return str(_markdown().render(part.text))
        case "lines":
            return f'<pre style="{_LINES}">{escape(part.text)}</pre>'
        case _:
            status = f" <small>{escape(part.status)}</small>" if part.status else ""
            return f'<div style="{_PROMPT}"><strong>{escape(part.text)}</strong>{status}</div>'


@cache
def _markdown() -> MarkdownIt:
    made = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable("image")
    made.validateLink = _is_web  # type: ignore[method-assign]
    made.core.ruler.push("new_tab", _open_links_apart)
    return made


def _is_web(url: str) -> bool:
    return url.lower().startswith(("https://", "http://"))


def _open_links_apart(state: Any) -> None:
    """A link replaces no notebook, and its target does not learn where it was."""
    for token in state.tokens:
        for inner in token.children or ():
            if inner.type == "link_open":
                inner.attrs |= {"target": "_blank", "rel": "noopener noreferrer"}
