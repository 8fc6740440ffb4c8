"""An asyncio client, handle or service raises `WrongLoop` on a plain thread and on another loop, in all that it offers.

The public names are found by introspection, so that a new method cannot be forgotten; what may be read anywhere is
listed.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from reactivex import Observable

import agor_reactive as agor
from agor_reactive.blocking import LoopThread
from agor_reactive.calls.surface import OperationMethod, PagedMethod
from agor_reactive.errors import WrongLoop
from agor_reactive.services import SERVICES, Service
from agor_reactive.session.permissions import PendingPermission
from tests.core.build import SID, message_row
from tests.session.world import World

SERVICES_OF_A_CLIENT = {"service", "sessions", "tasks", "users", "messages", "boards", "branches", "repos"}

ANYWHERE: dict[type, set[str]] = {
    agor.Client: {"url", "status", *SERVICES_OF_A_CLIENT},
    agor.SessionHandle: {"state", "released", "session_id", "entry", "display", "displayed"},
    agor.SessionCollection: {"rows", *(name for name in dir(Observable) if name != "subscribe")},
    agor.PendingPermission: {
        *("request", "session_id", "task_id", "message_id", "id", "request_id", "tool_name", "tool_input"),
    },
    agor.AsyncRestClient: {"url", "with_raw_response", *SERVICES_OF_A_CLIENT},
    **{kind: set() for kind in (Service, *SERVICES.values())},
}
"""By type, what may be used on any thread: values that do not change, or that are replaced as a whole."""

SERVICE = "a_custom_method"
"""Any name is a method of a service that is not known."""

OVER_REST = {"with_raw_response"}
"""What a live client refuses on every thread."""


def names_of(kind: type) -> list[str]:
    """The public names of a type that are bound to the loop. The services of a client have their own test."""
    public = {name for name in dir(kind) if not name.startswith("_")} - ANYWHERE[kind] - OVER_REST
    return sorted(public | ({SERVICE} if kind is Service else set()))


def called(function: Any) -> Any:
    """Call it with a value for each argument that must be given."""
    method = getattr(function, "__self__", None)
    found = inspect.getattr_static(type(method), function.__name__, None) if method is not None else None
    written = function
    if isinstance(found, (OperationMethod, PagedMethod)):
        written = (found.operation if isinstance(found, OperationMethod) else found.pages).__get__(method)
    required = [p for p in inspect.signature(written).parameters.values() if p.default is p.empty]
    values = {p: print if p.name in ("callback", "on_next", "observer") else "created" for p in required}
    return function(
        *(value for p, value in values.items() if p.kind is p.POSITIONAL_OR_KEYWORD),
        **{p.name: value for p, value in values.items() if p.kind is p.KEYWORD_ONLY},
    )


async def finished(result: Any) -> Any:
    return await (anext(result) if isinstance(result, AsyncIterator) else result)


def use(owner: Any, name: str) -> None:
    """Use it in all that it has: read the property, subscribe, call, await on a loop of this thread."""
    result = getattr(owner, name)
    if isinstance(result, Observable):
        result.subscribe(print)
        return
    if callable(result):
        result = called(result)
    if inspect.isawaitable(result) or isinstance(result, AsyncIterator):
        asyncio.run(finished(result))


async def refuses(owner: Any, name: str) -> None:
    with pytest.raises(WrongLoop):
        await asyncio.to_thread(use, owner, name)


@pytest.fixture
async def client() -> AsyncIterator[agor.Client]:
    async with agor.create_client(link=World().link) as one:
        yield one


@pytest.mark.parametrize("name", names_of(agor.Client))
async def test_a_client_refuses(name: str, client: agor.Client) -> None:
    await refuses(client, name)
    assert client.status.up


@pytest.mark.parametrize("name", names_of(agor.SessionHandle))
async def test_a_handle_refuses(name: str, client: agor.Client) -> None:
    async with agor.retain_reactive_session(client, SID) as handle:
        await handle.ready()
        await refuses(handle, name)
        assert not handle.released


@pytest.mark.parametrize("name", ["snapshots", "events", "permissions"])
async def test_an_observable_of_a_handle_refuses(name: str, client: agor.Client) -> None:
    async with agor.retain_reactive_session(client, SID) as handle:
        await handle.ready()
        observable = getattr(handle, name)
        with pytest.raises(WrongLoop):
            await asyncio.to_thread(observable.subscribe, print)


@pytest.mark.parametrize("name", names_of(agor.SessionCollection))
async def test_a_collection_refuses(name: str, client: agor.Client) -> None:
    async with agor.retain_sessions(client) as sessions:
        await refuses(sessions, name)
        with pytest.raises(asyncio.TimeoutError):  # it was not closed
            await asyncio.wait_for(closing(sessions), 0.01)


async def closing(sessions: agor.SessionCollection) -> None:
    over = asyncio.Event()
    sessions.listen(lambda rows: None, over.set)
    await over.wait()


@pytest.mark.parametrize("name", names_of(agor.PendingPermission))
async def test_a_permission_request_refuses(name: str) -> None:
    world = World()
    asked = {"request_id": "r1", "tool_name": "Bash", "tool_input": {}, "status": "pending"}
    world.messages.append({**message_row("m2", "t1", index=2), "type": "permission_request", "content": asked})
    async with (
        agor.create_client(link=world.link) as client,
        agor.retain_reactive_session(client, SID, task_hydration="eager") as handle,
    ):
        await handle.ready()
        found: list[PendingPermission] = []
        handle.permissions.subscribe(found.append)
        await refuses(found[0], name)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (path, name)
        for path, kind in {"any": Service, **SERVICES}.items()
        for name in names_of(kind)
        if kind is Service or not hasattr(Service, name)
    ],
)
async def test_a_service_refuses(path: str, name: str, client: agor.Client) -> None:
    await refuses(client.service(path), name)


@pytest.mark.parametrize("name", names_of(agor.AsyncRestClient))
async def test_a_rest_client_refuses(name: str) -> None:
    async with agor.create_async_rest_client("http://localhost:9") as rest:
        await rest.logout()  # the first use binds it to this loop
        await refuses(rest, name)


async def test_a_service_of_a_rest_client_refuses() -> None:
    async with agor.create_async_rest_client("http://localhost:9") as rest:
        await rest.logout()
        for name in ("find", "iterate", "create_many"):
            await refuses(rest.sessions, name)


def functions() -> list[str]:
    """The public functions that take a client or a handle."""
    found = [name for name in agor.__all__ if inspect.isfunction(getattr(agor, name))]
    return [
        name
        for name in found
        if next(iter(inspect.signature(getattr(agor, name)).parameters), "") in ("client", "handle", "target")
    ]


@pytest.mark.parametrize("name", functions())
async def test_a_function_of_a_client_or_handle_refuses(name: str, client: agor.Client, tmp_path: Path) -> None:
    function = getattr(agor, name)
    given = {"session_id": SID, "path": tmp_path / "log.jsonl"}
    wanted = [p.name for p in inspect.signature(function).parameters.values() if p.default is p.empty][1:]
    async with agor.retain_reactive_session(client, SID) as handle:
        await handle.ready()
        for target in (client, handle) if name == "record" else (client,):
            with pytest.raises(WrongLoop):
                await asyncio.to_thread(function, target, *(given[one] for one in wanted))


def test_the_functions_are_those() -> None:
    assert functions() == ["record", "retain_reactive_session", "retain_sessions"]


async def test_what_may_be_read_anywhere_is_readable(client: agor.Client) -> None:
    async with agor.retain_reactive_session(client, SID) as handle, agor.retain_sessions(client) as sessions:
        await handle.ready()
        for owner in (client, handle, sessions):
            for name in ANYWHERE[type(owner)] - set(dir(Observable)):
                await asyncio.to_thread(getattr, owner, name)
        assert await asyncio.to_thread(lambda: handle.state) is handle.state


async def test_a_coroutine_made_on_a_thread_may_run_on_the_loop(client: agor.Client) -> None:
    """As `asyncio.run_coroutine_threadsafe(client.sessions.get(…), loop)` does."""
    loop = asyncio.get_running_loop()

    def from_a_thread() -> Any:
        return asyncio.run_coroutine_threadsafe(client.sessions.get(SID), loop).result(10)

    assert (await asyncio.to_thread(from_a_thread)).session_id == SID


def test_observables_of_a_blocking_client_emit_on_its_loop_from_the_first_item_on() -> None:
    from threading import current_thread

    from agor_reactive.blocking.portal import emitting_on_loop
    from agor_reactive.core.fold import initial_state
    from agor_reactive.session.pipeline import StateSubject

    portal = LoopThread()
    try:
        source = portal.call(lambda: StateSubject(initial_state(SID), portal.loop, lambda failure: None))
        threads: list[str] = []
        emitting_on_loop(source, portal).subscribe(lambda state: threads.append(current_thread().name)).dispose()
        assert threads == ["agor-reactive"]
        assert source.subscription_count == 0
    finally:
        portal.stop()
