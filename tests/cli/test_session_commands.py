"""Commands that read and drive sessions: lists, JSON fields, jq, queue, decisions, transcripts."""

from __future__ import annotations

import asyncio
import io
import json
import re
import sys
import webbrowser
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from agor_reactive.cli import sessions as session_list
from agor_reactive.models import Session
from tests.cli.conftest import Cli
from tests.contract.waiting import eventually

UNKNOWN = "01a20fce-0000-7000-8000-000000000000"
LONG = "A title that is much longer than any terminal is wide " * 8


def until(condition: Callable[[], Any]) -> Any:
    """What `condition` returns once it is true."""
    return asyncio.run(eventually(condition, what="the condition"))


# ------------------------------------------------------------------------------------------------------------ the table


@pytest.mark.parametrize("width", [10, 20, 30, 40, 60, 80, 100, 200])
def test_the_table_never_cuts_an_id_and_never_wraps(cli: Cli, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    full = cli("create", LONG).out.strip()
    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, width=width, markup=False, emoji=False, highlight=False)
    monkeypatch.setattr(session_list, "console", lambda: terminal)
    assert cli("sessions", "--limit", "3").code == 0
    lines = [re.sub(r"\x1b\[[\d;]*m", "", line) for line in screen.getvalue().splitlines()]
    newest = next(line for line in lines[1:] if full.replace("-", "").startswith(line.split()[0]))
    assert len(newest.split()[0]) >= 8
    assert max(len(line) for line in lines[:4]) <= max(width, len(newest.split()[0]))
    assert "…" in newest or width <= 30
    assert (newest.endswith("now") or " ago" in newest) == (width >= 60)


