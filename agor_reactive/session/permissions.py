"""Permission requests of a session as they come, each with its answer at hand.

Facts of the wire: an agent that needs permission saves a message of type ``permission_request`` whose content has the
status ``pending``; some daemons send ``sessions permission:request`` instead, or tell of it in the task's own row. The
first answer counts.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from reactivex import Observable, abc
from reactivex.disposable import CompositeDisposable

from agor_reactive.core.snapshot import SessionState
from agor_reactive.models.message import Message, PermissionAsked
from agor_reactive.models.outcome import asked_by_row
from agor_reactive.models.realtime import PermissionRequest, payload_of
from agor_reactive.models.reply import DecisionTaken
from agor_reactive.models.wire import RawEvent
from agor_reactive.models.words import PermissionScope
from agor_reactive.session.shared import SharedSession

__all__ = ["Decide", "PendingPermission", "Permissions", "asked_by_row", "pending_in"]

Decide = Callable[[str, dict[str, Any]], Awaitable[DecisionTaken]]
"""Sends the answer to a request: session id, and what is to be sent."""


@dataclass(frozen=True, slots=True)
class PendingPermission:
    """One request that nobody has answered yet, as far as is known.

    `tool_name` and `tool_input` say what the agent wants to do. The daemon takes the first answer; a later one changes
    nothing (`success` is False, `already_resolved` True).
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
        scope: PermissionScope | str = "once",
        remember: bool = False,
        reason: str | None = None,
        decided_by: str | None = None,
    ) -> DecisionTaken:
        """Allow it; with `remember`, from now on as far as `scope` reaches."""
        return await self._answer(True, scope=scope, remember=remember, reason=reason, decided_by=decided_by)

    async def deny(self, *, reason: str | None = None, decided_by: str | None = None) -> DecisionTaken:
        """Refuse it."""
        return await self._answer(False, scope="once", remember=False, reason=reason, decided_by=decided_by)

    async def _answer(self, allow: bool, **details: Any) -> DecisionTaken:
        assert self._decide is not None
        decided_by = details.pop("decided_by") or self._user_id
        body = {"requestId": self.request_id, "allow": allow, **details, "decidedBy": decided_by}
        return await self._decide(self.session_id, {name: value for name, value in body.items() if value is not None})


def pending_in(state: SessionState) -> Iterator[Message]:
    """The permission requests of a snapshot that wait for an answer, those of tasks at work only."""
    for task in state.tasks:
        if not task.ended and not task.queued:
            for message in state.get_task_messages(task.task_id):
                asked = message.permission
                if asked is not None and asked.status == "pending":
                    yield message


class Permissions(Observable[PendingPermission]):
    """The requests of one session: those that wait now, then each new one, once. Completes with the handle's session.

    What came while the link was down is told after the next reading of the session.
    """

    def __init__(self, shared: SharedSession, decide: Decide, user_id: Callable[[], str | None]) -> None:
        super().__init__()
        self._shared = shared
        self._decide = decide
        self._user_id = user_id

    def _subscribe_core(
        self, observer: abc.ObserverBase[PendingPermission], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        told: set[str] = set()
        synced: float | None = -1.0

        def tell(request: PermissionAsked, session_id: str, task_id: str | None, message_id: str | None) -> None:
            if request.request_id not in told:
                told.add(request.request_id)
                observer.on_next(
                    PendingPermission(request, session_id, task_id, message_id, self._decide, self._user_id())
                )

        def tell_message(message: Message) -> None:
            asked = message.permission
            if asked is not None and asked.status == "pending":
                tell(asked, message.session_id, message.task_id or asked.task_id, message.message_id)

        def on_event(event: RawEvent) -> None:
            if event.topic in ("messages created", "messages patched", "messages/bulk created"):
                if isinstance(event.payload, dict) and event.payload.get("type") == "permission_request":
                    message = payload_of(event)
                    if isinstance(message, Message):
                        tell_message(message)
            elif event.topic == "sessions permission:request":
                came = payload_of(event)
                if isinstance(came, PermissionRequest) and came.request_id:
                    asked = PermissionAsked(
                        request_id=came.request_id,
                        status="pending",
                        tool_name=came.tool_name or "",
                        tool_input=came.tool_input,
                        task_id=came.task_id,
                    )
                    tell(asked, came.session_id, came.task_id, None)

        def on_state(state: SessionState) -> None:
            nonlocal synced
            if state.last_synced_at != synced:
                synced = state.last_synced_at
                for message in pending_in(state):
                    tell_message(message)
                for task in state.tasks:
                    asked = asked_by_row(task)
                    if asked is not None:
                        tell(asked, state.session_id, task.task_id, None)

        events = self._shared.events.subscribe(on_event, observer.on_error, observer.on_completed)
        return CompositeDisposable(events, self._shared.latest.subscribe(on_state))
