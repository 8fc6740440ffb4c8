"""A live collection of session rows, for boards and monitors: read once, kept by events, read again after a drop.

The same rule as for one session: an event since a read was requested wins over the read's answer, and what was removed
stays removed. Which rows fit is decided here, for rows that are read and rows of events alike.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Protocol, Self

from reactivex import Observable, abc
from reactivex.disposable import Disposable

from agor_reactive.calls import arguments, limits
from agor_reactive.calls.mirror_reads import MOST_ROWS, RowsRead, all_rows
from agor_reactive.core.persistent import PMap
from agor_reactive.errors import AgorError, HandleDisposed
from agor_reactive.models.base import row_from_wire
from agor_reactive.models.session import Session
from agor_reactive.models.wire import LinkStatus
from agor_reactive.session.failures import failure_of, retry_delays
from agor_reactive.session.handles import SessionHandle
from agor_reactive.session.hydration import run
from agor_reactive.session.newest import NewestSubject
from agor_reactive.session.query_match import matcher, ordering, plain, sendable
from agor_reactive.session.recency import Recency
from agor_reactive.session.registry import SessionRegistry

__all__ = ["SessionCollection", "SessionRows"]


class SessionRows(Mapping[str, Session]):
    """Session rows at one moment: id to row, newest change first, or as the query's `$sort` says. Immutable.

    `loading` is True until the first read has ended; `error` says why the last read failed, until one succeeds.
    `failed` has the status of the last task, ``failed`` or ``timed_out``, by the id of its session, as far as events
    said: older daemons make the session idle.
    """

    __slots__ = ("_order", "_recency", "error", "failed", "loading", "revision", "rows")

    def __init__(
        self,
        rows: PMap[str, Session],
        *,
        revision: int,
        loading: bool,
        error: str | None,
        recency: Recency,
        failed: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.rows = rows
        self.failed = failed
        self._recency = recency
        self.revision = revision
        self.loading = loading
        self.error = error
        self._order: tuple[Session, ...] | None = None

    @property
    def ordered(self) -> tuple[Session, ...]:
        """The rows, newest change first, or as the query's `$sort` says."""
        if self._order is None:
            self._order = self._recency.ordered(self.rows)
        return self._order

    def __getitem__(self, session_id: str) -> Session:
        return self.rows[session_id]

    def __iter__(self) -> Iterator[str]:
        return (row.session_id for row in self.ordered)

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return f"<SessionRows {len(self)}{' loading' if self.loading else ''}>"


def _only(rows: PMap[str, Session], failed: Mapping[str, str]) -> Mapping[str, str]:
    return {key: status for key, status in failed.items() if key in rows} if failed else failed


class _Retaining(Protocol):
    registry: SessionRegistry


class _Kept:
    """The default of an argument that leaves a field unchanged."""


_KEPT = _Kept()


