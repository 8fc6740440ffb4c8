"""Permission requests of a session as an Observable, each with methods to approve or deny it.

Facts of the wire: an agent that needs permission saves a message of type ``permission_request`` whose content has the
status ``pending``; some daemons send ``sessions permission:request`` instead, or put it into the task's own row. The
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
from agor_reactive.core.tables import MessageBucket
from agor_reactive.errors import UsageError
from agor_reactive.models.message import Message, PermissionAsked
from agor_reactive.models.outcome import asked_by_row
from agor_reactive.models.realtime import PermissionRequest, payload_of
from agor_reactive.models.reply import DecisionTaken
from agor_reactive.models.wire import RawEvent
from agor_reactive.models.words import PermissionScope
from agor_reactive.session.entry import SessionEntry

__all__ = ["Decide", "PendingPermission", "Permission", "PermissionWatch", "Permissions", "asked_by_row"]

Decide = Callable[[str, Decision], Awaitable[DecisionTaken]]
"""Delivers a decision to a session, by its id."""


@dataclass(frozen=True, slots=True, eq=False)
class Permission:
    """A permission request of a session: `tool_name` and `tool_input` say what the agent wants to do."""

    request: PermissionAsked
    session_id: str
    task_id: str | None = None
    message_id: str | None = None

    @property
    def id(self) -> str:
        """The request's id: the idempotency key."""
        return self.request.request_id

    @property
    def request_id(self) -> str:
        """The request's id."""
        return self.request.request_id

    @property
    def tool_name(self) -> str:
        """The name of the tool that the agent wants to use."""
        return self.request.tool_name

    @property
    def tool_input(self) -> Any:
        """The input of the tool."""
        return self.request.tool_input


@dataclass(frozen=True, slots=True)
class PendingPermission(Permission):
    """One permission request that is not answered yet, as far as is known.

    The first decision counts; a later one changes nothing
    (`success` is False, `already_resolved` True). `approve` and `deny` return when the request is settled: a decision
    that does not reach the executor is sent again, for about 15 seconds; then they raise `DecisionPending`.
    """

    _decide: Decide | None = field(default=None, repr=False, compare=False)
    _user_id: str | None = field(default=None, repr=False, compare=False)

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

    async def deny(self, reason: str | None = None, *, decided_by: str | None = None) -> DecisionTaken:
        """Refuse it. Raises as `approve`."""
        return await self._answer(False, reason=reason, decided_by=decided_by)

    async def _answer(self, allow: bool, **details: Any) -> DecisionTaken:
        if self._decide is None:
            raise UsageError("This request cannot be answered from here. Use handle.permissions of a live session.")
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
    """The requests of one session: the pending ones, then each new one, once. Completes with the session's mirror.

    A request may become known by an event, by a sync round or by messages that are loaded later. One that is known to
    be answered is not emitted.
    """

    def __init__(self, entry: SessionEntry, decide: Decide, user_id: Callable[[], str | None]) -> None:
        super().__init__()
        self._entry = entry
        self._decide = decide
        self._user_id = user_id

    def _subscribe_core(
        self, observer: abc.ObserverBase[PendingPermission], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        def notify(request: PermissionAsked, session_id: str, task_id: str | None, message_id: str | None) -> None:
            observer.on_next(PendingPermission(request, session_id, task_id, message_id, self._decide, self._user_id()))

        watch = PermissionWatch(notify)
        events = self._entry.events.subscribe(watch.receive, observer.on_error, observer.on_completed)
        return CompositeDisposable(events, self._entry.snapshots.subscribe(watch.look))


class PermissionWatch:
    """The requests that one subscriber has got, or that are known to be answered."""

    def __init__(self, notify: Callable[[PermissionAsked, str, str | None, str | None], None]) -> None:
        self._notify = notify
        self._done: set[str] = set()
        self._tasks: Any = None
        self._messages: Any = None
        self._looked_at: dict[str, MessageBucket] = {}

    def receive(self, event: RawEvent) -> None:
        """Take an event of the session."""
        if not isinstance(event.payload, dict):
            return
        if event.topic in ("messages created", "messages patched", "messages updated", "messages/bulk created"):
            if event.payload.get("type") == "permission_request":
                self._message(payload_of(event))
        elif event.topic == "sessions permission:request":
            request: PermissionRequest = payload_of(event)
            asked = PermissionAsked(
                request_id=request.request_id,
                status="pending",
                tool_name=request.tool_name or "",
                tool_input=request.tool_input,
                task_id=request.task_id,
            )
            self._request(asked, request.session_id, request.task_id, None)
        elif event.topic in ("messages permission_resolved", "sessions permission:timeout"):
            self._done.add(payload_of(event).request_id)

    def look(self, state: SessionState) -> None:
        """Take a snapshot. Only messages of running tasks are looked at, and only those that have changed."""
        if state.tasks is self._tasks and state.messages_by_task is self._messages:
            return
        self._tasks, self._messages = state.tasks, state.messages_by_task
        looked_at, self._looked_at = self._looked_at, {}
        for task_id in state.tasks.active:
            entry = state.tasks.entries.get(task_id)
            if entry is None:
                continue
            if entry.status == "awaiting_permission" and (asked := asked_by_row(entry.row)) is not None:
                self._request(asked, state.session_id, task_id, None)
            bucket = state.messages_by_task.get(task_id)
            if bucket is None:
                continue
            self._looked_at[task_id] = bucket
            before = looked_at.get(task_id)
            if bucket is not before:
                added = None if before is None else bucket.added_since(before)
                for message in bucket.in_order() if added is None else added:
                    if message.fields.get("type") == "permission_request":
                        self._message(message.row)

    def _message(self, message: Message) -> None:
        asked = message.permission
        if asked is not None:
            self._request(asked, message.session_id, message.task_id or asked.task_id, message.message_id)

    def _request(self, asked: PermissionAsked, session_id: str, task_id: str | None, message_id: str | None) -> None:
        if asked.request_id and asked.request_id not in self._done:
            self._done.add(asked.request_id)
            if asked.status == "pending":
                self._notify(asked, session_id, task_id, message_id)
