"""`dry_run`: what a policy would have decided about the requests of a log."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from agor_reactive.logs.folding import Fold
from agor_reactive.logs.log import Log
from agor_reactive.logs.reading import raw_event
from agor_reactive.models.wire import RawEvent
from agor_reactive.policies.judging import Decided, Otherwise, Predicate, judge
from agor_reactive.session.permissions import PendingPermission, PermissionWatch

__all__ = ["DryRun", "dry_run", "requests_of"]


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a policy would have decided, request by request. As text: ``would have approved 41 of 50, …``."""

    decisions: tuple[Decided, ...]

    @property
    def approved(self) -> tuple[Decided, ...]:
        """The requests that it would have approved."""
        return tuple(one for one in self.decisions if one.verdict == "approved")

    @property
    def denied(self) -> tuple[Decided, ...]:
        """The requests that it would have denied; `error` says on which ones the predicate failed."""
        return tuple(one for one in self.decisions if one.verdict == "denied")

    @property
    def left(self) -> tuple[Decided, ...]:
        """The requests that it would have left to a person."""
        return tuple(one for one in self.decisions if one.verdict == "left")

    def __str__(self) -> str:
        text = f"would have approved {len(self.approved):,} of {len(self.decisions):,}"
        failed = sum(one.error is not None for one in self.denied)
        if self.denied:
            text += f", denied {len(self.denied):,}" + (f" ({failed:,} because the predicate failed)" if failed else "")
        return text + (f", {len(self.left):,} left to a person" if self.left else "")


def dry_run(
    predicate: Predicate, requests: Log | Iterable[PendingPermission], *, otherwise: Otherwise = "leave"
) -> DryRun:
    """Ask a predicate about the requests of a log, or about these, and answer none of them. See `approve_if`."""
    asked = requests_of(requests) if isinstance(requests, Log) else ((0.0, request) for request in requests)

    async def ask() -> tuple[Decided, ...]:
        return tuple([await judge(predicate, request, otherwise, None, at) for at, request in asked])

    # On a thread, because a loop may be running here, and a predicate may be async.
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        return DryRun(thread.submit(asyncio.run, ask()).result())


def requests_of(log: Log) -> Iterator[tuple[float, PendingPermission]]:
    """The permission requests of a log with the time at which each became known, epoch seconds; each once.

    In one pass over the log, whatever the number of its sessions.
    """
    found: list[PendingPermission] = []
    watches: dict[str, PermissionWatch] = {}
    folded = Fold(lambda record, why: None)

    def watch_of(session_id: str) -> PermissionWatch:
        if session_id not in watches:
            watches[session_id] = PermissionWatch(lambda *asked: found.append(PendingPermission(*asked)))
        return watches[session_id]

    for record in log.records():
        folded.take([record])
        if record["kind"] == "event":
            event = raw_event(record)
            session_id = _session_of(event)
            if event is not None and session_id is not None:
                watch_of(session_id).receive(event)
        elif (mirror := folded.mirrors.get(record.get("mirror", -1))) is not None:
            watch_of(mirror.session_id).look(mirror.flush())
        for request in found:
            yield record["t"], request
        found.clear()


def _session_of(event: RawEvent | None) -> str | None:
    payload = None if event is None else event.payload
    if not isinstance(payload, dict):
        return None
    found = payload.get("session_id", payload.get("sessionId"))
    return found if isinstance(found, str) else None
