"""The heading of a page and the row of a task, as small JSON. Pure; knows nothing of messages."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeAlias

from agor_reactive.adapters.ipywidgets.detail import data_text
from agor_reactive.adapters.terminal.plain import one_line
from agor_reactive.adapters.terminal.words import duration, words_of
from agor_reactive.core.snapshot import SessionState
from agor_reactive.models.base import instant
from agor_reactive.models.ids import format_short_id
from agor_reactive.models.session import Session
from agor_reactive.models.task import Task

__all__ = [
    "PROMPT_SHOWN",
    "Head",
    "TaskRow",
    "head_of",
    "is_at_work",
    "is_settled",
    "task_row",
    "tone_of",
    "whole_prompt",
]

Head: TypeAlias = Mapping[str, Any]
TaskRow: TypeAlias = Mapping[str, Any]

PROMPT_SHOWN = 200
"""Of a prompt, as much stands in the row of its task; all of a longer one, or one of several lines, is read inside."""

_TONES = {
    **dict.fromkeys(("idle", "completed", "complete", "live"), "ok"),
    **dict.fromkeys(("running", "executing", "dispatching", "stopping", "connecting"), "busy"),
    **dict.fromkeys(("awaiting_permission", "awaiting_input", "reconnecting", "degraded", "stopped"), "warn"),
    **dict.fromkeys(("failed", "timed_out", "unauthenticated", "closed"), "bad"),
}


def tone_of(status: str) -> str:
    """How a status is coloured: ok, busy, warn, bad, or "" for what is not known."""
    return _TONES.get(status, "")


def is_at_work(state: SessionState) -> bool:
    """Whether there is something to stop, or a prompt would have to wait."""
    if state.active_task is not None:
        return True
    session = state.session
    return session is not None and session.status in ("running", "stopping", "awaiting_permission", "awaiting_input")


def is_settled(state: SessionState) -> bool:
    """Whether nothing is being read or written: all is at rest, or waits for a person."""
    if state.loading or state.streaming_messages:
        return False
    task = state.active_task
    waits = task is not None and task.status in ("awaiting_permission", "awaiting_input")
    return waits or not is_at_work(state)


def head_of(state: SessionState, *, empty: bool) -> Head:
    """Title, status, link, model, context, and what must be said plainly."""
    session = state.session
    title = one_line((session.title or "") if session is not None else "", 200)
    status = session.status if session is not None else ""
    phase = state.connection.phase
    return {
        "title": title or f"Session {format_short_id(state.session_id)}",
        "session": one_line(state.session_id, 80),
        "status": words_of(status) if status else "",
        "tone": tone_of(status),
        "link": phase,
        "linkTone": tone_of(phase),
        "facts": " · ".join(_facts(session)) if session is not None else "",
        "context": _context(state),
        "notes": _notes(state),
        "older": state.has_older_tasks,
        "empty": empty and not state.loading and state.error is None,
        "busy": is_at_work(state),
    }


def _facts(session: Session) -> list[str]:
    model = (session.model_settings.model if session.model_settings is not None else None) or ""
    ref = (session.git_state.ref if session.git_state is not None else "") or ""
    return [fact for fact in (one_line(session.agentic_tool or "", 30), one_line(model, 40), one_line(ref, 60)) if fact]


def _number(value: Any) -> float | None:
    good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
    return float(value) if good else None


def count_text(number: float) -> str:
    """``950``, ``12.4k``, ``1.2M``."""
    for size, sign in ((1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g}{sign}"
    return f"{number:.0f}"


def _context(state: SessionState) -> Mapping[str, Any] | None:
    """How full the model's context is: by the session's row, else by the last task that tells."""
    session = state.session
    used = _number(session.current_context_usage) if session is not None else None
    most = _number(session.context_window_limit) if session is not None else None
    if used is None:
        for task in reversed(state.tasks[-5:]):
            usage = task.usage
            if usage is None:
                continue
            snapshot = usage.context_usage_snapshot
            used = _number(snapshot.total_tokens if snapshot is not None else task.computed_context_window)
            most = most or _number(snapshot.max_tokens if snapshot is not None else usage.context_window_limit)
            if used is not None:
                break
    if used is None:
        return None
    if not most:
        return {"percent": 0, "words": f"{count_text(used)} tokens", "about": "Tokens in the model's context"}
    percent = round(100 * used / most)
    return {
        "percent": percent,
        "words": f"{percent}%",
        "about": f"{used:,.0f} of {most:,.0f} tokens of the model's context are in use",
    }


def _notes(state: SessionState) -> list[tuple[str, str]]:
    notes: list[tuple[str, str]] = []
    link = state.connection
    why = f" ({one_line(link.reason, 160)})" if link.reason else ""
    if link.phase == "reconnecting":
        notes.append(("warn", f"Reconnecting, try {max(1, link.attempt)}. What is shown may be out of date{why}."))
    elif link.phase == "connecting":
        notes.append(("busy", "Connecting to the daemon."))
    elif link.phase == "unauthenticated":
        notes.append(("bad", f"Not logged in{why}: call client.authenticate."))
    elif link.phase == "closed":
        notes.append(("bad", f"The client is closed{why}: nothing more will come."))
    elif link.phase == "degraded":
        notes.append(("warn", f"Connected, but live text may not come{why}."))
    if state.standing.disposed:
        notes.append(("", "The handle was released: this is where the session stood."))
    elif state.error is not None:
        end = " It will not be tried again by itself." if state.terminal else ""
        notes.append(("bad", one_line(state.error, 600) + end))
    elif state.loading and state.connected and not state.tasks:
        notes.append(("busy", "Reading the session."))
    return notes


def whole_prompt(task: Task) -> str:
    """The prompt with its lines as they are, where the row of its task does not show all of it; else ""."""
    text = data_text(task.full_prompt).lstrip("\n").rstrip()
    return text if "\n" in text or len(text) > PROMPT_SHOWN else ""


def task_row(task: Task, *, loaded: bool, shown: bool, fault: str | None) -> TaskRow:
    """The row that heads a task. `began` is in epoch milliseconds, for tasks at work."""
    began = None if task.ended else instant(task.started_at or task.created_at)
    tools = _number(task.tool_use_count)
    return {
        "prompt": one_line(task.full_prompt, PROMPT_SHOWN) or "(no prompt)",
        "whole": not whole_prompt(task),
        "status": words_of(task.status),
        "tone": tone_of(task.status),
        "took": duration(task) if task.ended else "",
        "began": None if began is None else round(began * 1000),
        "tools": int(tools or 0) if task.ended else 0,
        "ended": task.ended,
        "loaded": loaded,
        "shown": shown,
        "fault": fault,
    }
