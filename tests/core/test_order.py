"""L7: tasks by (created_at as an instant, task_id), in the order of `session.tasks` where that names every task held;
messages by (index, id); the queue by position, missing last, ties stable."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agor_reactive.core.entries import TaskEntry
from agor_reactive.core.tables import TaskTable
from agor_reactive.models import Task, row_from_wire
from tests.core.build import Mirror, hydrated, message_row, saved, session_row, task_row


def test_a7_tasks_follow_the_session_row_whatever_order_they_are_read_in() -> None:
    mirror = Mirror().up()
    tasks = [task_row("t1", "completed", second=1), task_row("t2", "completed", second=2), task_row("t3", second=3)]
    mirror.land(tasks, session=session_row(["t3", "t1", "t2"]))
    assert mirror.ids() == ["t3", "t1", "t2"]


def test_a17_a_session_patch_reorders_at_once_and_a_task_patch_keeps_it() -> None:
    mirror = hydrated(tasks=[task_row("t1", "completed"), task_row("t2", second=1)])
    mirror.feed(saved("sessions", session_row(["t2", "t1"]), "patched"))
    assert mirror.ids() == ["t2", "t1"]
    mirror.feed(saved("tasks", task_row("t1", "failed"), "patched"))
    assert mirror.ids() == ["t2", "t1"]


def test_a_task_that_never_ran_keeps_its_place_where_the_session_lists_only_those_that_ran() -> None:
    """Fact of the wire: June daemons list a task in `session.tasks` once it runs; one made in bulk may never."""
    made = [
        task_row("a", "completed", second=1),
        task_row("b", "created", second=2),
        task_row("c", "completed", second=3),
    ]
    assert hydrated(tasks=made, session=session_row(["a", "c"])).ids() == ["a", "b", "c"]
    mirror = hydrated(tasks=made, session=session_row(["c", "b", "a"]))
    assert mirror.ids() == ["c", "b", "a"]
    mirror.feed(saved("sessions", session_row(["c", "a"]), "patched"))
    assert mirror.ids() == ["a", "b", "c"]
    mirror.feed(saved("sessions", session_row(["c", "b", "a", "gone"]), "patched"))
    assert mirror.ids() == ["c", "b", "a"], "names of tasks that we do not hold change nothing"
    mirror.feed(saved("tasks", task_row("d", "queued", second=4), "queued"))
    assert mirror.ids() == ["a", "b", "c", "d"]
    mirror.feed(saved("tasks", task_row("d", "queued", second=4), "removed"))
    assert mirror.ids() == ["c", "b", "a"]


def test_tasks_are_ordered_by_instant_not_by_spelling() -> None:
    rows = [
        {**task_row("t1"), "created_at": "2026-11-25T12:00:00+02:00"},  # 10:00Z
        {**task_row("t2"), "created_at": "2026-11-25T11:00:00Z"},
        {**task_row("t3"), "created_at": "not a time"},
        {**task_row("t4"), "created_at": "2026-11-25T09:00:00.000Z"},
    ]
    table = TaskTable.of([TaskEntry.of(row_from_wire(Task, row)) for row in rows], ("t9", "t2"))
    assert [task.task_id for task in table] == ["t4", "t1", "t2", "t3"]


def test_equal_instants_are_ordered_by_id_and_a_listed_task_is_listed_once() -> None:
    tasks = [TaskEntry.of(row_from_wire(Task, task_row(task_id))) for task_id in ("c", "a", "b")]
    assert [task.task_id for task in TaskTable.of(tasks)] == ["a", "b", "c"]
    assert [task.task_id for task in TaskTable.of(tasks, ("b", "b", "c", "b"))] == ["a", "b", "c"]
    assert [task.task_id for task in TaskTable.of(tasks, ("b", "b", "c", "a"))] == ["b", "c", "a"]


@given(
    st.dictionaries(st.sampled_from("abcde"), st.tuples(st.integers(0, 2), st.sampled_from(["queued", "completed"]))),
    st.lists(st.sampled_from("abcdef"), max_size=8),
)
def test_the_sessions_list_orders_all_tasks_or_none(made: dict[str, tuple[int, str]], listed: list[str]) -> None:
    rows = [task_row(task_id, status, second=second) for task_id, (second, status) in made.items()]
    base = sorted(made, key=lambda task_id: (made[task_id][0], task_id))
    by_list = [task_id for task_id in dict.fromkeys(listed) if task_id in made]
    expected = by_list if len(by_list) == len(made) else base
    assert hydrated(tasks=rows, session=session_row(listed)).ids() == expected
    live = hydrated(tasks=[], session=session_row(listed))
    live.feed(*[saved("tasks", row) for row in reversed(rows)])
    assert live.ids() == expected


@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from("abcdef")), max_size=12), st.randoms(use_true_random=False)
)
def test_messages_are_ordered_by_index_then_id(pairs: list[tuple[int, str]], rnd: random.Random) -> None:
    rows = {message_id: message_row(message_id, "t1", index) for index, message_id in pairs}
    order = list(rows.values())
    rnd.shuffle(order)
    mirror = hydrated()
    mirror.feed(*[saved("messages", row) for row in order])
    expected = sorted((row["index"], row["message_id"]) for row in rows.values())
    assert mirror.message_ids("t1") == [message_id for _, message_id in expected]


def test_a_table_reads_as_a_sequence() -> None:
    table = hydrated(tasks=[task_row("t1", "completed"), task_row("t2", second=1)]).state.tasks
    assert len(table) == 2
    assert table[0].task_id == "t1"
    assert table[-1:] == (table[1],)
    assert "t1" in table
    assert table[0] in table
    assert "t9" not in table
    assert table == list(table)
    assert table != [table[0]]
    listed: list[Any] = [task.task_id for task in reversed(table)]
    assert listed == ["t2", "t1"]


def test_the_active_task_is_the_newest_of_two_that_look_running() -> None:
    """Facts of the wire: with a queue the next task runs before the finished one is seen completed."""
    mirror = hydrated(tasks=[task_row("t1"), task_row("t2", "queued", second=1)])
    assert mirror.state.active_task is not None
    assert mirror.state.active_task.task_id == "t1"
    mirror.feed(saved("tasks", task_row("t2", second=1), "patched"))
    assert mirror.state.active_task is not None
    assert mirror.state.active_task.task_id == "t2"
    mirror.feed(saved("tasks", task_row("t1", "completed"), "patched"))
    assert mirror.state.active_task.task_id == "t2"
    assert mirror.feed(saved("tasks", task_row("t2", "completed", second=1), "patched")).active_task is None
