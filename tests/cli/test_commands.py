"""What commands say and how they end, against a daemon that `serve` runs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import KEY, Cli, Process, Served

NOWHERE = "http://127.0.0.1:1"
UNKNOWN = "01a20fce-0000-7000-8000-000000000000"


def test_a_new_session_is_in_the_table_with_an_id_that_tells_it_apart(cli: Cli) -> None:
    title = "[bold]Teapots[/bold] \x1b[31mred"
    first, second = (cli("new", title).out.strip() for _ in range(2))
    table = cli("sessions", "--limit", "2").out
    assert table.count("[bold]Teapots[/bold] red") == 2
    shown = [line.split()[0] for line in table.splitlines()[1:3]]
    assert {one for one in shown for full in (first, second) if full.replace("-", "").startswith(one)} == set(shown)
    assert len(set(shown)) == 2
    assert cli("prompt", shown[0], "[say:hi]").code == 0


def test_sessions_as_json_are_rows_without_tokens(cli: Cli, session_id: str) -> None:
    rows = [json.loads(line) for line in cli("sessions", "--json", "--limit", "500").out.splitlines()]
    assert session_id in {row["session_id"] for row in rows}
    assert "eyJ" not in json.dumps(rows)


def test_a_prompt_says_that_it_runs_or_where_it_queues(cli: Cli, session_id: str) -> None:
    assert cli("prompt", session_id, "[slow] go on").out.rstrip().endswith(": dispatching")
    assert cli("prompt", session_id, "-", stdin="and then\n").out.rstrip().endswith(": queued, position 1")
    assert cli("stop", session_id).out == "stopped; queued prompts still run\n"
    ended = cli("watch", session_id, "--json", "--until-idle")
    assert ended.code == 0, ended.err
    assert [(task["full_prompt"], task["status"]) for task in ended.last_json["tasks"]] == [
        ("[slow] go on", "stopped"),
        ("and then", "completed"),
    ]
    assert cli("stop", session_id).out.startswith("nothing was stopped: ")


def test_follow_shows_the_answer_and_ends_with_its_task(cli: Cli, session_id: str) -> None:
    ended = cli("prompt", session_id, "Count [say:There are *two* teapots.]", "--follow")
    assert ended.code == 0, ended.err
    assert "  There are two teapots." in ended.out.splitlines()
    assert ended.out.splitlines()[-1].startswith("✓ completed")


def test_follow_of_a_task_that_fails_is_1_and_says_why(cli: Cli, session_id: str) -> None:
    ended = cli("prompt", session_id, "Count [fail]", "--follow", "--json")
    assert ended.code == 1
    assert ended.err.startswith("agor-reactive: the task ended failed: ")
    assert ended.last_json["tasks"][-1]["status"] == "failed"


def test_watch_shows_what_others_do_and_what_was_before(cli: Cli, session_id: str) -> None:
    cli("prompt", session_id, "first [say:one]", "-f")
    cli("prompt", session_id, "second [say:two]")
    ended = cli("watch", session_id[:23], "--until-idle")
    assert ended.code == 0, ended.err
    lines = ended.out.splitlines()
    assert [line for line in lines if line.startswith("▌")] == ["▌ first [say:one]", "▌ second [say:two]"]
    assert {"  one", "  two"} <= set(lines)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["sessions", "--url", NOWHERE], 1, "no Agor daemon answered"),
        (["watch", UNKNOWN, "--url", NOWHERE], 1, "no Agor daemon answered"),
        (["prompt", UNKNOWN, "x", "-f", "--url", NOWHERE], 1, "no Agor daemon answered"),
        (["watch", UNKNOWN], 1, "not found"),
        (["prompt", UNKNOWN, "x"], 1, "not found"),
        (["prompt", UNKNOWN, "x", "--follow"], 1, "not found"),
        (["stop", UNKNOWN], 1, "not found"),
        (["watch", UNKNOWN, "--url", "not a url"], 2, "not a daemon's address"),
        (["sessions", "--api-key-env", "NO_SUCH_VARIABLE"], 2, "set NO_SUCH_VARIABLE"),
        (["prompt", UNKNOWN, "  "], 2, "the prompt is empty"),
        (["prompt", UNKNOWN], 2, "Missing argument"),
        (["watch"], 2, "Missing argument"),
        (["serve", "--speed", "0"], 2, "--speed"),
        (["demo", "--api-version", "stone"], 2, "--api-version"),
        (["brew"], 2, "brew"),
    ],
)
def test_faults_are_one_clear_line_and_an_exit_code(cli: Cli, words: list[str], code: int, says: str) -> None:
    ended = cli(*words)
    assert ended.code == code
    assert says in ended.err
    assert "Traceback" not in ended.err + ended.out
    if ended.err.startswith("agor-reactive: "):
        assert len(ended.err.splitlines()) == 1


def test_a_refused_key_is_1_and_named_by_its_variable(cli: Cli, session_id: str) -> None:
    for words in (["sessions"], ["watch", session_id], ["prompt", session_id, "x", "-f"]):
        ended = cli(*words, AGOR_API_KEY="agor_sk_" + "0" * 48)
        assert ended.code == 1
        assert "refused the key in AGOR_API_KEY" in ended.err


def test_without_a_key_the_daemon_is_asked_first(cli: Cli, session_id: str) -> None:
    for words in (["sessions"], ["watch", session_id], ["prompt", session_id, "x", "-f"], ["stop", session_id]):
        ended = cli(*words, AGOR_API_KEY="")
        assert ended.code == 2
        assert "requires a login" in ended.err
        assert "set AGOR_API_KEY" in ended.err
        assert ended.out == ""
    assert cli("sessions", "--url", NOWHERE, AGOR_API_KEY="").code == 1


def test_what_is_final_says_what_to_type(cli: Cli) -> None:
    ended = cli("watch", UNKNOWN)
    assert "resync" not in ended.err + ended.out
    assert ended.err.count("not found") == 1
    assert "agor-reactive sessions lists" in ended.err


def test_help_and_version_are_well(cli: Cli) -> None:
    assert "Watch and drive" in cli("--help").out
    assert cli("--version").out.startswith("agor-reactive ")
    assert cli("watch", "-h").code == 0


def test_a_taken_port_is_1_and_another_versions_database_is_2(cli: Cli, served: Served, tmp_path: Path) -> None:
    ended = cli("serve", "--port", served.port)
    assert (ended.code, "try another --port" in ended.err) == (1, True)
    assert cli("demo", "--speed", "500", "--json").code == 0
    db = str(tmp_path / "version.db")

    first = Process("serve", "--port", "0", "--db", db, "--api-version", "worktrees")
    try:
        first.line_that(lambda line: "ends the daemon" in line)
        first.interrupt()
        assert first.wait().code == 0
    finally:
        first.kill()
    ended = cli("serve", "--port", "0", "--db", db)
    assert (ended.code, "use the API version that created it" in ended.err) == (2, True)


def test_serve_shows_its_key_once_and_never_again(start: Callable[..., Any], tmp_path: Path) -> None:
    words = ("--port", "0", "--db", str(tmp_path / "rows.db"))
    first = start(Served, *words, env={"AGOR_DAEMON_API_KEY": ""})
    first.line_that(lambda line: "ends the daemon" in line)
    shown = [line for line in first.lines if "AGOR_API_KEY" in line]
    assert len(shown) == 1
    key = shown[0].partition("=")[2].strip(' "')
    assert key.startswith("agor_sk_")
    first.interrupt()
    assert first.wait() == (0, "\n".join(first.lines), "")
    again = start(Served, *words, env={"AGOR_DAEMON_API_KEY": ""})
    again.line_that(lambda line: "ends the daemon" in line)
    assert key not in "\n".join(again.lines)
    assert Cli({"AGOR_DAEMON_URL": again.url, "AGOR_API_KEY": key})("sessions").code == 0


def test_a_key_that_was_given_is_never_shown(cli: Cli, served: Served, session_id: str) -> None:
    said = "\n".join(served.lines + served.errors)
    for words in (
        ["sessions", "--json"],
        ["doctor"],
        ["prompt", session_id, "hello [say:hi]", "-f", "--json"],
        ["watch", session_id, "--until-idle"],
        ["watch", session_id, "--until-idle", "--json"],
    ):
        ended = cli(*words)
        assert ended.code == 0, ended.err
        said += ended.out + ended.err
    assert KEY not in said
    assert "eyJ" not in said


def test_a_missing_extra_is_named(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("agor_reactive.daemon")]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("agor_reactive.cli.demo", "agor_reactive.cli.serve"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    for command in ("demo", "serve"):
        ended = cli(command)
        assert ended.code == 2
        assert 'pip install "agor-reactive[daemon]"' in ended.err
