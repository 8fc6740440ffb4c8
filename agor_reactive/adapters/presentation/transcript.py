"""A session as plain text, for places where nothing runs: a saved notebook, a log, a viewer without widgets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, Literal, NamedTuple

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

__all__ = ["Part", "script_safe", "transcript", "transcript_parts", "transcript_text"]

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


class Part(NamedTuple):
    """A piece of a transcript. Text of an agent is Markdown; a call, a request or a note is a line, or several.

    `status` is that of the task whose prompt it is.
    """

    kind: Literal["title", "prompt", "user", "markdown", "lines"]
    text: str
    status: str = ""


def transcript(state: SessionState, *, limit: int = TEXT_LIMIT) -> str:
    """Return title and status, then every task: prompt, status, duration, and its blocks where they are loaded."""
    return transcript_text(transcript_parts(state, limit=limit))


def transcript_text(parts: Sequence[Part]) -> str:
    """The parts as plain text, a blank line before each task."""
    pieces = [("\n\n" if at == 1 or part.kind == "prompt" else "\n") + _text(part) for at, part in enumerate(parts)]
    return "".join(pieces).lstrip("\n")


def transcript_parts(state: SessionState, *, limit: int = TEXT_LIMIT) -> tuple[Part, ...]:
    """The title, then prompts and blocks of the newest tasks, `limit` characters of them; safe in a script element."""
    heading = heading_of(state)
    title = Part("title", script_safe(f"{heading.title} ({heading.status})" if heading.status else heading.title))
    presenter = Presenter()
    parts: list[Part] = []
    room = limit
    for task in reversed(state.tasks):
        made = tuple(_parts(task, presenter.task_heading(task), presenter.task_blocks(state, task)))
        for part in reversed(made):
            part = part._replace(text=script_safe(part.text))
            if len(part.text) > room:
                return (title, part._replace(text="… " + part.text[len(part.text) - room :]), *reversed(parts))
            parts.append(part)
            room -= len(part.text) + 2
            if room <= 0:
                return (title, Part("lines", "…"), *reversed(parts))
    return (title, *reversed(parts))


def _text(part: Part) -> str:
    if part.kind not in ("prompt", "user"):
        return part.text
    quoted = "\n".join(f"> {line}".rstrip() for line in part.text.split("\n"))
    return f"{quoted}   [{part.status}]" if part.status else quoted


def _parts(task: Task, heading: TaskHeading, blocks: tuple[Block, ...]) -> Iterator[Part]:
    prompt = cut_text(plain(task.full_prompt).strip("\n").rstrip(), PROMPT_LIMIT) or "(no prompt)"
    yield Part("prompt", prompt, f"{heading.status}{f', {heading.took}' if heading.took else ''}")
    for block in blocks:
        match block:
            case TextBlock(text=text, writing=writing):
                yield Part("markdown", text.strip() + (" …" if writing else ""))
            case UserBlock(text=text):
                yield Part("user", text.strip())
            case ToolBlock():
                took = f" ({seconds_text(block.seconds)})" if block.seconds is not None else ""
                call = f"  {_TOOL_SIGNS[block.state]} {block.name} {block.summary.within(SUMMARY_LIMIT)}".rstrip()
                yield Part("lines", call + took)
            case RequestBlock():
                shown = "\n    " + cut_text(block.input, PROMPT_LIMIT).replace("\n", "\n    ") if block.input else ""
                yield Part("lines", f"  ? {block.line}{shown}")
            case QuestionBlock(text=text):
                yield Part("lines", "  ? " + text.replace("\n", "\n    "))
            case NoteBlock(text=text):
                yield Part("lines", "  ! " + text.replace("\n", "\n    "))
