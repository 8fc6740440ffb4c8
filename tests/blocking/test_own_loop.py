"""Blocking calls to a daemon that the caller's own event loop serves: refused at once, not after a timeout."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from queue import Queue
from typing import Any

import engineio
import pytest

import agor_reactive as agor
from agor_reactive.blocking import BlockingClient, BlockingHandle, BlockingPermission, BlockingSessions
from agor_reactive.daemon import EmbeddedDaemon
from tests.contract.waiting import eventually


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


WAITING: dict[str, Callable[[Any, Any, Any, Any], Any]] = {
    "client.service": lambda client, handle, sessions, asked: client.service("sessions").find(),
    "client.iterate": lambda client, handle, sessions, asked: list(client.service("sessions").iterate()),
    "client.authenticate": lambda client, handle, sessions, asked: client.authenticate(api_key="x"),
    "client.re_authenticate": lambda client, handle, sessions, asked: client.re_authenticate(),
    "client.logout": lambda client, handle, sessions, asked: client.logout(),
    "client.run": lambda client, handle, sessions, asked: client.run(client.live.service("sessions").find()),
    "sessions.ready": lambda client, handle, sessions, asked: sessions.ready(),
    "handle.ready": lambda client, handle, sessions, asked: handle.ready(),
    "handle.prompt": lambda client, handle, sessions, asked: handle.prompt("x"),
    "handle.ask": lambda client, handle, sessions, asked: handle.ask("x"),
    "handle.wait": lambda client, handle, sessions, asked: handle.wait(asked.task_id),
    "handle.wait_for": lambda client, handle, sessions, asked: handle.wait_for(lambda state: False),
    "handle.states": lambda client, handle, sessions, asked: list(handle.states()),
    "handle.stop": lambda client, handle, sessions, asked: handle.stop(),
    "handle.cancel": lambda client, handle, sessions, asked: handle.cancel(asked.task_id),
    "handle.approve": lambda client, handle, sessions, asked: handle.approve(asked.request_id),
    "handle.deny": lambda client, handle, sessions, asked: handle.deny(asked.request_id),
    "handle.load_task_messages": lambda client, handle, sessions, asked: handle.load_task_messages(asked.task_id),
    "handle.load_older_tasks": lambda client, handle, sessions, asked: handle.load_older_tasks(),
    "handle.resync": lambda client, handle, sessions, asked: handle.resync(),
    "permission.approve": lambda client, handle, sessions, asked: asked.approve(),
    "permission.deny": lambda client, handle, sessions, asked: asked.deny(),
    "outcome.approve": lambda client, handle, sessions, asked: asked.outcome.requests[0].approve(),
}
"""Every call that waits for the daemon."""

STAYS = {"close", "release", "unload_task_messages", "on_permission", "on_status", "retain", "retain_sessions"}
STAYS |= {"subscribe"}
"""Calls that need no answer of the daemon."""


@dataclass
class Asked:
    """A permission request as a blocking client has it."""

    permission: BlockingPermission
    outcome: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.permission, name)


@pytest.fixture
async def held(here: EmbeddedDaemon) -> AsyncIterator[tuple[BlockingClient, BlockingHandle, BlockingSessions, Asked]]:
    """A client, a handle, a collection and a pending request, all made in another thread than the daemon's."""

    def connected() -> tuple[BlockingClient, BlockingHandle, BlockingSessions, Asked]:
        client = agor.connect(here.url, api_key=here.api_key)
        row = {"branch_id": here.workspace_id, "agentic_tool": "claude-code", "title": "x"}
        handle = client.retain(client.service("sessions").create(row).session_id)
        sessions = client.retain_sessions()
        sessions.ready()
        handle.ready()
        requests: Queue[BlockingPermission] = Queue()
        handle.on_permission(requests.put)
        outcome = handle.ask("May I? [permission]", timeout=20)
        return client, handle, sessions, Asked(requests.get(timeout=20), outcome)

    made = await asyncio.to_thread(connected)
    yield made
    await asyncio.to_thread(made[0].close)


async def test_every_call_that_waits_is_refused_at_once(held: tuple[Any, ...]) -> None:
    for name, call in WAITING.items():
        began = time.monotonic()
        with pytest.raises(agor.UsageError, match="create_client and await it"):
            call(*held)
        assert time.monotonic() - began < 1, name
    # Nothing was sent meanwhile, and all of it works in another thread.
    answered = await asyncio.to_thread(held[1].approve, held[3].request_id)
    assert answered.success is not False


def test_every_public_method_is_among_them_or_needs_no_answer() -> None:
    for kind, name in ((BlockingClient, "client"), (BlockingHandle, "handle"), (BlockingSessions, "sessions")):
        methods = {key for key, value in vars(kind).items() if not key.startswith("_") and callable(value)}
        assert methods - STAYS == {key.partition(".")[2] for key in WAITING if key.startswith(f"{name}.")} - {
            "service",
            "iterate",
        }


async def test_what_needs_no_answer_works_on_the_loop(held: tuple[Any, ...]) -> None:
    client, handle, sessions, _ = held
    seen: list[Any] = []
    handle.subscribe(seen.append)()
    assert seen
    client.on_status(seen.append)()
    again = client.retain(handle.session_id)
    again.release()
    sessions.close()
    handle.release()


async def test_the_client_closes_at_once_on_the_loop_and_frees_everything(here: EmbeddedDaemon) -> None:
    """With a mirror whose room has to be left, which only the daemon of the blocked loop could confirm."""

    def connected() -> tuple[BlockingClient, BlockingHandle]:
        client = agor.connect(here.url, api_key=here.api_key)
        handle = client.retain(client.service("sessions").create({"branch_id": here.workspace_id}).session_id)
        handle.ready()
        return client, handle

    engines = list(engineio.base_client.connected_clients)
    client, handle = await asyncio.to_thread(connected)
    portal = handle.portal
    began = time.monotonic()
    client.close()
    assert time.monotonic() - began < 1
    assert not portal.alive
    assert portal.loop.is_closed()
    assert (client.status.phase, handle.state.status.disposed) == ("closed", True)
    assert client.live.registry.rooms.count == 0
    assert engineio.base_client.connected_clients == engines
    await eventually(lambda: not here._now_running.sockets.server.eio.sockets)


async def test_after_its_end_the_address_is_free_again(here: EmbeddedDaemon) -> None:
    url, key = here.url, here.api_key
    await here.stop()
    with pytest.raises(agor.LinkError):
        rest(url, api_key=key)
