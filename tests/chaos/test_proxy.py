"""The proxy: it applies its faults, and the same seed gives the same faults."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import islice

import pytest

from tests.chaos.proxy import Proxy
from tests.chaos.schedule import DROPS, FaultSchedule, faults


@pytest.fixture
async def echo() -> AsyncIterator[str]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        except OSError:
            return
        finally:
            writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def connected(proxy: Proxy) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, _, port = proxy.url.removeprefix("http://").partition(":")
    return await asyncio.open_connection(host, int(port))


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, words: bytes) -> bytes:
    writer.write(words)
    return await reader.readexactly(len(words))


@pytest.fixture
async def proxy(echo: str) -> AsyncIterator[Proxy]:
    async with asyncio.timeout(5), Proxy(echo) as proxy:
        yield proxy


async def test_without_faults_everything_passes(proxy: Proxy) -> None:
    reader, writer = await connected(proxy)
    words = b"x" * 300_000
    assert await ask(reader, writer, words) == words
    assert (proxy.accepted, proxy.open_count) == (1, 1)
    writer.close()


async def test_a_drop_resets_what_is_open_and_lets_new_ones_through(proxy: Proxy) -> None:
    reader, writer = await connected(proxy)
    await ask(reader, writer, b"hello")
    assert proxy.drop() == 1
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    writer.close()
    reader, writer = await connected(proxy)
    assert await ask(reader, writer, b"again") == b"again"
    writer.close()


async def test_a_stall_holds_everything_back_and_going_on_brings_it(proxy: Proxy) -> None:
    reader, writer = await connected(proxy)
    proxy.stall()
    asking = asyncio.ensure_future(ask(reader, writer, b"late"))
    done, _ = await asyncio.wait([asking], timeout=0.05)
    assert not done
    proxy.go_on()
    assert await asking == b"late"
    writer.close()


async def test_a_cut_lets_half_of_the_next_piece_through(proxy: Proxy) -> None:
    reader, writer = await connected(proxy)
    await ask(reader, writer, b"hello")
    assert proxy.cut_mid_frame(towards_client=True) == 1
    writer.write(b"12345678")
    assert await reader.read() == b"1234"
    writer.close()


async def test_a_throttle_and_a_delay_slow_down_and_change_nothing(proxy: Proxy) -> None:
    reader, writer = await connected(proxy)
    proxy.throttle(200_000)
    proxy.delay(0.001)
    words = bytes(range(256)) * 20
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert await ask(reader, writer, words) == words
    assert loop.time() - began > len(words) / 200_000
    writer.close()


async def test_refused_connections_end_at_once(proxy: Proxy) -> None:
    proxy.refuse(refusing=True)
    reader, writer = await connected(proxy)
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    writer.close()
    assert proxy.refused == 1


async def test_nobody_behind_it_is_a_reset_too() -> None:
    async with asyncio.timeout(5), Proxy("http://127.0.0.1:9") as proxy:
        reader, writer = await connected(proxy)
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.close()
        assert proxy.unreachable == 1


class Obedient:
    """A daemon that records its orders."""

    def __init__(self) -> None:
        self.orders: list[str] = []

    async def order(self, what: str) -> bool:
        self.orders.append(what)
        return True


def test_a_seed_decides_the_faults_and_another_seed_others() -> None:
    first, again, other = (list(islice(faults(seed), 60)) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert {fault.kind for fault in first} >= {*DROPS, "stall", "refuse"}


async def test_the_schedule_ends_with_a_good_network(proxy: Proxy) -> None:
    schedule = FaultSchedule(proxy, Obedient(), 1)
    running = asyncio.ensure_future(schedule.run())
    proxy.stall()
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    reader, writer = await connected(proxy)
    assert await ask(reader, writer, b"calm") == b"calm"
    writer.close()
