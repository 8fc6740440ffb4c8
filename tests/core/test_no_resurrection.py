"""L6: what was removed stays removed against every late event and every answer asked for before the removal."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agor_reactive.core import SessionState
from agor_reactive.core import events as e
from agor_reactive.models import RawEvent
from tests.core.build import (
    SID,
    Mirror,
    chunk,
    hydrated,
    message_row,
    raw,
    saved,
    session_row,
    start,
    task_row,
    thinking,
)
from tests.core.strategies import hydrations, sequences, wire_events


def holds(state: SessionState, task_id: str) -> bool:
    """Whether the task is in any collection."""
    return (
        state.get_task(task_id) is not None
        or task_id in state.messages_by_task
        or task_id in state.loaded_task_ids
        or task_id in state.tools_by_task
        or any(task.task_id == task_id for task in state.queued_tasks)
        or bool(state.get_streaming_messages(task_id))
    )


@given(hydrations, sequences, st.lists(wire_events, max_size=25))
def test_l6_no_late_event_brings_a_removed_task_back(hydration: str, items: list[Any], late: list[Any]) -> None:
    mirror = Mirror(hydration)
    mirror.feed(*items, saved("tasks", task_row("t1"), "removed"))
    mirror.feed(*late, *[item for item in items if isinstance(item, RawEvent)])
    assert not holds(mirror.state, "t1")


@given(hydrations, sequences, st.lists(wire_events, max_size=25))
def test_l6_no_late_event_brings_a_removed_message_back(hydration: str, items: list[Any], late: list[Any]) -> None:
    mirror = Mirror(hydration)
    mirror.feed(*items, saved("messages", message_row("m1", "t1"), "removed"))
    mirror.feed(*late, *[item for item in items if isinstance(item, RawEvent)])
    assert "m1" not in mirror.state.messages_by_task.entries
    assert all("m1" not in bucket for bucket in mirror.state.messages_by_task.values())


@given(hydrations, st.lists(wire_events, max_size=25))
def test_l6_after_the_sessions_removal_nothing_comes_any_more(hydration: str, late: list[Any]) -> None:
    mirror = hydrated(hydration)
    gone = mirror.feed(saved("sessions", session_row(), "removed"))
    assert gone.terminal
    assert gone.session is None
    assert gone.error is not None
    assert mirror.feed(*late) is gone


def test_a13_a_message_removed_while_a_resync_reads_it_is_not_resurrected() -> None:
    mirror = hydrated(messages={"t1": [message_row("m1", "t1")]})
    mirror.feed(e.ResyncRequested())
    mirror.feed(saved("messages", message_row("m1", "t1"), "removed"))
    mirror.land([task_row("t1")], messages={"t1": [message_row("m1", "t1")]})
    assert mirror.message_ids("t1") == []
    mirror = hydrated(messages={"t1": [message_row("m1", "t1")]})
    mirror.feed(e.ResyncRequested())
    mirror.answer("session", session=session_row(["t1"]))
    mirror.answer("tasks", tasks=[task_row("t1")])
    mirror.answer("queue")
    mirror.feed(saved("messages", message_row("m1", "t1"), "removed"))
    mirror.answer("messages", "t1", messages=[message_row("m1", "t1")])
    assert mirror.message_ids("t1") == []


def test_a14_a_task_removed_while_its_messages_load_leaves_no_trace() -> None:
    mirror = hydrated(tasks=[task_row("t1"), task_row("t0", "completed")])
    mirror.feed(e.LoadRequested("t0"))
    mirror.feed(saved("tasks", task_row("t0"), "removed"))
    mirror.answer("messages", "t0", messages=[message_row("m1", "t0")])
    assert not holds(mirror.state, "t0")


def test_a16_a_row_removed_while_a_full_page_is_read_is_the_only_one_missing_and_one_fetch_was_made() -> None:
    mirror = hydrated(tasks=[task_row("t1"), task_row("t0", "completed")])
    mirror.feed(e.LoadRequested("t0"))
    rows = [message_row(f"m{n}", "t0", n) for n in range(1000)]
    mirror.feed(saved("messages", rows[0], "removed"))
    mirror.answer("messages", "t0", messages=rows)
    assert len(mirror.state.get_task_messages("t0")) == 999
    assert mirror.asked() == []


def test_a_removal_that_is_repeated_while_all_is_read_again_is_newer_than_the_answer() -> None:
    mirror = hydrated(tasks=[task_row("t0", "completed"), task_row("t1", second=1)])
    removed = saved("tasks", task_row("t0"), "removed")
    mirror.feed(removed, e.ResyncRequested(), removed)
    mirror.land([task_row("t0", "completed"), task_row("t1", second=1)])
    assert mirror.ids() == ["t1"]


def test_what_the_daemon_has_again_is_back() -> None:
    mirror = hydrated()
    mirror.feed(saved("tasks", task_row("t1"), "removed"))
    mirror.answer("queue") if "queue" in mirror.asked() else None
    mirror.feed(e.ResyncRequested())
    mirror.land([task_row("t1")])
    assert mirror.ids() == ["t1"]
    assert mirror.feed(saved("tasks", task_row("t1", "completed"), "patched")).tasks[0].status == "completed"


def test_b51_what_the_server_no_longer_has_is_in_no_collection_after_a_resync() -> None:
    mirror = hydrated(
        "eager",
        tasks=[task_row("t1"), task_row("t2")],
        messages={"t2": [message_row("m2", "t2", content=[{"type": "tool_use", "id": "u", "name": "Bash"}])]},
    )
    mirror.feed(start("m9", task_id="t2"), chunk("m9", "text", 0, task_id="t2"))
    mirror.down().up(2).land([task_row("t1")])
    assert not holds(mirror.state, "t2")
    before = mirror.state
    assert mirror.feed(chunk("m9", "late", 1), thinking("m9", "late", task_id="t2")) is before


def test_a_removed_tasks_stream_is_not_revived_by_chunks_that_name_no_task() -> None:
    mirror = hydrated()
    mirror.feed(chunk("m1", "a", 0, task_id="t1"), saved("tasks", task_row("t1"), "removed"))
    assert not mirror.state.streaming_messages
    mirror.feed(chunk("m1", "b", 1), RawEvent("messages thinking:start", {"session_id": SID, "message_id": "m1"}))
    assert not mirror.state.streaming_messages


def test_a_message_that_a_fetch_no_longer_has_stays_away_whatever_comes_late_for_it() -> None:
    mirror = hydrated(messages={"t1": [message_row("m1", "t1"), message_row("m2", "t1", 1)]})
    mirror.feed(e.ResyncRequested())
    mirror.land([task_row("t1")], messages={"t1": [message_row("m2", "t1", 1)]})
    assert mirror.message_ids("t1") == ["m2"]
    mirror.feed(saved("messages", message_row("m1", "t1", content="late"), "patched"), chunk("m1", "late", 0))
    assert mirror.message_ids("t1") == ["m2"]
    assert "m1" not in mirror.state.streaming_messages


def test_a_removed_message_stays_away_whatever_comes_late_for_it() -> None:
    mirror = hydrated(messages={"t1": [message_row("m1", "t1"), message_row("m2", "t1", 1)]})
    mirror.feed(saved("messages", message_row("m1", "t1"), "removed"))
    mirror.feed(saved("messages", message_row("m1", "t1", content="late"), "patched"), chunk("m1", "late", 0))
    assert mirror.message_ids("t1") == ["m2"]
    assert "m1" not in mirror.state.streaming_messages


def test_a_message_that_moves_to_another_task_is_in_that_one_only() -> None:
    tasks = [task_row("t1", "completed"), task_row("t2", second=1)]
    mirror = hydrated("eager", tasks, messages={"t1": [message_row("m1", "t1")], "t2": [message_row("m2", "t2")]})
    mirror.feed(saved("messages", message_row("m1", "t2", 7), "patched"))
    assert mirror.message_ids("t1") == []
    assert mirror.message_ids("t2") == ["m2", "m1"]
    assert len(mirror.state.messages_by_task.entries) == 2


def test_a_removed_session_that_a_resync_finds_again_is_followed_again() -> None:
    mirror = hydrated()
    mirror.feed(saved("sessions", session_row(), "removed"))
    mirror.feed(saved("tasks", task_row("t2")))
    assert not mirror.state.tasks
    mirror.feed(e.ResyncRequested())
    mirror.land([task_row("t1")])
    assert not mirror.state.terminal
    mirror.feed(saved("tasks", task_row("t2", second=1)), chunk("m9", "hello", 0, task_id="t2"))
    assert [task.task_id for task in mirror.state.tasks] == ["t1", "t2"]
    assert mirror.state.streaming_messages["m9"].text == "hello"


def test_a_task_made_again_under_its_old_id_is_there_again_as_the_daemon_has_it_now() -> None:
    mirror = hydrated(tasks=[task_row("t1"), task_row("t2", second=1)])
    mirror.feed(saved("tasks", task_row("t1"), "removed"), saved("tasks", task_row("t1", "created", second=9)))
    assert mirror.ids() == ["t2"], "it may be a late event"
    mirror.answer("wait")
    mirror.answer("session", session=session_row())
    mirror.answer("tasks", tasks=[task_row("t2", second=1), task_row("t1", second=9)])
    mirror.feed(saved("tasks", task_row("t1", "failed", second=9), "patched"))
    mirror.feed(saved("messages", message_row("m1", "t1")))
    mirror.answer("queue")
    for fetch in mirror.state.fetches:
        mirror.answer(fetch.kind, fetch.task_id)
    assert [(task.task_id, task.status) for task in mirror.state.tasks] == [("t2", "running"), ("t1", "failed")]
    assert mirror.message_ids("t1") == ["m1"]
    assert mirror.asked() == []


def test_a_late_event_for_a_removed_task_reads_again_only_if_it_says_that_the_task_is_new() -> None:
    mirror = hydrated()
    mirror.feed(saved("tasks", task_row("t1"), "removed"), saved("tasks", task_row("t1"), "patched"))
    assert mirror.asked() == []
    mirror.feed(e.ResyncRequested(), saved("tasks", task_row("t1")))
    mirror.land([])
    assert mirror.asked() == ["session", "tasks", "queue"], "the answer may be from before it was made again"
    assert mirror.land([]).ids() == []


def test_of_a_task_made_again_while_away_nothing_old_is_left() -> None:
    mirror = hydrated("eager", messages={"t1": [message_row("m1", "t1")]})
    mirror.down().up(2)
    mirror.land([task_row("t1", "queued", second=9)], messages={})
    assert mirror.message_ids("t1") == []


@pytest.mark.parametrize("where", ["t1", "t2"])
def test_a_message_that_became_another_tasks_while_away_is_there_and_only_there(where: str) -> None:
    other = "t2" if where == "t1" else "t1"
    tasks = [task_row("t1"), task_row("t2", second=1)]
    for hydration in ("eager", "lazy"):
        mirror = hydrated(hydration, tasks=tasks)
        for task_id in ("t1", "t2"):
            mirror.feed(e.LoadRequested(task_id))
            mirror.answer("messages", task_id, messages=[message_row("m1", where)] if task_id == where else [])
        mirror.down().up(2)
        mirror.land(tasks, messages={other: [message_row("m1", other)]})
        assert (mirror.message_ids(where), mirror.message_ids(other)) == ([], ["m1"])
        mirror.feed(saved("messages", message_row("m1", other, content="edited"), "patched"))
        assert mirror.state.messages_by_task[other][0].content == "edited"


def test_a_message_that_a_load_no_longer_has_is_where_a_round_under_way_finds_it() -> None:
    tasks = [task_row("t1"), task_row("t2", second=1)]
    mirror = hydrated("eager", tasks=tasks, messages={"t1": [message_row("m1", "t1")]})
    mirror.feed(e.ResyncRequested(), e.LoadRequested("t1"))
    mirror.answer("messages", "t1", messages=[])
    mirror.land(tasks, messages={"t2": [message_row("m1", "t2")]})
    assert (mirror.message_ids("t1"), mirror.message_ids("t2")) == ([], ["m1"])


@pytest.mark.parametrize("event", ["never", "first", "between", "last"])
@pytest.mark.parametrize("requested", [("t1", "t2"), ("t2", "t1")], ids=" before ".join)
def test_a_message_that_one_load_no_longer_has_is_where_another_finds_it(
    requested: tuple[str, str], event: str
) -> None:
    mirror = hydrated(tasks=[task_row("t1"), task_row("t2", second=1), task_row("t3", second=2)])
    mirror.feed(e.LoadRequested("t1"))
    mirror.answer("messages", "t1", messages=[message_row("m1", "t1")])
    moved = saved("messages", message_row("m1", "t2"), "patched")
    mirror.feed(*map(e.LoadRequested, requested))
    mirror.feed(*[moved] * (event == "first"))
    mirror.answer("messages", "t1", messages=[])
    mirror.feed(*[moved] * (event == "between"))
    mirror.answer("messages", "t2", messages=[message_row("m1", "t2")])
    mirror.feed(*[moved] * (event == "last"))
    assert (mirror.message_ids("t1"), mirror.message_ids("t2")) == ([], ["m1"])
    assert mirror.asked() == [], "what is missing would have to be read again"
    mirror.feed(saved("messages", message_row("m1", "t2"), "removed"))
    mirror.feed(moved)
    assert mirror.message_ids("t2") == []


def test_a_message_removed_while_two_loads_read_stays_removed() -> None:
    mirror = hydrated(tasks=[task_row("t1"), task_row("t2", second=1)])
    mirror.feed(e.LoadRequested("t2"), e.LoadRequested("t1"))
    mirror.feed(saved("messages", message_row("m1", "t2"), "removed"))
    mirror.answer("messages", "t1", messages=[])
    mirror.feed(saved("messages", message_row("m1", "t2"), "patched"))
    mirror.answer("messages", "t2", messages=[message_row("m1", "t2")])
    assert mirror.message_ids("t2") == []


def test_what_history_leaves_out_is_not_removed() -> None:
    tasks = [task_row("t1", "completed"), task_row("t2", second=1)]
    mirror = Mirror("lean").up()
    call = message_row("m1", "t1", content=[{"type": "tool_use", "id": "u1", "name": "Bash"}])
    for n in range(2):
        mirror.answer("session", session=session_row())
        mirror.answer("tasks", tasks=tasks)
        mirror.answer("queue")
        mirror.answer("history", "t1")
        mirror.answer("messages", "t2")
        if n == 0:
            mirror.feed(saved("messages", call), e.ResyncRequested())
    mirror.feed(saved("messages", {**call, "index": 7}, "patched"))
    assert mirror.message_ids("t1") == ["m1"]


def test_a_message_that_history_has_again_is_followed_again() -> None:
    tasks = [task_row("t1", "completed"), task_row("t2", second=1)]
    mirror = Mirror("lean").up()
    for where in ("t2", "t1"):
        mirror.answer("session", session=session_row())
        mirror.answer("tasks", tasks=tasks)
        mirror.answer("queue")
        row = message_row("m1", where)
        mirror.answer("messages", "t2", messages=[row] if where == "t2" else [])
        mirror.answer("history", "t1", messages=[row] if where == "t1" else [])
        mirror.feed(e.ResyncRequested()) if where == "t2" else None
    mirror.feed(saved("messages", message_row("m1", "t1", content="edited"), "patched"))
    assert mirror.state.messages_by_task["t1"][0].content == "edited"


@pytest.mark.parametrize(
    "removed", [saved("tasks", task_row("t1"), "removed"), saved("messages", message_row("m1", "t1"), "removed")]
)
def test_a_late_error_does_not_show_a_stream_of_what_was_removed(removed: RawEvent) -> None:
    mirror = hydrated("none")
    mirror.feed(saved("tasks", task_row("t1"), "created"), start("m1", task_id="t1"))
    mirror.feed(saved("tasks", task_row("t1", "stopped"), "patched"), removed)
    mirror.feed(raw("messages streaming:error", message_id="m1", task_id="t1", error="too late"))
    assert not mirror.state.streaming_messages
