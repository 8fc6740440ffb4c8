"""The outcome of a prompt: one class for each, all with the task and its messages.

::

    Outcome
    ├── Done                 the task completed; `text` is the reply
    ├── Failed               it failed; `reason` says why, if the daemon gave a reason
    ├── Stopped              the task was stopped, or a permission was denied (`reason`)
    ├── PermissionNeeded     it waits for permission; `requests` are what for
    ├── InputNeeded          it waits for answers to its questions
    └── TimedOut             the wait or the task timed out; `task.ended` shows which
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from agor_reactive.errors import UsageError
from agor_reactive.models.message import InputRequest, Message, PermissionAsked
from agor_reactive.models.secrecy import scrub_text
from agor_reactive.models.task import Task

__all__ = [
    "Done",
    "Failed",
    "InputNeeded",
    "NeededPermission",
    "Outcome",
    "PermissionNeeded",
    "Stopped",
    "TimedOut",
    "answered_by",
    "asked_by_row",
    "last_reply",
    "outcome_of",
    "unanswered",
    "waits_for_someone",
    "why_it_ended",
]


@dataclass(frozen=True, slots=True, repr=False)
class Outcome:
    """The outcome of one prompt, or its current state.

    `was_queued`: the task was queued first. `partial`: text of a later reply that is not saved yet, known to a live
    mirror only; ``""`` when there is none.
    """

    task: Task
    messages: tuple[Message, ...] = field(default=(), repr=False)
    was_queued: bool = False
    partial: str = field(default="", repr=False)

    def __repr__(self) -> str:
        """Show the reply, what stands in its way, and the task: what an interactive user wants to know."""
        shown = [f"text={_short(self.text)}"]
        for name in ("reason", "requests"):
            value = getattr(self, name, None)
            if value:
                shown.append(f"{name}={_short(value) if isinstance(value, str) else repr(value)}")
        return f"{type(self).__name__}({', '.join(shown)}, task={self.task!r})"

    @property
    def text(self) -> str:
        """The text of the assistant's last message, complete or not; ``""`` when there is none.

        A task that was stopped or failed may have written a reply that was never saved: a live client returns the part
        it received. Over REST only saved messages are known.
        """
        if self.partial:
            return self.partial
        last = last_reply(self.messages)
        return last.text if last is not None else ""


@dataclass(frozen=True, slots=True, repr=False)
class Done(Outcome):
    """The task completed."""


@dataclass(frozen=True, slots=True, repr=False)
class Failed(Outcome):
    """The task failed."""

    @property
    def reason(self) -> str:
        """The daemon's reason, else the denied permission. Many failures have no reason."""
        return why_it_ended(self.task, self.messages) or "the daemon gave no reason"


@dataclass(frozen=True, slots=True, repr=False)
class Stopped(Outcome):
    """The task was stopped."""

    @property
    def reason(self) -> str:
        """The daemon's reason, else the denied permission; ``""`` when there is none."""
        return why_it_ended(self.task, self.messages)


Answer = Callable[..., Any]
"""Delivers a decision: called with the request, whether to allow it, and options by name."""


@dataclass(frozen=True, slots=True)
class NeededPermission:
    """A permission request that a task waits for: its fields, `approve` and `deny`.

    The first decision counts. `approve` and `deny` return what the calls of the client return: a `DecisionTaken`, or
    with an asyncio client an awaitable of one. They raise as `client.sessions.permission_decision`, and `UsageError`
    for an outcome that was pickled or made without a client.
    """

    request: PermissionAsked
    _answer: Answer | None = field(default=None, repr=False, compare=False)

    @property
    def request_id(self) -> str:
        """The request's id."""
        return self.request.request_id

    @property
    def status(self) -> str:
        """``pending``."""
        return self.request.status

    @property
    def tool_name(self) -> str:
        """The tool that the agent wants to use."""
        return self.request.tool_name

    @property
    def tool_input(self) -> Any:
        """The input of the tool."""
        return self.request.tool_input

    @property
    def tool_use_id(self) -> str | None:
        """The id of the tool call, if the daemon says so."""
        return self.request.tool_use_id

    @property
    def task_id(self) -> str | None:
        """The task that waits, if the request names it."""
        return self.request.task_id

    def approve(self, *, scope: str | None = None, remember: bool = False, reason: str | None = None) -> Any:
        """Allow it; with `remember`, from now on as far as `scope` (``project``, ``user``, ``local``) reaches."""
        return self._decide(True, scope=scope, remember=remember, reason=reason)

    def deny(self, reason: str | None = None) -> Any:
        """Refuse it."""
        return self._decide(False, reason=reason)

    def _decide(self, allow: bool, **options: Any) -> Any:
        if self._answer is None:
            raise UsageError("This outcome has no client. Use client.sessions.permission_decision.")
        return self._answer(self.request, allow, **options)


