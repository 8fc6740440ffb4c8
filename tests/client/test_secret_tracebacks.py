"""No key, token or password in a traceback that renders the variables of its frames, as rich and error trackers do.

Each failing call is made by each kind of client that has it, with secrets that only a holder knows; what is rendered is
the error with all of its causes and contexts, suppressed ones included.
"""

from __future__ import annotations

import asyncio
import io
import pickle
import secrets
import socket
import sys
import traceback
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import pydantic
import pytest
import rich.console
import rich.traceback

import agor_reactive as agor
from tests.feathers_peer.process import JsonLineProcess

ROOT = Path(__file__).parents[2]


class _Vault:
    """The secrets of a run, out of sight of what renders variables."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        if name not in self.texts:
            prefix = {"key": "agor_sk_", "password": "Pw", "header": "Hd", "proxy": "Px"}.get(name, "")
            self.texts[name] = prefix + secrets.token_hex(20)
        return self.texts[name]

    def found_in(self, text: str) -> list[str]:
        return [name for name, secret in self.texts.items() if secret[:24] in text]

    def __repr__(self) -> str:
        return "<vault>"


VAULT = _Vault()


@pytest.fixture(scope="module", params=["handshake", "branches"])
def daemon(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    VAULT.texts.clear()
    env = {
        "AGOR_CONTRACT_EMBEDDED_KEY": VAULT["key"],
        "AGOR_CONTRACT_EMBEDDED_PASSWORD": VAULT["password"],
        "PYTHONPATH": str(ROOT),
    }
    embedded = str(ROOT / "tests" / "contract" / "embedded_process.py")
    state = str(tmp_path_factory.mktemp("rows") / "rows")
    command = [sys.executable, embedded, "--api-version", request.param, "--state", state, "--port", "0"]
    process = JsonLineProcess(command, cwd=ROOT, env=env)
    yield process.greeting["url"]
    process.stop()


@pytest.fixture
def nowhere() -> str:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{unused.getsockname()[1]}"


MISSING = "01999999-0000-7000-8000-000000000000"


def not_found(client: Any) -> Any:
    return client.service("sessions").get(MISSING)


def wrong_key(client: Any) -> Any:
    return client.authenticate(api_key=VAULT["key"] + "0")


def broken_key(client: Any) -> Any:
    return client.authenticate(api_key=VAULT["key"] + " x")


def strange_strategy(client: Any) -> Any:
    return client.authenticate("sesame", api_key=VAULT["key"])


def wrong_token(client: Any) -> Any:
    return client.authenticate(access_token=VAULT["token"], refresh_token=VAULT["refresh"])


def wrong_password(client: Any) -> Any:
    return client.authenticate(email="admin@agor.local", password=VAULT["password"] + "0")


def custom_method(client: Any) -> Any:
    return client.service("sessions").call("nonesuch", {}, timeout=0.5)  # a live daemon never answers it


FAILING: list[Callable[[Any], Any]] = [
    not_found,
    wrong_key,
    broken_key,
    strange_strategy,
    wrong_token,
    wrong_password,
    custom_method,
]


async def by_rest(url: str, call: Callable[[Any], Any]) -> None:
    with agor.create_rest_client(url, api_key=VAULT["key"]) as client:
        call(client)


async def by_async_rest(url: str, call: Callable[[Any], Any]) -> None:
    async with agor.create_async_rest_client(url, api_key=VAULT["key"]) as client:
        await call(client)


async def live(url: str, call: Callable[[Any], Any]) -> None:
    async with agor.create_client(url, api_key=VAULT["key"]) as client:
        await call(client)


async def blocking(url: str, call: Callable[[Any], Any]) -> None:
    def work() -> None:
        with agor.connect(url, api_key=VAULT["key"]) as client:
            call(client)

    await asyncio.to_thread(work)


async def by_password(url: str, call: Callable[[Any], Any]) -> None:
    with agor.create_rest_client(url) as client:
        client.authenticate(email="admin@agor.local", password=VAULT["password"])
        call(client)


async def by_provider(url: str, call: Callable[[Any], Any]) -> None:
    async with agor.create_client(url, token_provider=lambda: VAULT["key"]) as client:
        await call(client)


Way = Callable[[str, Callable[[Any], Any]], Awaitable[None]]
WAYS: list[Way] = [by_rest, by_async_rest, live, blocking, by_password, by_provider]


class Uncoloured(rich.traceback.Traceback):
    """The same text. Colours, which are not printed here, would need the whole file of every frame to be parsed."""

    @classmethod
    def _guess_lexer(cls, filename: str, code: str) -> str:
        return "text"


async def raised(work: Awaitable[None]) -> BaseException:
    try:
        await work
    except Exception as error:  # noqa: BLE001 - whatever it is, it is searched
        return error
    raise AssertionError("it did not fail")


def rendered(error: BaseException) -> str:
    """The error and every error behind it, with the variables of all frames."""
    out = io.StringIO()
    console = rich.console.Console(file=out, width=400)
    seen: list[BaseException] = []
    queue: list[BaseException | None] = [error]
    while queue:
        each = queue.pop()
        if each is None or each in seen:
            continue
        seen.append(each)
        queue += [each.__cause__, each.__context__]
        shown: Any = Uncoloured.from_exception(
            type(each),
            each,
            each.__traceback__,
            show_locals=True,
            locals_max_length=10_000,
            locals_max_string=100_000,
            max_frames=0,
            extra_lines=0,
        )
        console.print(shown)
        out.write("".join(traceback.TracebackException.from_exception(each, capture_locals=True).format()))
        out.write(repr([type(each), vars(each), each.args]))
        out.write(repr(pickle.dumps(each)) if isinstance(each, agor.AgorError) else "")
        out.write(variables(each.__traceback__))
    return out.getvalue()


def variables(trace: TracebackType | None) -> str:
    """The attributes of what the variables of our own frames are, as a debugger's tree shows them."""
    shown = []
    while trace is not None:
        if "agor_reactive" in trace.tb_frame.f_code.co_filename:
            for value in trace.tb_frame.f_locals.values():
                if not isinstance(value, pydantic.SecretStr):
                    shown.append(repr(getattr(value, "__dict__", None)))
        trace = trace.tb_next
    return "\n".join(shown)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("call", FAILING)
