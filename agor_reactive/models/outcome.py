"""What came of a prompt: one class for each end, all with the task and the messages of it.

::

    Outcome
    ├── Done                 the task completed; `text` is the reply
    ├── Failed               it failed; `reason` says why, as far as the daemon told
    ├── Stopped              somebody stopped it, or denied what it needed (`reason`)
    ├── PermissionNeeded     it waits for permission; `requests` are what for
    ├── InputNeeded          it waits for answers to its questions
    └── TimedOut             it took longer than was allowed, or the daemon gave it up; `task.ended` tells which
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from agor_reactive.models.message import InputRequest, Message, PermissionAsked
from agor_reactive.models.task import Task

__all__ = [
    "Done",
    "Failed",
    "InputNeeded",
    "Outcome",
    "PermissionNeeded",
    "Stopped",
    "TimedOut",
    "asked_by_row",
    "last_reply",
    "outcome_of",
    "unanswered",
    "waits_for_someone",
    "why_it_ended",
]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of one prompt, or where it stands.

    `was_queued`: it had to wait for its turn first. `partial`: text of a later reply that was being written and is not
    saved, known to a live mirror only; ``""`` when there is none.
    """

    task: Task
    messages: tuple[Message, ...] = field(default=(), repr=False)
    was_queued: bool = False
    partial: str = field(default="", repr=False)

    @property
    def text(self) -> str:
        """The text of the last message that the assistant wrote, whole or not; ``""`` when there is none.

        A task that was stopped or failed may have written a reply that was never saved: a live client gives what it
        saw of it. Over REST only saved messages are known.
        """
        if self.partial:
            return self.partial
        last = last_reply(self.messages)
        return last.text if last is not None else ""


@dataclass(frozen=True, slots=True)
class Done(Outcome):
    """The task completed."""


@dataclass(frozen=True, slots=True)
class Failed(Outcome):
    """The task failed."""

    @property
    def reason(self) -> str:
        """Why: in the daemon's words, else the permission that was denied. Many failures come without any reason."""
        return why_it_ended(self.task, self.messages) or "the daemon gave no reason"


@dataclass(frozen=True, slots=True)
class Stopped(Outcome):
    """The task was stopped."""

    @property
    def reason(self) -> str:
        """Why: in the daemon's words, else the permission that was denied; ``""`` when nobody said."""
        return why_it_ended(self.task, self.messages)


@dataclass(frozen=True, slots=True)
class PermissionNeeded(Outcome):
    """The task waits for permission to use a tool. Once decided, it goes on: wait for it again."""

    @property
    def requests(self) -> tuple[PermissionAsked, ...]:
        """What it asks for and nobody has decided yet, by its messages or (older daemons) its own row."""
        asked = [request for message in self.messages if (request := message.permission) is not None]
        by_row = asked_by_row(self.task)
        if by_row is not None and by_row.request_id not in {request.request_id for request in asked}:
            asked.append(by_row)
        return tuple(request for request in asked if request.status == "pending")


@dataclass(frozen=True, slots=True)
class InputNeeded(Outcome):
    """The task waits for answers."""

    @property
    def requests(self) -> tuple[InputRequest, ...]:
        """What it asks and nobody has answered yet."""
        asked = (message.input_request for message in self.messages)
        return tuple(request for request in asked if request is not None and request.status == "pending")


@dataclass(frozen=True, slots=True)
class TimedOut(Outcome):
    """Time was up: ours (the task goes on) or the daemon's (`task.ended`)."""


_KINDS: Final[Mapping[str, type[Outcome]]] = {
    "completed": Done,
    "failed": Failed,
    "stopped": Stopped,
    "timed_out": TimedOut,
    "awaiting_permission": PermissionNeeded,
    "awaiting_input": InputNeeded,
}


def last_reply(messages: Iterable[Message]) -> Message | None:
    """The last message in which the assistant wrote text."""
    written = [message for message in messages if message.role == "assistant" and message.text]
    return written[-1] if written else None


def why_it_ended(task: Task, messages: Iterable[Message]) -> str:
    """Why a task failed or was stopped: the daemon's words, else the permission that was denied; ``""`` if unknown.

    Fact of the wire: a task whose permission request was denied ends without an `error_message`; only the status of the
    request's message tells.
    """
    if task.error_message:
        return task.error_message
    for message in reversed(tuple(messages)):
        request = message.permission
        if request is not None and request.status == "denied":
            given = message.content.get("reason") if isinstance(message.content, Mapping) else None
            why = f" ({given})" if isinstance(given, str) and given else ""
            return f"Permission denied: {request.tool_name or 'a tool'}{why}"
    return ""


def asked_by_row(task: Task) -> PermissionAsked | None:
    """The request that a task's own row tells of (older daemons), while the task waits for it."""
    asked = task.permission
    if task.status != "awaiting_permission" or asked is None or not asked.request_id or asked.approved_at:
        return None
    return PermissionAsked(
        request_id=asked.request_id,
        status="pending",
        tool_name=asked.tool_name,
        tool_input=asked.tool_input,
        tool_use_id=asked.tool_use_id,
        task_id=task.task_id,
    )


def waits_for_someone(task: Task) -> bool:
    """Whether the task says that it waits for a person. It says so a moment longer than it does: see `unanswered`."""
    return task.status in ("awaiting_permission", "awaiting_input")


def unanswered(messages: Iterable[Message]) -> bool:
    """Whether, by the messages of a task that waits, somebody has still to answer. True when they do not tell."""
    asked = [request for message in messages if (request := message.permission or message.input_request) is not None]
    return not asked or any(request.status == "pending" for request in asked)


def outcome_of(task: Task, messages: Iterable[Message], *, was_queued: bool, partial: str = "") -> Outcome:
    """The outcome that the task's status means; `TimedOut` while it is still at work (``stopping`` is at work)."""
    kind = _KINDS.get(task.status, TimedOut)
    return kind(task, tuple(messages), was_queued, partial)
