"""The windows of the lean and preview hydrations: what happens before the window while a fetch is in flight (L5)."""

from __future__ import annotations

from typing import Any

import pytest

from agor_reactive.core import events as e
from agor_reactive.models import LinkStatus
from tests.core.build import Mirror, chunk, message_row, saved, session_row, task_row


def done(task_id: str, second: int) -> dict[str, Any]:
    return task_row(task_id, "completed", second=second)


def windowed(hydration: str, tasks: list[dict[str, Any]], **rows: Any) -> Mirror:
    """A mirror that shows these tasks, of a session that has older ones."""
    mirror = Mirror(hydration).up()
    answer(mirror, tasks, **rows)
    assert mirror.state.has_older_tasks
    return mirror


def answer(
    mirror: Mirror, tasks: list[dict[str, Any]], *more: Any, queue: list[dict[str, Any]] | tuple[()] = ()
) -> None:
    """Answer the round; `more` happens when all but its last read have been answered."""
    mirror.answer("session", session=session_row())
    mirror.answer("tasks", tasks=tasks, older=True)
    mirror.feed(*more)
    mirror.answer("queue", tasks=queue)
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


def test_a_task_made_in_the_same_moment_as_the_oldest_of_the_window_leaves_no_hole() -> None:
    mirror = windowed("lean", [done("t6", 6)])
    mirror.feed(e.ResyncRequested())
    answer(mirror, [done("t5", 5), done("t6", 6)], saved("tasks", done("t5b", 5), "patched"))
    assert mirror.ids() == ["t5", "t5b", "t6"]


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


@pytest.mark.parametrize("hydration", ["lean", "preview"])
def test_a_change_of_an_older_task_during_the_first_read_does_not_open_a_hole(hydration: str) -> None:
    mirror = Mirror(hydration).up()
    mirror.feed(saved("tasks", done("t1", 1), "patched"), saved("tasks", task_row("t7", second=7)))
    mirror.feed(saved("tasks", task_row("t6", "failed", second=6), "patched"))
    answer(mirror, [task_row("t6", second=6)])
    assert mirror.ids() == (["t6", "t7"] if hydration == "lean" else ["t7"])
    assert all(task.status == "failed" for task in mirror.state.tasks if task.task_id == "t6")


@pytest.mark.parametrize("hydration", ["lean", "preview"])
def test_a_prompt_from_before_the_window_that_left_the_queue_while_away_waits_no_longer(hydration: str) -> None:
    waiting = task_row("t1", "queued", second=1)
    mirror = windowed(hydration, [done("t6", 6)], queue=[waiting])
    assert mirror.ids() == ["t1", "t6"]
    mirror.down().up(2)
    answer(mirror, [done("t6", 6)])
    assert (mirror.ids(), mirror.queue()) == (["t6"], [])


@pytest.mark.parametrize("hydration", ["lean", "preview"])
def test_a_prompt_from_before_the_window_changes_with_the_queue(hydration: str) -> None:
    waiting = task_row("t1", "queued", second=1, queue_position=1)
    mirror = windowed(hydration, [done("t6", 6)], queue=[waiting])
    mirror.down().up(2)
    answer(mirror, [done("t6", 6)], queue=[{**waiting, "queue_position": 2}])
    assert [task.queue_position for task in mirror.state.tasks if task.queued] == [2]


@pytest.mark.parametrize("hydration", ["lean", "preview"])
def test_without_a_route_for_the_queue_the_window_is_read_again_as_far_as_prompts_wait(hydration: str) -> None:
    mirror = Mirror(hydration).up()
    mirror.feed(saved("tasks", task_row("t1", "queued", second=1), "queued"))
    mirror.down().up(2)
    mirror.answer("session", session=session_row())
    mirror.answer("tasks", tasks=[done("t6", 6)], older=True)
    mirror.fail("queue", "absent")
    mirror.answer("messages", "t6")
    assert mirror.fetch("tasks").since == task_row("t1", second=1)["created_at"]


def test_text_of_a_task_that_is_not_shown_is_marked_as_ended_with_it() -> None:
    mirror = windowed("preview", [done("t6", 6)])
    mirror.feed(chunk("m1", "text", 0, task_id="t1"), saved("tasks", done("t1", 1), "patched"))
    assert mirror.state.streaming_messages["m1"].settled