async def test_a_failing_call_shows_no_secret(
    daemon: str, way: Way, call: Callable[[Any], Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    error = await raised(way(daemon, call))
    assert VAULT.found_in(rendered(error)) == []
    assert VAULT.found_in(caplog.text) == []


@pytest.mark.parametrize("way", [by_rest, by_async_rest, live, blocking, by_password, by_provider])
async def test_where_no_daemon_is_no_secret_is_shown(nowhere: str, way: Way, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    VAULT["key"], VAULT["password"]
    error = await raised(way(nowhere, not_found))
    assert VAULT.found_in(rendered(error)) == []
    assert VAULT.found_in(caplog.text) == []


WRONG: list[dict[str, Any]] = [{"url": "nonsense"}, {"timeout": -1}, {"headers": {"a b": "c"}}, {"proxy": "nonsense"}]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: next(iter(wrong)))
@pytest.mark.parametrize(
    "make", [agor.create_rest_client, agor.create_async_rest_client, agor.create_client, agor.connect]
)
async def test_a_client_that_cannot_be_made_shows_no_secret(make: Any, wrong: dict[str, Any]) -> None:
    async def work() -> None:
        make(**wrong, access_token=VAULT["token"], refresh_token=VAULT["refresh"])

    assert VAULT.found_in(rendered(await raised(work()))) == []


FACTORIES = [agor.create_rest_client, agor.create_async_rest_client, agor.create_client, agor.connect]
NETWORKS: list[Callable[[int], dict[str, Any]]] = [
    lambda port: {},
    lambda port: {"proxy": f"http://me:{VAULT['proxy']}@127.0.0.1:{port}"},
    lambda port: {"proxy": f"nonsense://me:{VAULT['proxy']}@127.0.0.1:{port}"},
    lambda port: {"proxy": f"http://me:{VAULT['proxy']}@127.0.0.1:port"},
    lambda port: {"proxy": f"socks5://me:{VAULT['proxy']}@127.0.0.1:{port}"},
    lambda port: {"headers": {"X-Gate": VAULT["header"] + "\n"}},
    lambda port: {"headers": {"X-Other": VAULT["header"], "a b": "c"}},
    lambda port: {"timeout": -1},
    lambda port: {"url": "nonsense"},
]
"""Options of a client that fails for want of a daemon, or for the option."""


def fails_with(make: Any, options: Callable[[], dict[str, Any]]) -> Awaitable[None]:
    async def asynchronous() -> None:
        async with make(**options()) as client:
            await not_found(client)

    def work() -> None:
        with make(**options()) as client:
            not_found(client)

    return asynchronous() if make in (agor.create_client, agor.create_async_rest_client) else asyncio.to_thread(work)


@pytest.mark.parametrize("network", NETWORKS, ids=range(len(NETWORKS)))
@pytest.mark.parametrize("make", FACTORIES)
async def test_headers_and_the_password_of_a_proxy_are_not_shown(
    make: Any, network: Callable[[int], dict[str, Any]], nowhere: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    VAULT["header"], VAULT["proxy"]
    port = int(nowhere.rpartition(":")[2])

    def options() -> dict[str, Any]:
        return {"url": nowhere, "headers": {"X-Gate": VAULT["header"], "Cookie": VAULT["header"]}, **network(port)}

    error = await raised(fails_with(make, options))
    assert VAULT.found_in(rendered(error)) == []
    assert VAULT.found_in(caplog.text) == []


@pytest.mark.parametrize("make", [agor.create_client, agor.connect])
@pytest.mark.parametrize("value", ["http://me:{}@127.0.0.1:{port}", "me:{}@127.0.0.1:x", "socks5://me:{}@127.0.0.1:1"])
async def test_the_password_of_the_environments_proxy_is_not_shown(
    make: Any, value: str, nowhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", value.format(VAULT["proxy"], port=nowhere.rpartition(":")[2]))
    error = await raised(fails_with(make, lambda: {"url": "http://daemon.invalid:3030"}))
    assert VAULT.found_in(rendered(error)) == []


async def test_the_rendering_shows_what_variables_hold() -> None:
    async def work() -> None:
        local = VAULT["key"]
        raise agor.AgorError(f"{len(local)}")

    assert VAULT.found_in(rendered(await raised(work()))) == ["key"]
