"""A session as plain text, for places where nothing runs: a saved notebook, a log, a viewer without widgets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from agor_reactive.adapters.presentation.blocks import (
    Block,
    NoteBlock,
    QuestionBlock,
    TextBlock,
    ToolBlock,
    UserBlock,
)
from agor_reactive.adapters.presentation.exact import cut_text
from agor_reactive.adapters.presentation.heading import heading_of
from agor_reactive.adapters.presentation.plain import plain
from agor_reactive.adapters.presentation.presenter import Presenter
from agor_reactive.adapters.presentation.quantities import seconds_text
from agor_reactive.adapters.presentation.requests import RequestBlock
from agor_reactive.adapters.presentation.tasks import TaskHeading
from agor_reactive.core.snapshot import SessionState
from agor_reactive.models.task import Task

__all__ = ["script_safe", "transcript"]

TEXT_LIMIT: Final = 30_000
"""Characters of a transcript; a longer one keeps its end."""

PROMPT_LIMIT: Final = 4_000
"""Characters of a prompt, or of the input of a pending request."""

SUMMARY_LIMIT: Final = 120
"""Characters of the input of a call."""

_MARKUP = re.compile(r"<(?=/?\s*script|!--)", re.IGNORECASE)
_TOOL_SIGNS: Final = {"executing": "*", "complete": "+", "failed": "x"}


def script_safe(text: str) -> str:
    """Return the text, safe inside a script element: exported notebooks hold the widgets' state in one.

    >>> script_safe("a </script> b")
    'a ‹/script> b'
    """
    return _MARKUP.sub("‹", text)


def transcript(state: SessionState, *, limit: int = TEXT_LIMIT) -> str:
    """Return title and status, then every task: prompt, status, duration, and its blocks where they are loaded."""
    heading = heading_of(state)
    head = f"{heading.title} ({heading.status})" if heading.status else heading.title
    presenter = Presenter()
    parts: list[str] = []
    room = limit
    for task in reversed(state.tasks):
        part = "\n".join(_lines(task, presenter.task_heading(task), presenter.task_blocks(state, task)))
        if len(part) > room:
            parts.append("… " + part[len(part) - room :])
            break
        parts.append(part)
        room -= len(part) + 2
        if room <= 0:
            parts.append("…")
            break
    return script_safe("\n\n".join([head, *reversed(parts)]))


def _lines(task: Task, heading: TaskHeading, blocks: tuple[Block, ...]) -> Iterator[str]:
    prompt = cut_text(plain(task.full_prompt).strip("\n").rstrip(), PROMPT_LIMIT) or "(no prompt)"
    quoted = "\n".join(f"> {line}".rstrip() for line in prompt.split("\n"))
    yield f"{quoted}   [{heading.status}{f', {heading.took}' if heading.took else ''}]"
    for block in blocks:
        match block:
            case TextBlock(text=text, writing=writing):
                yield text.strip() + (" …" if writing else "")
            case UserBlock(text=text):
                yield "\n".join(f"> {line}".rstrip() for line in text.strip().split("\n"))
            case ToolBlock():
                took = f" ({seconds_text(block.seconds)})" if block.seconds is not None else ""
                yield f"  {_TOOL_SIGNS[block.state]} {block.name} {block.summary.within(SUMMARY_LIMIT)}".rstrip() + took
            case RequestBlock():
                yield f"  ? {block.line}"
                if block.input:
                    yield "    " + cut_text(block.input, PROMPT_LIMIT).replace("\n", "\n    ")
            case QuestionBlock(text=text):
                yield "  ? " + text.replace("\n", "\n    ")
            case NoteBlock(text=text):
                yield "  ! " + text.replace("\n", "\n    ")