@dataclass(frozen=True, slots=True, repr=False)
class PermissionNeeded(Outcome):
    """The task waits for permission to use a tool. It continues after the decision: wait for it again.

    `answer` delivers a decision; the client that made the outcome sets it.
    """

    answer: Answer | None = field(default=None, repr=False, compare=False)

    def __reduce__(self) -> tuple[type[PermissionNeeded], tuple[Any, ...]]:
        return (PermissionNeeded, (self.task, self.messages, self.was_queued, self.partial))

    @property
    def requests(self) -> tuple[NeededPermission, ...]:
        """The undecided requests, from the task's messages or (older daemons) its own row."""
        asked = [request for message in self.messages if (request := message.permission) is not None]
        by_row = asked_by_row(self.task)
        if by_row is not None and by_row.request_id not in {request.request_id for request in asked}:
            asked.append(by_row)
        return tuple(NeededPermission(request, self.answer) for request in asked if request.status == "pending")


@dataclass(frozen=True, slots=True, repr=False)
class InputNeeded(Outcome):
    """The task waits for answers."""

    @property
    def requests(self) -> tuple[InputRequest, ...]:
        """The unanswered requests."""
        asked = (message.input_request for message in self.messages)
        return tuple(request for request in asked if request is not None and request.status == "pending")


@dataclass(frozen=True, slots=True, repr=False)
class TimedOut(Outcome):
    """The wait timed out (the task continues), or the task did on the daemon (`task.ended`)."""


def _short(text: str) -> str:
    """A text as a literal, cut after 200 characters, without keys and tokens."""
    clean = scrub_text(text)
    return repr(clean if len(clean) <= _SHOWN else clean[: _SHOWN - 1] + "…")


_SHOWN: Final = 200

_KINDS: Final[Mapping[str, type[Outcome]]] = {
    "completed": Done,
    "failed": Failed,
    "stopped": Stopped,
    "timed_out": TimedOut,
    "awaiting_permission": PermissionNeeded,
    "awaiting_input": InputNeeded,
}


def last_reply(messages: Iterable[Message]) -> Message | None:
    """The last message with text of the assistant."""
    written = [message for message in messages if message.role == "assistant" and message.text]
    return written[-1] if written else None


def why_it_ended(task: Task, messages: Iterable[Message]) -> str:
    """Why a task failed or was stopped: the daemon's message, else the denied permission; ``""`` if unknown.

    Fact of the wire: a task whose permission request was denied ends without an `error_message`; only the status of the
    request's message shows it.
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
    """The request in a waiting task's own row (older daemons)."""
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
    """Whether the task's status is a wait for a user. The status is a moment late: see `unanswered`."""
    return task.status in ("awaiting_permission", "awaiting_input")


def unanswered(messages: Iterable[Message]) -> bool:
    """Whether the messages of a waiting task have an unanswered request. True when they have none at all."""
    asked = [request for message in messages if (request := message.permission or message.input_request) is not None]
    return not asked or any(request.status == "pending" for request in asked)


def answered_by(outcome: Outcome, answer: Answer) -> Outcome:
    """The outcome whose requests are answered by `answer`, if it has any."""
    return replace(outcome, answer=answer) if isinstance(outcome, PermissionNeeded) else outcome


def outcome_of(task: Task, messages: Iterable[Message], *, was_queued: bool, partial: str = "") -> Outcome:
    """The outcome for a task's status; `TimedOut` while it is still active (``stopping`` is active)."""
    kind = _KINDS.get(task.status, TimedOut)
    return kind(task, tuple(messages), was_queued, partial)
