"""`pipe`: deliver what happens in sessions to sinks until Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from reactivex import Observable
from reactivex.subject import Subject

from agor_reactive import Client, operators, retain_reactive_session, retain_sessions
from agor_reactive.cli.endings import FAULT, WELL, Stop, complain
from agor_reactive.cli.reach import Reach
from agor_reactive.cli.watching import full_id
from agor_reactive.core.snapshot import SessionState
from agor_reactive.errors import AgorError, UsageError
from agor_reactive.models.base import instant
from agor_reactive.session.collection import SessionCollection, SessionRows
from agor_reactive.session.handles import SessionHandle
from agor_reactive.session.permissions import PendingPermission
from agor_reactive.sinks import Checkpoint, DeadLetters, Delivery, Sink, SinkClosed, Template, deliver, resend
from agor_reactive.sinks.record import field_names
from agor_reactive.sinks.targets import sink_of

__all__ = ["DRAIN", "SOURCES", "SessionWatch", "pipe", "pipe_again", "reported", "until_over"]

DRAIN: Final = 10.0
"""Seconds that Ctrl-C leaves for what is queued."""


Source = Callable[[SessionHandle, float], Observable[Any]]


def _turns(handle: SessionHandle, since: float) -> Observable[Any]:
    return handle.snapshots.pipe(operators.completed_turns(since=since))


def _calls(handle: SessionHandle, since: float) -> Observable[Any]:
    return handle.snapshots.pipe(operators.tool_calls(since=since))


def _changes(operator: Callable[[], Callable[[Any], Observable[Any]]]) -> Source:
    return lambda handle, since: handle.snapshots.pipe(operator())


def _events(handle: SessionHandle, since: float) -> Observable[Any]:
    return handle.events


SOURCES: Final[dict[str, tuple[Source, tuple[str, ...]]]] = {
    "completed_turns": (_turns, field_names(operators.Turn)),
    "tool_calls": (_calls, field_names(operators.ToolCall)),
    "status_changes": (_changes(operators.status_changes), field_names(operators.StatusChange)),
    "queue_changes": (_changes(operators.queue_changes), field_names(operators.QueueChange)),
    "permission_requests": (_changes(operators.permission_requests), field_names(PendingPermission)),
    "text_deltas": (_changes(operators.text_deltas), field_names(operators.TextDelta)),
    "events": (_events, ("topic", "payload", "at")),
}
"""What can be piped: its name, how it comes from a session, and the fields for templates."""


async def pipe(
    stop: Stop,
    reach: Reach,
    session_ids: Sequence[str],
    *,
    everything: bool,
    to: Sequence[str],
    on: str,
    template: str | None,
    thread: str | None,
    dead_letters: Path | None,
    checkpoint: Path | None,
) -> int:
    """Deliver until Ctrl-C, until every named session is gone, or until the output is closed."""
    if everything == bool(session_ids):
        raise UsageError("name the sessions, or say --all")
    threads = None if checkpoint is None or thread is None else checkpoint.with_name(f"{checkpoint.name}.threads")
    sinks = _sinks(to, on, template, thread, threads)
    if len(sinks) > 1 and (dead_letters or checkpoint):
        raise UsageError("--dead-letters and --checkpoint belong to one target; run one pipe for each --to")
    known = Checkpoint(checkpoint)
    bus: Subject[Any] = Subject()
    with reported("agor_reactive.sinks"):
        try:
            async with reach.live() as client, contextlib.AsyncExitStack() as ends:
                watched = SessionWatch(client, bus, SOURCES[on][0], known.since)
                ends.callback(watched.close)  # after the deliveries have ended
                kept = None if dead_letters is None else DeadLetters(dead_letters)
                deliveries = [
                    await ends.enter_async_context(
                        deliver(bus, sink, dead_letters=kept, checkpoint=known, drain=DRAIN)
                        if number == 0
                        else deliver(bus, sink, drain=DRAIN)
                    )
                    for number, sink in enumerate(sinks)
                ]
                count = await watched.begin(session_ids)
                stop.graceful = True
                which = "every session" if everything else f"{count} session{'' if count == 1 else 's'}"
                complain(f"piping {on} of {which} to {' and '.join(_named(one) for one in to)}; Ctrl-C stops")
                await until_over(stop, watched, deliveries)
        except SinkClosed:
            stop.lose_reader()
    return _verdict(deliveries, dead_letters)


async def pipe_again(path: Path, *, to: Sequence[str], template: str | None, thread: str | None) -> int:
    """Deliver a dead-letter file to one target."""
    if len(to) != 1:
        raise UsageError("--resend takes one --to")
    sink = sink_of(to[0], template=template, thread=thread)
    with reported("agor_reactive.sinks"):
        delivery = await resend(path, sink)
    return _verdict([delivery], path)


def _sinks(to: Sequence[str], on: str, template: str | None, thread: str | None, threads: Path | None) -> list[Sink]:
    if on not in SOURCES:
        raise UsageError(f"--on is one of {', '.join(SOURCES)}")
    for text in (template, thread):
        Template(text).check(SOURCES[on][1])
    kinds = {_named(target) for target in to}
    found = []
    for target in to:
        kind = _named(target)
        # Where there are several targets, an option is for those that take it.
        text = template if kind in ("slack", "terminal") or not kinds & {"slack", "terminal"} else None
        of_thread = thread if kind == "slack" or "slack" not in kinds else None
        found.append(sink_of(target, template=text, thread=of_thread, threads=threads))
    return found


class SessionWatch:
    """Holds a handle of each session and sends what the source emits to the bus. `gone`: every named one is gone."""

    def __init__(self, client: Client, bus: Subject[Any], source: Source, since: float) -> None:
        self._client = client
        self._bus = bus
        self._source = source
        self._since = since
        self._handles: dict[str, SessionHandle] = {}
        self._begun: dict[str, asyncio.Task[None]] = {}
        self._named: set[str] = set()
        self._sessions: SessionCollection | None = None
        self.gone = asyncio.Event()

    async def begin(self, session_ids: Sequence[str]) -> int:
        """Hold these sessions, or without any all that there are and will be; returns how many now."""
        if session_ids:
            self._named = {await full_id(self._client, one) for one in session_ids}
            for session_id in self._named:
                self._hold(session_id)
        else:
            self._sessions = retain_sessions(self._client, query={"archived": False})
            rows = await self._sessions.ready()
            if rows.error is not None:
                complain(rows.error)
            self._sessions.listen(self._take)
        begun = list(self._begun.values())
        if begun:
            await asyncio.wait(begun)
        for task in begun:
            if not task.cancelled():
                task.result()
        return len(self._handles)

    def close(self) -> None:
        """Release everything."""
        if self._sessions is not None:
            self._sessions.close()
        for session_id in tuple(self._handles):
            self._let_go(session_id)

    def _take(self, rows: SessionRows) -> None:
        # Also those that were created while the link was down: their turns since the start are history that counts.
        for session_id in rows:
            if session_id not in self._handles:
                self._hold(session_id)
        for session_id in self._handles.keys() - rows.keys():
            state = self._handles[session_id].state
            if state.terminal or (state.active_task is None and not state.queued_tasks and not state.loading):
                self._let_go(session_id)  # removed or archived

    def _hold(self, session_id: str) -> None:
        self._handles[session_id] = handle = retain_reactive_session(self._client, session_id, task_hydration="lean")
        self._begun[session_id] = asyncio.ensure_future(self._begin(session_id, handle))
        if session_id in self._named:
            handle.subscribe(lambda state: self._look(session_id, state.terminal, state.error))

    def _let_go(self, session_id: str) -> None:
        self._begun.pop(session_id).cancel()
        self._handles.pop(session_id).release()  # which completes what was subscribed

    async def _begin(self, session_id: str, handle: SessionHandle) -> None:
        """Subscribe once the tasks since the last run are here, so that their turns come in order."""
        try:
            state = await handle.ready()
            while state.has_older_tasks and self._reaches_back(state):
                state = await handle.load_older_tasks()
            self._source(handle, self._since).subscribe(self._bus.on_next, self._bus.on_error)
        except AgorError as error:
            complain(f"session {session_id} is left out: {error}")

    def _reaches_back(self, state: SessionState) -> bool:
        """Whether tasks before the first one of the state may have ended since the last run."""
        ended = [instant(task.completed_at) or 0.0 for task in state.tasks if task.ended]
        return min(ended, default=math.inf) >= self._since

    def _look(self, session_id: str, terminal: bool, error: str | None) -> None:
        if terminal and session_id in self._named:
            complain(f"session {session_id}: {error or 'it is gone'}")
            self._named.discard(session_id)
            if not self._named:
                self.gone.set()


async def until_over(stop: Stop, watch: SessionWatch, deliveries: Sequence[Delivery]) -> None:
    """Wait for Ctrl-C, for the end of every named session, or of a delivery, whose error is raised."""
    waits = [asyncio.ensure_future(one) for one in (stop.wait(), watch.gone.wait(), *(d.wait() for d in deliveries))]
    try:
        done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for one in done:
            one.result()
    finally:
        for one in waits:
            one.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


def _named(target: str) -> str:
    return target.partition(":")[0]


def _verdict(deliveries: Sequence[Delivery], dead_letters: Path | None) -> int:
    delivered, dropped = (sum(getattr(one, name) for one in deliveries) for name in ("delivered", "dropped"))
    where = f"; {dropped:,} are in {dead_letters}" if dead_letters is not None else f"; {dropped:,} were lost"
    complain(f"delivered {delivered:,} record{'' if delivered == 1 else 's'}{where if dropped else ''}")
    return FAULT if dropped else WELL


class _Complaining(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        complain(record.getMessage())


@contextlib.contextmanager
def reported(*loggers: str) -> Iterator[None]:
    """Write warnings of these loggers to stderr: retries, dropped records."""
    handler = _Complaining(logging.WARNING)
    for name in loggers:
        logging.getLogger(name).addHandler(handler)
    try:
        yield
    finally:
        for name in loggers:
            logging.getLogger(name).removeHandler(handler)
