"""Output of commands: a console without markup, and JSON lines without secrets."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import IO, Any, Final

from rich.console import Console

from agor_reactive.core.snapshot import SessionState
from agor_reactive.models.json_text import json_bytes
from agor_reactive.transport.redaction import scrub

__all__ = ["JsonLines", "console", "is_idle", "json_line", "summary"]


_UNSAFE: Final = re.compile("[\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Raise `BrokenPipeError` so that the command handles it; rich would exit the process here."""
        raise BrokenPipeError


def console(stream: IO[str] | None = None) -> Console:
    """A console on stdout: no markup, no emoji codes, no highlighting, no encoding errors on old code pages."""
    file = stream if stream is not None else sys.stdout
    reconfigure = getattr(file, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")
    return _Console(file=file, markup=False, emoji=False, highlight=False)


def json_line(value: Any) -> str:
    """One JSON value on a line, without keys and tokens. Characters that control a terminal or hide are escaped."""
    line = json_bytes(scrub(value)).decode()
    # Only strings can hold them, where an escape means the same. orjson escapes those below U+0020 itself.
    return _UNSAFE.sub(lambda match: f"\\u{ord(match.group()):04x}", line)


def summary(state: SessionState) -> Mapping[str, Any]:
    """Summarize a snapshot in a dozen fields."""
    return {
        "revision": state.revision,
        "status": state.session.status if state.session is not None else None,
        "connection": state.connection.phase,
        "loading": state.loading,
        "tasks": len(state.tasks),
        "ended": sum(1 for task in state.tasks if task.ended),
        "active": state.active_task.task_id if state.active_task is not None else None,
        "queued": len(state.queued_tasks),
        "messages": sum(len(bucket) for bucket in state.messages_by_task.values()),
        "streaming": len(state.streaming_messages),
        "streamed_characters": sum(len(stream.text) for stream in state.get_streaming_messages()),
        "tools_executing": _executing(state),
        "error": state.error,
        "terminal": state.terminal,
    }


def _executing(state: SessionState) -> int:
    return sum(1 for tools in state.tools_by_task.values() for tool in tools if tool.status == "executing")


def is_idle(state: SessionState) -> bool:
    """Whether the mirror is up to date and the session is idle: no running or queued task, no open stream."""
    return (
        state.connected
        and not state.loading
        and state.last_synced_at is not None
        and not state.queued_tasks
        and state.active_task is None
        and not any(task.queued for task in state.tasks)  # the queue is read a moment later
        and all(stream.settled for stream in state.get_streaming_messages())
        and not _executing(state)
    )


class JsonLines:
    """A view that writes one summary line per snapshot and, when it ends, the whole last snapshot as the last line."""

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._stream = stream if stream is not None else sys.stdout
        self._state: SessionState | None = None

    def __enter__(self) -> JsonLines:
        return self

    def __exit__(self, *_: object) -> None:
        if self._state is not None:
            self._write(self._state.dump())

    def show(self, state: SessionState) -> None:
        """Write a summary of a newer snapshot."""
        if not state.status.disposed:
            self._state = state
            self._write(summary(state))

    def _write(self, value: Mapping[str, Any]) -> None:
        self._stream.write(json_line(value) + "\n")
        self._stream.flush()
