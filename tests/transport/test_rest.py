"""REST against a real HTTP server: both drivers do the same exchange; all failures are our errors."""

from __future__ import annotations

import asyncio
import threading
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from agor_reactive.calls.effects import Call
from agor_reactive.calls.retries import RetryPolicy
from agor_reactive.errors import (
    AgorError,
    CallTimeout,
    CannotConnect,
    ConnectionLost,
    MethodNotAllowed,
    NotAuthenticated,
    NotFound,
    OutcomeUnknown,
    ProtocolError,
    ServerError,
    TooManyRequests,
    Unavailable,
    UsageError,
    WrongLoop,
)
from agor_reactive.transport.address import Address, InsecureKeyWarning
from agor_reactive.transport.credentials import ApiKey, Credentials, Jwt, Local, Provider
from agor_reactive.transport.http import AsyncRest, Rest
from agor_reactive.transport.rest import RestRequest, build
from tests.transport.rest_server import Reply, RestServer, Seen

FIND = Call("find", "tasks")
WRITE = Call("create", "tasks", ({"a": 1},))

Ask = Callable[..., Any]


@pytest.fixture(params=["sync", "async"])
def ask(request: pytest.FixtureRequest, rest_server: RestServer) -> Ask:
    """Makes the calls, one after the other, on a client of one kind, and returns the last answer."""

    def ask_it(
        *calls: Call, credentials: Credentials | None = None, slept: list[float] | None = None, **options: Any
    ) -> Any:
        naps = slept if slept is not None else []
        options = {"credentials": credentials, "random": lambda: 0.5, "url": rest_server.url, **options}
        url = options.pop("url")
        if request.param == "sync":
            rest = Rest(url, sleep=naps.append, **options)
            try:
                return [rest.call(call) for call in calls][-1]
            finally:
                rest.close()

        async def nap(seconds: float) -> None:
            naps.append(seconds)

        async def run() -> Any:
            rest = AsyncRest(url, sleep=nap, **options)
            try:
                return [await rest.call(call) for call in calls][-1]
            finally:
                await rest.close()

        return asyncio.run(run())

    return ask_it


def target(call: Call) -> tuple[str, str]:
    request: RestRequest = build(call)[0]
    return request.verb, request.target


def test_each_method_has_its_verb_and_ids_are_escaped() -> None:
    assert target(FIND) == ("GET", "/tasks")
    assert target(Call("get", "tasks", ("a/b?c", {"$select": ["x"]}))) == ("GET", "/tasks/a%2Fb%3Fc?$select%5B%5D=x")
    assert target(WRITE) == ("POST", "/tasks")
    assert target(Call("update", "tasks", ("1", {}))) == ("PUT", "/tasks/1")
    assert target(Call("patch", "tasks", (None, {}, {"s": 1}))) == ("PATCH", "/tasks?s=1")
    assert target(Call("remove", "/tasks/", ("1",))) == ("DELETE", "/tasks/1")
    assert target(Call("create", "sessions/é/prompt", ({},))) == ("POST", "/sessions/%C3%A9/prompt")


@pytest.mark.parametrize("row_id", ["", ".", "..", " ", None])
def test_an_id_that_would_lead_elsewhere_is_refused(row_id: Any) -> None:
    with pytest.raises(UsageError):
        build(Call("get", "tasks", (row_id,)))


def test_custom_methods_are_refused_with_the_way_out() -> None:
    with pytest.raises(UsageError, match="live client"):
        build(Call("findByTask", "messages", ({},)))


def test_a_write_without_data_sends_an_empty_object() -> None:
    assert build(Call("create", "sessions/s/stop", (None,)))[0].body == b"{}"


def test_the_answer_comes_back_and_the_key_goes_along(ask: Ask, rest_server: RestServer) -> None:
    rest_server.script = lambda seen: Reply(201, {"task_id": "t"})
    assert ask(WRITE, credentials=ApiKey("agor_sk_x")) == {"task_id": "t"}
    (seen,) = rest_server.seen
    assert (seen.verb, seen.target, seen.body) == ("POST", "/tasks", {"a": 1})
    assert seen.headers["authorization"] == "Bearer agor_sk_x"


def test_without_credentials_nothing_is_claimed(ask: Ask, rest_server: RestServer) -> None:
    ask(FIND)
    assert "authorization" not in rest_server.seen[0].headers


