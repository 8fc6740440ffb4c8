"""Profiles and the environment: which address and key a client uses, and where `login` keeps them."""

from __future__ import annotations

import json
import logging
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keyring
import keyring.backend
import pytest
from typer.testing import CliRunner

import agor_reactive as agor
from agor_reactive.cli.app import app
from agor_reactive.errors import UsageError
from agor_reactive.profiles import config_folder, forget, key_of, profiles, resolve, save
from agor_reactive.transport.log_setup import set_up_logging
from tests.transport.rest_server import Reply, RestServer

KEY = "agor_sk_" + "5e" * 24
OTHER = "agor_sk_" + "7a" * 24
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1In0.c2ln"


class Ring(keyring.backend.KeyringBackend):
    """A keyring in memory."""

    priority = 1.0  # type: ignore[assignment]

    def __init__(self) -> None:
        self.held: dict[tuple[str, str], str] = {}
        self.broken = False

    def _check(self) -> None:
        if self.broken:
            raise RuntimeError("the keyring is locked")

    def set_password(self, service: str, username: str, password: str) -> None:
        self._check()
        self.held[service, username] = password

    def get_password(self, service: str, username: str) -> str | None:
        self._check()
        return self.held.get((service, username))

    def delete_password(self, service: str, username: str) -> None:
        self._check()
        del self.held[service, username]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AGOR_CONFIG_DIR", str(tmp_path / "config"))
    return tmp_path / "config"


@pytest.fixture(autouse=True)
def ring() -> Iterator[Ring]:
    before = keyring.get_keyring()
    ring = Ring()
    keyring.set_keyring(ring)
    yield ring
    keyring.set_keyring(before)


@pytest.fixture
def server() -> Iterator[RestServer]:
    server = RestServer()
    server.script = lambda seen: Reply(200, {"total": 0, "data": []})
    yield server
    server.stop()


def used(**given: Any) -> tuple[str, dict[str, str]]:
    target = resolve(**given)
    return target.url, {name: value.get_secret_value() for name, value in target.credentials.items()}


# ---- which address and key ----


def test_nothing_given_and_nothing_stored_is_this_machine_without_a_key() -> None:
    assert used(env={}) == ("http://localhost:3030", {})


def test_an_argument_wins_over_the_environment_and_that_over_a_stored_profile() -> None:
    save("default", "http://stored.test", KEY)
    save("work", "http://work.test", OTHER)
    env = {"AGOR_DAEMON_URL": "http://env.test", "AGOR_API_KEY": "agor_sk_env"}
    assert used(env=env) == ("http://env.test", {"api_key": "agor_sk_env"})
    assert used(url="http://given.test", env=env) == ("http://given.test", {"api_key": "agor_sk_env"})
    assert used(has_credentials=True, env=env) == ("http://env.test", {})
    assert used(profile="work", env=env) == ("http://work.test", {"api_key": OTHER})
    assert used(env={}) == ("http://stored.test", {"api_key": KEY})
    assert used(env={"AGOR_PROFILE": "work"}) == ("http://work.test", {"api_key": OTHER})
    assert used(env={**env, "AGOR_PROFILE": "work"}) == ("http://env.test", {"api_key": "agor_sk_env"})
    assert used(read_env=False, env=env) == ("http://localhost:3030", {})


def test_the_key_of_a_profile_goes_to_its_own_daemon_only() -> None:
    save("default", "http://stored.test/agor", KEY)
    assert used(url="http://other.test", env={}) == ("http://other.test", {})
    assert used(url="http://other.test", profile="default", env={}) == ("http://other.test", {})
    assert used(url="http://stored.test/agor/", env={})[1] == {"api_key": KEY}
    assert used(env={"AGOR_DAEMON_URL": "http://other.test"}) == ("http://other.test", {})


def test_a_token_in_place_of_a_key_is_a_token() -> None:
    assert used(env={"AGOR_API_KEY": f" {TOKEN}\n"})[1] == {"access_token": TOKEN}


@pytest.mark.parametrize("wrong", [{"profile": "wrok"}, {"env": {"AGOR_PROFILE": "wrok"}}])
def test_a_profile_that_does_not_exist_is_named(wrong: dict[str, Any]) -> None:
    save("work", "http://work.test", None)
    with pytest.raises(UsageError, match=r"no profile .wrok.\. There are: work"):
        resolve(**{"env": {}, **wrong})


def test_a_key_that_is_none_is_named_and_not_shown() -> None:
    with pytest.raises(UsageError, match="AGOR_API_KEY contains") as raised:
        resolve(env={"AGOR_API_KEY": f"{KEY} {KEY}"})
    assert KEY not in str(raised.value)


