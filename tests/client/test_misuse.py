"""What callers hand over by mistake: each a `UsageError` that says what is wanted, before anything is sent."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

import agor_reactive as agor
from agor_reactive.daemon import EmbeddedDaemon
from agor_reactive.errors import AgorError, UsageError, WrongLoop
from tests.transport.rest_server import Reply, RestServer

SECRET = "0123456789abcdef" * 3
KEY = f"agor_sk_{SECRET}"
SESSION = "01970a3f-91c2-7b1e-8d55-0c1f2a3b4c5d"


@pytest.fixture
def api_version() -> str:
    return "branches"


@pytest.fixture
def server() -> Iterator[RestServer]:
    server = RestServer()
    server.script = lambda seen: Reply(200, {"total": 0, "data": []})
    yield server
    server.stop()


@pytest.mark.parametrize("around", ["{}\n", "{}\r\n", " {}", "\t{} "])
def test_what_a_file_left_around_a_key_is_taken_off(server: RestServer, around: str) -> None:
    for name in ("api_key", "access_token"):
        given: dict[str, Any] = {name: around.format(KEY)}
        with agor.create_rest_client(server.url, **given) as client:
            client.service("boards").find()
    with agor.create_rest_client(server.url, token_provider=lambda: around.format(KEY)) as client:
        server.script = lambda seen: Reply(200, {"accessToken": "a.b.c", "total": 0, "data": []})
        client.service("boards").find()
    said = {seen.headers.get("authorization") for seen in server.seen} - {None}
    assert said == {f"Bearer {KEY}", "Bearer a.b.c"}


@pytest.mark.parametrize("wrong", [f"{KEY}\nx-evil: 1", f"ключ{KEY}", f"{KEY} {KEY}", f"{KEY}\0", " ", 3, b"k"])
async def test_what_is_no_key_is_refused_and_not_shown(server: RestServer, wrong: Any) -> None:
    def provided() -> Any:
        return wrong

    def login(**given: Any) -> Any:
        with agor.create_rest_client(server.url) as client:
            client.authenticate(**given)

    def provide() -> Any:
        with agor.create_rest_client(server.url, token_provider=provided) as client:
            client.service("boards").find()

    attempts: list[Callable[[], Any]] = [
        lambda: agor.create_rest_client(server.url, api_key=wrong),
        lambda: agor.create_async_rest_client(server.url, access_token=wrong),
        lambda: agor.create_rest_client(server.url, access_token=KEY, refresh_token=wrong),
        lambda: agor.create_client(server.url, api_key=wrong),
        lambda: login(api_key=wrong),
        lambda: login(access_token=wrong),
        provide,
    ]
    for attempt in attempts:
        with pytest.raises(UsageError) as raised:
            attempt()
        chain: BaseException | None = raised.value
        while chain is not None:
            assert SECRET not in repr(chain) + str(chain) + repr(vars(chain))
            chain = chain.__cause__ or chain.__context__
    assert server.seen == []


def test_a_token_of_the_daemons_that_no_header_can_hold_shows_nowhere(server: RestServer) -> None:
    server.script = lambda seen: Reply(201, {"accessToken": f"{KEY}\n", "refreshToken": "ü", "user": {"user_id": "u"}})
    said = ""
    with agor.create_rest_client(server.url) as client:
        for ask in (
            lambda: client.authenticate("local", email="a@example.test", password="p"),
            lambda: client.service("boards").find(),
        ):
            try:
                ask()
            except AgorError as error:
                said += f"{error!r} {error} {error.__context__!r}"
    assert SECRET not in said
    assert not any(SECRET in value for seen in server.seen for value in seen.headers.values())


@pytest.mark.parametrize("wrong", ["5", -1, 0, float("nan"), float("inf"), True, [1]])
def test_a_time_limit_is_a_number_of_seconds(server: RestServer, wrong: Any) -> None:
    with agor.create_rest_client(server.url) as client:
        for ask in (client.service("boards").find, client.service("boards").find_all, client.service("boards").iterate):
            with pytest.raises(UsageError, match="seconds"):
                ask(timeout=wrong)
    for make in (agor.create_rest_client, agor.create_async_rest_client, agor.create_client):
        with pytest.raises(UsageError, match="seconds"):
            make(server.url, timeout=wrong)
    with pytest.raises(UsageError, match="seconds"):
        agor.create_client(server.url, connect_timeout=wrong)
    assert server.seen == []


@pytest.mark.parametrize("wrong", ["5", -1, float("nan"), True])
def test_how_long_to_wait_may_be_no_time_at_all(server: RestServer, wrong: Any) -> None:
    server.script = lambda seen: Reply(200, {"task_id": "t", "status": "running", "total": 0, "data": []})
    with agor.create_rest_client(server.url, timeout=httpx2.Timeout(5.0)) as client:
        with pytest.raises(UsageError, match="seconds"):
            client.tasks.wait("t", timeout=wrong)
        with pytest.raises(UsageError, match="seconds"):
            client.sessions.ask(SESSION, "hi", timeout=wrong)
        assert server.seen == []
        assert client.tasks.wait("t", timeout=0).task.task_id == "t"


@pytest.mark.parametrize("headers", [{"x": 3}, {"x": "a\nb"}, {"x y": "a"}, {"x": "ü"}, {3: "a"}, "x: y"])
def test_headers_are_text_that_fits_into_a_header(server: RestServer, headers: Any) -> None:
    for make in (agor.create_rest_client, agor.create_async_rest_client, agor.create_client):
        with pytest.raises(UsageError, match="header"):
            make(server.url, headers=headers)


@pytest.mark.parametrize("proxy", ["nope", "ftp://127.0.0.1:1", "http://", 3])
def test_a_proxy_is_an_address(server: RestServer, proxy: Any) -> None:
    for make in (agor.create_rest_client, agor.create_async_rest_client, agor.create_client):
        with pytest.raises(UsageError, match="proxy"):
            make(server.url, proxy=proxy)


def test_text_that_no_encoding_has_is_refused(server: RestServer) -> None:
    odd = "\ud800"
    with agor.create_rest_client(server.url) as client:
        for ask in (
            lambda: client.service("boards").find({"name": odd}),
            lambda: client.service("boards").get(odd),
            lambda: client.service(odd).find(),
            lambda: client.service("boards").create({"name": odd}),
        ):
            with pytest.raises(UsageError):
                ask()
    assert server.seen == []


def test_what_goes_round_in_circles_is_refused(server: RestServer) -> None:
    circle: dict[str, Any] = {}
    circle["a"] = circle
    with agor.create_rest_client(server.url) as client:
        for ask in (client.service("boards").find, client.service("boards").find_all, client.service("boards").create):
            with pytest.raises(UsageError):
                ask(circle)


@pytest.mark.parametrize("path", [3, None, b"boards", "", "a//b"])
async def test_what_is_no_path_is_refused(server: RestServer, path: Any) -> None:
    with agor.create_rest_client(server.url) as client, pytest.raises(UsageError, match="path"):
        client.service(path)
    with pytest.raises(UsageError, match="path"):
        agor.create_client(server.url).service(path)


@pytest.mark.parametrize("session_id", [None, 3, b"s", ["s"]])
def test_what_is_no_id_is_refused_by_deeds_too(server: RestServer, session_id: Any) -> None:
    with agor.create_rest_client(server.url) as client:
        for ask in (
            lambda: client.sessions.prompt(session_id, "hi"),
            lambda: client.sessions.stop(session_id),
            lambda: client.sessions.queue(session_id),
            lambda: client.tasks.run(session_id),
        ):
            with pytest.raises(UsageError, match="id"):
                ask()
    assert server.seen == []


async def test_a_live_collection_has_all_that_fits(client: agor.Client) -> None:
    for query in ({"$limit": 5}, {"archived": False, "$skip": 3}, "archived", {"status": {"$in": "idle"}}):
        wrong: Any = query
        with pytest.raises(UsageError):
            agor.retain_sessions(client, query=wrong)


async def test_a_callback_is_a_plain_function(client: agor.Client, daemon: EmbeddedDaemon, session_id: str) -> None:
    async def later(row: Any) -> None: ...

    class Caller:
        async def __call__(self, row: Any) -> None: ...

    async with (
        agor.retain_reactive_session(client, session_id) as handle,
        agor.retain_sessions(client) as sessions,
    ):
        takers: list[Callable[[Any], Any]] = [
            lambda callback: client.service("boards").on("created", callback),
            client.on_status,
            handle.subscribe,
            sessions.listen,
        ]
        for take in takers:
            for wrong in (later, functools.partial(later), Caller(), None, 3):
                with pytest.raises(UsageError, match="function"):
                    take(wrong)
    undo = client.service("boards").on("created", later, deliver=lambda call: call().close())
    undo()


def test_a_client_that_is_closed_while_it_is_used_says_so(server: RestServer) -> None:
    raised: list[BaseException] = []

    def close(seen: Any) -> Reply:
        client.close()
        return Reply(503, {})

    server.script = close
    client = agor.create_rest_client(server.url)
    try:
        client.service("boards").find()
    except AgorError as error:
        raised.append(error)
    assert [type(error) for error in raised] == [UsageError]
    assert "closed" in str(raised[0])
    assert len(server.seen) == 1


async def test_an_async_one_too(server: RestServer) -> None:
    client = agor.create_async_rest_client(server.url)
    entered = asyncio.Event()
    loop = asyncio.get_running_loop()
    release = threading.Event()

    def hold(seen: Any) -> Reply:
        loop.call_soon_threadsafe(entered.set)
        release.wait(10)
        return Reply(503, {})

    server.script = hold
    asked = asyncio.ensure_future(client.service("boards").find())
    await entered.wait()
    await client.close()
    release.set()
    with pytest.raises(AgorError):
        await asked


def test_an_async_client_is_closed_on_its_own_loop(server: RestServer) -> None:
    client = agor.create_async_rest_client(server.url)

    async def here() -> None:
        await client.service("boards").find()
        await asyncio.to_thread(lambda: asyncio.run(elsewhere()))
        await client.close()

    async def elsewhere() -> None:
        with pytest.raises(WrongLoop):
            await client.close()

    asyncio.run(here())