@pytest.mark.parametrize("status", ["running", "zz_new"])
def test_a_task_of_the_window_that_works_again_is_read_whole_and_again_if_that_fails(status: str) -> None:
    mirror = windowed("lean", [done("t5", 5), done("t6", 6)])
    mirror.feed(saved("tasks", task_row("t5", status, second=5), "patched"))
    mirror.fail("messages", "server", task_id="t5")
    mirror.answer("retry")
    mirror.answer("messages", "t5", messages=[message_row("m1", "t5")])
    assert mirror.state.is_task_loaded("t5")
    assert mirror.message_ids("t5") == ["m1"]


def test_a_task_at_work_on_a_page_of_older_ones_is_read_whole() -> None:
    mirror = windowed("lean", [done("t6", 6)])
    mirror.feed(e.OlderTasksRequested())
    mirror.answer("older", tasks=[task_row("t4", second=4), done("t5", 5), done("t6", 6)])
    assert mirror.asked() == ["messages t4", "history t5"]


def test_a_task_that_works_again_while_its_history_is_read_is_read_whole() -> None:
    mirror = windowed("lean", [done("t6", 6)])
    mirror.feed(e.OlderTasksRequested())
    mirror.answer("older", tasks=[done("t1", 1), done("t6", 6)])
    assert mirror.asked() == ["history t1"]
    mirror.feed(saved("tasks", task_row("t1", second=1), "patched"))
    assert mirror.asked() == ["history t1", "messages t1"]


@pytest.mark.parametrize(("failure", "kept"), [("server", True), ("absent", False)])
def test_history_is_read_again_on_a_connection_whose_join_failed_unless_there_are_no_rooms(
    failure: str, kept: bool
) -> None:
    mirror = windowed("lean", [done("t5", 5), done("t6", 6)])
    mirror.down().feed(e.LinkChanged(LinkStatus("live", epoch=2)))
    mirror.fail("join", failure)
    mirror.answer("session", session=session_row())
    mirror.answer("tasks", tasks=[done("t5", 5), done("t6", 6)], older=True)
    mirror.answer("queue")
    assert ("history t5" in mirror.asked()) is kept
    for fetch in mirror.state.fetches:
        mirror.answer(fetch.kind, fetch.task_id)
    assert ("t5" in mirror.state.messages_by_task) is kept, "what cannot be read again is not shown"


@pytest.mark.parametrize("hydration", ["lazy", "lean"])
def test_when_the_newest_task_is_removed_the_one_before_it_is_loaded(hydration: str) -> None:
    mirror = Mirror(hydration).up()
    answer(mirror, [done("t5", 5), done("t6", 6)])
    assert set(mirror.state.loaded_task_ids) == {"t6"}
    mirror.feed(saved("tasks", done("t6", 6), "removed"))
    mirror.fail("messages", "server", task_id="t5")
    mirror.answer("retry")
    assert mirror.answer("messages", "t5", messages=[message_row("m1", "t5")]).is_task_loaded("t5")


def test_a_preview_does_not_show_a_task_between_those_that_it_shows() -> None:
    mirror = Mirror("preview").up()
    answer(mirror, [task_row("t4", second=4), task_row("t8", second=8)])
    mirror.feed(saved("tasks", task_row("t7", second=7), "patched"))
    assert mirror.ids() == ["t4", "t8"]


@pytest.mark.parametrize("hydration", ["lean", "preview"])
def test_a_prompt_from_before_the_window_leaves_with_a_queue_that_was_read_late(hydration: str) -> None:
    mirror = windowed(hydration, [done("t6", 6)], queue=[task_row("t1", "queued", second=1)])
    mirror.down().up(2)
    mirror.answer("session", session=session_row())
    mirror.answer("tasks", tasks=[done("t6", 6)], older=True)
    mirror.fail("queue", "server")
    mirror.answer("messages", "t6")
    mirror.answer("retry")
    mirror.answer("queue")
    assert mirror.ids() == ["t6"]


def test_a_round_reads_the_history_of_a_task_whose_load_by_the_user_may_still_fail() -> None:
    mirror = windowed("lean", [done("t5", 5), done("t6", 6)])
    mirror.feed(e.ResyncRequested(), e.LoadRequested("t5"))
    mirror.answer("session", session=session_row())
    mirror.answer("tasks", tasks=[done("t5", 5), done("t6", 6)], older=True)
    mirror.answer("queue")
    mirror.fail("messages", "server", task_id="t5")
    mirror.answer("history", "t5", messages=[message_row("m1", "t5")])
    mirror.answer("messages", "t6")
    assert mirror.message_ids("t5") == ["m1"]


