"""A daemon that sends stream events only to those who joined, and its rows."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

import agor_reactive as agor
from agor_reactive.daemon import EmbeddedDaemon
from tests.chaos.proxy import Proxy
from tests.session.live import Scene


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with (
        EmbeddedDaemon() as daemon,
        agor.create_async_rest_client(daemon.url, api_key=daemon.api_key) as rest,
        agor.create_async_rest_client(daemon.url, access_token=daemon.service_token) as executor,
        Proxy(daemon.url) as way,
    ):
        yield Scene(daemon, rest, executor, way)
