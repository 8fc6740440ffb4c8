"""A snapshot of a session as a short table: text for a terminal, HTML for a notebook. Received text is escaped."""

from __future__ import annotations

from html import escape

from agor_reactive.adapters.presentation.plain import one_line
from agor_reactive.adapters.presentation.status import status_label
from agor_reactive.core.snapshot import SessionState
from agor_reactive.models.ids import format_short_id
from agor_reactive.models.task import Task

__all__ = ["as_html", "as_text"]

NEWEST = 8
"""How many of the newest tasks are in the table."""

_COLUMNS = ("task", "status", "prompt", "messages", "tools")


def _facts(state: SessionState) -> list[tuple[str, str]]:
    """What there is beside the tasks: name and value."""
    session = state.session
    title = one_line(session.title or session.description or "", 80) if session is not None else ""
    status = status_label(session.status) if session is not None and session.status else "not loaded yet"
    facts = [("session", format_short_id(state.session_id) + (f"  {title}" if title else "")), ("status", status)]
    facts.append(("connection", state.connection.phase + (", loading" if state.loading else "")))
    older = ", older ones not loaded" if state.has_older_tasks else ""
    facts.append(("tasks", f"{len(state.tasks)}, {len(state.queued_tasks)} queued{older}"))
    if state.streaming_messages:
        written = sum(len(stream.text) for stream in state.get_streaming_messages())
        facts.append(("writing", f"{written:,} characters in {len(state.streaming_messages)}"))
    if state.error:
        facts.append(("error", one_line(state.error, 200)))
    return facts


def _rows(state: SessionState) -> list[tuple[str, ...]]:
    return [_row(state, task) for task in state.tasks[-NEWEST:]]


def _row(state: SessionState, task: Task) -> tuple[str, ...]:
    messages = str(len(state.get_task_messages(task.task_id))) if state.is_task_loaded(task.task_id) else "-"
    tools = str(len(state.get_task_tools(task.task_id)) or "")
    prompt = one_line(task.full_prompt or "", 60)
    return (format_short_id(task.task_id), status_label(task.status), prompt, messages, tools)


def as_text(state: SessionState) -> str:
    """The table as lines of text."""
    facts = _facts(state)
    lines = [f"{name:<11}{value}" for name, value in facts]
    rows = _rows(state)
    if rows:
        widths = [max(len(row[at]) for row in (_COLUMNS, *rows)) for at in range(len(_COLUMNS))]
        lines += [
            "",
            *(
                "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
                for row in (_COLUMNS, *rows)
            ),
        ]
    return "\n".join(lines)


def as_html(state: SessionState) -> str:
    """The table as HTML without scripts and styles of received text."""
    facts = "".join(f"<tr><th align=left>{name}</th><td>{escape(value)}</td></tr>" for name, value in _facts(state))
    head = "".join(f"<th align=left>{name}</th>" for name in _COLUMNS)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in _rows(state))
    return f"<table>{facts}</table>" + (f"<table><tr>{head}</tr>{body}</table>" if body else "")
