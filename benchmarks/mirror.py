"""Our side of the fold and pipeline cases: a loaded state, and a client on a scripted link."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from agor_reactive.core import SessionState, fold, fold_batch, initial_state
from agor_reactive.core import events as e
from agor_reactive.core.fold import fold_run
from agor_reactive.core.parse import OWN_TOPICS, parse_payload
from agor_reactive.models.session import Session
from agor_reactive.models.wire import LinkStatus
from agor_reactive.session.handles import SessionHandle
from agor_reactive.session.registry import SessionRegistry
from agor_reactive.session.router import Router
from agor_reactive.transport.scripted import ScriptedLink
from benchmarks.measure import now
from benchmarks.wire import Event

__all__ = ["Feed", "fold_frames", "fold_run_frames", "folded", "parsed", "read_rows", "read_state"]

TURN = 256
"""After so many events the loop runs, as on the socket's read path, and notifies subscribers."""


def read_state(session_id: str) -> SessionState:
    """Make the loaded state of a session without tasks, with no fetch in flight."""
    state = fold(initial_state(session_id), e.LinkChanged(LinkStatus("live", epoch=1)))
    for _ in range(10):
        asks = state.fetches
        if not asks:
            return state
        for ask in asks:
            rows = e.Rows(session=Session(session_id=session_id) if ask.kind == "session" else None)
            state = fold(state, e.FetchAnswered(ask.fetch_id, rows, 1.0))
    raise AssertionError("the first load does not end")


def parsed(events: Iterable[Event]) -> list[Any]:
    """Parse events as a session does: rows are validated on access."""
    found = [parse_payload(topic, payload, OWN_TOPICS) for topic, payload in events]
    return [event for event in found if event is not None]


def folded(state: SessionState, events: Iterable[Any]) -> SessionState:
    """Fold the events."""
    for event in events:
        state = fold(state, event)
    return state


def fold_frames(state: SessionState, frames: Sequence[bytes], *, one_by_one: bool = False) -> int:
    """Fold the events of these frames, a turn's in one batch. Returns the time of the folds in ns.

    Decoding and parsing, which alternate with the folds, are not included.
    """
    taken = 0
    for at in range(0, len(frames), TURN):
        events = parsed([orjson.loads(frame) for frame in frames[at : at + TURN]])
        begun = now()
        state = folded(state, events) if one_by_one else fold_batch(state, events)
        taken += now() - begun
    return taken


def fold_run_frames(state: SessionState, frames: Sequence[bytes]) -> tuple[SessionState, int]:
    """The state after these frames, and the time in ns of parsing and folding them; decoding is not included."""
    taken = 0
    for at in range(0, len(frames), TURN):
        run = [orjson.loads(frame) for frame in frames[at : at + TURN]]
        begun = now()
        state = fold_run(state, run)
        taken += now() - begun
    return state, taken


def read_rows(frames: Sequence[bytes]) -> int:
    """Validate every row in these frames, and return the ns of the validation, without decoding and parsing."""
    taken = 0
    for at in range(0, len(frames), TURN):
        events = parsed([orjson.loads(frame) for frame in frames[at : at + TURN]])
        entries = [event.entry for event in events if _has_entry(event)]
        begun = now()
        for entry in entries:
            entry.row  # noqa: B018 - the first access validates
        taken += now() - begun
    return taken


def _has_entry(event: Any) -> bool:
    return isinstance(event, e.TaskSaved | e.MessageSaved | e.SessionSaved)


class Feed:
    """The inside of a client without a socket: a router on a scripted link, handles, one subscriber each.

    It has its own event loop, which notifies subscribers. Close it.
    """

    def __init__(self, session_ids: Sequence[str]) -> None:
        self._runner = asyncio.Runner()
        self.notified = 0
        self.link = ScriptedLink()
        self.link.on_call("get", "sessions", lambda args: {"session_id": args[0]})
        self.link.on_call("find", "*", lambda args: {"total": 0, "data": []})
        self.handles: list[SessionHandle] = self._runner.run(self._retain(session_ids))

    async def _retain(self, session_ids: Sequence[str]) -> list[SessionHandle]:
        self.router = Router(self.link)
        self.registry = SessionRegistry(self.link, self.router)
        await self.link.open()
        handles = [self.registry.retain(session_id) for session_id in session_ids]
        for handle in handles:
            await handle.ready()
            handle.subscribe(self._notify)
        return handles

    def _notify(self, state: SessionState) -> None:
        self.notified += 1

    def put_back(self, state: SessionState) -> None:
        """Reset the first handle's session to `state`. Uses internals, because only a benchmark goes back in time."""
        shared = self.handles[0].entry
        shared.snapshots.put(state)
        for subscription in shared.snapshots.subscriptions:
            subscription.revision = -1

    def run(self, events: Sequence[Event]) -> int:
        """Receive all events as from the link, and notify the subscribers. Returns the time in ns."""
        return self._runner.run(self._run(events))

    async def _run(self, events: Sequence[Event]) -> int:
        receive = self.router.receive
        taken = 0
        for at in range(0, len(events), TURN):
            turn = events[at : at + TURN]
            begun = now()
            receive(turn, 1.0)
            await asyncio.sleep(0)
            taken += now() - begun
        return taken

    def run_frames(self, frames: Sequence[bytes], *, read_each: bool = False) -> int:
        """`run` events that were decoded just before, as on a socket, so that they are still cached. The time in ns is
        without decoding. With `read_each` the first handle's state is read after each, so every event is a batch."""
        return self._runner.run(self._run_frames(frames, read_each=read_each))

    async def _run_frames(self, frames: Sequence[bytes], *, read_each: bool) -> int:
        run = self._run_and_read if read_each else self._run
        taken = 0
        for at in range(0, len(frames), TURN):
            taken += await run([orjson.loads(frame) for frame in frames[at : at + TURN]])
        return taken

    async def _run_and_read(self, turn: Sequence[Event]) -> int:
        receive, entry = self.router.receive, self.handles[0].entry
        begun = now()
        for event in turn:
            receive([event], 1.0)
            entry.state  # noqa: B018 - reading folds
        await asyncio.sleep(0)
        return now() - begun

    def run_ticks(self, frames: Sequence[bytes]) -> tuple[list[int], list[int]]:
        """Receive these frames, a turn at a time. Returns the ns of each tick (receive, fold, notify), of this process
        alone, and the ns from the receipt of each event to the notification of its session, by the wall clock."""
        return self._runner.run(self._run_ticks(frames))

    async def _run_ticks(self, frames: Sequence[bytes]) -> tuple[list[int], list[int]]:
        ticks: list[int] = []
        lags: list[int] = []
        waiting: dict[str, list[int]] = {handle.session_id: [] for handle in self.handles}

        def notified(state: SessionState) -> None:
            at = time.perf_counter_ns()
            stamps = waiting[state.session_id]
            lags.extend([at - stamp for stamp in stamps])
            stamps.clear()

        undos = [handle.subscribe(notified) for handle in self.handles]
        for at in range(0, len(frames), TURN):
            turn = [orjson.loads(frame) for frame in frames[at : at + TURN]]
            begun = now()
            for _, payload in turn:
                waiting[payload["session_id"]].append(time.perf_counter_ns())
            self.router.receive(turn, 1.0)
            await asyncio.sleep(0)
            ticks.append(now() - begun)
        for undo in undos:
            undo()
        return ticks, lags

    def close(self) -> None:
        """Release everything and end the loop."""
        self._runner.run(self._close())
        self._runner.close()

    async def _close(self) -> None:
        for handle in self.handles:
            handle.release()
        await self.registry.close()
        await self.link.close()
