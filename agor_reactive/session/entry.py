"""One session of one client, mirrored once however many handles look at it.

It lives from the first lease to the last release. The last release leaves no listener, task, timer or room behind, and
the state empty.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from agor_reactive.core import events as e
from agor_reactive.core.fold import fold, initial_state
from agor_reactive.core.snapshot import SessionState
from agor_reactive.errors import AgorError, ConnectionLost, HandleDisposed, NotConnected, NotFound
from agor_reactive.models.message import Message
from agor_reactive.models.wire import LinkStatus, RawEvent
from agor_reactive.session.hydration import Hydrator
from agor_reactive.session.observers import EventSubject
from agor_reactive.session.pipeline import StateSubject
from agor_reactive.session.rooms import Rooms
from agor_reactive.session.router import Router
from agor_reactive.transport.seam import Link

__all__ = ["SessionContext", "SessionEntry"]

_log = logging.getLogger("agor_reactive")


class SessionContext(Protocol):
    """What a shared session needs of its client."""

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
        self.events: EventSubject[RawEvent] = EventSubject("an event of a session", on_failure, self._events_heard)
        self._settled: list[asyncio.Future[SessionState]] = []
        self._loads: dict[int, list[asyncio.Future[tuple[Message, ...]]]] = {}
        self._pages: dict[int, list[asyncio.Future[SessionState]]] = {}
        self._resyncs: list[asyncio.Future[SessionState]] = []
        self._with_round: list[asyncio.Future[SessionState]] = []  # pages that a new reading of all brings anyway
        self._undo: list[Callable[[], None]] = []
        self._hydrator: Hydrator | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Session id and hydration: the same for all who share it."""
        return (self.session_id, self.task_hydration)

    @property
    def session_id(self) -> str:
        """The session's full id; the short one it was asked by as long as the full one is not known."""
        return self.state.session_id

    @property
    def state(self) -> SessionState:
        """The newest snapshot."""
        return self.snapshots.value

    @property
    def link(self) -> Link:
        """The way to the daemon."""
        return self._link

    async def sleep(self, seconds: float) -> None:
        """Wait, as the client waits."""
        await self._context.sleep(seconds)

    @property
    def running(self) -> int:
        """How many asks of the core are being carried out."""
        return self._hydrator.running if self._hydrator is not None else 0

    @property
    def waiting(self) -> int:
        """How many calls wait for something to be read."""
        more = sum(map(len, self._loads.values())) + sum(map(len, self._pages.values()))
        return len(self._settled) + len(self._resyncs) + len(self._with_round) + more

    def start(self, session_id: str) -> None:
        """Its full id is known: be fed, and begin with where the link stands."""
        context = self._context
        if session_id != self.session_id:
            revision = self.state.revision + 1
            self.snapshots.put(initial_state(session_id, task_hydration=self.task_hydration, revision=revision))
        self._hydrator = Hydrator(
            session_id,
            self._link,
            context.rooms,
            limiter=context.limiter,
            emit=self._asked,
            clock=context.clock,
            sleep=context.sleep,
        )
        context.rooms.want(session_id)
        self._undo = [
            self._context.router.feed(self.session_id, self.snapshots),
            self._context.router.on_status(self._link_changed),
        ]
        self._link_changed(self._link.status)

    # ------------------------------------------------------------------------------------------------- what comes in

    def _events_heard(self) -> None:
        self.snapshots.heard = self.events if self.events.listening else None

    def _link_changed(self, status: LinkStatus) -> None:
        if status.phase == "unauthenticated":
            self._context.rooms.forget(self.session_id)
        self.apply(e.LinkChanged(status))

    def _asked(self, event: e.FetchAnswered | e.FetchFailed, failed: AgorError | None) -> None:
        waiting = self._loads.pop(event.fetch_id, ())
        pages = self._pages.pop(event.fetch_id, ())
        self.apply(event, failed)
        if failed is not None:
            _reject((*waiting, *pages), failed)
            return
        _resolve(pages, self.state)
        if isinstance(event, e.FetchAnswered):
            _resolve(waiting, tuple(sorted(event.rows.messages, key=lambda row: (row.index, row.message_id))))

    def apply(self, event: Any, failed: AgorError | None = None) -> None:
        """Fold an event of our own; `failed` is what was raised, if it tells of a failure."""
        before = self.state
        after = fold(before, event)
        if after is not before:
            self.snapshots.put(after)
            self._look(before, after, failed)

    def _look(self, before: SessionState, after: SessionState, failed: AgorError | None = None) -> None:
        """See to what the change asks of the shell."""
        if after.books.fetches is not before.books.fetches and self._hydrator is not None:
            self._hydrator.carry_out(after.books.fetches)
            self._given_up(before, after, failed)
        if after.status is not before.status:
            self._report(before, after, failed)
        if self._settled and is_settled(after):
            settled, self._settled = self._settled, []
            _resolve(settled, after)
        if self._resyncs or self._with_round:
            self._read_again(before, after, failed)

    def _given_up(self, before: SessionState, after: SessionState, failed: AgorError | None) -> None:
        """Whoever waits for what is no longer asked for is told why; older tasks come with a new reading anyway."""
        wanted = {fetch.fetch_id for fetch in after.books.fetches}
        loads = [self._loads.pop(fetch_id) for fetch_id in tuple(self._loads) if fetch_id not in wanted]
        pages = [self._pages.pop(fetch_id) for fetch_id in tuple(self._pages) if fetch_id not in wanted]
        if after.loading and not after.terminal:
            for waiting in pages:
                self._with_round += waiting
            pages = []
        if loads or pages:
            error = _why_given_up(before, after, failed)
            for futures in (*loads, *pages):
                _reject(futures, error)

    def _read_again(self, before: SessionState, after: SessionState, failed: AgorError | None) -> None:
        """Tell who waits for everything to be read that it was, or why it is not. A resync outlasts a drop."""
        if after.loading or after.status.disposed:
            return  # `dispose` tells them by itself
        over = after.terminal or after.connection.phase == "closed"
        if not over and not after.connected:
            waiting, self._with_round = self._with_round, []
            _reject(waiting, _why_given_up(before, after, failed))
            return
        ended = before.books.round is not None and after.books.round is None
        if not over and (not ended or _is_cut(after, failed)):
            return
        waiting, self._resyncs, self._with_round = [*self._resyncs, *self._with_round], [], []
        if over and not (after.connected or after.connection.phase == "closed"):
            _reject(waiting, NotConnected(_NOT_BY_ITSELF))
        elif over or any(source == "sync" for source, _ in after.status.errors):
            _reject(waiting, failed or _why_given_up(before, after, failed))
        else:
            _resolve(waiting, after)

    def _report(self, before: SessionState, after: SessionState, failed: AgorError | None) -> None:
        """At most one log line per change: a new kind of anomaly, a new error.

        A warning is for what stays wrong until somebody acts: without configuration, warnings go to stderr.
        """
        if after.anomalies is not before.anomalies:
            for kind in after.anomalies:
                if kind not in before.anomalies:
                    _log.warning(
                        "session %s: an event %r could not be read; more are only counted", self.session_id, kind
                    )
        if after.error != before.error and after.error is not None:
            level = logging.INFO if _heals_by_itself(after, failed) else logging.WARNING
            _log.log(level, "session %s: %s", self.session_id, after.error)

    # ---------------------------------------------------------------------------------------------- what users want

    def ready(self) -> asyncio.Future[SessionState]:
        """A future of the first snapshot that has settled."""
        future: asyncio.Future[SessionState] = self.loop.create_future()
        if self.disposed:
            future.set_exception(HandleDisposed("The handle was released; retain the session again."))
        elif is_settled(self.state):
            future.set_result(self.state)
        else:
            self._settled = [*_undone(self._settled), future]
        return future

    def _unresolved(self) -> AgorError | None:
        """Why nothing can be asked for: the session is known by a short id only."""
        if self._hydrator is not None:
            return None
        if self.state.terminal:
            return NotFound(self.state.error or "There is no such session.")
        return NotConnected("The session's full id is not known yet; wait for ready() first.")

    def load(self, task_id: str) -> asyncio.Future[tuple[Message, ...]]:
        """A future of the task's messages as read."""
        future: asyncio.Future[tuple[Message, ...]] = self.loop.create_future()
        if (unknown := self._unresolved()) is not None:
            future.set_exception(unknown)
            return future
        if not self.state.connected:
            future.set_exception(NotConnected("The link is down; load the messages once it is up again."))
            return future
        self.apply(e.LoadRequested(task_id))
        for fetch in self.state.fetches:
            if fetch.kind == "messages" and fetch.task_id == task_id and not fetch.of_round:
                self._loads.setdefault(fetch.fetch_id, []).append(future)
                return future
        future.set_exception(NotFound(f"Task {task_id} was removed; there is nothing to read."))
        return future

    def older(self) -> asyncio.Future[SessionState]:
        """A future of the snapshot with one page more of older tasks."""
        future: asyncio.Future[SessionState] = self.loop.create_future()
        if (unknown := self._unresolved()) is not None:
            future.set_exception(unknown)
            return future
        if not self.state.connected:
            future.set_exception(NotConnected("The link is down; read older tasks once it is up again."))
            return future
        self.apply(e.OlderTasksRequested())
        for fetch in self.state.fetches:
            if fetch.kind == "older":
                self._pages.setdefault(fetch.fetch_id, []).append(future)
                return future
        future.set_result(self.state)  # there are none, or everything is being read anew anyway
        return future

    def resync(self) -> asyncio.Future[SessionState]:
        """A future of the snapshot after everything has been read again, once the link lets it be."""
        future: asyncio.Future[SessionState] = self.loop.create_future()
        if self.disposed:
            future.set_exception(HandleDisposed("The handle was released; retain the session again."))
        elif (unknown := self._unresolved()) is not None:
            future.set_exception(unknown)
        elif self.state.connection.phase == "closed":
            future.set_exception(_why_given_up(self.state, self.state, None))
        elif self.state.terminal and not self.state.connected:
            future.set_exception(NotConnected(_NOT_BY_ITSELF))
        else:
            self._resyncs = [*_undone(self._resyncs), future]
            self.apply(e.ResyncRequested())  # while the link is down it is nothing: coming back reads everything
        return future

    # ------------------------------------------------------------------------------------------------------ its end

    def lease(self) -> None:
        """One more handle."""
        self.leases += 1

    def release(self) -> None:
        """One handle less; the last one ends it."""
        self.leases -= 1
        if self.leases <= 0:
            self.dispose()

    def move_into(self, other: SessionEntry) -> None:
        """It turned out to be the same session as `other`: hand everything over."""
        self.successor = other
        other.leases += self.leases
        self.leases = 0
        waiting, self._settled = self._settled, []
        for future in waiting:
            if is_settled(other.state):
                _resolve([future], other.state)
            else:
                other._settled.append(future)
        self.snapshots.move_to(other.snapshots)
        self.events.move_to(other.events)
        self.dispose()

    def dispose(self) -> None:
        """Stop everything, empty the state, and end every subscription with the last snapshot before that."""
        if self.disposed:
            return
        self.disposed = True
        # First of all: who retains the session again while being told of the end must not find this one.
        self._context.ended(self)
        started = self._hydrator is not None
        for undo in self._undo:
            undo()
        self._undo = []
        if self._hydrator is not None:
            self._hydrator.stop()
            self._hydrator = None
        last = self.state
        self.apply(e.Disposed())
        gone = HandleDisposed("The handle was released while this was under way.")
        for waiting in (self._settled, self._resyncs, self._with_round, *self._loads.values(), *self._pages.values()):
            _reject(waiting, gone)
        self._settled, self._resyncs, self._with_round, self._loads, self._pages = [], [], [], {}, {}
        self.snapshots.complete(last)
        self.events.complete()
        if started:
            self._context.rooms.leave(self.session_id)


