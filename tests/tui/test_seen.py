"""What was seen is known at the next start: the rule, the file, and the app."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from agor_reactive import create_client, retain_reactive_session
from agor_reactive.adapters.presentation.attention import Attention
from agor_reactive.core.persistent import PMap
from agor_reactive.errors import UsageError
from agor_reactive.models.session import Session
from agor_reactive.session.collection import SessionRows
from agor_reactive.session.recency import Recency
from agor_reactive.tui.seen import Seen, SeenSessions
from agor_reactive.tui.seen_file import MOST_DAEMONS, MOST_SESSIONS, SeenFile, state_folder
from tests.tui.world import Seen as Shown
from tests.tui.world import daemon_with, inside, seen

URL = "http://localhost:3030"


def session(name: str, status: str = "idle", tasks: str = "t", at: int = 1) -> Session:
    """A session whose tasks have the letters as ids, changed in that minute."""
    stamp = f"2026-01-01T00:{at:02}:00Z"
    return Session(session_id=name, status=status, tasks=tuple(tasks), last_updated=stamp, title="A secret title")


def rows_of(*sessions: Session) -> SessionRows:
    found = {row.session_id: row for row in sessions}
    recency = Recency(None)
    rows: PMap[str, Session] = PMap(found)
    recency.take(rows, None)
    return SessionRows(rows, revision=1, loading=False, error=None, recency=recency)


def run(known: SeenSessions, *steps: SessionRows | str) -> Attention:
    """The app from its start on: rows, sessions that are opened (``+a``), tasks that fail (``-a``)."""
    attention = Attention()
    for number, step in enumerate(steps):
        if isinstance(step, str):
            if step[0] == "+":
                attention.see(step[1:])
                attention.see(None)
            else:
                attention.fail(step[1:])
            continue
        if number == 0:
            known.restore(attention, step.rows)
        attention.take(step.rows)
        last = step
    known.take(attention, last)
    return attention


def reasons(attention: Attention, *names: str) -> dict[str, str]:
    return {name: why for name in names if (why := attention.reason(name)) is not None}


IDLE, RUNNING, FAILED, ASKS = ("idle", "running", "failed", "awaiting_permission")


def test_a_first_start_shows_no_session_as_finished() -> None:
    attention = run(SeenSessions(), rows_of(*(session(f"s{number}") for number in range(200))))
    assert len(attention) == 0


@pytest.mark.parametrize(
    ("before", "now", "reason"),
    [
        # How it was when the app ended, how it is at the next start, and why it needs attention then.
        ([session("a")], session("a"), None),
        ([session("a")], session("a", at=9), None),  # renamed
        ([session("a")], session("a", tasks="tu", at=9), "finished"),
        ([session("a")], session("a", RUNNING, "tu", at=9), None),
        ([session("a")], session("a", ASKS, "tu", at=9), "permission"),
        ([session("a")], session("a", FAILED, "tu", at=9), "failed"),
        ([session("a", RUNNING)], session("a"), "finished"),
        ([session("a", ASKS)], session("a"), "finished"),
        ([session("a", RUNNING)], session("a", RUNNING), None),
        ([session("a", RUNNING), session("a")], session("a"), "finished"),
        ([session("a", RUNNING), session("a"), "+a"], session("a"), None),
        ([session("a", RUNNING), session("a"), "-a"], session("a"), "failed"),
        ([session("a", RUNNING), session("a"), "-a"], session("a", tasks="tu"), "failed"),
        ([session("a", RUNNING), session("a"), "-a", "+a"], session("a"), None),
        ([session("a", FAILED)], session("a", FAILED), "failed"),
        ([session("a", FAILED), "+a"], session("a", FAILED), None),
        ([session("a", FAILED), "+a"], session("a", FAILED, "tu"), "failed"),
        ([session("a", FAILED), "+a"], session("a", IDLE, "tu"), "finished"),
        ([session("b")], session("a", tasks="", at=9), None),  # made since then, without a prompt
        ([session("b")], session("a", at=9), "finished"),
        ([session("b", at=9)], session("a", at=8), None),  # it was dropped from the file
    ],
)
def test_what_needs_attention_at_the_next_start(before: list[Any], now: Session, reason: str | None) -> None:
    known = SeenSessions()
    run(known, *(step if isinstance(step, str) else rows_of(step) for step in before))
    assert run(known, rows_of(now, session("b", at=9))).reason("a") == reason
    # And it is the same once more, as if the app ended at once and came back.
    assert run(known, rows_of(now, session("b", at=9))).reason("a") == reason


def test_the_session_that_is_open_at_the_start_is_seen() -> None:
    known = SeenSessions()
    run(known, rows_of(session("a", RUNNING), session("b", RUNNING)))
    attention = Attention()
    attention.see("a")
    rows = rows_of(session("a"), session("b"))
    known.restore(attention, rows.rows)
    attention.take(rows.rows)
    assert reasons(attention, "a", "b") == {"b": "finished"}
    assert attention.shown == "a"


# ---------------------------------------------------------------------------------------------------------- the file


def written(folder: Path, *sessions: Session, url: str = URL) -> SeenFile:
    file = SeenFile(url, folder)
    known = file.read()
    run(known, rows_of(*sessions))
    assert file.write(known)
    return file


def test_the_file_has_ids_and_statuses_only_and_is_for_its_owner(tmp_path: Path) -> None:
    file = written(tmp_path / "state", session("a", FAILED))
    found = json.loads(file.path.read_bytes())
    assert found == {
        "version": 1,
        "daemon": URL,
        "until": 1767225660.0,
        "sessions": {"a": {"status": "failed", "task": "t", "unseen": "failed"}},
    }
    if os.name == "posix":
        assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert file.read() == SeenSessions({"a": Seen("failed", "t", "failed")}, until=1767225660.0)
    assert [path.name for path in file.path.parent.iterdir() if path.suffix not in (".json", ".lock")] == []


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("http://localhost:3030", "http://LOCALHOST:3030/", True),
        ("https://agor.example", "https://agor.example:443", True),
        ("http://agor.example", "https://agor.example", False),
        ("http://agor.example/a", "http://agor.example/b", False),
        ("http://agor.example:8", "http://agor.example:9", False),
        ("http://[::1]:3030/a:b*c", "http://[::1]:3030/a-b-c", False),
    ],
)
def test_each_daemon_has_a_file_whose_name_any_system_takes(one: str, other: str, same: bool, tmp_path: Path) -> None:
    files = [SeenFile(url, tmp_path).path for url in (one, other, "http://" + "a" * 200)]
    assert (files[0] == files[1]) is same
    for file in files:
        assert set(file.stem) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-"), file.name
        assert len(file.name) < 100


def test_two_apps_keep_each_others_sessions(tmp_path: Path) -> None:
    one, other = (SeenFile(URL, tmp_path) for _ in "12")
    known, too = one.read(), other.read()
    both = rows_of(session("a", RUNNING), session("b", RUNNING))
    run(known, both)
    assert one.write(known)
    run(too, both)
    assert other.write(too)
    # The first sees the end of one session, the second that of another.
    run(known, both, rows_of(session("a"), session("b", RUNNING)), "+a")
    run(too, both, rows_of(session("a", RUNNING), session("b")))
    assert one.write(known)
    assert other.write(too)
    assert one.read().sessions == {"a": Seen("idle", "t"), "b": Seen("idle", "t", "finished")}


def test_a_write_waits_for_another_app(tmp_path: Path) -> None:
    from agor_reactive.tui.seen_file import _locked

    file = written(tmp_path, session("a"))
    known = file.read()
    run(known, rows_of(session("a", RUNNING)))
    with _locked(file.path.with_suffix(".lock")) as mine:
        assert mine
        assert not file.write(known)
    assert known.changed
    assert file.write(known)
    assert file.read().sessions["a"].status == "running"


def test_old_sessions_are_dropped_and_need_no_attention(tmp_path: Path) -> None:
    rows = [session(f"s{number}", at=number * 60 // (MOST_SESSIONS + 300)) for number in range(MOST_SESSIONS + 300)]
    file = written(tmp_path, *rows)
    kept = file.read().sessions
    assert len(kept) == MOST_SESSIONS
    assert set(kept) <= {row.session_id for row in rows[290:]}, "the oldest are dropped"
    before = file.path.read_bytes()
    known = file.read()
    assert len(run(known, rows_of(*rows))) == 0
    assert not known.changed
    assert file.path.read_bytes() == before


def test_files_of_old_daemons_are_dropped(tmp_path: Path) -> None:
    for port in range(MOST_DAEMONS + 3):
        file = written(tmp_path, session("a"), url=f"http://localhost:{port + 1}")
        os.utime(file.path, (port, port))
    names = {path.stem for path in tmp_path.glob("seen-*.json")}
    assert len(names) <= MOST_DAEMONS + 1
    assert SeenFile(f"http://localhost:{MOST_DAEMONS + 3}", tmp_path).path.stem in names
    assert SeenFile("http://localhost:1", tmp_path).path.stem not in names
    assert len(list(tmp_path.glob("*.lock"))) == len(names)


BROKEN = (b"", b"{", b"[]", b"{}", b"\xff\x00", b"null")


@pytest.mark.parametrize("content", BROKEN)
def test_a_damaged_file_is_replaced(content: bytes, tmp_path: Path) -> None:
    file = SeenFile(URL, tmp_path)
    file.path.write_bytes(content)
    with pytest.raises(UsageError, match="damaged"):
        file.read()
    known = SeenSessions()
    run(known, rows_of(session("a")))
    assert file.write(known)
    assert file.read().sessions == {"a": Seen("idle", "t")}


@pytest.mark.parametrize(
    "content",
    [
        {"sessions": [], "until": "yesterday"},
        {"sessions": {"a": None, "b": {"status": 3, "task": ["t"]}}},
        {"sessions": {"a": {"status": "idle", "more": 1}}, "until": None},
    ],
)
def test_what_cannot_be_read_in_a_file_is_left_out(content: Mapping[str, Any], tmp_path: Path) -> None:
    file = SeenFile(URL, tmp_path)
    file.path.write_text(json.dumps({"version": 1, **content}), encoding="utf-8")
    known = file.read()
    run(known, rows_of(session("c")))
    assert file.write(known)
    assert file.read().sessions["c"] == Seen("idle", "t")


def test_a_file_of_another_version_stays_as_it_is(tmp_path: Path) -> None:
    file = SeenFile(URL, tmp_path)
    file.path.write_text('{"version": 2, "new": true}', encoding="utf-8")
    known = SeenSessions()
    run(known, rows_of(session("a")))
    for action in (file.read, lambda: file.write(known)):
        with pytest.raises(UsageError, match="another version"):
            action()
    assert json.loads(file.path.read_bytes()) == {"version": 2, "new": True}


def test_the_folder_is_that_of_the_variable_else_that_of_the_platform(tmp_path: Path) -> None:
    assert state_folder({"AGOR_STATE_DIR": str(tmp_path)}) == tmp_path
    assert state_folder({}).name == "agor-reactive"


# ----------------------------------------------------------------------------------------------------------- the app


def needing(app: Shown) -> list[str]:
    """The titles of the sessions that need attention."""
    rows = [row.left.plain.strip(" ▸") for row in app.app.sessions.list.rows]
    return sorted(rows[1 : rows.index("Sessions")]) if rows and rows[0] == "Needs attention" else []


async def test_sessions_that_finished_while_the_app_was_closed_are_shown(tmp_path: Path) -> None:
    async with daemon_with(6, speed=60.0) as daemon:
        file = SeenFile(daemon.url, tmp_path)
        async with seen(daemon, seen_file=file) as app:
            await app.shows("Session number 5")
            keys = {row.left.plain.strip(" ✓"): row.key for row in app.app.sessions.list.rows if row.key}
            assert needing(app) == []
            for number in (1, 2):
                await app.client.sessions.prompt(keys[f"Session number {number}"], "Do it [say:done]")
            await app.until(lambda: len(needing(app)) == 2, "two have finished")
            app.app.open_session(keys["Session number 2"])
            await app.until(lambda: len(needing(app)) == 1, "one is seen")

        async with seen(daemon, seen_file=SeenFile(daemon.url, tmp_path)) as app:
            await app.shows("Session number 5")
            assert needing(app) == ["✓ Session number 1"]

        await runs_alone(daemon, keys["Session number 3"])
        row = next(row for row in inside(daemon).sessions.all() if row["session_id"] == keys["Session number 4"])
        inside(daemon).touch_session(row, title="Session with another name")

        async with seen(daemon, seen_file=SeenFile(daemon.url, tmp_path)) as app:
            await app.shows("another name")
            assert needing(app) == ["✓ Session number 1", "✓ Session number 3"]
            # What happened before the start is not announced as if it happened now.
            assert not app.app._notifications


async def runs_alone(daemon: Any, session_id: str) -> None:
    """A session does what it is asked to while no app runs."""
    async with (
        create_client(daemon.url, api_key=daemon.api_key) as client,
        retain_reactive_session(client, session_id) as handle,
    ):
        await handle.ask("Do it [say:done]")


async def test_a_folder_that_cannot_be_written_is_said_once_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder would be", encoding="utf-8")
    async with daemon_with(2, speed=60.0) as daemon:
        file = SeenFile(daemon.url, tmp_path / "state")
        async with seen(daemon, seen_file=file) as app:
            await app.shows("Session number 1", "not remembered")
            (said,) = app.app._notifications
            assert re.search(r"seen-.*cannot be .*--no-remember", said.message)
            app.app.sessions._keeping._interval = 0.0
            tried = app.app.sessions._keeping.painted
            for row in inside(daemon).sessions.all():
                inside(daemon).touch_session(row, status="running")
            await app.until(lambda: app.app.sessions._keeping.painted > tried, "it was tried once more")
            assert len(app.app._notifications) == 1
