"""A `Link` without a network: a test scripts the daemon's answers, their timing, and its events.

It is shipped, so that code on top of the session layer can be tested without a daemon. It is deterministic: no IO, no
timers, no threads, no clock but the one given. Answers come from responders, at once and without yielding to the loop;
a call that should stay in flight is *held*.

::

    link = ScriptedLink()
    link.on_call("get", "sessions", lambda args: {"session_id": args[0], "status": "idle"})
    link.hold("find", "tasks")
    ...                                             # something asks for the tasks
    link.emit("tasks created", {"task_id": "t1"})
    link.pending[0].answer({"total": 0, "data": []})
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from agor_reactive.calls.effects import EffectGenerator
from agor_reactive.calls.methods import is_repeatable, lost_in_flight
from agor_reactive.errors import CallTimeout, NotAuthenticated, NotConnected, NotFound, OutcomeUnknown
from agor_reactive.models.base import copied
from agor_reactive.models.secrecy import reveal_fields
from agor_reactive.models.wire import LinkStatus
from agor_reactive.transport.credentials import Credentials
from agor_reactive.transport.login import Login, LoginStep
from agor_reactive.transport.rest_login import run_login
from agor_reactive.transport.seam import OnEvents, OnStatus

__all__ = ["PendingCall", "Responder", "ScriptedLink"]

Responder = Callable[[tuple[Any, ...]], Any]
"""Gets a call's arguments; returns the result or an awaitable of it, or raises the error of the call."""


class PendingCall:
    """A call in flight. The test ends it with one of the methods; the first one wins, later ones change nothing."""

    def __init__(self, link: ScriptedLink, method: str, service: str, args: tuple[Any, ...]) -> None:
        self.method = method
        self.service = service
        self.args = args
        self._link = link
        self._future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    @property
    def done(self) -> bool:
        """Whether the call has ended, or was cancelled by its caller."""
        return self._future.done()

    def answer(self, result: Any) -> None:
        """End the call with `result`."""
        if not self._future.done():
            self._future.set_result(result)

    def fail(self, error: BaseException) -> None:
        """End the call with `error`."""
        if not self._future.done():
            self._future.set_exception(error)

    def release(self) -> None:
        """End the call with the current answer of its responder."""
        if self._future.done():
            return
        try:
            result = self._link.respond(self.method, self.service, self.args)
        except Exception as error:  # noqa: BLE001 - whatever a responder raises is the call's outcome
            self.fail(error)
            return
        if inspect.isawaitable(result):
            self._follow(asyncio.ensure_future(result))
        else:
            self.answer(result)

    def time_out(self) -> None:
        """End the call as the real link does when no answer comes in time."""
        what = f"{self.method} {self.service}: no answer in time"
        self.fail(CallTimeout(what) if is_repeatable(self.method, self.service) else OutcomeUnknown(what))

    def _follow(self, inner: asyncio.Future[Any]) -> None:
        def copy(finished: asyncio.Future[Any]) -> None:
            if finished.cancelled():
                self._future.cancel()
            elif (error := finished.exception()) is not None:
                self.fail(error)
            else:
                self.answer(finished.result())

        inner.add_done_callback(copy)
        self._future.add_done_callback(lambda _: inner.cancel())

    def __repr__(self) -> str:
        return f"<PendingCall {self.method} {self.service}{' done' if self.done else ''}>"


@dataclass(frozen=True, slots=True, eq=False)
class _Rule:
    method: str
    service: str
    responder: Responder | None = None

    def fits(self, method: str, service: str) -> bool:
        return self.method in ("*", method) and _path_fits(self.service, service)


def _path_fits(pattern: str, service: str) -> bool:
    if pattern in ("*", service):
        return True
    wanted, given = pattern.split("/"), service.split("/")
    return len(wanted) == len(given) and all(w.startswith(":") or w == g for w, g in zip(wanted, given, strict=True))


