"""A client or handle that is collected without its end warns `ResourceWarning`, naming it; one that has ended does not.

Nothing keeps one alive that is not referred to: it is gone without the garbage collector, so the warning comes at once.
"""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

import agor_reactive as agor
from agor_reactive.daemon import EmbeddedDaemon
from agor_reactive.transport.scripted import ScriptedLink
from tests.contract.waiting import eventually
from tests.core.build import SID
from tests.session.world import World


@pytest.fixture(autouse=True)
def no_collection() -> Iterator[None]:
    """Turn the collector off, so that what is gone was in no cycle."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def warned(make: Callable[[], Any]) -> list[str]:
    """The resource warnings while what `make` returns is dropped."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        made = make()
        del made
    return [str(one.message) for one in found if one.category is ResourceWarning]


async def awarned(make: Callable[[], Coroutine[Any, Any, Any]]) -> list[str]:
    """`warned`, for a coroutine function."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        made = await make()
        del made
    return [str(one.message) for one in found if one.category is ResourceWarning]


async def test_an_open_client_warns_though_its_services_were_used() -> None:
    link = ScriptedLink()

    async def make() -> agor.Client:
        client = agor.create_client(link=link)
        await client.open()
        client.sessions.on("patched", print)
        client.events.subscribe(print)
        return client

    assert await awarned(make) == ["<Client  live> was not closed. Close it, or use it as a context manager."]
    await link.close()


async def test_a_closed_client_and_one_that_was_not_opened_do_not_warn() -> None:
    async def make() -> agor.Client:
        async with agor.create_client(link=ScriptedLink()) as client:
            return client

    assert await awarned(make) == []
    assert warned(lambda: agor.create_client(link=ScriptedLink())) == []


async def test_a_handle_warns_though_it_has_listeners() -> None:
    async with agor.create_client(link=World().link) as client:

        async def make() -> agor.SessionHandle:
            handle = agor.retain_reactive_session(client, SID)
            await handle.ready()
            handle.subscribe(lambda state: None)
            handle.permissions.subscribe(print)
            return handle

        (text,) = await awarned(make)
        assert text.startswith(f"<SessionHandle {SID} of ")
        assert text.endswith(" was not released. Release it, or use it as a context manager.")


@pytest.mark.parametrize("end", ["release", "client"])
async def test_a_handle_that_was_released_or_whose_client_was_closed_does_not_warn(end: str) -> None:
    async def make() -> agor.SessionHandle:
        async with agor.create_client(link=World().link) as client:
            handle = agor.retain_reactive_session(client, SID)
            await handle.ready()
            if end == "release":
                handle.release()
            return handle

    assert await awarned(make) == []


@pytest.mark.parametrize("close", [False, True])
async def test_a_collection_warns_unless_it_was_closed(close: bool) -> None:
    """Listeners of the link refer to it, so that it lives as long as the link does."""

    async def drop() -> None:
        world = World()
        await world.link.open()
        sessions = agor.SessionCollection(world)
        await sessions.ready()
        if close:
            sessions.close()
        del world, sessions
        for _ in range(3):  # callbacks that the loop has still to call refer to it, too
            await asyncio.sleep(0)
        gc.collect()

    texts = await awarned(drop)
    assert any(text.startswith("<SessionCollection ") for text in texts) is not close


async def test_a_rest_client_warns_once_it_was_used() -> None:
    async with EmbeddedDaemon(seed=1) as daemon:

        def used() -> agor.RestClient:
            client = agor.create_rest_client(daemon.url)
            client.service("health").find()
            client._rest._client.close()  # its sockets would warn, too
            return client

        def closed() -> agor.RestClient:
            with used() as client:
                return client

        text = f"The REST client of {daemon.url} was not closed. Close it, or use it as a context manager."
        assert text in await asyncio.to_thread(warned, used)
        assert await asyncio.to_thread(warned, closed) == []
        assert warned(lambda: agor.create_rest_client(daemon.url)) == []


async def test_an_async_rest_client_warns_once_it_was_used() -> None:
    async with EmbeddedDaemon(seed=1) as daemon:

        async def used() -> agor.AsyncRestClient:
            client = agor.create_async_rest_client(daemon.url)
            await client.service("health").find()
            await client._rest._client.aclose()  # its sockets would warn, too
            return client

        async def closed() -> agor.AsyncRestClient:
            async with await used() as client:
                return client

        assert f"The REST client of {daemon.url} was not closed" in " ".join(await awarned(used))
        assert await awarned(closed) == []


def threads() -> int:
    return sum(thread.name == "agor-reactive" for thread in threading.enumerate())


async def test_a_blocking_client_and_its_handle_warn_and_end_their_thread() -> None:
    async with EmbeddedDaemon(seed=1) as daemon:
        before = threads()

        def used(close: bool) -> agor.BlockingHandle:
            client = agor.connect(daemon.url, api_key=daemon.api_key)
            client.sessions.on("patched", print)
            client.events.subscribe(print)
            handle = client.retain("00000000-0000-7000-8000-000000000000")
            handle.on_permission(print)
            handle.subscribe(print)
            if close:
                client.close()
            return handle

        texts = await asyncio.to_thread(warned, lambda: used(False))
        assert f"<BlockingClient {daemon.url}> was not closed. Close it, or use it as a context manager." in texts
        await eventually(lambda: threads() == before)
        assert await asyncio.to_thread(warned, lambda: used(True)) == []