def test_a_prefix_in_the_address_is_kept(ask: Ask, rest_server: RestServer) -> None:
    ask(FIND, url=rest_server.url + "/agor/")
    assert rest_server.seen[0].target == "/agor/tasks"


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(401, {"name": "NotAuthenticated", "message": "Not authenticated", "code": 401}), NotAuthenticated),
        (Reply(500, {"name": "GeneralError", "message": "Session not found: ffff", "code": 500}), NotFound),
        (Reply(404, b"<!DOCTYPE html><pre>Cannot GET /nope</pre>", {"content-type": "text/html"}), NotFound),
        (Reply(405, {"message": "Method `find` is not supported by this endpoint.", "code": 405}), MethodNotAllowed),
        (Reply(500, {"name": "GeneralError", "message": "boom", "code": 500}), ServerError),
        (Reply(500, b""), ServerError),
        (Reply(200, b"<html>a proxy</html>"), ProtocolError),
        (Reply(302, b"", {"location": "http://elsewhere/"}), ProtocolError),
        (Reply(cut=True), OutcomeUnknown),
    ],
)
def test_what_goes_wrong_with_a_write_has_a_name_and_is_not_repeated(
    ask: Ask, rest_server: RestServer, reply: Reply, kind: type[AgorError]
) -> None:
    rest_server.script = lambda seen: reply
    with pytest.raises(kind):
        ask(WRITE)
    assert len(rest_server.seen) == 1


@pytest.mark.parametrize(
    "trouble", [Reply(502), Reply(503, {}), Reply(504, b"<html>"), Reply(429, {}), Reply(cut=True)]
)
def test_a_read_that_meets_trouble_is_tried_again_with_growing_pauses(
    ask: Ask, rest_server: RestServer, trouble: Reply
) -> None:
    rest_server.script = lambda seen: trouble if len(rest_server.seen) < 3 else Reply(200, [1])
    slept: list[float] = []
    assert ask(FIND, slept=slept) == [1]
    assert slept == [pytest.approx(0.2), pytest.approx(0.4)]


def test_tries_come_to_an_end(ask: Ask, rest_server: RestServer) -> None:
    rest_server.script = lambda seen: Reply(503, {"message": "starting"})
    with pytest.raises(Unavailable, match="starting"):
        ask(FIND)
    assert len(rest_server.seen) == 3


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_write_that_may_have_been_carried_out_is_not_repeated(ask: Ask, rest_server: RestServer, status: int) -> None:
    headers = {} if status == 503 else {"retry-after": "1"}  # 503 with a pause is a refusal
    rest_server.script = lambda seen: Reply(status, {}, headers)
    with pytest.raises(ServerError):
        ask(WRITE)
    assert len(rest_server.seen) == 1


@pytest.mark.parametrize("call", [FIND, WRITE, Call("patch", "tasks", ("t", {})), Call("remove", "tasks", ("t",))])
@pytest.mark.parametrize(
    ("refusal", "pauses"),
    [
        (Reply(429, {}, {"retry-after": "7"}), [7.1, 7.1]),
        (Reply(503, {}, {"retry-after": "3"}), [3.1, 3.1]),
        (Reply(503, b"<html>busy</html>", {"retry-after": "0"}), [0.1, 0.1]),
        (Reply(429, {}), [0.2, 0.4]),
    ],
)
def test_a_call_that_was_refused_before_it_began_is_repeated(
    ask: Ask, rest_server: RestServer, call: Call, refusal: Reply, pauses: list[float]
) -> None:
    rest_server.script = lambda seen: refusal if len(rest_server.seen) < 3 else Reply(200, {"done": True})
    slept: list[float] = []
    assert ask(call, slept=slept) == {"done": True}
    assert slept == pytest.approx(pauses)
    assert len({(seen.verb, seen.target, repr(seen.body)) for seen in rest_server.seen}) == 1


@pytest.mark.parametrize("call", [FIND, WRITE])
def test_the_pause_and_the_number_of_repetitions_are_bounded(ask: Ask, rest_server: RestServer, call: Call) -> None:
    rest_server.script = lambda seen: Reply(429, {}, {"retry-after": "86400"})
    with pytest.raises(TooManyRequests) as caught:
        ask(call)
    assert caught.value.retry_after == 86400.0
    rest_server.seen.clear()
    rest_server.script = lambda seen: Reply(503, {}, {"retry-after": "1"})
    for retries in (0, 1, 5):
        with pytest.raises(Unavailable) as refused:
            ask(call, retry=RetryPolicy(retries))
        assert refused.value.retry_after == 1.0
        assert len(rest_server.seen) == 1 + retries
        rest_server.seen.clear()


