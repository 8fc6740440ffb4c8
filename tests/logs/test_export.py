"""A log made of the rows of a past session: its end equals the rows, its middle is what a mirror would have had."""

from __future__ import annotations

import asyncio
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import agor_reactive as agor
from agor_reactive import logs
from agor_reactive.calls.drivers import SyncDriver
from agor_reactive.core.snapshot import SessionState
from agor_reactive.daemon import ApiVersionName, EmbeddedDaemon
from agor_reactive.errors import AgorError, NotFound, UsageError
from agor_reactive.logs.past import PastSession
from agor_reactive.models.base import instant
from tests.contract.waiting import eventually
from tests.core.build import SID, message_row, session_row, stamp, task_row

KEPT = ("session", "tasks", "queued_tasks", "tools_by_task", "loaded_task_ids", "error")


def shown(state: SessionState) -> dict[str, Any]:
    """What rows decide: not text of a stopped task, the token of a session, and empty buckets."""
    data = state.dump()
    found = {name: data[name] for name in KEPT}
    found["messages"] = {task_id: rows for task_id, rows in data["messages_by_task"].items() if rows}
    found["session"] = {**data["session"], "mcp_token": None}
    return found


@pytest.mark.parametrize("api_version", ["handshake", "branches", "worktrees"])
async def test_every_client_exports_what_the_rows_say(tmp_path: Path, api_version: ApiVersionName) -> None:
    place = "worktree_id" if api_version == "worktrees" else "branch_id"
    async with EmbeddedDaemon(api_version=api_version, speed=50.0, seed=1) as daemon:
        key = {"api_key": daemon.api_key}
        async with (
            agor.create_client(daemon.url, **key) as live,
            agor.create_async_rest_client(daemon.url, **key) as rest,
        ):
            session = await live.service("sessions").create(
                {place: daemon.workspace_id, "agentic_tool": "claude-code", "title": "Past"}
            )
            session_id = session.session_id
            for text in ("How many?", "[tools:2] And then?", "[fail]"):
                await live.sessions.ask(session_id, text)
            await live.sessions.prompt(session_id, "[slow] go on")
            await live.sessions.prompt(session_id, "and then")
            async with agor.retain_reactive_session(live, session_id, task_hydration="eager") as handle:
                await handle.ready()
                await live.sessions.stop(session_id)
                await eventually(lambda: [task.status for task in handle.state.tasks][4:] == ["completed"])
                await handle.resync()
                expected = shown(handle.state)
            done: list[tuple[int, int | None]] = []
            exports = [
                await logs.export(
                    rest, session_id[:13], tmp_path / "rest.jsonl", on_progress=lambda *a: done.append(a)
                ),
                await logs.export(live, session_id, tmp_path / "live.jsonl.gz"),
                await asyncio.to_thread(_blocking, daemon, session_id, tmp_path),
                await asyncio.to_thread(_plain, daemon, session_id, tmp_path),
            ]
    assert done == [(number, 5) for number in range(6)]
    for export in exports:
        log = logs.open(export.path)
        assert shown(log.fold()) == expected
        assert log.damage == ()
        assert (export.tasks, export.complete, export.unreadable) == (5, True, 0)
        assert export.messages == len(log.fold().messages_by_task.entries)
        assert export.session_id == session_id
        statuses = [(change.before, change.after) for change in log.diff(*_span(log)).status if change.task_id is None]
        assert statuses in ([], [(None, "idle")])
        ever = {task.status for _, state in log.states() for task in state.tasks}
        assert {"created", "running", "completed", "failed", "queued"} <= ever


def _span(log: logs.Log) -> tuple[float, float]:
    return log.mirror().began, log.mirror().ended


def _blocking(daemon: EmbeddedDaemon, session_id: str, folder: Path) -> logs.Export:
    with agor.connect(daemon.url, api_key=daemon.api_key) as client:
        return logs.export(client, session_id, folder / "blocking.jsonl")


def _plain(daemon: EmbeddedDaemon, session_id: str, folder: Path) -> logs.Export:
    with agor.create_rest_client(daemon.url, api_key=daemon.api_key) as client:
        return logs.export(client, session_id, folder / "plain.jsonl.zst")


