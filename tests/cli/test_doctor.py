"""`doctor`: for each thing that can be wrong, another answer, and each says what to do."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.cli.conftest import Cli, Served


def test_healthy_with_a_session(cli: Cli, session_id: str) -> None:
    for words in (["doctor"], ["doctor", session_id]):
        ended = cli(*words)
        assert ended.code == 0, ended.out
        steps = [line.split()[:2] for line in ended.out.splitlines()]
        assert steps == [["✓", "reach"], ["✓", "authenticate"], ["✓", "join"], ["✓", "hydrate"], ["Healthy."]]


def test_healthy_without_a_session_and_with_rooms(start: Callable[..., Any]) -> None:
    served = start(Served, "--port", "0", "--era", "session-streams")
    cli = Cli(served.env)
    ended = cli("doctor")
    assert ended.code == 0
    assert "nothing to join or read" in ended.out
    cli("new", "First")
    assert "the live text of session" in cli("doctor").out


def test_nothing_there(cli: Cli) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ended = cli("doctor", "--url", f"http://127.0.0.1:{port}")
    assert ended.code == 1
    assert "✗ reach" in ended.out
    assert "nothing answers" in ended.out
    assert "start the daemon" in ended.out


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

    server = ThreadingHTTPServer(("127.0.0.1", 0), Healthy)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_another_server(cli: Cli, stranger: str) -> None:
    ended = cli("doctor", "--url", stranger)
    assert ended.code == 1
    assert "no Agor daemon" in ended.out
    assert "check the address" in ended.out


def test_no_key_is_our_fault_and_a_refused_one_is_not(cli: Cli) -> None:
    ended = cli("doctor", AGOR_API_KEY="")
    assert ended.code == 2
    assert "no key in AGOR_API_KEY" in ended.out
    assert "set AGOR_API_KEY" in ended.out
    ended = cli("doctor", AGOR_API_KEY="agor_sk_" + "0" * 48)
    assert ended.code == 1
    assert "was refused" in ended.out
    assert "make a new key" in ended.out


def test_a_session_that_is_not_there(cli: Cli) -> None:
    ended = cli("doctor", "01a20fce-0000-7000-8000-000000000000")
    assert ended.code == 1
    assert "✗ session" in ended.out
    assert "agor-reactive sessions lists them" in ended.out