@pytest.mark.parametrize("service", ["authentication", "session-streams"])
def test_the_outcome_of_what_may_be_repeated_is_never_unknown(ask: Ask, rest_server: RestServer, service: str) -> None:
    rest_server.script = lambda seen: Reply(cut=True)
    with pytest.raises(ConnectionLost):
        ask(Call("create", service, ({},)))
    assert len(rest_server.seen) == 3


def test_no_daemon_is_cannot_connect(ask: Ask) -> None:
    for call in (FIND, WRITE):
        with pytest.raises(CannotConnect, match="is it running"):
            ask(call, url="http://127.0.0.1:9")


def test_no_answer_in_time_is_a_timeout_for_reads_and_unknown_for_writes(ask: Ask, rest_server: RestServer) -> None:
    release = threading.Event()

    def stall(seen: Seen) -> Reply:
        release.wait(5)
        return Reply(cut=True)

    rest_server.script = stall
    with pytest.raises(CallTimeout):
        ask(FIND, timeout=0.05)
    with pytest.raises(OutcomeUnknown):
        ask(WRITE, timeout=0.05)
    release.set()


def test_a_lost_read_says_so_in_the_end(ask: Ask, rest_server: RestServer) -> None:
    rest_server.script = lambda seen: Reply(cut=True)
    with pytest.raises(ConnectionLost):
        ask(FIND)


class Daemon:
    """Logins as the daemon has them: local and jwt strategies, refresh, tokens that can be spoilt."""

    def __init__(self, server: RestServer) -> None:
        self.server, self.minted, self.good, self.refresh = server, 0, set[str](), {"r0"}
        self.refreshes = self.logins = 0
        self.lock = threading.Lock()
        server.script = self.answer

    def mint(self) -> dict[str, Any]:
        self.minted += 1
        self.good.add(f"a{self.minted}")
        self.refresh.add(f"r{self.minted}")
        return {"accessToken": f"a{self.minted}", "refreshToken": f"r{self.minted}", "user": {}}

    def answer(self, seen: Seen) -> Reply:
        with self.lock:
            if seen.target == "/authentication/refresh":
                self.refreshes += 1
                ok = seen.body["refreshToken"] in self.refresh
                return Reply(201, self.mint()) if ok else Reply(401, {"message": "Invalid refresh token", "code": 401})
            if seen.target == "/authentication":
                self.logins += 1
                if seen.body["strategy"] == "jwt" and seen.body["accessToken"] in self.good:
                    return Reply(201, {"accessToken": seen.body["accessToken"], "user": {}})
                if seen.body.get("password") == "pw":
                    return Reply(201, self.mint())
                return Reply(401, {"message": "Invalid login", "code": 401})
            token = seen.headers.get("authorization", "").removeprefix("Bearer ")
            return Reply(200, [token]) if token in self.good else Reply(401, {"message": "jwt expired", "code": 401})


def test_a_password_is_exchanged_for_a_token_before_the_first_call(ask: Ask, rest_server: RestServer) -> None:
    daemon = Daemon(rest_server)
    assert ask(FIND, FIND, credentials=Local("a@example.test", "pw")) == ["a1"]
    assert (daemon.logins, len(rest_server.seen)) == (1, 3)


def test_an_expired_token_is_refreshed_and_the_call_made_again(ask: Ask, rest_server: RestServer) -> None:
    daemon = Daemon(rest_server)
    assert ask(WRITE, credentials=Jwt("spent", "r0")) == ["a1"]
    assert daemon.refreshes == 1


def test_a_token_without_a_way_to_renew_it_is_simply_refused(ask: Ask, rest_server: RestServer) -> None:
    Daemon(rest_server)
    with pytest.raises(NotAuthenticated):
        ask(FIND, credentials=Jwt("spent"))
    assert len(rest_server.seen) == 1