def is_settled(state: SessionState) -> bool:
    """Whether the first reading has come to an end, well or not."""
    return state.last_synced_at is not None or state.terminal or (state.error is not None and not state.loading)


_NOT_BY_ITSELF = (
    "The link is down, and a session that is over is not read again by itself; call resync() once the link is up."
)


def _is_cut(state: SessionState, failed: AgorError | None) -> bool:
    """Whether a reading failed with its connection. The link says so itself, though maybe a moment later."""
    lost = isinstance(failed, ConnectionLost | NotConnected)
    return lost and state.connection.phase != "unauthenticated"


def _heals_by_itself(state: SessionState, failed: AgorError | None) -> bool:
    """Whether what failed is tried again by itself: it failed with its connection, or another try is under way."""
    if state.terminal:
        return False
    trying = any(fetch.kind in ("wait", "rejoin") for fetch in state.fetches)
    return trying or state.connection.phase in ("connecting", "reconnecting") or _is_cut(state, failed)


def _why_given_up(before: SessionState, after: SessionState, failed: AgorError | None) -> AgorError:
    """Why what was requested is not waited for any more."""
    link = after.status.link
    if link.phase == "closed":
        return NotConnected("The client was closed before the rows came; make a new one.")
    if after.terminal:
        return failed or NotFound(after.error or "The session is gone; nothing more will come.")
    if link.up and link.epoch == before.status.link.epoch:
        return NotConnected("The link logged in anew before the rows came; ask again.")
    why = f" ({link.reason})" if link.reason else ""
    return NotConnected(f"The link dropped before the rows came{why}; ask again once it is up.")


def _undone(futures: list[asyncio.Future[SessionState]]) -> list[asyncio.Future[SessionState]]:
    """Without those whose caller gave up."""
    return [future for future in futures if not future.done()]


def _resolve(futures: Any, value: Any) -> None:
    for future in futures:
        if not future.done():
            future.set_result(value)


def _reject(futures: Any, error: Exception) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(error)
            # Nobody may be waiting any more; then it is not an error that nobody looked.
            future.exception()
