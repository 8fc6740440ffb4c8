"""A daemon on a loop of its own thread, and a blocking client of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agor_reactive.blocking import BlockingClient, LoopThread, connect
from agor_reactive.daemon import EmbeddedDaemon


@pytest.fixture(scope="module")
def daemon() -> Iterator[EmbeddedDaemon]:
    portal = LoopThread()

    async def start() -> EmbeddedDaemon:
        made = EmbeddedDaemon(speed=200, seed=1)
        await made.start()
        return made

    one = portal.run(start())
    try:
        yield one
    finally:
        portal.run(one.stop())
        portal.stop()


@pytest.fixture
def client(daemon: EmbeddedDaemon) -> Iterator[BlockingClient]:
    with connect(daemon.url, api_key=daemon.api_key) as one:
        yield one