class ScriptedLink:
    """Implements `agor_reactive.transport.seam.Link` from a script.

    `calls` is every call made, as ``(method, service, args)``; `pending` the calls in flight, oldest first. `clock`
    stamps emitted events (default: 1.0, 2.0, …). Every login succeeds unless the script says otherwise; any other call
    without a matching responder ends in `NotFound`, as on a daemon that lacks the service. Calls do not time out; use
    `PendingCall.time_out`.
    """

    def __init__(self, *, clock: Callable[[], float] | None = None) -> None:
        ticks = count(1)
        self.calls: list[tuple[str, str, tuple[Any, ...]]] = []
        self.pending: list[PendingCall] = []
        self._clock = clock if clock is not None else lambda: float(next(ticks))
        self._status = LinkStatus("connecting")
        self._on_events: OnEvents | None = None
        self._on_status: OnStatus | None = None
        self._login: Login | None = None
        self._responders: list[_Rule] = [_Rule("*", "authentication", lambda args: {"accessToken": "scripted"})]
        self._holds: list[_Rule] = []

    # ---- the script ----

    def on_call(self, method: str, service: str, responder: Responder) -> Callable[[], None]:
        """Answer matching calls with `responder`; the latest matching rule wins. Returns its undo.

        `method` may be ``"*"``; `service` may be ``"*"`` or have parameters: ``"sessions/:id/prompt"``.
        """
        return _added(self._responders, _Rule(method, service, responder))

    def hold(self, method: str = "*", service: str = "*") -> Callable[[], None]:
        """Keep matching calls in flight, in `pending`, until the test ends them. Returns its undo."""
        return _added(self._holds, _Rule(method, service))

    def release(self, method: str = "*", service: str = "*") -> None:
        """Remove every hold, and end the calls in flight with the answers of their responders."""
        self._holds.clear()
        for call in tuple(self.pending):
            if _Rule(method, service).fits(call.method, call.service):
                call.release()

    def emit(self, topic: str, payload: Any) -> bool:
        """Push one event, synchronously. Returns False when the link is down or has no listener: the event is then
        lost.

        The receiver gets a copy of the payload, as from a real link, which keeps no reference.
        """
        if not self._status.up or self._on_events is None:
            return False
        self._on_events([(topic, copied(payload))], self._clock())
        return True

    def drop(self, reason: str = "transport error") -> None:
        """Lose the connection: status ``reconnecting``, then every call in flight fails."""
        self.set_status(LinkStatus("reconnecting", attempt=1, next_try_in=0.2, reason=reason, epoch=self._status.epoch))
        self._fail_all(reason)

    def restore(self) -> None:
        """Reconnect, logged in, as a new connection (`epoch` + 1)."""
        self.set_status(LinkStatus("live", epoch=self._status.epoch + 1))

    def set_status(self, status: LinkStatus) -> None:
        """Set any status, and notify the listener."""
        self._status = status
        if self._on_status is not None:
            self._on_status(status)

    def respond(self, method: str, service: str, args: tuple[Any, ...]) -> Any:
        """The scripted answer to a call. Raises `NotFound` when no rule matches."""
        for rule in reversed(self._responders):
            if rule.fits(method, service) and rule.responder is not None:
                return rule.responder(args)
        raise NotFound(f"Service '{service}' not found", name="NotFound", code=404)

    # ---- the Link itself ----

    @property
    def status(self) -> LinkStatus:
        return self._status

    @property
    def user_id(self) -> str | None:
        return None if self._login is None else self._login.user_id

    def listen(self, on_events: OnEvents, on_status: OnStatus) -> None:
        self._on_events = on_events
        self._on_status = on_status

    async def open(self) -> None:
        if not self._status.up:
            self.restore()

    async def call(self, method: str, service: str, *args: Any, timeout: float | None = None) -> Any:
        if not self._status.up:
            raise NotConnected(f"{method} {service}: the link is {self._status.phase}; nothing was sent")
        self.calls.append((method, service, args))
        held = any(rule.fits(method, service) for rule in self._holds)
        if not held:
            result = self.respond(method, service, args)
            if not inspect.isawaitable(result):
                return result
        call = PendingCall(self, method, service, args)
        if not held:
            call._follow(asyncio.ensure_future(result))
        self.pending.append(call)
        try:
            return await call._future
        finally:
            self.pending.remove(call)

    async def login(self, credentials: Credentials) -> Mapping[str, Any]:
        login = Login(credentials, monotonic=self._clock, wall=self._clock)
        return await self._run(login, login.log_in())

    async def renew(self) -> Mapping[str, Any]:
        if self._login is None:
            raise NotAuthenticated("there is no login to renew; authenticate first")
        return await self._run(self._login, self._login.renew())

    async def logout(self) -> None:
        self._login = None
        await self.call("remove", "authentication", None, {})
        self.set_status(LinkStatus("unauthenticated", reason="logged out", epoch=self._status.epoch))

    async def _run(self, login: Login, steps: EffectGenerator[LoginStep, Mapping[str, Any]]) -> Mapping[str, Any]:
        answer = await run_login(
            steps, lambda call: self.call(call.method, call.service, *map(reveal_fields, call.args))
        )
        self._login = login
        if self._status.phase != "live":
            self.set_status(LinkStatus("live", epoch=self._status.epoch))
        return answer

    async def close(self) -> None:
        if self._status.phase != "closed":
            self.set_status(LinkStatus("closed", epoch=self._status.epoch))
            self._fail_all("closed")

    def _fail_all(self, reason: str) -> None:
        for call in tuple(self.pending):
            call.fail(lost_in_flight(call.method, call.service, reason))


def _added(rules: list[_Rule], rule: _Rule) -> Callable[[], None]:
    rules.append(rule)

    def undo() -> None:
        if rule in rules:
            rules.remove(rule)

    return undo