@pytest.mark.parametrize("hydration", ["none", "lazy", "eager", "lean", "preview"])
@pytest.mark.parametrize("read", [0, 1, 2])
def test_a_resync_of_a_terminal_session_starts_again_after_a_login_on_the_same_connection(
    hydration: str, read: int
) -> None:
    """Events are not sent without a login: what came before it is older than what is read after it."""
    waiting = task_row("t1", "queued", second=1, queue_position=1)
    mirror = Mirror(hydration).up()
    mirror.fail("tasks", "forbidden")
    mirror.feed(e.ResyncRequested(), saved("tasks", waiting, "queued"))
    for kind, rows in (("session", {"session": session_row()}), ("queue", {"tasks": [waiting]}))[:read]:
        mirror.answer(kind, **rows)
    mirror.feed(e.LinkChanged(LinkStatus("unauthenticated", epoch=1)), e.LinkChanged(LinkStatus("live", epoch=1)))
    assert mirror.state.loading
    mirror.answer("join")
    moved = {**waiting, "queue_position": 2}
    state = mirror.land([moved]).state
    assert ([task.queue_position for task in state.tasks], state.terminal, state.error) == ([2], False, None)
    assert [task.queue_position for task in state.queued_tasks] == [2]


@pytest.mark.parametrize("hydration", ["none", "lazy", "eager", "lean", "preview"])
def test_a_load_in_a_terminal_session_is_given_up_after_a_login_and_nothing_is_read(hydration: str) -> None:
    mirror = Mirror(hydration).up()
    mirror.fail("tasks", "forbidden")
    mirror.feed(saved("tasks", task_row("t1")), e.LoadRequested("t1"))
    mirror.feed(e.LinkChanged(LinkStatus("unauthenticated", epoch=1)), e.LinkChanged(LinkStatus("live", epoch=1)))
    assert (mirror.asked(), mirror.state.terminal, mirror.state.loading) == ([], True, False)


@pytest.mark.parametrize("hydration", ["lean", "preview"])
@pytest.mark.parametrize("status", ["running", "zz_new"])
def test_a_task_not_yet_shown_that_works_again_after_a_round_has_planned_its_reads_is_read_whole(
    hydration: str, status: str
) -> None:
    mirror = Mirror(hydration).up()
    mirror.answer("session", session=session_row())
    mirror.answer("tasks", tasks=[done("t5", 5), done("t6", 6)])
    mirror.answer("queue")
    mirror.feed(saved("tasks", task_row("t5", status, second=5), "patched"))
    for fetch in mirror.state.fetches:
        mirror.answer(fetch.kind, fetch.task_id)
    assert mirror.asked() == ["messages t5"]
    mirror.answer("messages", "t5", messages=[message_row("m1", "t5")])
    assert mirror.state.is_task_loaded("t5")
    assert (mirror.message_ids("t5"), mirror.asked(), mirror.state.error) == (["m1"], [], None)


@pytest.mark.parametrize("failure", ["server", "forbidden"])
def test_a_task_at_work_that_a_round_could_not_read_is_not_requested_again_at_once(failure: str) -> None:
    mirror = Mirror("lean").up()
    mirror.answer("session", session=session_row())
    mirror.answer("tasks", tasks=[task_row("t5", second=5), task_row("t6", second=6)])
    mirror.answer("queue")
    mirror.fail("messages", failure, task_id="t5")
    mirror.answer("messages", "t6")
    assert mirror.asked() == (["retry"] if failure == "server" else [])


@pytest.mark.parametrize("hydration", ["lean", "preview"])
def test_a_round_whose_tasks_were_all_removed_meanwhile_is_followed_by_another(hydration: str) -> None:
    mirror = windowed(hydration, [task_row("t5", second=5)])
    mirror.feed(e.ResyncRequested(), saved("tasks", task_row("t6", second=6), "removed"))
    mirror.answer("session", session=session_row())
    mirror.answer("tasks", tasks=[task_row("t6", second=6)], older=True)
    mirror.feed(saved("tasks", task_row("t6", second=6), "removed"))
    mirror.answer("queue")
    assert (mirror.ids(), mirror.state.loading) == ([], True)
    answer(mirror, [task_row("t4", second=4)])
    assert (mirror.ids(), mirror.state.loading) == (["t4"], False)


