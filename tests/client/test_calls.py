"""How a call is made: how often it is repeated, with whose HTTP client, and the response behind its result."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

import agor_reactive as agor
from agor_reactive.calls.effects import CallOptions
from agor_reactive.calls.retries import RetryPolicy
from agor_reactive.client import Client
from agor_reactive.client.rest import AsyncRestClient, RestClient
from agor_reactive.daemon import EmbeddedDaemon
from agor_reactive.errors import NotConnected, NotFound, OutcomeUnknown, TooManyRequests, Unavailable, UsageError
from agor_reactive.transport.http import AsyncRest, Rest
from agor_reactive.transport.scripted import ScriptedLink
from agor_reactive.transport.user_agent import USER_AGENT
from tests.transport.rest_server import Reply, RestServer

SESSION = "01970a3f-91c2-7b1e-8d55-0c1f2a3b4c5d"


@pytest.fixture
def api_version() -> str:
    return "handshake"


@pytest.fixture
def server() -> Iterator[RestServer]:
    server = RestServer()
    yield server
    server.stop()


Use = Callable[[Callable[[Any], Any]], Any]


@pytest.fixture(params=["rest", "async rest"])
def use(request: pytest.FixtureRequest, server: RestServer) -> Use:
    """Calls on a REST client of either kind, whose pauses take no time."""

    def use_it(work: Callable[[Any], Any], **options: Any) -> Any:
        if request.param == "rest":
            with RestClient(Rest(server.url, sleep=lambda seconds: None, **options)) as client:
                return work(client)

        async def pause(seconds: float) -> None: ...

        async def run() -> Any:
            async with AsyncRestClient(AsyncRest(server.url, sleep=pause, **options)) as client:
                return await work(client)

        return asyncio.run(run())

    return use_it


# ---- how often ----


def test_a_call_may_have_its_own_number_of_repetitions(use: Use, server: RestServer) -> None:
    server.script = lambda seen: Reply(429, {})
    for retries, requests in ((None, 3), (0, 1), (4, 5)):
        with pytest.raises(TooManyRequests):
            use(lambda client, n=retries: client.tasks.run("t", max_retries=n))
        assert len(server.seen) == requests
        server.seen.clear()
    with pytest.raises(TooManyRequests):
        use(lambda client: client.tasks.get("t"), retry=RetryPolicy(1))
    assert len(server.seen) == 2


@pytest.mark.parametrize("wrong", [-1, 1.5, True, "2"])
def test_a_number_of_repetitions_is_a_whole_number(server: RestServer, wrong: Any) -> None:
    for make in (agor.create_rest_client, agor.create_async_rest_client, agor.create_client, agor.connect):
        with pytest.raises(UsageError, match="max_retries"):
            make(server.url, max_retries=wrong)
    with agor.create_rest_client(server.url) as client:
        for ask in (client.tasks.get, client.tasks.wait):
            with pytest.raises(UsageError, match="max_retries"):
                ask("t", max_retries=wrong)
        with pytest.raises(UsageError, match="max_retries"):
            client.tasks.iterate(max_retries=wrong)
    assert server.seen == []


def live(link: ScriptedLink, pauses: list[float], **options: Any) -> Client:
    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    return Client(link, sleep=sleep, **options)


@pytest.mark.parametrize(
    ("refusal", "method"),
    [
        (TooManyRequests("slow", code=429, retry_after=4.0), "create"),
        (TooManyRequests("slow", code=429), "find"),
        (Unavailable("busy", code=503, retry_after=4.0), "create"),
        (Unavailable("busy", code=503), "find"),
    ],
)
async def test_a_live_call_that_was_refused_before_it_began_is_repeated(refusal: Exception, method: str) -> None:
    link, pauses, calls = ScriptedLink(), [], 0

    def answer(given: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls < 3:
            raise refusal
        return {"total": 0, "data": []} if method == "find" else {"task_id": "t"}

    link.on_call(method, "tasks", answer)
    async with live(link, pauses) as client:
        service = client.tasks
        await (service.find() if method == "find" else service.create({"session_id": SESSION}))
        assert calls == 3
        assert len(pauses) == 2
        assert all(4.0 <= pause <= 4.2 for pause in pauses) == (getattr(refusal, "retry_after", None) is not None)
        calls = 0
        with pytest.raises(type(refusal)):
            await (service.find(max_retries=0) if method == "find" else service.create({}, max_retries=0))
        assert calls == 1


async def test_a_live_call_is_not_repeated_where_it_may_have_been_carried_out() -> None:
    link, pauses = ScriptedLink(), []

    def answer(given: Any) -> Any:
        raise Unavailable("a gateway", code=502, retry_after=1.0)

    link.on_call("create", "tasks", answer)
    async with live(link, pauses) as client:
        with pytest.raises(Unavailable):
            await client.tasks.create({"session_id": SESSION})
        link.drop()
        with pytest.raises(NotConnected):
            await client.tasks.find()
    assert pauses == []


def test_an_ack_may_ask_for_a_pause() -> None:
    from agor_reactive.transport.codec import daemon_error

    error = daemon_error({"name": "TooManyRequests", "code": 429, "data": {"retryAfter": 5}})
    assert isinstance(error, TooManyRequests)
    assert error.retry_after == 5.0


# ---- the response behind a result ----


def test_a_result_with_its_response(use: Use, server: RestServer) -> None:
    server.script = lambda seen: Reply(201, {"task_id": "t", "status": "running"}, {"x-request-id": "r1"})
    for ask in (
        lambda client: client.with_raw_response.tasks.get("t"),
        lambda client: client.with_raw_response.service("tasks").get("t"),
        lambda client: client.tasks.with_raw_response.get("t"),
        lambda client: client.tasks.with_raw_response.run("t"),
        lambda client: client.with_raw_response.sessions.prompt(SESSION, "hi"),
    ):
        raw = use(ask)
        assert isinstance(raw, agor.RawResponse)
        assert (raw.status, raw.headers["x-request-id"], raw.headers["X-Request-Id"]) == (201, "r1", "r1")
        assert raw.json() == {"task_id": "t", "status": "running"}
        assert raw.body == b'{"task_id": "t", "status": "running"}'
        assert raw.result.task_id == "t"
        assert "r1" not in repr(raw)


def test_a_refusal_is_raised_also_with_responses(use: Use, server: RestServer) -> None:
    server.script = lambda seen: Reply(404, {"name": "NotFound", "message": "gone", "code": 404})
    with pytest.raises(NotFound):
        use(lambda client: client.with_raw_response.tasks.get("t"))
    with pytest.raises(UsageError, match="no response"):
        use(lambda client: client.with_raw_response.tasks.find({"task_id": {"$in": []}}))
    with pytest.raises(UsageError, match="iterate"):
        use(lambda client: client.with_raw_response.tasks.iterate())


async def test_a_live_connection_has_no_responses(client: agor.Client, daemon: EmbeddedDaemon) -> None:
    def blocking() -> None:
        with agor.connect(daemon.url, api_key=daemon.api_key) as other, pytest.raises(UsageError, match="REST client"):
            _ = other.with_raw_response

    with pytest.raises(UsageError, match="REST client"):
        _ = client.with_raw_response
    with pytest.raises(UsageError, match="REST client"):
        _ = client.sessions.with_raw_response  # type: ignore[call-overload]
    await asyncio.to_thread(blocking)


def test_a_page_says_whether_there_is_more(use: Use, server: RestServer) -> None:
    rows = [{"board_id": f"b{number}"} for number in range(5)]
    server.script = lambda seen: Reply(200, {"total": 5, "limit": 2, "skip": 2, "data": rows[2:4]})
    assert use(lambda client: client.service("boards").find({"$skip": 2})).has_more
    server.script = lambda seen: Reply(200, {"total": 5, "limit": 2, "skip": 4, "data": rows[4:]})
    assert not use(lambda client: client.service("boards").find({"$skip": 4})).has_more
    server.script = lambda seen: Reply(200, rows)
    assert not use(lambda client: client.service("boards").find()).has_more


# ---- whose HTTP client ----


def test_the_callers_http_client_is_used_and_not_closed(server: RestServer) -> None:
    requests: list[str] = []
    sent: list[Any] = []

    def serve(request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        return httpx2.Response(200, json={"task_id": "t"})

    def note(request: httpx2.Request) -> None:
        requests.append(str(request.url))

    async def note_later(request: httpx2.Request) -> None:
        note(request)

    with httpx2.Client(
        transport=httpx2.MockTransport(serve), event_hooks={"request": [note]}, headers={"x-mine": "1"}
    ) as mine:
        with agor.create_rest_client("https://daemon.test/agor", api_key="agor_sk_x", http_client=mine) as client:
            assert client.tasks.get("t").task_id == "t"
        assert not mine.is_closed
        assert mine.get("http://daemon.test/").status_code == 200

    async def run() -> None:
        transport = httpx2.MockTransport(serve)
        async with httpx2.AsyncClient(transport=transport, event_hooks={"request": [note_later]}) as mine:
            async with agor.create_async_rest_client("http://daemon.test", http_client=mine) as client:
                assert (await client.tasks.get("t")).task_id == "t"
            assert not mine.is_closed

    asyncio.run(run())
    assert requests[0] == "https://daemon.test/agor/tasks/t"
    assert sent[0].headers["authorization"] == "Bearer agor_sk_x"
    assert sent[0].headers["x-mine"] == "1"
    assert sent[0].headers["user-agent"] == USER_AGENT


def test_an_http_client_of_the_other_kind_or_with_our_options_is_refused() -> None:
    with httpx2.Client() as plain:
        wrong: Any = plain
        with pytest.raises(UsageError, match="AsyncClient"):
            agor.create_async_rest_client(http_client=wrong)
        with pytest.raises(UsageError, match="belong to the http_client"):
            agor.create_rest_client(http_client=plain, verify=False)
        with pytest.raises(UsageError, match="belong to the http_client"):
            agor.create_rest_client(http_client=plain, proxy="http://127.0.0.1:3128")
    with pytest.raises(UsageError, match="http_client"):
        agor.create_rest_client(http_client="http://x")  # type: ignore[arg-type]


def test_the_callers_client_keeps_its_timeouts_and_follows_no_redirect(server: RestServer) -> None:
    release = threading.Event()
    server.script = lambda seen: Reply(200, {"late": release.wait(5)})
    with httpx2.Client(timeout=0.05, follow_redirects=True, trust_env=False) as mine:
        with agor.create_rest_client(server.url, http_client=mine) as client, pytest.raises(OutcomeUnknown):
            client.tasks.run("t")
        release.set()
        with agor.create_rest_client(server.url, http_client=mine, timeout=5.0) as client:
            server.script = lambda seen: Reply(307, b"", {"location": "http://127.0.0.1:9/"})
            with pytest.raises(agor.ProtocolError, match="redirects"):
                client.tasks.run("t")


async def test_every_request_and_handshake_names_us(daemon: EmbeddedDaemon, server: RestServer) -> None:
    server.script = lambda seen: Reply(200, {"task_id": "t"})
    async with agor.create_async_rest_client(server.url) as rest:
        await rest.tasks.get("t")
    async with agor.create_async_rest_client(server.url, headers={"USER-AGENT": "mine/1"}) as rest:
        await rest.tasks.get("t")
    assert [seen.headers["user-agent"] for seen in server.seen] == [USER_AGENT, "mine/1"]
    assert USER_AGENT.startswith(f"agor-reactive/{agor.__version__} python/")
    agents: list[str] = []
    from aiohttp import web

    async def refuse(request: web.Request) -> web.Response:
        agents.append(request.headers["user-agent"])
        return web.Response(status=403)

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", refuse)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        with pytest.raises(agor.CannotConnect):
            await agor.create_client(f"http://127.0.0.1:{runner.addresses[0][1]}").open()
    finally:
        await runner.cleanup()
    assert set(agents) == {USER_AGENT}


def test_options_of_a_call_are_passed_to_its_driver() -> None:
    assert RetryPolicy(2).of(CallOptions(max_retries=5)).max_retries == 5
    assert RetryPolicy(2).of(CallOptions()) == RetryPolicy(2)
