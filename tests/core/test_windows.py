"""The windows of the lean and preview hydrations: what happens before the window while a fetch is in flight (L5)."""

from __future__ import annotations

from typing import Any

import pytest

from agor_reactive.core import events as e
from tests.core.build import Mirror, saved, session_row, task_row


def done(task_id: str, second: int) -> dict[str, Any]:
    return task_row(task_id, "completed", second=second)


def windowed(hydration: str, tasks: list[dict[str, Any]]) -> Mirror:
    """A mirror that shows these tasks, of a session that has older ones."""
    mirror = Mirror(hydration).up()
    answer(mirror, tasks)
    assert mirror.state.has_older_tasks
    return mirror


def answer(mirror: Mirror, tasks: list[dict[str, Any]], *more: Any) -> None:
    """Answer the round; `more` happens when all but its last read have been answered."""
    mirror.answer("session", session=session_row())
    mirror.answer("tasks", tasks=tasks, older=True)
    mirror.feed(*more)
    mirror.answer("queue")
    for fetch in mirror.state.fetches:
        mirror.answer(fetch.kind, fetch.task_id)


@pytest.mark.parametrize("hydration", ["lean", "preview"])
@pytest.mark.parametrize("status", ["completed", "failed", "running"])
def test_a_change_of_a_task_before_the_window_beats_an_older_answer_that_contains_it(
    hydration: str, status: str
) -> None:
    mirror = windowed(hydration, [task_row("t5", second=5), task_row("t6", second=6)])
    mirror.feed(e.ResyncRequested(), saved("tasks", task_row("t4", status, second=4), "patched"))
    answer(mirror, [task_row(t, second=n) for n, t in ((4, "t4"), (5, "t5"), (6, "t6"))])
    slid_away = hydration == "preview" and status != "running"
    assert [task.status for task in mirror.state.tasks if task.task_id == "t4"] == ([] if slid_away else [status])


@pytest.mark.parametrize("hydration", ["lean", "preview"])
def test_a_change_of_a_task_before_the_window_shows_nothing_if_the_answer_lacks_it(hydration: str) -> None:
    mirror = windowed(hydration, [task_row("t5", second=5), task_row("t6", second=6)])
    mirror.feed(e.ResyncRequested())
    answer(
        mirror,
        [task_row("t5", second=5), task_row("t6", second=6)],
        saved("tasks", done("t1", 1), "patched"),
        saved("tasks", done("t7", 7)),
    )
    assert "t1" not in mirror.ids()
    assert "t7" in mirror.ids()


def test_a_change_of_a_task_before_the_page_of_older_ones_shows_nothing() -> None:
    mirror = windowed("lean", [done("t6", 6)])
    mirror.feed(e.OlderTasksRequested(), saved("tasks", done("t1", 1), "patched"))
    mirror.feed(saved("tasks", task_row("t5", "failed", second=5), "patched"))
    mirror.answer("older", tasks=[task_row("t5", second=5), done("t6", 6)], older=True)
    assert [(task.task_id, task.status) for task in mirror.state.tasks] == [("t5", "failed"), ("t6", "completed")]


@pytest.mark.parametrize("hydration", ["lean", "preview"])
def test_a_task_before_the_window_that_is_queued_again_is_read_with_the_queue(hydration: str) -> None:
    mirror = windowed(hydration, [done("t6", 6)])
    row = task_row("t1", "queued", second=1)
    mirror.feed(saved("tasks", row, "patched"))
    mirror.answer("queue", tasks=[row])
    assert mirror.queue() == ["t1"]


def test_a_queued_task_from_before_the_window_does_not_widen_it() -> None:
    waiting = task_row("t1", "queued", second=1)
    mirror = Mirror("lean").up()
    mirror.answer("session", session=session_row())
    mirror.answer("tasks", tasks=[done("t6", 6)], older=True)
    mirror.answer("queue", tasks=[waiting])
    mirror.answer("messages", "t6")
    mirror.feed(saved("tasks", done("t3", 3), "patched"))
    assert mirror.ids() == ["t1", "t6"]
    mirror.feed(e.ResyncRequested())
    assert mirror.fetch("tasks").since == done("t6", 6)["created_at"]