@pytest.mark.parametrize("hydration", ["lean", "preview"])
@pytest.mark.parametrize("waiting", [[], [task_row("t1", "queued")]], ids=["no task", "a queued one"])
def test_an_answer_without_tasks_that_promises_older_ones_is_not_asked_for_again(
    hydration: str, waiting: list[dict[str, Any]]
) -> None:
    mirror = Mirror(hydration).up()
    mirror.answer("session", session=session_row())
    mirror.answer("tasks", tasks=waiting, older=True)
    mirror.answer("queue", tasks=waiting)
    assert (mirror.ids(), mirror.asked()) == ([row["task_id"] for row in waiting], [])


@pytest.mark.parametrize("hydration", ["lean", "preview"])
def test_a_queued_task_from_before_the_window_that_moves_while_it_is_read_is_shown(hydration: str) -> None:
    mirror = windowed(hydration, [task_row("t5", second=5)])
    waiting = task_row("t1", "queued", second=1, queue_position=1)
    mirror.feed(e.ResyncRequested(), saved("tasks", {**waiting, "queue_position": 2}, "patched"))
    answer(mirror, [waiting, task_row("t5", second=5)], queue=[waiting])
    assert mirror.ids() == ["t1", "t5"]


@pytest.mark.parametrize("status", ["running", "dispatching", "completed", "zz_new"])
def test_a_task_that_comes_into_a_preview_because_newer_ones_were_removed_is_loaded(status: str) -> None:
    mirror = windowed("preview", [task_row("t5", second=5), done("t6", 6), done("t7", 7)])
    assert mirror.ids() == ["t5", "t7"]
    mirror.feed(saved("tasks", done("t7", 7), "removed"), saved("tasks", task_row("t6", status, second=6), "patched"))
    assert mirror.ids() == ["t5", "t6"]
    mirror.answer("messages", "t6", messages=[message_row("m6", "t6")])
    assert (mirror.message_ids("t6"), mirror.state.is_task_loaded("t6"), mirror.asked()) == (["m6"], True, [])


@pytest.mark.parametrize("status", ["running", "completed"])
def test_history_of_a_task_made_again_while_a_round_reads_messages_is_read_again(status: str) -> None:
    mirror = Mirror("lean").up().land([done("t1", 1), done("t2", 9)])
    mirror.answer("history", "t1", messages=[message_row("m1", "t1")])
    assert mirror.message_ids("t1") == ["m1"]
    mirror.down().up(2)
    mirror.answer("session", session=session_row())
    mirror.answer("tasks", tasks=[done("t2", 9)])
    mirror.answer("queue")
    mirror.feed(saved("tasks", task_row("t1", status, second=5)))
    mirror.answer("messages", "t2")
    read = "messages" if status == "running" else "history"
    assert [wanted for wanted in mirror.asked() if wanted != "retry"] == [f"{read} t1"]
    mirror.answer(read, "t1")
    assert mirror.message_ids("t1") == []


@pytest.mark.parametrize("status", ["created", "running", "completed"])
def test_a_task_that_a_page_of_older_tasks_brings_before_its_event_is_loaded_as_the_newest(status: str) -> None:
    mirror = windowed("lean", [done("t5", 5), done("t6", 6)])
    newest = task_row("t7", status, second=7)
    mirror.feed(e.OlderTasksRequested())
    mirror.answer("older", tasks=[done("t4", 4), done("t5", 5), done("t6", 6), newest])
    mirror.feed(saved("tasks", newest))
    mirror.answer("messages", "t7")
    mirror.answer("history", "t4")
    assert (mirror.state.is_task_loaded("t7"), mirror.asked()) == (True, [])


def test_a_task_at_work_that_the_user_unloads_while_older_ones_are_read_stays_unloaded() -> None:
    mirror = windowed("lean", [done("t5", 5), task_row("t6", second=6)])
    mirror.feed(e.OlderTasksRequested(), e.UnloadRequested("t6"))
    mirror.answer("older", tasks=[done("t4", 4), done("t5", 5), task_row("t6", second=6)])
    assert "messages t6" not in mirror.asked()
    for fetch in mirror.state.fetches:
        mirror.answer(fetch.kind, fetch.task_id, messages=[message_row("m6", "t6")])
    assert (mirror.state.is_task_loaded("t6"), mirror.message_ids("t6")) == (False, [])


def test_a_page_of_older_tasks_does_not_load_the_newest_task_that_the_user_unloaded() -> None:
    mirror = windowed("lean", [done("t5", 5), done("t6", 6)])
    mirror.feed(e.UnloadRequested("t6"), e.OlderTasksRequested())
    mirror.answer("older", tasks=[done("t4", 4), done("t5", 5), done("t6", 6)])
    assert "messages t6" not in mirror.asked()
