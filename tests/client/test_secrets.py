"""No key, token or password leaves by a log, a repr, an error, a traceback or a recording: a whole run is searched.

The daemon is a process of its own, so that what is heard here is the client's side alone.
"""

from __future__ import annotations

import base64
import io
import json
import logging
import re
import secrets
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import rich.console

import agor_reactive as agor
from agor_reactive.errors import AgorError
from tests.feathers_peer.process import JsonLineProcess

ROOT = Path(__file__).parents[2]
EMBEDDED = ROOT / "tests" / "contract" / "embedded_process.py"


class Everything:
    """All that a run has emitted, and all that must not be in it."""

    def __init__(self) -> None:
        self.text = io.StringIO()
        self.secrets: set[str] = set()

    def shown(self, thing: Any) -> None:
        """What somebody may print of it."""
        for spelled in (repr, str, "{}".format):
            self.text.write(spelled(thing) + "\n")
        rich.console.Console(file=self.text, width=200).print(thing)

    def raised(self, error: BaseException) -> None:
        """An error with all it carries, as a log or an error tracker would have it."""
        self.shown(error)
        self.text.write("".join(traceback.format_exception(error)))
        self.text.write(repr([vars(each) for each in _chain(error)]))

    def found(self) -> list[str]:
        said = self.text.getvalue()
        spelled = {
            form
            for secret in self.secrets
            for form in (secret, base64.b64encode(secret.encode()).decode().rstrip("="), repr(secret.encode()))
        }
        return sorted(secret[:12] for secret in spelled if secret in said)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@pytest.fixture
def everything() -> Iterator[Everything]:
    """Every logger at DEBUG into one place, the HTTP and Socket.IO libraries' own included."""
    one = Everything()
    handler = logging.StreamHandler(one.text)
    root = logging.getLogger()
    names = ["httpx2", "httpcore2", "engineio", "engineio.client", "socketio", "socketio.client", "aiohttp", "asyncio"]
    before = {name: logging.getLogger(name).level for name in ["", "agor_reactive", *names]}
    root.addHandler(handler)
    for name in before:
        logging.getLogger(name).setLevel(logging.DEBUG)
    yield one
    root.removeHandler(handler)
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[JsonLineProcess]:
    ways_in = {
        "AGOR_CONTRACT_EMBEDDED_KEY": f"agor_sk_{secrets.token_hex(24)}",
        "AGOR_CONTRACT_EMBEDDED_PASSWORD": secrets.token_urlsafe(12),
        "PYTHONPATH": str(ROOT),
    }
    command = [
        sys.executable,
        str(EMBEDDED),
        "--api-version",
        "branches",
        "--state",
        str(tmp_path / "rows"),
        "--port",
        "0",
    ]
    process = JsonLineProcess(command, cwd=ROOT, env=ways_in)
    yield process
    process.stop()


async def test_a_whole_run_emits_no_secret(everything: Everything, daemon: JsonLineProcess) -> None:
    url, key = daemon.greeting["url"], daemon.greeting["api_key"]
    email, password = daemon.greeting["email"], daemon.greeting["password"]
    everything.secrets |= {key, password}
    async with agor.create_client(url) as by_password, agor.create_client(url, api_key=key) as live:
        login = await by_password.authenticate(strategy="local", email=email, password=password)
        keep_tokens(everything, login)
        everything.shown(login)
        everything.shown(login.authentication)
        recorded: list[Any] = []
        by_password.events.subscribe(lambda event: recorded.append((event.topic, event.payload)))
        live.events.subscribe(everything.shown)
        await renewals(everything, live, by_password)
        await conversation(everything, live, daemon.greeting["workspace_id"])
        await refusals(everything, url, key, password, email)
        for thing in (live, live.link, live.router, live.registry, live.status, live.sessions, by_password.link):
            everything.shown(thing)
        everything.text.write(json.dumps(recorded))
    async with agor.create_async_rest_client(url, api_key=key) as rest:
        await rest.service("sessions").find()
        made = await rest.service("api/v1/user/api-keys").create({"name": "another"})
        everything.secrets.add(made["rawKey"])
        for thing in (rest, rest._rest, rest._rest.session, rest._rest.session.login, made, rest.tasks):
            everything.shown(thing)
    assert len(everything.secrets) >= 7
    assert everything.text.tell() > 10_000
    assert everything.found() == []


def keep_tokens(everything: Everything, login: agor.AuthenticationResult) -> None:
    everything.secrets |= {login.access_token, login.refresh_token or login.access_token}


async def renewals(everything: Everything, live: agor.Client, other: agor.Client) -> None:
    for client in (live, other):
        keep_tokens(everything, await client.re_authenticate())
    made: Any = await live.service("api/v1/user/api-keys").create({"name": "new"})
    everything.secrets.add(made.raw_key)
    everything.shown(made)
    everything.shown(await live.service("api/v1/user/api-keys").find())


async def conversation(everything: Everything, live: agor.Client, branch_id: str) -> None:
    session = await live.service("sessions").create({"branch_id": branch_id, "agentic_tool": "claude-code"})
    assert session.mcp_token
    everything.secrets.add(session.mcp_token)
    everything.shown(session)
    async with agor.retain_reactive_session(live, session.session_id) as handle:
        handle.events.subscribe(everything.shown)
        handle.snapshots.subscribe(everything.shown)
        outcome = await handle.ask("[say:Done.] [tools:1]", timeout=30)
        everything.shown(outcome)
        everything.shown(handle)
    everything.shown(await live.service("sessions").find())
    everything.shown(await live.service("users").find())


async def refusals(everything: Everything, url: str, key: str, password: str, email: str) -> None:
    wrong = f"agor_sk_{secrets.token_hex(24)}"
    everything.secrets.add(wrong)
    async with agor.create_client(url, api_key=key) as client:
        for attempt in (
            client.authenticate(api_key=wrong),
            client.authenticate(access_token=wrong),
            client.authenticate(email=email, password=password + "x"),
            client.service("tasks").create({"session_id": wrong, "full_prompt": password, "apiKey": key}),
            client.service("boards").get(key),
            client.sessions.prompt(key, password),
            client.tasks.run(wrong),
            client.service("boards").create({"name": key * 40_000}),
            client.service(f"nobody/{key}").find({"token": key}),
        ):
            try:
                await attempt
            except AgorError as error:
                everything.raised(error)
    for refused in (wrong, key):
        with agor.create_rest_client("http://127.0.0.1:9" if refused == key else url, api_key=refused) as rest:
            try:
                rest.service("boards").find({"token": key})
            except AgorError as error:
                everything.raised(error)


def test_frozen_json_hides_what_sounds_secret() -> None:
    shown = repr(agor.models.freeze({"headers": {"Authorization": "Bearer abc"}, "token": "xyz", "name": "n"}))
    assert "abc" not in shown
    assert "xyz" not in shown
    assert "'n'" in shown


def test_the_search_finds_what_is_there(everything: Everything) -> None:
    everything.secrets.add("agor_sk_0123456789")
    everything.raised(AgorError("no agor_sk_0123456789"))
    assert everything.found() != []
    assert re.search("no agor_sk_", everything.text.getvalue())
