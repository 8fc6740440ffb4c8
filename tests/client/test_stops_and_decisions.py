"""Stops, decisions and missing routes over real HTTP, blocking and awaited, against a strict daemon."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from typer.testing import CliRunner

import agor_reactive as agor
from agor_reactive.calls.effects import Call
from agor_reactive.cli.app import app
from agor_reactive.errors import DaemonError, UsageError
from tests.calls.strict_daemon import SID, TID, StrictDaemon
from tests.transport.rest_server import Reply, RestServer, Seen

NO_SUCH_PAGE = b"<!DOCTYPE html><html><body><pre>Cannot %s %s</pre></body></html>"


class Served:
    """A strict daemon behind an HTTP port, on a real clock."""

    def __init__(self, server: RestServer) -> None:
        self.daemon = StrictDaemon()
        self.url = server.url
        server.script = self.answer

    def answer(self, seen: Seen) -> Reply:
        parts = urlsplit(seen.target)
        path, query = parts.path.strip("/"), parse_qs(parts.query)
        head, _, last = path.rpartition("/")
        args: tuple[Any, ...] = (seen.body,) if seen.verb == "POST" else ()
        method, service = {"POST": "create"}.get(seen.verb, "find"), path
        if seen.verb == "GET" and len(last) == 36:
            method, service, args = "get", head, (last,)
        elif query:
            args = ({name: values[0] for name, values in query.items()},)
        self.daemon.now = time.monotonic()
        try:
            return Reply(201 if seen.verb == "POST" else 200, self.daemon.call(Call(method, service, args), None))
        except DaemonError as error:
            if error.message.startswith("Service "):
                return Reply(404, NO_SUCH_PAGE % (seen.verb.encode(), path.encode()), {"content-type": "text/html"})
            body = {"name": error.name, "message": error.message, "code": error.code}
            return Reply(error.code if isinstance(error.code, int) else 500, json.loads(json.dumps(body)))


@pytest.fixture
def served() -> Iterator[Served]:
    server = RestServer()
    try:
        yield Served(server)
    finally:
        server.stop()


def test_a_plain_script_decides_and_stops(served: Served) -> None:
    served.daemon.settles_after, served.daemon.stops_after = 0.15, 0.3
    with agor.create_rest_client(served.url) as client:
        taken = client.sessions.permission_decision(SID, "r1", True)
        assert (taken.success, taken.status) == (True, "approved")
        assert client.sessions.stop(SID, expected_task_id=TID).outcome == "stopped"
        with pytest.raises(UsageError, match=r"0\.26"):
            client.users.me()
        with pytest.raises(UsageError, match="13 August 2026"):
            client.tasks.create_many([{"session_id": SID}])
    assert served.daemon.decided[0]["taskId"] == TID


async def test_the_awaited_client_does_the_same(served: Served) -> None:
    served.daemon.settles_after, served.daemon.stops_after = 0.15, 0.3
    async with agor.create_async_rest_client(served.url) as client:
        assert (await client.sessions.permission_decision(SID, "r1", False)).status == "denied"
        assert (await client.sessions.stop(SID)).success
        with pytest.raises(UsageError, match=r"0\.25\.2"):
            await client.sessions.initialize(SID, expected_user_id="u")


def test_the_command_says_that_a_stop_is_pending(served: Served) -> None:
    served.daemon.stops_after = 0.3
    ended = CliRunner().invoke(app, ["stop", SID, "--url", served.url], env={"AGOR_API_KEY": "agor_sk_x"})
    assert ended.exit_code == 0, ended.output
    assert ended.stdout.splitlines() == ["stopping; waiting for the task to end", "stopped; queued prompts still run"]
    ended = CliRunner().invoke(app, ["stop", SID, "--url", served.url], env={"AGOR_API_KEY": "agor_sk_x"})
    assert ended.stdout == "nothing was stopped: Session is already idle\n"
