"""What could not be read: `error` says so as long as it is missing, and it is read again, alone, with back-off."""

from __future__ import annotations

from typing import Any

import pytest

from agor_reactive.core import events as e
from agor_reactive.models import LinkStatus
from tests.core.build import Mirror, hydrated, message_row, saved, session_row, task_row

PASSING = pytest.mark.parametrize("kind", ["timeout", "server", "refused", "unauthenticated"])
FINAL = pytest.mark.parametrize("kind", ["forbidden", "not_found"])


def waiting(task_id: str, position: int) -> dict[str, Any]:
    return task_row(task_id, "queued", second=position, queue_position=position)


def planned(hydration: str = "lazy", tasks: list[dict[str, Any]] | None = None) -> Mirror:
    """A mirror whose first round still needs messages."""
    mirror = Mirror(hydration).up()
    mirror.answer("session", session=session_row())
    mirror.answer("tasks", tasks=[task_row("t1")] if tasks is None else tasks)
    mirror.answer("queue")
    return mirror


@PASSING
@pytest.mark.parametrize(("hydration", "read"), [("lazy", "messages"), ("eager", "all_messages"), ("lean", "messages")])
def test_messages_that_a_first_read_could_not_bring_are_read_again(hydration: str, read: str, kind: str) -> None:
    mirror = planned(hydration)
    state = mirror.fail(read, kind, "disk full")
    assert not state.loading
    assert "disk full" in (state.error or "")
    assert mirror.asked() == ["retry"]
    mirror.answer("retry")
    assert [fetch.kind for fetch in mirror.state.fetches] == [read]
    state = mirror.answer(read, messages=[message_row("m1", "t1")])
    assert (state.error, mirror.asked()) == (None, [])
    assert mirror.message_ids("t1") == ["m1"]
    assert state.is_task_loaded("t1")


@PASSING
def test_history_that_could_not_be_read_is_read_again(kind: str) -> None:
    mirror = planned("lean", [task_row("t1", "completed", second=1), task_row("t2", second=2)])
    mirror.answer("messages", "t2")
    assert mirror.fail("history", kind).error
    mirror.answer("retry")
    assert mirror.answer("history", "t1", messages=[message_row("m1", "t1")]).error is None
    assert mirror.message_ids("t1") == ["m1"]


@pytest.mark.parametrize("hydration", ["lean", "preview"])
@pytest.mark.parametrize("event", ["created", "patched", "removed"])
def test_what_a_first_round_could_not_read_is_read_again_whatever_happens_to_other_tasks(
    hydration: str, event: str
) -> None:
    """Until the round is over, its tasks are in no table of the state."""
    first = task_row("t1", "completed" if hydration == "lean" else "running", second=1)
    mirror = planned(hydration, [first, task_row("t2", second=2)])
    read = "history" if hydration == "lean" else "messages"
    mirror.feed(saved("tasks", task_row("t3", "created", second=3)))
    assert mirror.fail(read, "server", task_id="t1").loading
    other = task_row("t4", "created", second=4) if event == "created" else task_row("t3", "failed", second=3)
    mirror.feed(saved("tasks", other, event))
    state = mirror.state
    while state.loading:
        kind, _, task_id = mirror.asked()[0].partition(" ")
        state = mirror.answer(kind, task_id or None)
    assert "could not be read" in (state.error or "")
    mirror.answer("retry")
    assert mirror.answer(read, "t1", messages=[message_row("m1", "t1")]).error is None
    assert mirror.message_ids("t1") == ["m1"]


@PASSING
def test_a_load_by_the_user_is_retried_if_the_task_runs_again_meanwhile(kind: str) -> None:
    """In a window every task that runs is loaded, by whatever was asked first."""
    mirror = planned("lean", [task_row("t1", "completed", second=1), task_row("t2", second=2)])
    mirror.answer("messages", "t2")
    mirror.answer("history", "t1")
    mirror.feed(e.LoadRequested("t1"), saved("tasks", task_row("t1", "running", second=1), "patched"))
    assert mirror.fail("messages", kind).error
    mirror.answer("retry")
    assert mirror.answer("messages", "t1", messages=[message_row("m1", "t1")]).error is None
    assert mirror.state.is_task_loaded("t1")


@PASSING
def test_a_queue_that_could_not_be_read_in_mid_session_is_read_again(kind: str) -> None:
    mirror = hydrated()
    mirror.feed(saved("tasks", waiting("a", 1), "queued"))
    assert "queue" in (mirror.fail("queue", kind).error or "")
    assert mirror.asked() == ["retry"]
    mirror.answer("retry")
    assert mirror.answer("queue", tasks=[waiting("a", 1)]).error is None
    assert mirror.queue() == ["a"]
    assert mirror.asked() == []


@PASSING
def test_a_queue_that_a_round_could_not_read_is_read_again_alone(kind: str) -> None:
    mirror = Mirror("none").up()
    mirror.fail("queue", kind)
    mirror.answer("session", session=session_row())
    mirror.answer("tasks", tasks=[task_row("t1")])
    mirror.answer("retry")
    assert mirror.asked() == ["queue"]
    assert mirror.answer("queue", tasks=[waiting("a", 1)]).error is None


def test_retries_back_off_and_start_over_once_all_has_been_read() -> None:
    mirror = planned()
    mirror.fail("messages", "server")
    delays = []
    for _ in range(9):
        delays.append(mirror.fetch("retry").delay)
        mirror.answer("retry")
        mirror.fail("messages", "server")
    assert delays == [0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 30.0, 30.0]
    mirror.answer("retry")
    mirror.answer("messages", "t1")
    mirror.feed(saved("tasks", waiting("a", 1), "queued"))
    mirror.fail("queue", "server")
    assert mirror.fetch("retry").delay == 0.5