class Rows:
    """A daemon that only has rows."""

    def __init__(self, tasks: list[dict[str, Any]], messages: list[dict[str, Any]]) -> None:
        self.tasks = tasks
        self.messages = messages
        self.most = 0

    def __call__(self, call: Any, timeout: float | None) -> Any:
        query = call.args[0] if call.args else {}
        if (call.method, call.service) == ("get", "sessions"):
            return session_row([task["task_id"] for task in self.tasks], created_at=stamp(0), status="running")
        if call.service == "tasks":
            return self._page(self.tasks, query)
        return self._page([row for row in self.messages if row["task_id"] == query["task_id"]], query)

    def _page(self, rows: list[dict[str, Any]], query: Any) -> Any:
        skip, limit = query.get("$skip", 0), query.get("$limit", 1000)
        part = [dict(row) for row in rows[skip : skip + limit]]
        return {"total": len(rows), "limit": limit, "skip": skip, "data": part}

    def records(self) -> list[dict[str, Any]]:
        return list(SyncDriver(self).walk(PastSession(SID), None))


seconds = st.integers(0, 40)
tasks = st.lists(
    st.tuples(
        st.sampled_from(["completed", "failed", "running", "queued", "stopped"]),
        seconds,
        st.none() | seconds,
        st.none() | seconds,
        st.lists(st.none() | seconds, max_size=4),
    ),
    max_size=6,
)


def rows_of(drawn: list[Any]) -> Rows:
    rows: list[dict[str, Any]] = []
    messages: list[dict[str, Any]] = []
    for number, (status, created, started, completed, written) in enumerate(drawn):
        times = {"started_at": started, "completed_at": completed if status not in ("running", "queued") else None}
        if status == "queued":
            times["started_at"], written = None, []
        given = {name: stamp(at) for name, at in times.items() if at is not None}
        rows.append(task_row(f"t{number}", status, second=created, full_prompt=f"Prompt {number}", **given))
        for index, at in enumerate(written):
            row = message_row(f"m{number}-{index}", f"t{number}", index)
            messages.append({**row, "timestamp": None if at is None else stamp(at)})
    return Rows(rows, messages)


@given(tasks)
def test_whatever_the_rows_say_the_log_ends_in_them_and_its_times_never_go_back(drawn: list[Any]) -> None:
    source = rows_of(drawn)
    records = source.records()
    times = [record["t"] for record in records]
    assert times == sorted(times)
    state = _folded(records)
    assert {task.task_id: task.to_wire() for task in state.tasks} == {row["task_id"]: row for row in source.tasks}
    assert [task.task_id for task in state.tasks] == [row["task_id"] for row in source.tasks]
    saved = {row["message_id"]: row for row in source.messages}
    assert {key: entry.row.to_wire() for key, entry in state.messages_by_task.entries.items()} == saved
    assert {task.task_id for task in state.queued_tasks} == {
        row["task_id"] for row in source.tasks if row["status"] == "queued"
    }
    assert all(state.is_task_loaded(row["task_id"]) for row in source.tasks if row["status"] != "queued")
    assert (state.error, state.loading, state.fetches) == (None, False, ())
    assert not state.anomalies


def _folded(records: list[dict[str, Any]]) -> SessionState:
    from agor_reactive.logs.folding import Fold

    fold = Fold(lambda record, why: pytest.fail(f"{why}: {record}"))
    return fold.take_lists([records])[1].flush()


