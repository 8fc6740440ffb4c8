"""Blocking calls to a daemon that the caller's own event loop serves: refused at once, not after a timeout."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

import agor_reactive as agor
from agor_reactive.daemon import EmbeddedDaemon


@pytest.fixture
async def here() -> AsyncIterator[EmbeddedDaemon]:
    """A daemon on the event loop of the test itself."""
    async with EmbeddedDaemon() as daemon:
        yield daemon


def rest(url: str, **login: Any) -> Any:
    with agor.create_rest_client(url, **login) as client:
        return client.service("sessions").find()


def rest_login(url: str, **login: Any) -> Any:
    with agor.create_rest_client(url, read_env=False) as client:
        return client.authenticate(**login)


def live(url: str, **login: Any) -> Any:
    with agor.connect(url, **login) as client:
        return client.service("sessions").find()


CALLS = [rest, rest_login, live]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_call_that_blocks_the_loop_of_its_daemon_is_refused_at_once(
    here: EmbeddedDaemon, call: Callable[..., Any], host: str
) -> None:
    began = time.monotonic()
    with pytest.raises(agor.UsageError, match=r"create_(client|async_rest_client) and await it"):
        call(f"http://{host}:{here.port}", api_key=here.api_key)
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("call", CALLS)
async def test_in_another_thread_the_same_call_works(here: EmbeddedDaemon, call: Callable[..., Any]) -> None:
    assert await asyncio.to_thread(call, here.url, api_key=here.api_key) is not None


async def test_a_connected_client_is_refused_on_the_loop_and_goes_on_elsewhere(here: EmbeddedDaemon) -> None:
    client = await asyncio.to_thread(agor.connect, here.url, api_key=here.api_key)
    with pytest.raises(agor.UsageError, match="could never answer"):
        client.service("sessions").find()
    assert len(await asyncio.to_thread(client.service("sessions").find)) == 0
    await asyncio.to_thread(client.close)


async def test_after_its_end_the_address_is_free_again(here: EmbeddedDaemon) -> None:
    url, key = here.url, here.api_key
    await here.stop()
    with pytest.raises(agor.LinkError):
        rest(url, api_key=key)
