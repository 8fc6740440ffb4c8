"""A fleet of sessions without a socket: a live collection and a mirror of each session, on a scripted link.

``python -m benchmarks.fleet SESSIONS`` prints the bytes that so many need with their rows alone, after a turn in each,
and after a second one. In a process that does nothing else: the memory of all its threads is counted.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
import tracemalloc
from collections.abc import Sequence
from typing import Any

import orjson

from agor_reactive.session.collection import SessionCollection, SessionRows
from agor_reactive.session.handles import SessionHandle
from agor_reactive.session.registry import SessionRegistry
from agor_reactive.session.router import Router
from agor_reactive.transport.scripted import ScriptedLink
from benchmarks.measure import now
from benchmarks.wire import SessionScript
from benchmarks.workloads import payloads

__all__ = ["BURST", "Fleet", "held", "work_of"]

BURST = 256
"""Events that share a tick of the loop."""

SHOWN = 50
"""Rows of the collection that its view shows: those that changed last."""
_DISTINCT = 40


def work_of(sessions: int, *, rounds: int = 1) -> tuple[list[dict[str, Any]], list[list[bytes]]]:
    """The rows of so many sessions, and for each round the frames of a turn in all of them, in turns.

    Sessions repeat the texts of forty.
    """
    scripts = [SessionScript(f"session {number}/fleet") for number in range(min(sessions, _DISTINCT))]
    ids = [f"{number:08x}{scripts[number % len(scripts)].session_id[8:]}" for number in range(sessions)]
    rows = [{**scripts[at % len(scripts)].session_row("idle"), "session_id": ids[at]} for at in range(sessions)]
    made = []
    for _ in range(rounds):
        encoded = []
        for script in scripts:
            script.events.clear()
            script.task(messages=3, chunks=5, tools=True)
            encoded.append(payloads(script.events))
        longest = max(map(len, encoded))
        frames = []
        for at in range(longest):
            for number, session_id in enumerate(ids):
                script, here = scripts[number % len(scripts)], encoded[number % len(scripts)]
                if at < len(here):
                    frames.append(here[at].replace(script.session_id.encode(), session_id.encode()))
        made.append(frames)
    return rows, made


class Fleet:
    """The inside of a client that mirrors sessions with hydration ``none``, whose rows a view shows. Close it."""

    def __init__(self, rows: Sequence[dict[str, Any]]) -> None:
        self._runner = asyncio.Runner()
        self.link = ScriptedLink()
        by_id = {row["session_id"]: row for row in rows}
        self.link.on_call("find", "*", lambda args: {"total": 0, "data": []})
        self.link.on_call("find", "sessions", lambda args: _page(rows, args))
        self.link.on_call("get", "sessions", lambda args: by_id[args[0]])
        self.shown = 0
        self._runner.run(self._open(list(by_id)))

    async def _open(self, session_ids: Sequence[str]) -> None:
        self.router = Router(self.link)
        self.registry = SessionRegistry(self.link, self.router)
        await self.link.open()
        self.collection = SessionCollection(self, {"archived": False})
        await self.collection.ready()
        self.collection.listen(self._show)
        self.handles: list[SessionHandle] = [
            self.collection.retain(session_id, task_hydration="none") for session_id in session_ids
        ]
        for handle in self.handles:
            await handle.ready()

    def _show(self, rows: SessionRows) -> None:
        self.shown += len(rows.ordered[:SHOWN])

    def run(self, frames: Sequence[bytes], *, turn: int) -> int:
        """Receive these frames, `turn` at a time, decoded as from the link. The CPU time in ns, decoding included."""
        return self._runner.run(self._run(frames, turn))

    async def _run(self, frames: Sequence[bytes], turn: int) -> int:
        receive = self.router.receive
        begun = now()
        for at in range(0, len(frames), turn):
            receive([orjson.loads(frame) for frame in frames[at : at + turn]], 1.0)
            await asyncio.sleep(0)
        return now() - begun

    def run_paced(self, frames: Sequence[bytes], per_second: float) -> tuple[float, float]:
        """Receive these frames at a rate. Seconds of CPU and of the clock that it took."""
        return self._runner.run(self._run_paced(frames, per_second))

    async def _run_paced(self, frames: Sequence[bytes], per_second: float) -> tuple[float, float]:
        cpu, begun = time.process_time(), time.perf_counter()
        for number, frame in enumerate(frames):
            await asyncio.sleep(max(0.0, begun + number / per_second - time.perf_counter()))
            self.router.receive([orjson.loads(frame)], 1.0)
        await asyncio.sleep(0)
        return time.process_time() - cpu, time.perf_counter() - begun

    def look_at(self, number: int) -> tuple[int, int]:
        """Details on demand: load the messages of a session's newest task, and unload them. The ns, and how many."""
        return self._runner.run(self._look_at(number))

    async def _look_at(self, number: int) -> tuple[int, int]:
        handle = self.handles[number]
        task_id = handle.state.tasks[-1].task_id
        begun = now()
        await handle.load_task_messages(task_id)
        handle.unload_task_messages(task_id)
        return now() - begun, len(handle.state.tasks)

    def close(self) -> None:
        """Release everything and end the loop."""
        self._runner.run(self._close())
        self._runner.close()

    async def _close(self) -> None:
        self.collection.close()
        for handle in self.handles:
            handle.release()
        await self.registry.close()
        await self.link.close()


def _page(rows: Sequence[dict[str, Any]], args: tuple[Any, ...]) -> dict[str, Any]:
    query = args[0]["query"] if args and isinstance(args[0], dict) and "query" in args[0] else {}
    skip = int(query.get("$skip", 0))
    limit = int(query.get("$limit", len(rows)))
    return {"total": len(rows), "limit": limit, "skip": skip, "data": list(rows[skip : skip + limit])}


def held(sessions: int) -> dict[str, int]:
    """The bytes of a fleet: with its `rows`, after the `first` turn in each session, after the `second`."""
    rows, (first, second) = work_of(sessions, rounds=2)
    once = Fleet(rows[:1])  # what is imported and made once is not counted
    once.run(first, turn=BURST)
    once.close()
    gc.collect()
    found = {}
    tracemalloc.start()
    opened = Fleet(rows)
    for name, frames in (("rows", ()), ("first", first), ("second", second)):
        opened.run(frames, turn=BURST)
        gc.collect()
        found[name], _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    opened.close()
    return found


if __name__ == "__main__":
    print(orjson.dumps(held(int(sys.argv[1]))).decode(), flush=True)