def test_the_middle_is_what_had_happened_by_then() -> None:
    source = Rows(
        [
            task_row("t0", "completed", second=1, started_at=stamp(2), completed_at=stamp(9), full_prompt="One"),
            task_row("t1", "completed", second=5, started_at=stamp(10), completed_at=stamp(12), full_prompt="Two"),
        ],
        [message_row("m0", "t0", 4), message_row("m1", "t0", 7), message_row("m2", "t1", 11)],
    )
    records = source.records()

    def at(second: int) -> tuple[Any, ...]:
        state = _folded([record for record in records if record["t"] <= (instant(stamp(second)) or 0)])
        return (
            [task.status for task in state.tasks],
            sorted(state.messages_by_task.entries),
            [task.task_id for task in state.queued_tasks],
            state.session and state.session.status,
        )

    assert at(0) == ([], [], [], "idle")
    assert at(1) == (["created"], [], [], "idle")
    assert at(2) == (["running"], [], [], "running")
    assert at(6) == (["running", "queued"], ["m0"], ["t1"], "running")
    assert at(9) == (["completed", "queued"], ["m0", "m1"], ["t1"], "idle")
    assert at(11) == (["completed", "running"], ["m0", "m1", "m2"], [], "running")
    running = _folded([record for record in records if record["t"] <= (instant(stamp(6)) or 0)]).tasks[0]
    assert (running.full_prompt, running.completed_at) == ("One", None)


def test_ten_thousand_tasks_need_no_memory_for_their_messages() -> None:
    """Each task has messages of 40 kB: 400 MB in all."""
    text = "x" * 40_000
    rows = [
        task_row(
            f"t{number}",
            "completed",
            second=number,
            created_at=stamp_of(number),
            started_at=stamp_of(number),
            completed_at=stamp_of(number + 2),
        )
        for number in range(10_000)
    ]

    class Long(Rows):
        def __call__(self, call: Any, timeout: float | None) -> Any:
            if call.service != "messages":
                return super().__call__(call, timeout)
            task_id = call.args[0]["task_id"]
            row = message_row("m" + task_id, task_id, content=text + task_id)
            return self._page([{**row, "timestamp": stamp_of(int(task_id[1:]) + 1)}], call.args[0])

    source = Long(rows, [])
    tracemalloc.start()
    try:
        count = sum(1 for _ in SyncDriver(source).walk(PastSession(SID), None))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count >= 40_000
    assert peak < 100e6


def stamp_of(second: int) -> str:
    return f"2026-11-{1 + second // 3600:02d}T{second // 60 % 60:02d}:{second % 60:02d}.000Z".replace(
        "T", f"T{second // 3600 % 24:02d}:", 1
    )


def test_an_export_that_fails_leaves_no_file(tmp_path: Path) -> None:
    class Broken(Rows):
        def __call__(self, call: Any, timeout: float | None) -> Any:
            if call.service == "messages":
                raise NotFound("gone")
            return super().__call__(call, timeout)

    from agor_reactive.client.rest import RestClient
    from agor_reactive.services.catalogue import Services

    client = RestClient.__new__(RestClient)
    Services.__init__(client, SyncDriver(Broken([task_row("t0", "completed")], [])))
    with pytest.raises(AgorError, match="gone"):
        logs.export(client, SID, tmp_path / "log.jsonl")
    assert not list(tmp_path.iterdir())
    (tmp_path / "log.jsonl").write_text("mine")
    with pytest.raises(UsageError, match="exists already"):
        logs.export(client, SID, tmp_path / "log.jsonl")
    assert (tmp_path / "log.jsonl").read_text() == "mine"
    with pytest.raises(UsageError, match="takes a client"):
        logs.export("http://", SID, tmp_path / "new.jsonl")  # type: ignore[call-overload]


def test_an_export_has_no_secrets_and_no_text_if_wanted(tmp_path: Path) -> None:
    from agor_reactive.client.rest import RestClient
    from agor_reactive.services.catalogue import Services

    secret, prose = "agor_sk_" + "5e" * 24, "Words of a person"
    client = RestClient.__new__(RestClient)
    source = Rows(
        [task_row("t0", "completed", full_prompt=f"{prose} {secret}")], [message_row("m0", "t0", content=prose)]
    )
    Services.__init__(client, SyncDriver(source))
    logs.export(client, SID, tmp_path / "plain.jsonl")
    logs.export(client, SID, tmp_path / "blank.jsonl", redact_text=True)
    plain, blank = ((tmp_path / f"{name}.jsonl").read_text() for name in ("plain", "blank"))
    assert prose in plain
    assert secret not in plain
    assert prose not in blank
    assert secret not in blank
    assert logs.open(tmp_path / "blank.jsonl").fold().tasks[0].status == "completed"
    assert logs.open(tmp_path / "plain.jsonl").header["source"] == "rows"
