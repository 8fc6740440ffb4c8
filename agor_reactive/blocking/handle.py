"""A live mirror of one session for plain threads."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Self

from reactivex import Observable
from reactivex import operators as ops

from agor_reactive.blocking.permission import BlockingPermission
from agor_reactive.blocking.portal import LoopThread, Newest, blocking, emitting_on_loop, handed_over
from agor_reactive.core.snapshot import SessionState
from agor_reactive.errors import UsageError
from agor_reactive.models.message import PermissionAsked
from agor_reactive.models.outcome import Outcome, PermissionNeeded, answered_by
from agor_reactive.models.reply import DecisionTaken
from agor_reactive.models.wire import RawEvent
from agor_reactive.services import Deliver
from agor_reactive.session.handles import SessionHandle
from agor_reactive.session.permissions import PendingPermission

__all__ = ["BlockingHandle"]


P = ParamSpec("P")


def _answerable(
    method: Callable[Concatenate[BlockingHandle, P], Outcome],
) -> Callable[Concatenate[BlockingHandle, P], Outcome]:
    """Make the permission requests of the outcome answer without `await`."""

    @wraps(method)
    def call(self: BlockingHandle, /, *args: P.args, **kwargs: P.kwargs) -> Outcome:
        outcome, portal = method(self, *args, **kwargs), self.portal
        if not isinstance(outcome, PermissionNeeded) or (answer := outcome.answer) is None:
            return outcome

        def decide(asked: PermissionAsked, allow: bool, **options: Any) -> DecisionTaken:
            taken: DecisionTaken = portal.run(answer(asked, allow, **options))
            return taken

        return answered_by(outcome, decide)

    return call


class BlockingHandle:
    """A live mirror of one session, for plain threads: `SessionHandle` without `await`.

    A function that is given to a method is called on the loop's thread, unless `deliver` says otherwise.

    >>> with client.retain(session_id) as handle:                          # doctest: +SKIP
    ...     handle.ready()
    ...     task = handle.prompt("Run the tests.")
    ...     done = handle.wait_for(lambda state: state.get_task(task.task_id).ended)
    """

    def __init__(self, handle: SessionHandle, portal: LoopThread) -> None:
        self._handle = handle
        self._portal = portal

    @property
    def live(self) -> SessionHandle:
        """The async handle behind this one, for views: ``SessionView(handle.live)``."""
        return self._handle

    @property
    def portal(self) -> LoopThread:
        """The client's event loop, for what runs on it."""
        return self._portal

    @property
    def session_id(self) -> str:
        """The session's full id, when known."""
        return self._handle.session_id

    @property
    def state(self) -> SessionState:
        """The newest snapshot, from any thread: it is immutable."""
        return self._handle.state

    @property
    def snapshots(self) -> Observable[SessionState]:
        """The snapshots as an Observable that emits on the loop's thread (`observe_on` moves it)."""
        return emitting_on_loop(self._handle.entry.snapshots, self._portal)

    @property
    def events(self) -> Observable[RawEvent]:
        """Every event of the session as an Observable that emits on the loop's thread."""
        return emitting_on_loop(self._handle.entry.events, self._portal)

    @property
    def permissions(self) -> Observable[BlockingPermission]:
        """Permission requests as an Observable that emits on the loop's thread: the pending ones, then each new one.

        Call `approve` and `deny` on another thread than the loop's; see `on_permission`.
        """
        portal = self._portal
        requests = self._portal.call(lambda: self._handle.permissions)

        def wrap(asked: PendingPermission) -> BlockingPermission:
            return BlockingPermission.of(asked, portal)

        return emitting_on_loop(requests, portal).pipe(ops.map(wrap))

    def ready(self, timeout: float | None = None) -> SessionState:
        """Wait for the first load to end; see `SessionHandle.ready`. Raises `CallTimeout`."""
        return self._portal.run(self._handle.ready(), timeout)

    def subscribe(
        self, callback: Callable[[SessionState], Any], *, deliver: Deliver | None = None
    ) -> Callable[[], None]:
        """Call `callback` with the current snapshot, then with newer ones. Returns the undo.

        It is called on the loop's thread, or by `deliver`, with at most one call pending there.
        """
        notify = callback if deliver is None else Newest(callback, deliver)
        subscription = self._portal.call(self._handle.subscribe, notify)

        return lambda: self._portal.let_go(subscription.dispose)

    def on_permission(
        self, callback: Callable[[BlockingPermission], Any], *, deliver: Deliver | None = None
    ) -> Callable[[], None]:
        """Call `callback` with each pending permission request, then with each new one. Returns the undo.

        It is called on the loop's thread, or by `deliver`. Call `approve` and `deny` on another thread than the loop's:
        through `deliver`, or later.
        """
        notify, portal = handed_over(callback, deliver), self._portal  # not self, which listeners would keep alive

        def wrap(asked: PendingPermission) -> None:
            notify(BlockingPermission.of(asked, portal))

        subscription = portal.call(lambda: self._handle.permissions.subscribe(wrap))
        return lambda: portal.let_go(subscription.dispose)

    def states(self, timeout: float | None = None) -> Iterator[SessionState]:
        """Iterate over the current snapshot, then the newest ones, without a backlog.

        Ends when the handle is released. Raises `CallTimeout` after `timeout` seconds without a snapshot.
        """
        states = self._handle.states()

        async def following() -> SessionState | None:
            return await anext(states, None)

        try:
            while (state := self._portal.run(following(), timeout)) is not None:
                yield state
        finally:
            if self._portal.alive:  # else the loop's end has ended it
                with contextlib.suppress(UsageError):
                    self._portal.run(states.aclose())  # type: ignore[attr-defined]

    def wait_for(self, condition: Callable[[SessionState], Any], timeout: float | None = None) -> SessionState:
        """Wait for the first snapshot for which `condition` holds. It is evaluated on the loop's thread.

        Raises `CallTimeout`, and `UsageError` if the handle is released before.
        """

        async def waiting() -> SessionState:
            async for state in self._handle.states():
                if condition(state):
                    return state
            raise UsageError("the handle was released before the condition held")

        return self._portal.run(waiting(), timeout)

    # ---- as of `SessionHandle`

    prompt = blocking(SessionHandle.prompt)
    ask = _answerable(blocking(SessionHandle.ask))
    wait = _answerable(blocking(SessionHandle.wait))
    stop = blocking(SessionHandle.stop)
    cancel = blocking(SessionHandle.cancel)
    approve = blocking(SessionHandle.approve)
    deny = blocking(SessionHandle.deny)
    load_task_messages = blocking(SessionHandle.load_task_messages)
    load_older_tasks = blocking(SessionHandle.load_older_tasks)

    def unload_task_messages(self, task_id: str) -> None:
        """Unload a task's messages."""
        self._portal.call(self._handle.unload_task_messages, task_id)

    def resync(self, timeout: float | None = None) -> SessionState:
        """Read everything again; see `SessionHandle.resync`. Waits for reconnects, at most `timeout` seconds; then
        raises `CallTimeout`, and otherwise as `SessionHandle.resync`.
        """
        return self._portal.run(self._handle.resync(), timeout)

    def release(self) -> None:
        """Release the handle. Idempotent."""
        if not self._handle.released:
            self._portal.let_go(self._handle.release)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        return self._handle._repr_mimebundle_(include, exclude)

    def _display_(self) -> Any:
        return self._handle._display_()

    def __repr__(self) -> str:
        return repr(self._handle).replace("SessionHandle", "BlockingHandle", 1)
