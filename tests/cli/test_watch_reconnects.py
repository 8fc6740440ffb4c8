"""A daemon that is killed and comes back, under a `watch` that keeps running."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.cli.conftest import Cli, Process, Served

OURS = ("revision", "last_synced_at", "anomalies", "streaming_messages")


def notified(state: Any) -> Any:
    """What two watchers must agree on: all but counters and times of their own and text that was never saved."""
    return {key: value for key, value in state.items() if key not in OURS}


def test_a_watch_outlives_the_daemon_and_ends_as_a_fresh_one(start: Callable[..., Any], tmp_path: Path) -> None:
    db = str(tmp_path / "rows.db")
    first = start(Served, "--port", "0", "--speed", "20", "--db", db)
    cli = Cli(first.env)
    session_id = cli("new", "Survivor").out.strip()
    assert cli("prompt", session_id, "before [say:all is well]", "-f").code == 0
    watching = start(Process, "watch", session_id, "--json", env=first.env)
    watching.summary_that(loading=False, ended=1)
    assert cli("prompt", session_id, "on and on [tools:0] [slow]").code == 0
    watching.line_that(lambda line: json.loads(line)["streamed_characters"] > 40)
    first.kill()  # SIGKILL, in the middle of the reply
    watching.summary_that(connection="reconnecting")

    again = start(Served, "--port", first.port, "--speed", "20", "--db", db)
    assert again.url == first.url
    watching.summary_that(connection="live", loading=False, ended=2, active=None, status="idle")
    assert cli("prompt", session_id, "after [say:and on it goes]", "-f").code == 0
    watching.summary_that(ended=3, active=None, status="idle")
    fresh = cli("watch", session_id, "--json", "--until-idle")
    watching.interrupt()
    ended = watching.wait()

    assert (ended.code, ended.err) == (0, "")
    assert notified(ended.last_json) == notified(fresh.last_json)
    assert [task["status"] for task in fresh.last_json["tasks"]] == ["completed", "stopped", "completed"]
    stale = ended.last_json["streaming_messages"].values()
    assert all(stream["settled"] and not stream["streaming"] for stream in stale)


def test_ctrl_c_ends_a_watch_well_and_shows_the_last_state(
    start: Callable[..., Any], cli: Cli, session_id: str
) -> None:
    watching = start(Process, "watch", session_id, "--json", env=cli.env)
    watching.summary_that(loading=False, connection="live")
    watching.interrupt()
    ended = watching.wait()
    assert (ended.code, ended.err) == (0, "")
    assert ended.last_json["session_id"] == session_id


def test_a_session_that_is_removed_ends_its_watch(start: Callable[..., Any], cli: Cli, session_id: str) -> None:
    import agor_reactive as agor

    watching = start(Process, "watch", session_id, "--json", env=cli.env)
    watching.summary_that(loading=False, connection="live")
    with agor.create_rest_client(cli.env["AGOR_DAEMON_URL"], api_key=cli.env["AGOR_API_KEY"]) as client:
        client.service("sessions").remove(session_id)
    ended = watching.wait()
    assert ended.code == 1
    assert "removed" in ended.err
