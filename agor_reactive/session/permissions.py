"""Permission requests of a session as they come, each with its answer at hand.

Facts of the wire: an agent that needs permission saves a message of type ``permission_request`` whose content has the
status ``pending``; some daemons send ``sessions permission:request`` instead, or tell of it in the task's own row. The
first decision counts; how one is delivered is in `settling`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from reactivex import Observable, abc
from reactivex.disposable import CompositeDisposable

from agor_reactive.calls.settling import Decision
from agor_reactive.core.snapshot import SessionState
from agor_reactive.models.message import Message, PermissionAsked
from agor_reactive.models.outcome import asked_by_row
from agor_reactive.models.realtime import PermissionRequest, payload_of
from agor_reactive.models.reply import DecisionTaken
from agor_reactive.models.wire import RawEvent
from agor_reactive.models.words import PermissionScope
from agor_reactive.session.entry import SessionEntry

__all__ = ["Decide", "PendingPermission", "Permissions", "asked_by_row"]

Decide = Callable[[str, Decision], Awaitable[DecisionTaken]]
"""Delivers a decision to a session, by its id."""


@dataclass(frozen=True, slots=True)
class PendingPermission:
    """One request that nobody has answered yet, as far as is known.

    `tool_name` and `tool_input` say what the agent wants to do. The first decision counts; a later one changes nothing
    (`success` is False, `already_resolved` True). `approve` and `deny` return when the request is settled: a decision
    that gets lost on its way to the executor is sent again, for about 15 seconds; then they raise `DecisionPending`.
    """

    request: PermissionAsked
    session_id: str
    task_id: str | None = None
    message_id: str | None = None
    _decide: Decide | None = field(default=None, repr=False, compare=False)
    _user_id: str | None = field(default=None, repr=False, compare=False)

    @property
    def request_id(self) -> str:
        return self.request.request_id

    @property
    def tool_name(self) -> str:
        return self.request.tool_name

    @property
    def tool_input(self) -> Any:
        return self.request.tool_input

    async def approve(
        self,
        *,
        scope: PermissionScope | str | None = None,
        remember: bool = False,
        reason: str | None = None,
        decided_by: str | None = None,
    ) -> DecisionTaken:
        """Allow it; with `remember`, from now on as far as `scope` (``project``, ``user``, ``local``) reaches.

        Raises `UsageError` for one without the other, `NotFound` when the request is gone, `DecisionPending`.
        """
        return await self._answer(True, scope=scope, remember=remember, reason=reason, decided_by=decided_by)

    async def deny(self, *, reason: str | None = None, decided_by: str | None = None) -> DecisionTaken:
        """Refuse it. Raises as `approve`."""
        return await self._answer(False, reason=reason, decided_by=decided_by)

    async def _answer(self, allow: bool, **details: Any) -> DecisionTaken:
        assert self._decide is not None
        decided_by = details.pop("decided_by") or self._user_id
        decision = Decision(
            self.request_id,
            allow,
            task_id=self.task_id or self.request.task_id,
            message_id=self.message_id,
            decided_by=decided_by,
            **details,
        )
        return await self._decide(self.session_id, decision)


class Permissions(Observable[PendingPermission]):
    """The requests of one session: those that wait now, then each new one, once. Completes with the handle's session.

    Told is whatever comes to be known: by an event, by a reading of the session, by messages that are loaded later. One
    that was seen answered is not told.
    """

    def __init__(self, entry: SessionEntry, decide: Decide, user_id: Callable[[], str | None]) -> None:
        super().__init__()
        self._entry = entry
        self._decide = decide
        self._user_id = user_id

    def _subscribe_core(
        self, observer: abc.ObserverBase[PendingPermission], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        def tell(request: PermissionAsked, session_id: str, task_id: str | None, message_id: str | None) -> None:
            observer.on_next(PendingPermission(request, session_id, task_id, message_id, self._decide, self._user_id()))

        watch = _Watch(tell)
        events = self._entry.events.subscribe(watch.heard, observer.on_error, observer.on_completed)
        return CompositeDisposable(events, self._entry.snapshots.subscribe(watch.seen))


class _Watch:
    """What one subscriber was told, and what is known to be answered."""

    def __init__(self, tell: Callable[[PermissionAsked, str, str | None, str | None], None]) -> None:
        self._tell = tell
        self._done: set[str] = set()
        self._tasks: Any = None
        self._messages: Any = None
        self._looked_at: dict[str, Any] = {}

    def heard(self, event: RawEvent) -> None:
        """An event of the session."""
        if not isinstance(event.payload, dict):
            return
        if event.topic in ("messages created", "messages patched", "messages updated", "messages/bulk created"):
            if event.payload.get("type") == "permission_request":
                self._message(payload_of(event))
        elif event.topic == "sessions permission:request":
            came: PermissionRequest = payload_of(event)
            asked = PermissionAsked(
                request_id=came.request_id,
                status="pending",
                tool_name=came.tool_name or "",
                tool_input=came.tool_input,
                task_id=came.task_id,
            )
            self._asked(asked, came.session_id, came.task_id, None)
        elif event.topic in ("messages permission_resolved", "sessions permission:timeout"):
            self._done.add(payload_of(event).request_id)

    def seen(self, state: SessionState) -> None:
        """A snapshot. Only the messages of tasks at work are looked at, and only those that are not the same ones."""
        if state.tasks is self._tasks and state.messages_by_task is self._messages:
            return
        self._tasks, self._messages = state.tasks, state.messages_by_task
        looked_at, self._looked_at = self._looked_at, {}
        for task in state.tasks:
            if task.ended or task.queued:
                continue
            asked = asked_by_row(task)
            if asked is not None:
                self._asked(asked, state.session_id, task.task_id, None)
            bucket = self._looked_at[task.task_id] = state.get_task_messages(task.task_id)
            if bucket is not looked_at.get(task.task_id):
                for message in bucket:
                    if message.type == "permission_request":
                        self._message(message)

    def _message(self, message: Message) -> None:
        asked = message.permission
        if asked is not None:
            self._asked(asked, message.session_id, message.task_id or asked.task_id, message.message_id)

    def _asked(self, asked: PermissionAsked, session_id: str, task_id: str | None, message_id: str | None) -> None:
        if asked.request_id and asked.request_id not in self._done:
            self._done.add(asked.request_id)
            if asked.status == "pending":
                self._tell(asked, session_id, task_id, message_id)