class SessionCollection(Observable[SessionRows]):
    """Sessions that fit a query, live. An Observable of `SessionRows`: the current ones at once, then each newer.

    It holds exactly the rows that fit, as FeathersJS decides it: fields by value (null fits an absent one),
    `$in $nin $ne $lt $lte $gt $gte`, `$or`, `$and`. What daemons do not filter sessions by is filtered here. A row
    without `archived` is not archived. Belongs to one event loop; close it, or ``async with``. Raises `UsageError` for
    an operator that is none of these.

    >>> async with retain_sessions(client, query={"archived": False}) as sessions:    # doctest: +SKIP
    ...     await sessions.ready()
    ...     handle = sessions.retain(next(iter(sessions.rows)))
    """

    def __init__(self, client: _Retaining, query: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self._registry = client.registry
        self._router = client.registry.router
        asked = plain(query or {})
        self._fits = matcher(asked)
        self._recency = Recency(ordering(asked["$sort"]) if "$sort" in asked else None)
        self._sent = sendable(asked)
        self._router.own_loop.bind()
        self._loop = asyncio.get_running_loop()
        self._newest = NewestSubject(
            SessionRows(PMap(), revision=0, loading=True, error=None, recency=self._recency),
            self._loop,
            emitting="the rows of a live collection",
            on_failure=self._router.on_listener_failure,
        )
        self._moved: dict[str, Session | None] | None = None
        self._gone: set[str] = set()
        self._reading: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[SessionRows] = self._loop.create_future()
        self._closed = False
        self._undo = [
            *(self._router.on("sessions", name, self._saved) for name in ("created", "patched", "updated")),
            self._router.on("sessions", "removed", self._removed),
            *(self._router.on("tasks", name, self._task_saved) for name in ("created", "patched", "updated")),
            self._router.on_status(self._link_changed),
        ]
        self._was: tuple[int, str] | None = None
        self._link_changed(self._router.link.status)

    # ------------------------------------------------------------------------------------------------ rows and events

    def _link_changed(self, status: LinkStatus) -> None:
        was, self._was = self._was, (status.epoch, status.phase) if status.up else None
        if status.up and self._was != was and (status.phase == "live" or was is None or was[0] != status.epoch):
            self._read()
        elif not status.up and self._reading is not None:
            self._reading.cancel()
        if status.phase == "closed":
            self._put(self.rows.rows, loading=False, error="The client was closed; no more updates will follow.")

    def _read(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
        self._reading = self._loop.create_task(self._fetch(), name="agor sessions")

    async def _fetch(self) -> None:
        """Read all rows; retry with back-off after an error that may pass."""
        for delay in retry_delays():
            moved = self._moved = {}
            try:
                async with self._registry.limiter:
                    read = await run(self._router.link, all_rows("sessions", self._sent, Session))
            except AgorError as error:
                self._moved = None
                passing = failure_of(error, optional=False).kind in ("timeout", "server")
                again = f". Next try in {delay:g} s." if passing else ""
                self._put(self.rows.rows, loading=False, error=f"The sessions could not be read: {error}{again}")
                if not passing:
                    self._reading = None
                    return
                await self._registry.sleep(delay)
            else:
                self._take(read, moved)
                return

    def _take(self, read: RowsRead[Session], moved: dict[str, Session | None]) -> None:
        """Take over the rows as read, with what events said meanwhile over them."""
        found = read.rows
        self._reading = self._moved = None
        self._gone -= {row.session_id for row in found if row.session_id not in moved}
        rows = {row.session_id: row for row in found if self._fits(row.to_wire())}
        short = None
        if not read.complete:
            reached = {row.session_id for row in found}
            rows |= {session_id: row for session_id, row in self.rows.rows.items() if session_id not in reached}
            short = f"The daemon gives access to {MOST_ROWS:,} sessions of a query, and there are more; narrow it."
        for session_id, row in moved.items():
            if row is None:
                rows.pop(session_id, None)
            else:
                rows[session_id] = row
        known = self.rows.rows
        kept = {k: known[k] if k in known and known[k] == row else row for k, row in rows.items()}
        # Of a session that changed meanwhile, the last task is unknown.
        failed = {key: status for key, status in self.rows.failed.items() if kept.get(key) is known[key]}
        self._put(PMap(kept), loading=False, error=short, failed=failed)

    def _saved(self, payload: Any) -> None:
        if not isinstance(payload, dict):
            return
        row = row_from_wire(Session, payload)
        session_id = row.session_id
        if not session_id or session_id in self._gone:
            return
        fits = self._fits(payload)
        if self._moved is not None and len(self._moved) < limits.MOST_SESSIONS:
            self._moved[session_id] = row if fits else None
        known = self.rows.rows.get(session_id)
        if fits and known is None and len(self.rows.rows) >= limits.MOST_SESSIONS:
            self._put(self.rows.rows, error=f"There are more than {limits.MOST_SESSIONS:,} sessions; narrow the query")
        elif fits and known != row:
            self._put(self.rows.rows.insert(session_id, row), of=session_id)
        elif not fits and known is not None:
            self._put(self.rows.rows.remove(session_id), of=session_id)

    def _removed(self, payload: Any) -> None:
        session_id = payload.get("session_id") if isinstance(payload, dict) else None
        if not isinstance(session_id, str):
            return
        if len(self._gone) >= limits.MOST_SESSIONS:
            self._gone.clear()
        self._gone.add(session_id)
        if self._moved is not None:
            self._moved[session_id] = None
        if session_id in self.rows.rows:
            self._put(self.rows.rows.remove(session_id), of=session_id)

    def _task_saved(self, payload: Any) -> None:
        """Note a task that failed, until another one runs or ends."""
        if not isinstance(payload, dict):
            return
        session_id, status, now = payload.get("session_id"), payload.get("status"), self.rows
        if not isinstance(session_id, str) or session_id not in now.rows:
            return
        if status in ("failed", "timed_out") and now.failed.get(session_id) != status:
            self._put(now.rows, failed={**now.failed, session_id: status})
        elif status in ("running", "completed", "stopped") and session_id in now.failed:
            self._put(now.rows, failed={key: kept for key, kept in now.failed.items() if key != session_id})

    def _put(
        self,
        rows: PMap[str, Session],
        *,
        of: str | None = None,
        loading: bool | None = None,
        error: str | _Kept | None = _KEPT,
        failed: Mapping[str, str] | None = None,
    ) -> None:
        """Publish these rows; `of` is the session whose row alone changed."""
        now = self.rows
        self._recency.take(rows, of)
        still = now.loading if loading is None else loading
        newer = SessionRows(
            rows,
            revision=now.revision + 1,
            loading=still,
            error=now.error if isinstance(error, _Kept) else error,
            recency=self._recency,
            failed=_only(rows, now.failed if failed is None else failed),
        )
        self._newest.put(newer)
        if not still and not self._ready.done():
            self._ready.set_result(newer)

    # ------------------------------------------------------------------------------------------------------ listening

    @property
    def rows(self) -> SessionRows:
        """The current rows."""
        return self._newest.value

    def listen(
        self, callback: Callable[[SessionRows], Any], on_completed: Callable[[], None] | None = None
    ) -> Callable[[], None]:
        """Call `callback` with the current rows at once, then each newer, at most once per tick. Returns the undo.

        `on_completed` is called when the collection is closed. Raises `HandleDisposed` after that.
        """
        if self._closed:
            raise HandleDisposed("The collection was closed; make a new one.")
        return self._newest.add(arguments.callback(callback), on_completed)

    def _subscribe_core(
        self, observer: abc.ObserverBase[SessionRows], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        return Disposable(self.listen(observer.on_next, observer.on_completed))

    # --------------------------------------------------------------------------------------------------------- users

    async def ready(self) -> SessionRows:
        """Wait for the first read to end, and return the rows. If it failed, their `error` says why."""
        self._router.own_loop.check()
        return await asyncio.shield(self._ready)

    def retain(self, session_id: str, *, task_hydration: str = "preview") -> SessionHandle:
        """A handle of one of the sessions, or of any other; release it when done."""
        return self._registry.retain(session_id, task_hydration=task_hydration)

    def close(self) -> None:
        """Stop the updates. Handles made by `retain` live on until they are released. Idempotent."""
        self._router.own_loop.check()
        if self._closed:
            return
        self._closed = True
        for undo in self._undo:
            undo()
        if self._reading is not None:
            self._reading.cancel()
        if not self._ready.done():
            self._ready.set_exception(HandleDisposed("The collection was closed before its first read ended."))
            self._ready.exception()
        self._newest.complete()

    def __del__(self) -> None:
        if not getattr(self, "_closed", True) and self._router.link.status.phase != "closed":
            text = f"{self!r} was not closed. Close it, or use it as a context manager."
            warnings.warn(text, ResourceWarning, stacklevel=2, source=self)

    def __repr__(self) -> str:
        return f"<SessionCollection {len(self.rows)}{' closed' if self._closed else ''}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()
