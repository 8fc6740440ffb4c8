"""A session as plain text, for places where nothing runs: a saved notebook, a viewer without widgets. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agor_reactive.adapters.terminal.plain import one_line, plain
from agor_reactive.adapters.terminal.words import duration, tool_input, words_of
from agor_reactive.core.snapshot import SessionState
from agor_reactive.models.ids import format_short_id
from agor_reactive.models.task import Task

__all__ = ["harmless", "transcript"]

MOST = 30_000
"""Characters of the text; of a longer one the end is kept."""

PROMPT = 4_000
"""Characters of a prompt."""

_MARKUP = re.compile(r"<(?=/?\s*script|!--)", re.IGNORECASE)


def harmless(text: str) -> str:
    """The text, safe inside a script element of a page: notebooks are exported with widgets' state in one.

    >>> harmless("a </script> b")
    'a ‹/script> b'
    """
    return _MARKUP.sub("‹", text)


def transcript(state: SessionState, *, limit: int = MOST) -> str:
    """Title and status, then every task with its prompt and, where its messages are here, what was said."""
    session = state.session
    title = one_line((session.title or "") if session is not None else "", 200)
    head = title or f"Session {format_short_id(state.session_id)}"
    if session is not None and session.status:
        head += f" ({words_of(session.status)})"
    blocks: list[str] = []
    room = limit
    for task in reversed(state.tasks):
        block = "\n".join(_lines(task, state))
        if len(block) > room:
            blocks.append("… " + block[len(block) - room :])
            break
        blocks.append(block)
        room -= len(block) + 2
        if room <= 0:
            blocks.append("…")
            break
    return harmless("\n\n".join([head, *reversed(blocks)]))


def _lines(task: Task, state: SessionState) -> Iterator[str]:
    took = duration(task) if task.ended else ""
    prompt = plain(task.full_prompt[:PROMPT]).strip("\n").rstrip() or "(no prompt)"
    asked = "\n".join(f"> {line}".rstrip() for line in prompt.split("\n"))
    more = "…" if len(task.full_prompt) > PROMPT else ""
    yield f"{asked}{more}   [{words_of(task.status)}{f', {took}' if took else ''}]"
    for message in state.get_task_messages(task.task_id):
        request = message.permission
        if request is not None:
            yield f"  ? permission to use {one_line(request.tool_name or 'a tool', 60)}: {words_of(request.status)}"
        if message.role == "assistant" and message.text.strip():
            yield plain(message.text.strip())
    for stream in state.get_streaming_messages(task.task_id):
        if stream.text.strip():
            yield plain(stream.text.strip()) + " …"
    for tool in state.get_task_tools(task.task_id):
        sign = "x" if tool.failed or tool.denied else "+" if tool.status == "complete" else "*"
        yield f"  {sign} {one_line(tool.tool_name or 'tool', 60)} {tool_input(tool)[:120]}".rstrip()
    if task.error_message and task.status != "completed":
        yield f"  ! {one_line(task.error_message)}"
