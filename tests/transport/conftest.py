"""Fixtures: a running server, and a recorder of a link's events."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from agor_reactive.calls.backoff import Backoff
from agor_reactive.models.wire import EventRun, LinkStatus, RawEvent
from agor_reactive.transport.socketio import SocketLink
from tests.transport.feathers import FeathersServer
from tests.transport.rest_server import RestServer

FAST = Backoff(first=0.01, most=0.05, steady=60.0)


@pytest.fixture
async def server() -> AsyncIterator[FeathersServer]:
    server = FeathersServer()
    await server.start()
    yield server
    await server.stop()


def one_by_one(listener: Callable[[RawEvent], object]) -> Callable[[EventRun, float], None]:
    """What a link calls with events that came together, for a listener that takes each."""

    def listen(events: EventRun, at: float) -> None:
        for topic, payload in events:
            listener(RawEvent(topic, payload, at))

    return listen


class Received:
    """A link with its recorded events and statuses, in order."""

    def __init__(self, url: str, **options: Any) -> None:
        self.events: list[RawEvent] = []
        self.statuses: list[LinkStatus] = []
        self.link = SocketLink(url, **{"backoff": FAST, "random": lambda: 0.5, **options})
        self.link.listen(one_by_one(self.events.append), self.statuses.append)

    @property
    def phases(self) -> list[str]:
        return [status.phase for status in self.statuses]

    async def __aenter__(self) -> Received:
        await self.link.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.link.close()


@pytest.fixture
def no_leaks() -> Any:
    """Fail the test when our tasks are left, or a garbage collection warns."""

    def tasks() -> set[str]:
        return {task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()}

    async def check(before: set[str]) -> None:
        for _ in range(5):
            await asyncio.sleep(0)
        gc.collect()
        left = {name for name in tasks() - before if "agor" in name}
        assert left == set()

    check.tasks = tasks  # type: ignore[attr-defined]
    return check


@pytest.fixture
def rest_server() -> Iterator[RestServer]:
    server = RestServer()
    yield server
    server.stop()