Make = Callable[..., Any]


@pytest.mark.parametrize("make", [agor.create_rest_client, agor.create_async_rest_client])
async def test_every_rest_factory_reads_them(make: Make, server: RestServer, monkeypatch: pytest.MonkeyPatch) -> None:
    async def seen_with(**given: Any) -> str | None:
        client = make(**given)
        found = client.service("boards").find()
        if hasattr(found, "__await__"):
            await found
            await client.close()
        else:
            client.close()
        return server.seen.pop().headers.get("authorization")

    monkeypatch.setenv("AGOR_DAEMON_URL", server.url)
    monkeypatch.setenv("AGOR_API_KEY", KEY)
    assert await seen_with() == f"Bearer {KEY}"
    assert await seen_with(api_key=OTHER) == f"Bearer {OTHER}"
    assert await seen_with(url=server.url, read_env=False) is None
    save("work", server.url, OTHER)
    assert await seen_with(profile="work") == f"Bearer {OTHER}"
    monkeypatch.delenv("AGOR_DAEMON_URL")
    monkeypatch.delenv("AGOR_API_KEY")
    monkeypatch.setenv("AGOR_PROFILE", "work")
    assert await seen_with() == f"Bearer {OTHER}"


async def test_the_live_factories_read_them(monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    from agor_reactive.daemon import EmbeddedDaemon

    def blocking(**given: Any) -> str:
        with agor.connect(**given) as client:
            return client.status.phase

    async with EmbeddedDaemon(speed=50.0) as daemon:
        monkeypatch.setenv("AGOR_DAEMON_URL", daemon.url)
        monkeypatch.setenv("AGOR_API_KEY", daemon.api_key)
        async with agor.create_client() as client:
            assert (client.url, client.status.phase) == (daemon.url, "live")
        assert await asyncio.to_thread(blocking) == "live"
        async with agor.create_client(daemon.url, read_env=False) as client:
            assert client.status.phase == "unauthenticated"
        monkeypatch.delenv("AGOR_DAEMON_URL")
        monkeypatch.delenv("AGOR_API_KEY")
        save("default", daemon.url, daemon.api_key)
        async with agor.create_client() as client:
            assert client.status.phase == "live"
        assert await asyncio.to_thread(lambda: blocking(profile="default")) == "live"


# ---- where they are kept ----


def test_a_key_is_kept_in_the_keyring(folder: Path, ring: Ring) -> None:
    profile = save("work", "http://work.test", KEY)
    assert profile.key_in == "keyring"
    assert ring.held == {("agor-reactive", "work"): KEY}
    assert KEY not in "".join(path.read_text() for path in folder.iterdir())
    stored = key_of(profiles()["work"])
    assert stored is not None
    assert stored.get_secret_value() == KEY
    assert KEY not in repr(profile) + repr(stored)
    assert forget("work")
    assert ring.held == {}
    assert not forget("work")


def test_without_a_keyring_a_key_is_in_a_file_of_its_owner(folder: Path, ring: Ring) -> None:
    ring.broken = True
    assert save("work", "http://work.test", KEY).key_in == "file"
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert used(profile="work", env={}) == ("http://work.test", {"api_key": KEY})
    (folder / "keys.json").chmod(0o644)
    with pytest.raises(UsageError, match="chmod 600"):
        resolve(profile="work", env={})
    save("work", "http://work.test", None)
    assert json.loads((folder / "keys.json").read_text()) == {}
    assert used(profile="work", env={}) == ("http://work.test", {})


def test_a_lost_key_and_a_broken_file_say_what_to_do(folder: Path, ring: Ring) -> None:
    save("work", "http://work.test", KEY)
    ring.held.clear()
    with pytest.raises(UsageError, match="agor-reactive login --profile work"):
        resolve(profile="work", env={})
    ring.broken = True
    with pytest.raises(UsageError, match="keyring cannot be read"):
        resolve(profile="work", env={})
    (folder / "profiles.json").write_text("{")
    with pytest.raises(UsageError, match="not JSON"):
        profiles()


@pytest.mark.parametrize("name", ["", "a b", "../x", "-x", "é", "x" * 65])
def test_a_name_of_a_profile_is_a_word(name: str) -> None:
    with pytest.raises(UsageError, match="name of a profile"):
        save(name, "http://x.test", None)


def test_the_folder_is_the_platforms(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import platformdirs

    monkeypatch.delenv("AGOR_CONFIG_DIR")
    assert config_folder() == platformdirs.user_config_path("agor-reactive", appauthor=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    if sys.platform == "linux":
        assert config_folder() == tmp_path / "agor-reactive"


# ---- the command line ----


def run(*words: str, stdin: str | None = None) -> Any:
    return CliRunner().invoke(app, words, input=stdin)


def test_login_stores_a_profile_that_commands_use(server: RestServer) -> None:
    ended = run("login", "--profile", "work", "--url", server.url, stdin=f"{KEY}\n")
    assert (ended.exit_code, KEY in ended.output) == (0, False), ended.output
    assert f"profile work is stored: {server.url}" in ended.output
    assert server.seen.pop().headers["authorization"] == f"Bearer {KEY}"
    for words, env in ((["--profile", "work"], {}), ([], {"AGOR_PROFILE": "work"})):
        ended = CliRunner().invoke(app, ["sessions", *words], env=env)
        assert ended.exit_code == 0, ended.output
        assert server.seen.pop().headers["authorization"] == f"Bearer {KEY}"
    listed = run("profiles", "--json")
    assert json.loads(listed.output) == {"name": "work", "url": server.url, "key_in": "keyring"}
    assert "work" in run("profiles").output
    assert run("logout", "work").exit_code == 0
    assert "No profiles yet" in run("profiles").output
    assert run("logout", "work").exit_code == 2


def test_a_refused_or_missing_key_is_not_stored(server: RestServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.script = lambda seen: Reply(401, {"name": "NotAuthenticated", "message": "no", "code": 401})
    ended = run("login", "--url", server.url, stdin=f"{KEY}\n")
    assert ended.exit_code == 1
    assert "nothing was stored" in ended.output
    assert KEY not in ended.output
    assert run("login", "--url", server.url, stdin="").exit_code == 2
    assert run("login", "--url", server.url, "--api-key-env", "NO_SUCH").exit_code == 2
    assert profiles() == {}
    assert run("login", "--url", server.url, "--no-check", stdin=f"{KEY}\n").exit_code == 0
    monkeypatch.setenv("MY_KEY", OTHER)
    server.script = lambda seen: Reply(200, {"total": 0, "data": []})
    assert run("login", "--url", server.url, "--api-key-env", "MY_KEY").exit_code == 0
    stored = key_of(profiles()["default"])
    assert stored is not None
    assert stored.get_secret_value() == OTHER


def test_no_command_takes_a_key_as_an_argument() -> None:
    import click
    import typer

    group = typer.main.get_command(app)
    assert isinstance(group, click.Group) or hasattr(group, "commands")
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        options = {option for one in command.params for option in one.opts}
        assert not options & {"--key", "--api-key", "--token", "--password"}, name
        assert ("--profile" in options) == ("--url" in options), name


# ---- AGOR_LOG ----


@pytest.fixture
def own_logger() -> Iterator[logging.Logger]:
    log = logging.getLogger("agor_reactive")
    before = (log.level, log.propagate, list(log.handlers))
    yield log
    log.level, log.propagate, log.handlers = before[0], before[1], before[2]
    log.setLevel(before[0])


def test_the_log_has_requests_and_repetitions_and_no_secret(
    own_logger: logging.Logger, server: RestServer, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logging({"AGOR_LOG": "debug"})
    set_up_logging({"AGOR_LOG": "debug"})
    server.script = lambda seen: Reply(429, {}, {"retry-after": "0"}) if len(server.seen) < 2 else Reply(200, {})
    with agor.create_rest_client(server.url, api_key=KEY) as client:
        client.service(f"zork/{KEY}").find({"secret": "query text"})
    own_logger.error("a traceback with %s", KEY, exc_info=ValueError(KEY))
    said = capsys.readouterr().err
    assert said.count("HTTP 200") == 1
    assert "TooManyRequests; attempt 2" in said
    assert KEY not in said
    assert "query text" not in said
    assert "[redacted]" in said


def test_a_level_that_is_none_is_named(own_logger: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging({"AGOR_LOG": "loud"})
    assert "AGOR_LOG is none of debug, info, warning, error" in capsys.readouterr().err
    assert own_logger.level == logging.INFO
    before = list(own_logger.handlers)
    set_up_logging({})
    assert own_logger.handlers == before


def test_the_import_sets_the_log_up() -> None:
    code = "import logging, agor_reactive; print(logging.getLogger('agor_reactive').level)"
    for level, shown in (("debug", "10"), ("", "0")):
        env = {**os.environ, "AGOR_LOG": level}
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == shown