def test_several_that_failed_are_read_again_together_and_one_that_came_is_not() -> None:
    mirror = planned("lean", [task_row("t1", second=1), task_row("t2", second=2)])
    mirror.fail("messages", "server", task_id="t1")
    mirror.fail("messages", "timeout", task_id="t2")
    mirror.feed(saved("tasks", waiting("a", 1), "queued"))
    mirror.fail("queue", "server")
    assert mirror.asked() == ["retry"]
    mirror.feed(e.LoadRequested("t1"))
    assert mirror.answer("messages", "t1").error, "one of them is here, the others are not"
    mirror.answer("retry")
    assert sorted(mirror.asked()) == ["messages t2", "queue"]
    mirror.answer("messages", "t2")
    assert "queue" in (mirror.answer("queue").error or "queue")
    assert (mirror.state.error, mirror.asked()) == (None, [])


def test_a_retry_that_is_no_longer_needed_is_given_up() -> None:
    mirror = planned()
    mirror.fail("messages", "server")
    mirror.feed(e.LoadRequested("t1"))
    assert mirror.answer("messages", "t1", messages=[message_row("m1", "t1")]).error is None
    assert mirror.asked() == []


def test_what_is_being_read_already_is_not_read_twice_by_a_retry() -> None:
    mirror = planned()
    mirror.fail("messages", "server")
    mirror.feed(e.LoadRequested("t1"))
    mirror.answer("retry")
    assert mirror.asked() == ["messages t1"]
    mirror.fail("messages", "server")
    assert mirror.asked() == ["retry"]


@FINAL
def test_what_was_refused_for_good_waits_for_a_resync_and_error_says_so_until_then(kind: str) -> None:
    mirror = planned("lazy", [task_row("t0"), task_row("t1", second=1)])
    assert "resync" in (mirror.fail("messages", kind, task_id="t1").error or "")
    assert mirror.asked() == []
    mirror.feed(e.LoadRequested("t0"))
    assert mirror.answer("messages", "t0").error, "the messages of another task mend nothing"
    mirror.feed(e.ResyncRequested())
    assert mirror.land([task_row("t0"), task_row("t1", second=1)]).state.error is None


def test_an_unload_gives_up_the_retry_of_that_task() -> None:
    for at in ("before the retry", "while it is read"):
        mirror = planned()
        mirror.fail("messages", "server")
        if at == "while it is read":
            mirror.answer("retry")
        mirror.feed(e.UnloadRequested("t1"))
        if at == "while it is read":
            mirror.fail("messages", "server")
        assert (mirror.state.error, mirror.asked()) == (None, []), at
        assert not mirror.state.is_task_loaded("t1")


def test_a_removed_task_is_not_read_again() -> None:
    mirror = planned()
    mirror.fail("messages", "server")
    mirror.feed(saved("tasks", task_row("t1"), "removed"))
    assert (mirror.state.error, mirror.asked()) == (None, [])


@pytest.mark.parametrize("how", ["drop", "resync"])
def test_a_new_round_reads_all_and_takes_the_place_of_a_retry(how: str) -> None:
    mirror = planned()
    mirror.fail("messages", "server")
    if how == "drop":
        mirror.down().up(2)
    else:
        mirror.feed(e.ResyncRequested())
    assert mirror.asked() == ["session", "tasks", "queue"]
    assert mirror.land([task_row("t1")]).state.error is None
    assert mirror.asked() == []


@pytest.mark.parametrize("kind", ["session", "tasks"])
def test_who_is_logged_in_and_refused_as_if_not_is_asked_again_who_is_not_waits_for_a_login(kind: str) -> None:
    mirror = Mirror().up()
    mirror.fail(kind, "unauthenticated")
    assert mirror.asked() == ["wait"]
    mirror = Mirror()
    mirror.feed(e.LinkChanged(LinkStatus("unauthenticated", epoch=1)))
    mirror.answer("join")
    mirror.fail(kind, "unauthenticated")
    assert mirror.asked() == []


def test_a_page_of_older_tasks_that_failed_leaves_the_window_as_it_was() -> None:
    mirror = Mirror("lean").up()
    mirror.answer("session", session=session_row())
    mirror.answer("tasks", tasks=[task_row("t6", "completed", second=6)], older=True)
    mirror.answer("queue")
    mirror.answer("messages", "t6")
    before = mirror.state.books.window
    mirror.feed(e.OlderTasksRequested())
    mirror.fail("older", "server")
    mirror.feed(e.ResyncRequested())
    assert mirror.fetch("tasks").limit == before


@pytest.mark.parametrize("first", ["wait", "join"])
def test_a_resync_after_a_failed_join_and_a_failed_read_joins_the_room_before_it_reads(first: str) -> None:
    """The back-off of the failed read is over then: its end would begin a round in place of the join."""
    mirror = Mirror("none")
    mirror.feed(e.LinkChanged(LinkStatus("live", epoch=1)))
    mirror.fail("join", "timeout")
    mirror.fail("session", "server")
    assert sorted(mirror.asked()) == ["rejoin", "wait"]
    mirror.feed(e.ResyncRequested())
    for kind in (first, "join"):
        if kind in mirror.asked():
            mirror.answer(kind)
    state = mirror.land([task_row("t1")]).state
    assert (state.error, state.degraded, mirror.asked()) == (None, False, [])
