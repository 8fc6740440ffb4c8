"""A sink that counts the finished turns of a run, and its comparison with the daemon's own rows."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

from reactivex.subject import Subject

import agor_reactive as agor
from agor_reactive.models.task import ENDED_STATUSES
from agor_reactive.operators import Turn, completed_turns
from agor_reactive.session.handles import SessionHandle
from agor_reactive.sinks import Delivery, Record, SinkUnavailable, deliver

__all__ = ["TurnCount", "ended_tasks", "turns_differ"]


class CountingSink:
    """Counts records by task. Every third write fails, as a destination does that is overloaded."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.sessions: dict[str, str] = {}
        self._writes = 0

    async def open(self) -> None:
        """Nothing to open."""

    async def write(self, records: Sequence[Record]) -> None:
        self._writes += 1
        taken = records[: len(records) // 2] if self._writes % 3 == 0 else records
        for record in taken:
            self.counts[record.key] += 1
            self.sessions[record.key] = record.data["session_id"]
        if len(taken) < len(records):
            raise SinkUnavailable("overloaded", written=len(taken), retry_after=0.0)

    async def close(self) -> None:
        """Nothing to close."""


class TurnCount:
    """Counts the finished turns of sessions, from now on. Holds a handle of each session until `end`.

    `repeated` counts turns that the operator emitted again, which the delivery leaves out.
    """

    def __init__(self, client: agor.Client, session_ids: Sequence[str]) -> None:
        self._bus: Subject[Turn] = Subject()
        self._handles: list[SessionHandle] = []
        self.sink = CountingSink()
        self.delivery: Delivery = deliver(self._bus, self.sink, batch_size=4, queue_size=10_000)
        for session_id in session_ids:
            handle = agor.retain_reactive_session(client, session_id, task_hydration="lean")
            handle.snapshots.pipe(completed_turns()).subscribe(self._bus.on_next)
            self._handles.append(handle)

    async def ready(self) -> None:
        """Wait until the tasks that have ended before are known: they are not counted."""
        await asyncio.gather(*(handle.ready() for handle in self._handles))

    async def end(self) -> None:
        """Deliver what is queued, and release the handles."""
        await self.delivery.stop()
        for handle in self._handles:
            handle.release()
        self._handles.clear()

    @property
    def repeated(self) -> int:
        """How many turns came a second time."""
        return self.delivery.duplicates

    @property
    def dropped(self) -> int:
        """How many turns were not delivered."""
        return self.delivery.dropped


async def ended_tasks(rest: agor.AsyncRestClient, session_ids: Sequence[str]) -> dict[str, str]:
    """The tasks that the daemon says have ended: task id to session id."""
    found: dict[str, str] = {}
    for session_id in session_ids:
        for task in await rest.service("tasks").find_all(query={"session_id": session_id}):
            if task.status in ENDED_STATUSES:
                found[task.task_id] = session_id
    return found


def turns_differ(counts: Counter[str], before: set[str], after: set[str]) -> list[str]:
    """What is wrong with the counted turns, given the ended tasks of the daemon before and after the run.

    A counted turn whose task the daemon no longer has was removed since, which is no fault.
    """
    wrong = [f"turn {task_id} was not counted" for task_id in sorted(after - before - set(counts))]
    wrong += [f"turn {task_id} was counted {n} times" for task_id, n in sorted(counts.items()) if n > 1]
    wrong += [f"turn {task_id} ended before the run and was counted" for task_id in sorted(before & set(counts))]
    return wrong
