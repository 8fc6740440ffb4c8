"""The items that operators emit. Frozen; plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agor_reactive.models import Message, Task
from agor_reactive.models.base import instant
from agor_reactive.models.task import ENDED_STATUSES

__all__ = ["QueueChange", "StatusChange", "TextDelta", "ToolCall", "Turn"]


@dataclass(frozen=True, slots=True)
class Turn:
    """A task that has ended, with its messages in order. `id` is the task's id: the idempotency key."""

    task: Task
    messages: Sequence[Message] = ()

    @property
    def id(self) -> str:
        """The task's id."""
        return self.task.task_id

    @property
    def session_id(self) -> str:
        """The session's id."""
        return self.task.session_id

    @property
    def status(self) -> str:
        """How it ended: ``completed failed stopped timed_out``."""
        return self.task.status

    @property
    def prompt(self) -> str:
        """The prompt."""
        return self.task.full_prompt

    @property
    def text(self) -> str:
        """The text of the reply: that of the assistant's messages, joined by blank lines."""
        return "\n\n".join(m.text for m in self.messages if m.role == "assistant" and m.text)

    @property
    def duration(self) -> float | None:
        """Seconds from the start to the end; None if one of them is unknown."""
        if isinstance(self.task.duration_ms, int | float):
            return self.task.duration_ms / 1000
        began, ended = instant(self.task.started_at), instant(self.task.completed_at)
        return None if began is None or ended is None else max(0.0, ended - began)

    @property
    def failed(self) -> bool:
        """Whether it ended otherwise than completed or stopped."""
        return self.status not in ("completed", "stopped")


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool call that has finished. Times are epoch seconds, those of the messages that hold the call and its result.

    `status` is ``completed``, ``failed`` (the result is an error), ``denied`` (permission was), ``interrupted`` (the
    task ended before there was a result) or ``unknown`` (the messages of the task are not loaded). `error` is a text
    for those that failed, were denied or interrupted. `input` and `result` are frozen JSON. `id` is the model's own: it
    is unique in its task only.
    """

    session_id: str
    task_id: str
    id: str
    name: str
    input: Any
    status: str
    result: Any
    error: str | None
    started_at: float | None
    ended_at: float | None

    @property
    def duration(self) -> float | None:
        """Seconds from the start to the end; None if one of them is unknown."""
        if self.started_at is None or self.ended_at is None:
            return None
        return max(0.0, self.ended_at - self.started_at)


@dataclass(frozen=True, slots=True)
class TextDelta:
    """Text that was added to a message of the assistant. `task_id` is None until the task is known.

    `replaces`: the text before it was not the beginning of the saved message; `text` is all of it.
    """

    session_id: str
    task_id: str | None
    message_id: str
    text: str
    replaces: bool = False


@dataclass(frozen=True, slots=True)
class StatusChange:
    """A session (`task_id` None) or a task has another status. `old` is None for a new one, or if it is not known."""

    session_id: str
    task_id: str | None
    old: str | None
    new: str

    @property
    def ended(self) -> bool:
        """Whether it is a task that has ended."""
        return self.task_id is not None and self.new in ENDED_STATUSES


@dataclass(frozen=True, slots=True)
class QueueChange:
    """The queue of a session has changed: `tasks` are queued now, in order; `added` and `removed` since before."""

    session_id: str
    tasks: tuple[Task, ...]
    added: tuple[Task, ...]
    removed: tuple[Task, ...]
