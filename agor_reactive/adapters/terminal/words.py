"""How a session is spoken of in a terminal: signs, colours, durations, a tool's input in one line. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from agor_reactive.adapters.terminal.plain import one_line
from agor_reactive.core.fold.hydration import AGAIN
from agor_reactive.core.tools import Tool
from agor_reactive.models.base import instant, thaw
from agor_reactive.models.task import Task

__all__ = [
    "ASCII",
    "SIGNS",
    "Signs",
    "duration",
    "fault_text",
    "seconds_text",
    "sign_of",
    "status_style",
    "tool_failure",
    "tool_input",
    "words_of",
]


@dataclass(frozen=True, slots=True)
class Signs:
    """The signs used, all one cell wide."""

    done: str = "✓"
    failed: str = "✗"
    busy: str = "●"
    waiting: str = "○"
    stopped: str = "■"
    bar: str = "▌"
    cursor: str = "▍"
    thought: str = "∴"
    note: str = "!"
    asks: str = "?"
    said: str = "›"
    more: str = "…"
    dot: str = "·"
    rule: str = "─"


SIGNS = Signs()
ASCII = Signs("+", "x", "*", "o", "#", "|", "_", ":", "!", "?", ">", "...", "-", "-")
"""For consoles whose encoding has no more than that (old Windows code pages)."""

_STYLES: Mapping[str, str] = {
    "idle": "green",
    "completed": "green",
    "complete": "green",
    "live": "green",
    "degraded": "yellow",
    "running": "cyan",
    "executing": "cyan",
    "dispatching": "cyan",
    "created": "blue",
    "queued": "blue",
    "connecting": "yellow",
    "reconnecting": "yellow",
    "stopping": "yellow",
    "stopped": "yellow",
    "awaiting_permission": "bold yellow",
    "awaiting_input": "bold yellow",
    "timed_out": "red",
    "failed": "red",
    "unauthenticated": "red",
    "closed": "red",
}

# What of a tool's input tells most, first one first. What is looked for comes before where; that is said after it.
_TELLING = (
    *("command", "file_path", "filePath", "absolute_path", "notebook_path", "pattern", "query", "url", "path"),
    *("description", "prompt", "name"),
)
_SOUGHT = ("pattern", "query")


def status_style(status: str) -> str:
    """The colour of a status; an unknown one has none."""
    return _STYLES.get(status, "default")


def words_of(status: str) -> str:
    """A status for people: ``awaiting_permission`` is *awaiting permission*."""
    return one_line(status.replace("_", " "), 40) or "unknown"


def sign_of(status: str, signs: Signs) -> str:
    """The sign of a status."""
    if status in ("completed", "complete", "idle"):
        return signs.done
    if status in ("failed", "timed_out"):
        return signs.failed
    if status == "stopped":
        return signs.stopped
    return signs.waiting if status in ("queued", "created", "") else signs.busy


def seconds_text(seconds: float) -> str:
    """A span for people: ``0.4 s``, ``12.3 s``, ``3 m 05 s``, ``2 h 10 m``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} m {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} m"


def duration(task: Task) -> str:
    """How long an ended task took by its own row, ``""`` when it does not say."""
    if isinstance(task.duration_ms, int | float) and task.duration_ms >= 0:
        return seconds_text(task.duration_ms / 1000)
    began, ended = instant(task.started_at or task.created_at), instant(task.completed_at)
    return seconds_text(ended - began) if began is not None and ended is not None and ended >= began else ""


def tool_input(tool: Tool) -> str:
    """A tool's input in one line: what tells most of it, else all of it as JSON."""
    given = tool.input
    if isinstance(given, str):
        return one_line(given)
    if not isinstance(given, Mapping) or not given:
        return ""
    for key in _TELLING:
        value = _command(given.get(key)) if key == "command" else given.get(key)
        if isinstance(value, str) and value:
            place = _place(given) if key in _SOUGHT else ""
            return one_line(f"{value} in {place}" if place else value)
    return one_line(_json(given))


def _command(given: Any) -> Any:
    """A command as it would be typed; some agents give a list, often a shell and what it is to run."""
    if not isinstance(given, tuple) or not given or not all(isinstance(part, str) for part in given):
        return given
    if len(given) == 3 and given[1] in ("-c", "-lc"):
        return given[2]
    return shlex.join(given)


def _place(given: Mapping[str, Any]) -> str:
    """Where something is looked for: a folder, which files of it, or both."""
    parts = (given.get("path"), given.get("glob"))
    named = [part for part in parts if isinstance(part, str) and part]
    return "/".join(part.rstrip("/") or part for part in named)


def result_text(tool: Tool) -> str:
    """The beginning of a tool's result in one line."""
    result: Any = tool.result
    if isinstance(result, tuple):
        texts = [block.get("text") for block in result if isinstance(block, Mapping)]
        result = " ".join(text for text in texts if isinstance(text, str))
    if isinstance(result, str):
        return one_line(result)
    return one_line(_json(result)) if result else ""


def tool_failure(tool: Tool) -> str:
    """How a tool failed, in one line: its result where that is an error, else that permission was denied."""
    said = result_text(tool) if tool.failed else ""
    return said or ("permission denied" if tool.denied else "")


def _json(value: Any) -> str:
    try:
        return orjson.dumps(thaw(value)).decode()
    except (TypeError, ValueError, RecursionError):
        return ""


def fault_text(error: str) -> str:
    """What is wrong with a session, for people at a terminal, where there is no `resync` to call."""
    return error.removesuffix(AGAIN)
