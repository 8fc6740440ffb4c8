"""Handles: what a user holds of a mirrored session."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any, ClassVar, Protocol, Self, TypedDict, TypeVar, Unpack

from reactivex import Observable

from agor_reactive.calls import arguments, settling
from agor_reactive.calls.answers import typed_row
from agor_reactive.calls.drivers import AsyncDriver
from agor_reactive.calls.progress import Progress, reporting
from agor_reactive.calls.settling import Decision
from agor_reactive.core.events import UnloadRequested
from agor_reactive.core.snapshot import SessionState
from agor_reactive.errors import Conflict, HandleDisposed, NotFound, UsageError
from agor_reactive.models import words
from agor_reactive.models.message import Message, PermissionAsked
from agor_reactive.models.outcome import Outcome, answered_by
from agor_reactive.models.reply import DecisionTaken, StopAnswer
from agor_reactive.models.task import Task
from agor_reactive.models.wire import RawEvent
from agor_reactive.session import prompt_and_wait, routing
from agor_reactive.session.entry import SessionEntry
from agor_reactive.session.iteration import iterate, newest
from agor_reactive.session.observers import Subscription
from agor_reactive.session.permissions import PendingPermission, Permissions
from agor_reactive.transport.seam import caller

__all__ = ["PromptOptions", "SessionHandle", "checked_handle"]

T = TypeVar("T")


class _Prompter(Protocol):
    prompt: Callable[..., Awaitable[Task]] | None


class PromptOptions(TypedDict, total=False):
    """How a prompt is sent; see `client.sessions.prompt`. One definition for every handle."""

    permission_mode: words.PermissionMode | str | None
    stream: bool | None
    message_source: words.MessageSource | str | None
    metadata: Mapping[str, Any] | None
    max_retries: int | None


class SessionHandle:
    """A live mirror of one session. Handles of the same session on one client share it.

    Made by `retain_reactive_session`; release it when done, or use it as an async context manager. Every method may be
    called on the event loop of the client only (`WrongLoop` otherwise); after `release` most raise `HandleDisposed`.

    >>> async with retain_reactive_session(client, session_id) as handle:   # doctest: +SKIP
    ...     state = await handle.ready()
    ...     print(state.session.title, len(state.tasks))
    """

    display: ClassVar[Callable[[SessionHandle], Any] | None] = None
    """How a handle shows itself in a notebook or in IPython; `agor_reactive` sets it, since adapters are above."""

    displayed: ClassVar[Callable[[SessionHandle], Any] | None] = None
    """What marimo shows for a handle; `agor_reactive` sets it, too."""

    def __init__(self, entry: SessionEntry, prompter: _Prompter) -> None:
        self._leased = entry
        self._prompter = prompter
        self._released = False
        self._let_go: asyncio.Future[None] | None = None

    @property
    def entry(self) -> SessionEntry:
        """The shared mirror: one object for all handles of the same session and hydration."""
        while self._leased.successor is not None:
            self._leased = self._leased.successor
        return self._leased

    @property
    def mirrored(self) -> SessionEntry | None:
        """`entry` once the session's full id is known, None before. Raises `HandleDisposed` and `WrongLoop`."""
        entry = self._use("this view")
        return entry if entry.started else None

    @property
    def session_id(self) -> str:
        """The session's full id, once known; until then the short one it was retained by."""
        return self.entry.session_id

    @property
    def state(self) -> SessionState:
        """The newest snapshot. Empty after the last release."""
        return self.entry.state

    @property
    def released(self) -> bool:
        """Whether this handle was released."""
        return self._released

    def _use(self, what: str) -> SessionEntry:
        """The mirror, for a use of the handle that `what` names. Raises `HandleDisposed` and `WrongLoop`."""
        entry = self.entry
        if self._released or entry.disposed:
            why = "this handle was released" if self._released else "the client of this handle was closed"
            raise HandleDisposed(f"{what}: {why}. Retain session {self.session_id} again to use it.")
        entry.router.own_loop.check()
        return entry

    async def _while_held(self, future: asyncio.Future[T]) -> T:
        """The result of `future`. Raises `HandleDisposed` if this handle is released before, though others remain."""
        if self._let_go is None:
            self._let_go = future.get_loop().create_future()
        try:
            await asyncio.wait((future, self._let_go), return_when=asyncio.FIRST_COMPLETED)
            if not future.done():
                raise HandleDisposed("The handle was released while this was under way.")
            return future.result()
        finally:
            future.cancel()

    # ------------------------------------------------------------------------------------------------------- reading

    async def ready(self) -> SessionState:
        """Wait for the first sync round to end, and return that snapshot.

        If it failed, `state.error` and `state.terminal` say so; failures that may pass are retried automatically.
        """
        return await self._while_held(self._use("ready()").ready())

    def subscribe(self, callback: Callable[[SessionState], Any]) -> Subscription[SessionState]:
        """Call `callback` with the current snapshot at once, then with each newer one, at most once per loop tick.

        Returns the undo (call it, or its `dispose`). What `callback` raises is reported once and affects no other.
        """
        return self._use("subscribe()").snapshots.add(arguments.callback(callback))

    @property
    def snapshots(self) -> Observable[SessionState]:
        """Snapshots as an RxPY Observable: the current one at once, then each newest; completes on the last release."""
        return self._use("snapshots").snapshots

    @property
    def events(self) -> Observable[RawEvent]:
        """Every event of this session, in order, secrets removed."""
        return self._use("events").events

    async def states(self) -> AsyncIterator[SessionState]:
        """Iterate over the current snapshot, then the newest one whenever it has changed: never a backlog.

        Ends when the handle is disposed. Breaking out of the loop unsubscribes.
        """
        yielded = -1
        async with aclosing(aiter(iterate(self._use("states()").snapshots, newest()))) as snapshots:
            async for state in snapshots:
                current = self.state  # what was folded since the snapshot was published is in this one
                if not current.status.disposed and current.revision > state.revision:
                    state = current
                if state.revision > yielded:
                    yielded = state.revision
                    yield state

    # ------------------------------------------------------------------------------------------------------- actions

    async def prompt(self, text: str, *, timeout: float | None = None, **options: Unpack[PromptOptions]) -> Task:
        """Send a prompt; on a busy session it queues. Returns the task as the daemon admitted it.

        `timeout` is for the daemon's answer, in seconds; None is the client's own. Raises what `client.sessions.prompt`
        raises.
        """
        entry = self._use("prompt()")
        if self._prompter.prompt is None:
            raise UsageError("This handle was made without a client that can prompt.")
        given = {} if timeout is None else {"timeout": timeout}
        return await self._prompter.prompt(entry.session_id, text, **options, **given)

    async def ask(
        self,
        text: str,
        *,
        timeout: float | None = None,
        at_permission: bool = True,
        progress: Progress = False,
        **options: Unpack[PromptOptions],
    ) -> Outcome:
        """Send a prompt and wait for its outcome: a `Done`, `Failed`, `Stopped`, `PermissionNeeded`, `InputNeeded` or
        `TimedOut` (see `agor_reactive.models.outcome`), with the task, its messages and the text of the reply.

        `timeout` is in seconds, None for no limit; the task continues after it. With `at_permission`, a task that waits
        for a person ends the wait; `wait` resumes it. With `progress`, a line in the terminal or the notebook's cell
        shows what the task does; a function gets the lines instead. `options` and errors are those of `prompt`;
        `NotFound` when the session is removed meanwhile. It outlasts drops of the link. Cancelling it does not stop the
        task.
        """
        entry = self._use("ask()")
        arguments.check_wait(timeout)
        with reporting(progress) as report:
            outcome = await prompt_and_wait.ask(
                entry,
                entry.link,
                lambda: self.prompt(text, **options),
                timeout=timeout,
                at_permission=at_permission,
                report=report,
            )
        return self._answerable(outcome)

    async def wait(self, task_id: str, *, timeout: float | None = None, at_permission: bool = True) -> Outcome:
        """Wait for the outcome of a task of this session; see `ask`."""
        entry = self._use("wait()")
        arguments.check_wait(timeout)
        outcome = await prompt_and_wait.wait(entry, entry.link, task_id, timeout=timeout, at_permission=at_permission)
        return self._answerable(outcome)

    def _answerable(self, outcome: Outcome) -> Outcome:
        """The outcome whose permission requests can be answered."""

        async def answer(asked: PermissionAsked, allow: bool, **options: Any) -> DecisionTaken:
            task_id = asked.task_id or outcome.task.task_id
            entry = self._use("approve()" if allow else "deny()")
            pending = PendingPermission(asked, self.session_id, task_id, None, self._decider(entry), entry.link.user_id)
            return await (pending.approve(**options) if allow else pending.deny(**options))

        return answered_by(outcome, answer)

    async def stop(
        self,
        reason: str | None = None,
        *,
        expected_task_id: str | None = None,
        wait: bool | float | None = True,
        on_pending: Callable[[StopAnswer], Any] | None = None,
    ) -> StopAnswer:
        """Stop the running task. Queued prompts still run. See `client.sessions.stop`."""
        entry = self._use("stop()")
        stopping = settling.stop(
            entry.session_id, reason=reason, expected_task_id=expected_task_id, wait=wait, on_pending=on_pending
        )
        return await self._driver(entry).run(stopping)

    async def cancel(self, task_id: str) -> Task:
        """Remove a queued prompt from the queue, and return its task as it was.

        Raises `Conflict` when the task is no longer queued, `NotFound` when it is gone or of another session.
        """
        entry = self._use("cancel()")
        queued = (task for task in entry.state.queued_tasks if task.task_id == task_id)
        task = next(queued, None) or entry.state.get_task(task_id)
        if task is None:
            task = typed_row(Task, await entry.link.call("get", "tasks", task_id))
            if task.session_id != entry.session_id:
                raise NotFound(f"Task {task_id} is not in this session")
        if not task.queued:
            raise Conflict("This prompt is no longer queued.")
        await entry.link.call("remove", "tasks", task.task_id)
        return task

    async def approve(
        self,
        request_id: str,
        *,
        scope: words.PermissionScope | str | None = None,
        remember: bool = False,
        reason: str | None = None,
    ) -> DecisionTaken:
        """Allow what a pending permission request asks for; see `PendingPermission.approve`.

        Raises `Conflict` when no such request is pending.
        """
        return await self._pending(request_id).approve(scope=scope, remember=remember, reason=reason)

    async def deny(self, request_id: str, reason: str | None = None) -> DecisionTaken:
        """Refuse what a pending permission request asks for. Raises as `approve`."""
        return await self._pending(request_id).deny(reason)

    def _pending(self, request_id: str) -> PendingPermission:
        pending: list[PendingPermission] = []
        # Pending requests are delivered while subscribing.
        self.permissions.subscribe(pending.append).dispose()
        for request in pending:
            if request.request_id == request_id:
                return request
        raise Conflict("This request was already answered.")

    @staticmethod
    def _driver(entry: SessionEntry) -> AsyncDriver:
        return AsyncDriver(caller(entry.link), sleep=entry.sleep, own_loop=entry.router.own_loop)

    @property
    def permissions(self) -> Permissions:
        """Permission requests as an Observable: the pending ones, then each new one, to `approve` or `deny`."""
        entry = self._use("permissions")
        return Permissions(entry, self._decider(entry), lambda: entry.link.user_id)

    @classmethod
    def _decider(cls, entry: SessionEntry) -> Callable[[str, Decision], Awaitable[DecisionTaken]]:
        """What delivers a decision. It does not keep the handle alive, because listeners keep it."""
        driver = cls._driver(entry)

        async def decide(session_id: str, decision: Decision) -> DecisionTaken:
            return await driver.run(settling.decide(session_id, decision))

        return decide

    async def load_task_messages(self, task_id: str) -> tuple[Message, ...]:
        """Read a task's messages, keep them in the state from now on, and return them in order.

        Messages of a task that `state.tasks` does not show (see `load_older_tasks`) are returned and not kept.

        Concurrent loads of one task are one request. Raises `NotFound` for a task that was removed, does not exist, or
        belongs to another session; `NotConnected` while the link is down or when it drops; and what the daemon answers.
        """
        entry = self._use("load_task_messages()")
        messages = await self._while_held(entry.load(task_id))
        entry = self._use("load_task_messages()")
        if routing.is_surely_of(entry.state, task_id, messages):
            return messages
        full = await routing.task_id_in(entry.link, entry.session_id, task_id)
        return messages if full == task_id else await self.load_task_messages(full)

    def unload_task_messages(self, task_id: str) -> None:
        """Drop a task's messages from the state; a fetch in flight does not bring them back."""
        self._use("unload_task_messages()").apply(UnloadRequested(task_id))

    async def load_older_tasks(self) -> SessionState:
        """Read another page of older tasks (``lean`` hydration) and return the snapshot with them.

        Does nothing if there are none (`state.has_older_tasks`). Concurrent calls are one request. Raises
        `NotConnected` while the link is down or when it drops, and what the daemon answers.
        """
        return await self._while_held(self._use("load_older_tasks()").older())

    async def resync(self) -> SessionState:
        """Read everything again and return the snapshot after it. Concurrent calls share one sync round.

        It outlasts drops of the link: a reconnect reads everything anyway, and a call that was cut, or made while the
        link is down, returns what is read then. Bound it with `asyncio.timeout` if the daemon may stay away.

        Raises when nothing was read: what the daemon answered (it is in `state.error` too, and is retried if it may
        pass), `NotFound` when the session was removed meanwhile, `NotConnected` when the client was closed, or when the
        session is terminal and the link down (a reconnect then reads nothing). Messages or a queue that could not be
        read do not raise: `state.error` says so.
        """
        return await self._while_held(self._use("resync()").resync())

    # ------------------------------------------------------------------------------------------------------- the end

    def release(self) -> None:
        """End this handle. Twice changes nothing. The last release of a session ends its mirror."""
        if not self._released:
            entry = self.entry
            entry.router.own_loop.check()
            self._released = True
            if self._let_go is not None and not (self._let_go.done() or self._let_go.get_loop().is_closed()):
                self._let_go.set_result(None)
            if not entry.disposed:
                entry.release()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.release()

    def __del__(self) -> None:
        if not getattr(self, "_released", True) and not self.entry.disposed:
            text = f"{self!r} was not released. Release it, or use it as a context manager."
            warnings.warn(text, ResourceWarning, stacklevel=2, source=self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        # IPython calls this for the last value of a cell.
        return None if self.display is None else self.display()

    def _display_(self) -> Any:
        # marimo calls this for the last value of a cell.
        return repr(self) if self.displayed is None else self.displayed()

    def __repr__(self) -> str:
        return f"<SessionHandle {self.session_id}{' released' if self._released else ''} of {self.state!r}>"


def checked_handle(value: Any, taker: str) -> SessionHandle:
    """The async handle that `value` is or, if it is one of `connect`, has. Raises `UsageError` for anything else."""
    if isinstance(value, SessionHandle):
        return value
    behind = getattr(value, "live", None)
    if isinstance(behind, SessionHandle):
        return behind
    if isinstance(value, str):
        raise UsageError(
            f"{taker} takes a handle, not the id of a session. Retain the session first: "
            f"{taker}(retain_reactive_session(client, {value[:40]!r}))"
        )
    raise UsageError(
        f"{taker} takes a handle, not {type(value).__name__}. retain_reactive_session(client, session_id) makes one"
    )
