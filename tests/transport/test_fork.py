"""A REST client after a fork: each process has connections of its own and reads its own answers."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.transport.rest_server import Reply, RestServer

PROGRAM = """
import os, sys
import agor_reactive as agor

client = agor.create_rest_client(sys.argv[1])
client.service("sessions").get("before")
child = os.fork()
me = "child" if child == 0 else "parent"
wrong = 0
for number in range(30):
    row = client.service("sessions").get(f"{me}-{number}")
    wrong += row["session_id"] != f"{me}-{number}"
if child == 0:
    os._exit(1 if wrong else 0)
_, status = os.waitpid(child, 0)
client.close()
sys.exit(wrong or os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_both_sides_of_a_fork_read_their_own_rows(rest_server: RestServer) -> None:
    rest_server.script = lambda seen: Reply(200, {"session_id": seen.target.rpartition("/")[2]})
    command = [sys.executable, "-c", PROGRAM, rest_server.url]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert ended.returncode == 0, ended.stderr
