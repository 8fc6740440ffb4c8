"""One mirrored session of one client: a single pipeline however many handles share it.

It lives from the first lease to the last release, which leaves no listener, task, timer or room behind, and the state
empty.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from agor_reactive.core import events as e
from agor_reactive.core.fold import fold, initial_state
from agor_reactive.core.snapshot import SessionState
from agor_reactive.errors import AgorError, HandleDisposed, NotAuthenticated, NotConnected, NotFound
from agor_reactive.models.message import Message
from agor_reactive.models.wire import LinkStatus, RawEvent
from agor_reactive.session.failures import error_of, failure_of
from agor_reactive.session.hydration import Hydrator
from agor_reactive.session.observers import EventSubject
from agor_reactive.session.pipeline import StateSubject
from agor_reactive.session.rooms import Rooms
from agor_reactive.session.router import Router
from agor_reactive.session.waiters import Waiters
from agor_reactive.transport.seam import Link

__all__ = ["SessionContext", "SessionEntry"]

_log = logging.getLogger("agor_reactive")

_RELEASED = "The handle was released; retain the session again."
_NOT_RETRIED = (
    "The link is down, and a terminal session is not read again when the link returns. Call resync() once it is up."
)


class SessionContext(Protocol):
    """What a mirrored session needs of its client."""

    router: Router
    rooms: Rooms
    limiter: asyncio.Semaphore
    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]

    def ended(self, entry: SessionEntry) -> None: ...


class SessionEntry:
    """The pipeline of one (client, session, hydration): router, parse, fold, latest snapshot."""

    def __init__(self, session_id: str, task_hydration: str, context: SessionContext) -> None:
        self.task_hydration = task_hydration
        self._context = context
        self._link = context.router.link
        self.loop = asyncio.get_running_loop()
        self.leases = 0
        self.disposed = False
        self.successor: SessionEntry | None = None
        on_failure = context.router.on_listener_failure
        self.snapshots = StateSubject(
            initial_state(session_id, task_hydration=task_hydration), self.loop, on_failure, self._look
        )
        self.events: EventSubject[RawEvent] = EventSubject(
            "an event of a session", on_failure, context.router.own_loop, self._listeners_changed
        )
        self._ready: Waiters[SessionState] = Waiters(self.loop)
        self._fetched: dict[int, Waiters[Any]] = {}  # by fetch id: a task's messages, or a page of older tasks
        self._page = 0  # the fetch id of the page of older tasks
        self._synced: Waiters[SessionState] = Waiters(self.loop)  # callers of `resync`; they outlast a drop
        self._undo: list[Callable[[], None]] = []
        self._hydrator: Hydrator | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Session id and hydration: what makes handles share an entry."""
        return (self.session_id, self.task_hydration)

    @property
    def session_id(self) -> str:
        """The session's full id; until it is known, the short id that was given."""
        return self.state.session_id

    @property
    def state(self) -> SessionState:
        """The newest snapshot."""
        return self.snapshots.value

    @property
    def link(self) -> Link:
        """The connection to the daemon."""
        return self._link

    @property
    def router(self) -> Router:
        """Where the client's events come from."""
        return self._context.router

    @property
    def started(self) -> bool:
        """Whether the session is mirrored: its full id is known, and it has not been released."""
        return self._hydrator is not None

    async def sleep(self, seconds: float) -> None:
        """Wait on the client's clock."""
        await self._context.sleep(seconds)

    @property
    def waiting(self) -> int:
        """How many calls wait for something to be read."""
        return len(self._ready) + len(self._synced) + sum(map(len, self._fetched.values()))

    def start(self, session_id: str) -> None:
        """Receive the session's events and begin to read it: its full id is known."""
        context = self._context
        if session_id != self.session_id:
            revision = self.state.revision + 1
            self.snapshots.put(initial_state(session_id, task_hydration=self.task_hydration, revision=revision))
        self._hydrator = Hydrator(
            session_id,
            self._link,
            context.rooms,
            limiter=context.limiter,
            emit=self._answered,
            clock=context.clock,
            sleep=context.sleep,
        )
        context.rooms.want(session_id)
        for tap in self.router.taps:
            tap.started(self)
        self._undo = [
            self._context.router.feed(self.session_id, self.snapshots),
            self._context.router.on_status(self._link_changed),
        ]
        self._link_changed(self._link.status)

    # ----------------------------------------------------------------------------------------- events and what follows

    def _listeners_changed(self) -> None:
        self.snapshots.events_to = self.events if self.events.subscriptions else None

    def _link_changed(self, status: LinkStatus) -> None:
        if status.phase == "unauthenticated":
            self._context.rooms.forget(self.session_id)
        self.apply(e.LinkChanged(status))

    def _answered(self, event: e.FetchAnswered | e.FetchFailed, failed: AgorError | None) -> None:
        """Fold the answer to a fetch; `failed` is what was raised. Its callers get the rows as they were read."""
        waiters = self._fetched.pop(event.fetch_id, None)
        self.apply(event, failed)
        if waiters is None:
            return
        if isinstance(event, e.FetchFailed):
            waiters.reject(failed or error_of(event.failure))
        elif event.fetch_id == self._page:
            waiters.resolve(self.state)
        else:
            waiters.resolve(tuple(sorted(event.rows.messages, key=lambda row: (row.index, row.message_id))))

    def apply(self, event: Any, failed: AgorError | None = None) -> None:
        """Fold an event of this process; `failed` is what was raised, if the event is a failure."""
        for tap in self.router.taps:
            tap.applied(self, event)
        before = self.state
        after = fold(before, event)
        if after is not before:
            self.snapshots.put(after)
            self._look(before, after, failed)

    def _look(self, before: SessionState, after: SessionState, failed: AgorError | None = None) -> None:
        """Do what a change of the core's books or status requires: fetches, the log, the callers that wait."""
        if after.books.fetches is not before.books.fetches and self._hydrator is not None:
            self._hydrator.carry_out(after.books.fetches)
        if after.status is not before.status:
            self._report(before, after, failed)
        if self._ready and is_settled(after):
            self._ready.resolve(after)
        if self._fetched:
            self._end_fetches(after, failed)
        if self._synced and after.books.sync_end is not before.books.sync_end:
            self._end_sync(after, failed)

    def _end_fetches(self, after: SessionState, failed: AgorError | None) -> None:
        """Reject the callers of fetches that the core gave up, for the reason that it recorded.

        A page of older tasks whose fetch a sync round replaced is read with that round, and is here when it commits.
        """
        failure = _failure_of_sync(after)
        wanted = {fetch.fetch_id for fetch in after.fetches}
        if after.loading:
            wanted.add(self._page)
        for fetch_id in self._fetched.keys() - wanted:
            waiters = self._fetched.pop(fetch_id)
            if failure is None:
                waiters.resolve(after)
            else:
                waiters.reject(failed or error_of(failure))

    def _end_sync(self, after: SessionState, failed: AgorError | None) -> None:
        """End the calls of `resync` when a sync round has ended. They outlast a drop: the link's return begins another.

        A login begins another as well, also of a resync that reads a terminal session. A read may fail with its
        connection a moment before the link says that it dropped.
        """
        failure = _failure_of_sync(after)
        phase = after.connection.phase
        if failure is None:
            if not after.loading:  # else another round has begun at once
                self._synced.resolve(after)
        elif after.terminal and not after.connected and phase != "closed":
            self._synced.reject(NotConnected(_NOT_RETRIED))
        elif (after.terminal and not after.loading) or failure.kind != "link" or phase in ("closed", "unauthenticated"):
            self._synced.reject(failed or error_of(failure))

    def _report(self, before: SessionState, after: SessionState, failed: AgorError | None) -> None:
        """Log a new kind of anomaly and a new error, one line each.

        A warning is for what stays wrong until the user acts: without configuration, warnings go to stderr.
        """
        if after.anomalies is not before.anomalies:
            for kind in after.anomalies:
                if kind not in before.anomalies:
                    _log.warning(
                        "session %s: an event %r could not be read; more of its kind are only counted",
                        self.session_id,
                        kind,
                    )
        if after.error != before.error and after.error is not None:
            level = logging.INFO if _is_retried(after, failed) else logging.WARNING
            _log.log(level, "session %s: %s", self.session_id, after.error)

    # --------------------------------------------------------------------------------------------- what users request

    def ready(self) -> asyncio.Future[SessionState]:
        """A future of the first snapshot that has settled."""
        if self.disposed:
            return self._rejected(HandleDisposed(_RELEASED))
        future = self._ready.wait()
        if is_settled(self.state):
            self._ready.resolve(self.state)
        return future

    def load(self, task_id: str) -> asyncio.Future[tuple[Message, ...]]:
        """A future of the task's messages as read."""
        error = self._refusal() or self._link_down("load the messages")
        if error is None:
            self.apply(e.LoadRequested(task_id))
            for fetch in self.state.fetches:
                if fetch.kind == "messages" and fetch.task_id == task_id and not fetch.of_round:
                    return self._waiters_of(fetch.fetch_id).wait()
            error = NotFound(f"Task {task_id} was removed; there is nothing to read.")
        return self._rejected(error)

    def older(self) -> asyncio.Future[SessionState]:
        """A future of the snapshot with one page more of older tasks."""
        error = self._refusal() or self._link_down("read older tasks")
        if error is not None:
            return self._rejected(error)
        self.apply(e.OlderTasksRequested())
        for fetch in self.state.fetches:
            if fetch.kind == "older":
                self._page = fetch.fetch_id
                return self._waiters_of(fetch.fetch_id).wait()
        future: asyncio.Future[SessionState] = self.loop.create_future()
        future.set_result(self.state)  # there are none, or everything is being read anyway
        return future

    def resync(self) -> asyncio.Future[SessionState]:
        """A future of the snapshot after everything has been read again, as soon as the link allows it."""
        error = self._refusal() or self._no_more_reads()
        if error is not None:
            return self._rejected(error)
        future = self._synced.wait()
        self.apply(e.ResyncRequested())  # changes nothing while the link is down: its return reads everything
        return future

    def _refusal(self) -> AgorError | None:
        """Why nothing can be requested: the handle is released, or the session is known by a short id only."""
        if self.disposed:
            return HandleDisposed(_RELEASED)
        if self._hydrator is not None:
            return None
        if self.state.terminal:
            return NotFound(self.state.error or "Session not found.")
        return NotConnected("The session's full id is not known yet; wait for ready() first.")

    def _no_more_reads(self) -> AgorError | None:
        """Why nothing will be read again, whatever the link does."""
        if self.state.connection.phase == "closed":
            return NotConnected("The client was closed before the rows came; make a new one.")
        if self.state.terminal and not self.state.connected:
            return NotConnected(_NOT_RETRIED)
        return None

    def _link_down(self, what: str) -> AgorError | None:
        return None if self.state.connected else NotConnected(f"The link is down; {what} once it is up again.")

    def _waiters_of(self, fetch_id: int) -> Waiters[Any]:
        return self._fetched.setdefault(fetch_id, Waiters(self.loop))

    def _rejected(self, error: AgorError) -> asyncio.Future[Any]:
        waiters: Waiters[Any] = Waiters(self.loop)
        future = waiters.wait()
        waiters.reject(error)
        return future

    # ------------------------------------------------------------------------------------------------------ its end

    def lease(self) -> None:
        """Count one more handle."""
        self.leases += 1

    def release(self) -> None:
        """Count one handle less; the last one disposes the entry."""
        self.leases -= 1
        if self.leases <= 0:
            self.dispose()

    def move_into(self, other: SessionEntry) -> None:
        """Hand everything over to `other`, which mirrors the same session already."""
        self.successor = other
        other.leases += self.leases
        self.leases = 0
        self._ready.move_to(other._ready)
        if is_settled(other.state):
            other._ready.resolve(other.state)
        self.snapshots.move_to(other.snapshots)
        self.events.move_to(other.events)
        self.dispose()

    def dispose(self) -> None:
        """Stop everything, empty the state, and complete every subscription with the last snapshot before that."""
        if self.disposed:
            return
        self.disposed = True
        # First of all: a listener that retains the session again on completion must not find this entry.
        self._context.ended(self)
        started = self._hydrator is not None
        for undo in self._undo:
            undo()
        self._undo = []
        if self._hydrator is not None:
            self._hydrator.stop()
            self._hydrator = None
        gone = HandleDisposed("The handle was released while this was under way.")
        waiting = (self._ready, self._synced, *self._fetched.values())
        self._fetched = {}
        for waiters in waiting:
            waiters.reject(gone)
        last = self.state
        for tap in self.router.taps:
            tap.ended(self)
        self.apply(e.Disposed())
        self.snapshots.complete(last)
        self.events.complete()
        if started:
            self._context.rooms.leave(self.session_id)


def is_settled(state: SessionState) -> bool:
    """Whether the first sync round has ended, successfully or not."""
    return state.last_synced_at is not None or state.terminal or (state.error is not None and not state.loading)


def _failure_of_sync(state: SessionState) -> e.Failure | None:
    """Why the last sync round gave up its fetches; None if it committed."""
    end = state.books.sync_end
    return None if end is None else end.failure


def _is_retried(state: SessionState, failed: AgorError | None) -> bool:
    """Whether what failed is tried again: another try is due, or the link comes back and then everything is read."""
    if state.terminal or isinstance(failed, NotAuthenticated):
        return False
    due = any(fetch.kind in ("wait", "retry", "rejoin") for fetch in state.fetches)
    lost = failed is not None and failure_of(failed, optional=False).kind == "link"
    phase = state.connection.phase
    return due or phase in ("connecting", "reconnecting") or (lost and phase != "unauthenticated")
