"""`doctor`: for each thing that can be wrong, another answer, and each says what to do."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import agor_reactive as agor
from tests.cli.conftest import KEY, Cli, Forbidding, Open, Served
from tests.transport.feathers import FeathersServer
from tests.transport.tls_and_proxy import certificate, through_tls

SESSION = "01a20fce-0000-7000-8000-000000000000"


def test_healthy_with_a_session(cli: Cli, session_id: str) -> None:
    for words in (["doctor"], ["doctor", session_id]):
        ended = cli(*words)
        assert ended.code == 0, ended.out
        steps = [line.split()[:2] for line in ended.out.splitlines()]
        assert steps == [["✓", "reach"], ["✓", "authenticate"], ["✓", "join"], ["✓", "hydrate"], ["Healthy."]]


def test_healthy_without_a_session_and_with_rooms(start: Callable[..., Any]) -> None:
    served = start(Served, "--port", "0", "--api-version", "handshake")
    cli = Cli(served.env)
    ended = cli("doctor")
    assert ended.code == 0
    assert "no sessions yet; step skipped" in ended.out
    cli("new", "First")
    assert "the live text of session" in cli("doctor").out


def test_nothing_there(cli: Cli) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ended = cli("doctor", "--url", f"http://127.0.0.1:{port}")
    assert ended.code == 1
    assert "✗ reach" in ended.out
    assert "no answer from" in ended.out
    assert "start the daemon" in ended.out


@contextlib.contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def stranger() -> Iterator[str]:
    """A web server that is no daemon, though it has a /health."""

    class Healthy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"status":"ok"}')

        def log_message(self, format: str, *args: object) -> None:
            return

    with serving(Healthy) as url:
        yield url


def test_another_server(cli: Cli, stranger: str) -> None:
    ended = cli("doctor", "--url", stranger)
    assert ended.code == 1
    assert "not an Agor daemon" in ended.out
    assert "check the address" in ended.out


def test_something_in_front_of_the_daemon_that_refuses(cli: Cli) -> None:
    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(403)

        def log_message(self, format: str, *args: object) -> None:
            return

    with serving(Refusing) as url:
        ended = cli("doctor", "--url", url)
    assert ended.code == 1
    assert "refuses requests before any login (HTTP 403)" in ended.out
    assert "a proxy" in ended.out


async def test_a_certificate_that_is_not_trusted(cli: Cli, served: Served, tmp_path: Path) -> None:
    async with through_tls(served.url, *certificate(tmp_path)) as url:
        ended = await asyncio.to_thread(cli, "doctor", "--url", url)
    assert ended.code == 1
    assert "is not trusted" in ended.out
    assert "SSL_CERT_FILE" in ended.out


def test_a_daemon_that_knows_you_and_does_not_let_you_in(start: Callable[..., Any]) -> None:
    ended = Cli(start(Forbidding, "--port", "0").env)("doctor")
    assert ended.code == 1
    assert "your login is valid, but the daemon denies access" in ended.out
    assert "ask the daemon's administrator for the member role" in ended.out


def test_a_password_that_must_be_changed_first(cli: Cli, served: Served) -> None:
    login = {"email": f"new-{served.port}@example.test", "password": "first-password-1"}
    with agor.connect(served.url, api_key=KEY) as client:
        user = client.service("users").create(login)
        with agor.create_rest_client(served.url) as rest:
            rest.authenticate("local", **login)
            key = rest.service("api/v1/user/api-keys").create({"name": "one"})["rawKey"]
        client.service("users").patch(user.user_id, {"must_change_password": True})
    ended = cli("doctor", AGOR_API_KEY=key)
    assert ended.code == 1
    assert "Password change required" in ended.out
    assert "requires a new password" in ended.out


def test_a_daemon_that_wants_no_login_is_healthy_without_a_key(start: Callable[..., Any]) -> None:
    served = start(Open, "--port", "0", "--api-version", "branches")
    session_id = Cli(served.env)("new", "One").out.strip()
    cli = Cli({**served.env, "AGOR_API_KEY": ""})
    ended = cli("doctor")
    assert ended.code == 0, ended.out
    assert "this daemon requires none" in ended.out
    assert ended.out.splitlines()[-1] == "Healthy."
    ended = cli("sessions", "--json")
    assert (ended.code, session_id in ended.out) == (0, True), ended.err
    ended = cli("watch", session_id, "--until-idle")
    assert ended.code == 0, ended.err


def test_an_id_that_fits_two_sessions_is_shown_once(cli: Cli) -> None:
    first, second = (cli("new", f"Of one minute {number}").out.strip() for number in range(2))
    prefix = first[: next(n for n in range(36) if first[n] != second[n])].rstrip("-")
    for words in (
        ["doctor", prefix],
        ["watch", prefix],
        ["watch", prefix, "--json"],
        ["prompt", prefix, "x"],
        ["prompt", prefix, "x", "-f"],
        ["stop", prefix],
    ):
        ended = cli(*words)
        assert ended.code == 1
        said = ended.out + ended.err
        assert (said.count(first), said.count(second)) == (1, 1), said
        assert "use a longer prefix" in said


def test_no_key_is_our_fault_and_a_refused_one_is_not(cli: Cli) -> None:
    ended = cli("doctor", AGOR_API_KEY="")
    assert ended.code == 2
    assert "no key in AGOR_API_KEY" in ended.out
    assert "set AGOR_API_KEY" in ended.out
    ended = cli("doctor", AGOR_API_KEY="agor_sk_" + "0" * 48)
    assert ended.code == 1
    assert "was refused" in ended.out
    assert "create a new key" in ended.out


def test_a_session_that_is_not_there(cli: Cli) -> None:
    ended = cli("doctor", "01a20fce-0000-7000-8000-000000000000")
    assert ended.code == 1
    assert "✗ session" in ended.out
    assert "agor-reactive sessions lists them" in ended.out


@pytest.fixture
async def feathers() -> AsyncIterator[FeathersServer]:
    server = FeathersServer()
    server.answers["find", "sessions"] = server.answers["find", "branches"] = lambda *_: {"total": 0, "data": []}
    await server.start()
    yield server
    await server.stop()


@pytest.mark.parametrize("handshake", [False, True], ids=["branches", "handshake"])
async def test_how_the_login_went_and_which_api_version_it_is(
    cli: Cli, feathers: FeathersServer, handshake: bool
) -> None:
    feathers.handshake = handshake
    ended = await asyncio.to_thread(cli, "doctor", "--url", feathers.url, AGOR_API_KEY="agor_sk_good")
    assert ended.code == 0, ended.out
    assert f"API version: {'handshake' if handshake else 'branches'}" in ended.out


@pytest.mark.parametrize("handshake", [False, True], ids=["bare", "handshake"])
async def test_a_key_that_works_over_rest_only_is_told_from_a_wrong_one(
    cli: Cli, feathers: FeathersServer, handshake: bool
) -> None:
    feathers.handshake = handshake
    feathers.rest_keys.add("agor_sk_rest")
    at = ("--url", feathers.url)
    ended = await asyncio.to_thread(cli, "doctor", *at, AGOR_API_KEY="agor_sk_rest")
    assert ended.code == 1
    assert "works over REST, not for the live connection" in ended.out
    assert "a new one will not help" in ended.out
    assert "AGOR_API_KEY may hold it" in ended.out
    assert "agor_sk" not in ended.out
    for words in (["watch", SESSION], ["prompt", SESSION, "x", "--follow"]):
        ended = await asyncio.to_thread(cli, *words, *at, AGOR_API_KEY="agor_sk_rest")
        assert ended.code == 1
        assert "accepts no key for a live connection" in ended.err
        assert "create a new key" not in ended.err


@pytest.mark.parametrize("handshake", [False, True], ids=["bare", "handshake"])
async def test_an_access_token_takes_the_place_of_a_key(cli: Cli, feathers: FeathersServer, handshake: bool) -> None:
    """Where a key gives no live connection, `doctor` advises it: then it has to work."""
    feathers.handshake = handshake
    at = ("--url", feathers.url)
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1MSJ9.c2lnbmF0dXJl"
    feathers.access.add(token)
    ended = await asyncio.to_thread(cli, "doctor", *at, AGOR_API_KEY=token)
    assert ended.code == 0, ended.out
    assert "with the access token in AGOR_API_KEY" in ended.out
    ended = await asyncio.to_thread(cli, "sessions", *at, AGOR_API_KEY=token)
    assert ended.code == 0, ended.err
    old = f"{token}b2xk"
    for words in (["doctor"], ["watch", SESSION]):
        ended = await asyncio.to_thread(cli, *words, *at, AGOR_API_KEY=old)
        assert ended.code == 1
        assert "the access token in AGOR_API_KEY" in ended.out + ended.err
        assert "key in the daemon's settings" not in ended.out + ended.err
        assert old not in ended.out + ended.err


@pytest.mark.parametrize("words", [["watch", "x"], ["doctor"]])
async def test_a_daemon_that_refuses_bare_sockets_is_not_said_to_be_down(
    cli: Cli, feathers: FeathersServer, words: list[str]
) -> None:
    feathers.handshake = True
    ended = await asyncio.to_thread(cli, *words, "--url", feathers.url, AGOR_API_KEY="agor_sk_wrong")
    assert ended.code == 1
    assert "refused" in ended.out + ended.err
    assert "is it running" not in ended.out + ended.err


NOWHERE = "http://127.0.0.1:1"


def in_files(folder: Path) -> dict[str, str]:
    """The environment that keeps profiles and their keys in a folder."""
    return {"AGOR_CONFIG_DIR": str(folder), "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}


def test_fix_asks_for_a_key_and_stores_a_profile_that_works(cli: Cli, served: Served, tmp_path: Path) -> None:
    env = {
        "AGOR_CONFIG_DIR": str(tmp_path),
        "AGOR_API_KEY": "",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
    }
    ended = cli("doctor", "--fix", stdin=f"{KEY}\n", **env)
    assert ended.code == 0, ended.err + ended.out
    assert f"found an Agor daemon at {served.url}" in ended.out
    assert "profile default is stored" in ended.out
    assert ended.out.rstrip().endswith("Healthy.")
    assert KEY not in ended.out + ended.err
    # From now on without any variable; a second time there is nothing to do, and the profile's daemon is found.
    assert cli("sessions", **{**env, "AGOR_DAEMON_URL": ""}).code == 0
    again = cli("doctor", "--fix", **{**env, "AGOR_DAEMON_URL": NOWHERE})
    assert again.code == 0, again.err + again.out
    assert "nothing to fix" in again.out
    assert "AGOR_DAEMON_URL is set and comes before the profile" in again.err


def test_fix_stores_the_key_of_the_environment(cli: Cli, tmp_path: Path) -> None:
    env = in_files(tmp_path)
    ended = cli("doctor", "--fix", "--profile", "work", **env)
    assert ended.code == 0, ended.err + ended.out
    assert cli("sessions", "--profile", "work", **{**env, "AGOR_API_KEY": "", "AGOR_DAEMON_URL": ""}).code == 0


def test_fix_with_a_wrong_key_stores_nothing(cli: Cli, tmp_path: Path) -> None:
    env = {**in_files(tmp_path), "AGOR_API_KEY": "agor_sk_" + "0" * 48}
    ended = cli("doctor", "--fix", stdin="agor_sk_" + "1" * 48 + "\n", **env)
    assert (ended.code, "nothing was stored" in ended.err) == (1, True)
    assert cli("profiles", "--json", **env).out == ""


def test_fix_gives_the_key_of_the_environment_to_no_other_daemon(
    cli: Cli, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from agor_reactive.cli import doctor_fix

    monkeypatch.setattr(doctor_fix, "DEFAULT_URL", served.url)
    # The key would work there; it is asked for all the same.
    ended = cli("doctor", "--fix", stdin="", **{**in_files(tmp_path), "AGOR_DAEMON_URL": NOWHERE})
    assert f"found an Agor daemon at {served.url}" in ended.out
    assert (ended.code, "the key on stdin" in ended.err) == (2, True)


def test_fix_without_a_daemon_says_where_it_looked(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from agor_reactive.cli import doctor_fix

    monkeypatch.setattr(doctor_fix, "DEFAULT_URL", "http://127.0.0.1:2")
    ended = cli("doctor", "--fix", "--url", NOWHERE)
    assert ended.code == 1
    assert f"no daemon at {NOWHERE}" in ended.err
    assert "no daemon at http://127.0.0.1:2" in ended.err
    assert "start it" in ended.err