def test_in_a_pipe_nothing_is_cut_and_times_are_dates(cli: Cli) -> None:
    cli("create", LONG)
    line = cli("sessions", "--limit", "1").out.splitlines()[1]
    assert LONG.strip() in line
    assert re.search(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d$", line)


@pytest.mark.parametrize(
    ("age", "text"), [(0, "now"), (-5, "now"), (59, "now"), (60, "1 m ago"), (7_200, "2 h ago"), (200_000, "2 d ago")]
)
def test_times_are_relative(age: float, text: str) -> None:
    assert session_list._when(1_000_000_000, 1_000_000_000 + age) == text


# ----------------------------------------------------------------------------------------------------------------- JSON


def test_json_fields_are_those_named_in_their_order(cli: Cli, session_id: str) -> None:
    lines = cli("sessions", "--json", "title,session_id", "--limit", "1").out.splitlines()
    assert [json.loads(line) for line in lines] == [{"title": "A session of one test", "session_id": session_id}]
    assert list(json.loads(lines[0])) == ["title", "session_id"]
    assert "agentic_tool" in cli("sessions", "--limit", "1", "--json").last_json
    assert "agentic_tool" in cli("sessions", "--json", "--limit", "1").last_json


@pytest.mark.parametrize("command", ["sessions", "queue", "logs"])
def test_an_unknown_field_is_named_with_those_there_are(cli: Cli, session_id: str, command: str) -> None:
    words = [] if command == "sessions" else [session_id]
    ended = cli(command, *words, "--json=nonsense")
    assert ended.code == 2
    assert "unknown JSON field nonsense; there are: " in ended.err
    assert "session_id" in ended.err


def test_jq_gets_the_list_of_rows_and_prints_strings_as_they_are(cli: Cli, session_id: str) -> None:
    assert cli("sessions", "--limit", "1", "--jq", ".[].session_id").out == f"{session_id}\n"
    assert cli("sessions", "--limit", "1", "--json", "title", "-q", ".").out == '[{"title":"A session of one test"}]\n'
    assert cli("sessions", "--limit", "1", "-q", "length").out == "1\n"


def test_jq_never_prints_what_would_control_a_terminal(cli: Cli) -> None:
    cli("create", "red \x1b[31m")
    assert "\x1b" not in cli("sessions", "--limit", "1", "-q", ".[].title").out


@pytest.mark.parametrize("expression", [".[", "nosuch", ".[] | error"])
def test_a_wrong_jq_expression_is_a_usage_error(cli: Cli, session_id: str, expression: str) -> None:
    ended = cli("sessions", "-q", expression)
    assert (ended.code, ended.err.startswith("agor-reactive: jq: ")) == (2, True)
    assert len(ended.err.splitlines()) == 1


def test_without_jq_the_extra_is_named(cli: Cli, session_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jq", None)
    ended = cli("sessions", "-q", ".")
    assert (ended.code, 'pip install "agor-reactive[jq]"' in ended.err) == (2, True)


# ---------------------------------------------------------------------------------------------------------------- queue


def test_the_queue_is_listed_and_cancelled(cli: Cli, session_id: str) -> None:
    assert cli("queue", session_id).out == "No prompt is queued.\n"
    cli("prompt", session_id, "[hold] first")
    for text in ("second", "third", "fourth"):
        cli("prompt", session_id, text)
    lines = cli("queue", session_id).out.splitlines()
    assert [line.split()[::2] for line in lines] == [["1", "second"], ["2", "third"], ["3", "fourth"]]
    assert cli("queue", session_id, "-q", ".[].full_prompt").out.split() == ["second", "third", "fourth"]

    wrong = cli("cancel", session_id, lines[0].split()[1], UNKNOWN)
    assert (wrong.code, f"no queued task {UNKNOWN}" in wrong.err) == (1, True)
    assert len(cli("queue", session_id).out.splitlines()) == 3
    assert cli("cancel", session_id, lines[1].split()[1]).out == "cancelled: third\n"
    assert cli("cancel", session_id, "--all").out == "cancelled: second\ncancelled: fourth\n"
    assert cli("queue", session_id).out == "No prompt is queued.\n"
    assert cli("cancel", session_id).code == 2
    cli("stop", session_id)


# ------------------------------------------------------------------------------------------------------------ decisions


@pytest.mark.parametrize(("command", "ends"), [("approve", "completed"), ("deny", None)])
def test_a_pending_request_is_decided(cli: Cli, session_id: str, command: str, ends: str | None) -> None:
    ended = cli(command, session_id)
    assert (ended.code, ended.err) == (1, "agor-reactive: no permission request is pending\n")
    cli("prompt", session_id, "[permission] look [say:seen]")
    ended = until(lambda: (one := cli(command, session_id)).code == 0 and one)
    assert re.match(rf"{command.removesuffix('y').rstrip('e')}\w+: Read\(src/", ended.out), ended.out
    watched = cli("watch", session_id, "--json", "--until-idle")
    assert ends is None or watched.last_json["tasks"][-1]["status"] == ends
    assert cli(command, session_id, "nosuch").code == 1


def test_remember_is_a_scope(cli: Cli, session_id: str) -> None:
    assert cli("approve", session_id, "--remember", "ever").code == 2
    cli("prompt", session_id, "[permission] look")
    until(lambda: cli("approve", session_id, "--remember", "project").code == 0)
    asked = cli("logs", session_id, "-q", '.[] | select(.type == "permission_request") | .content.scope')
    assert asked.out == "project\n"


# ---------------------------------------------------------------------------------------------------- fork, open, logs


def test_a_fork_has_its_title(cli: Cli, session_id: str) -> None:
    cli("prompt", session_id, "one [say:1]", "-f")
    forked = cli("fork", session_id, "Another way")
    assert forked.code == 0, forked.err
    row = cli("sessions", "--limit", "500", "-q", f'.[] | select(.session_id == "{forked.out.strip()}") | .title')
    assert row.out == "Another way\n"


def test_open_prints_the_page_and_opens_it(cli: Cli, session_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda page: opened.append(page) or True)
    page = cli("open", session_id[:23]).out.strip()
    assert opened == [page]
    assert "/ui/s/" in page
    assert cli("open", session_id, "--no-browser").out.strip() == page
    assert opened == [page]
    monkeypatch.setattr(webbrowser, "open", lambda page: False)
    ended = cli("open", session_id)
    assert (ended.code, "open this address yourself" in ended.err) == (1, True)


def test_a_page_that_is_no_web_page_is_not_opened(cli: Cli, session_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda page: opened.append(page) or True)
    monkeypatch.setattr(Session, "__getattribute__", _with_url("file:///etc/passwd"))
    assert cli("open", session_id).code == 2
    assert opened == []


def _with_url(page: str) -> Callable[[Any, str], Any]:
    return lambda row, name: page if name == "url" else object.__getattribute__(row, name)


def test_logs_print_all_turns_or_the_last(cli: Cli, session_id: str) -> None:
    assert cli("logs", session_id).out == "No task has run in this session yet.\n"
    cli("prompt", session_id, "first [say:one]", "-f")
    cli("prompt", session_id, "second [say:two]", "-f")
    lines = cli("logs", session_id).out.splitlines()
    assert [line for line in lines if line.startswith("▌")] == ["▌ first [say:one]", "▌ second [say:two]"]
    assert {"  one", "  two"} <= set(lines)
    last = cli("logs", session_id, "--tail", "1").out.splitlines()
    assert [line for line in last if line.startswith("▌")] == ["▌ second [say:two]"]
    roles = cli("logs", session_id, "--tail", "1", "-q", "[.[].role] | unique").out
    assert json.loads(roles) == ["assistant", "user"]
    assert cli("logs", session_id, "--follow", "--tail", "2").code == 2


def test_new_is_still_create(cli: Cli) -> None:
    assert len(cli("new", "By its old name").out.strip()) == 36
    assert re.search(r"^  create ", cli("--help").out, re.MULTILINE)
    assert not re.search(r"^  new ", cli("--help").out, re.MULTILINE)