def test_a_token_provider_is_asked_when_a_token_is_needed(ask: Ask, rest_server: RestServer) -> None:
    daemon = Daemon(rest_server)
    assert ask(FIND, credentials=Provider(lambda: daemon.mint()["accessToken"])) == ["a1"]


@pytest.mark.parametrize("refresh_is_good", [True, False])
async def test_ten_callers_with_a_spent_token_refresh_once(rest_server: RestServer, refresh_is_good: bool) -> None:
    daemon = Daemon(rest_server)
    rest = AsyncRest(rest_server.url, credentials=Jwt("spent", "r0" if refresh_is_good else "bad"))
    answers = await asyncio.gather(*(rest.call(FIND) for _ in range(10)), return_exceptions=True)
    assert daemon.refreshes == 1
    if refresh_is_good:
        assert answers == [["a1"]] * 10
    else:
        assert all(isinstance(answer, NotAuthenticated) for answer in answers)
        with pytest.raises(NotAuthenticated):
            await rest.call(FIND)
        assert daemon.refreshes == 1
        await rest.log_in(Local("a@example.test", "pw"))
        assert await rest.call(FIND) == ["a1"]
    await rest.close()


def test_ten_threads_with_a_spent_token_refresh_once(rest_server: RestServer) -> None:
    daemon = Daemon(rest_server)
    rest = Rest(rest_server.url, credentials=Jwt("spent", "r0"))
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda: answers.append(rest.call(FIND))) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rest.close()
    assert answers == [["a1"]] * 10
    assert daemon.refreshes == 1


def test_a_refused_login_keeps_the_one_before(rest_server: RestServer) -> None:
    daemon = Daemon(rest_server)
    rest = Rest(rest_server.url)
    rest.log_in(Local("a@example.test", "pw"))
    with pytest.raises(NotAuthenticated) as caught:
        rest.log_in(Local("a@example.test", "hunter2"))
    assert "hunter2" not in f"{caught.value!r}"
    assert rest.call(FIND) == ["a1"]
    rest.renew()
    assert rest.call(FIND) == ["a2"]
    assert daemon.refreshes == 1
    rest.close()
    with pytest.raises(UsageError, match="closed"):
        rest.call(FIND)


def test_an_async_provider_needs_an_async_client(rest_server: RestServer) -> None:
    async def provide() -> str:
        return "token"

    rest = Rest(rest_server.url, credentials=Provider(provide))
    with pytest.raises(UsageError, match="async"):
        rest.call(FIND)
    rest.close()


@pytest.mark.parametrize("echo", [{"limit": "2", "skip": "1"}, {"limit": 2, "skip": 1}])
def test_messages_are_cut_here_where_the_daemon_adds_places_as_text(
    ask: Ask, rest_server: RestServer, echo: dict[str, Any]
) -> None:
    rows = [1, 2, 3, 4] if echo["limit"] == "2" else [1, 2]
    rest_server.script = lambda seen: Reply(200, {"total": 9, **echo, "data": rows})
    answer = ask(Call("find", "messages", ({"session_id": "s", "$limit": 2, "$skip": 1},)))
    assert answer == {"total": 9, **echo, "data": [1, 2]}
    assert rest_server.seen[0].target == "/messages?session_id=s&$limit=2&$skip=1"


async def test_a_client_refuses_another_loop() -> None:
    rest = AsyncRest("http://127.0.0.1:9")

    async def use(kind: type[AgorError]) -> None:
        with pytest.raises(kind):
            await rest.call(WRITE)

    await use(CannotConnect)
    await asyncio.to_thread(asyncio.run, use(WrongLoop))
    await rest.close()


def test_a_key_over_plain_http_to_another_host_warns_once() -> None:
    with pytest.warns(InsecureKeyWarning, match=r"daemon\.example\.test"):
        Rest("http://daemon.example.test", credentials=ApiKey("agor_sk_x")).close()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Rest("http://daemon.example.test", credentials=ApiKey("agor_sk_x")).close()
        Rest("https://other.example.test", credentials=ApiKey("agor_sk_x")).close()
        Rest("http://[::1]:3030", credentials=ApiKey("agor_sk_x")).close()


@pytest.mark.parametrize(
    "url", ["", "localhost:3030", "ftp://x", "http://", "http://u:p@host", "http://[bad", "http://x:y"]
)
def test_what_is_no_address_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        Address.parse(url)
    assert "u:p" not in str(caught.value)
