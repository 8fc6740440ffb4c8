"""L10: the queue shows what the daemon last said, minus what has since been seen dispatched or removed; every event
that touches it asks for one fresh read; a failed read keeps the rows and says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agor_reactive.core import events as e
from agor_reactive.models import RawEvent
from tests.core.build import Mirror, hydrated, raw, saved, session_row, task_row


def waiting(task_id: str, position: Any = None, **more: Any) -> dict[str, Any]:
    row = task_row(task_id, "queued", **more)
    return row if position is None else {**row, "queue_position": position}


def with_queue(hydration: str = "lazy") -> Mirror:
    return hydrated(hydration, tasks=[task_row("t1"), waiting("a", 1, second=1), waiting("b", 2, second=2)])


def test_a49_positions_come_with_the_read_and_removals_show_at_once() -> None:
    mirror = with_queue()
    running = mirror.state.tasks[0]
    assert mirror.queue() == ["a", "b"]
    mirror.feed(saved("tasks", waiting("b", 1), "patched"), saved("tasks", waiting("a", 2), "patched"))
    assert mirror.queue() == ["a", "b"], "an event orders nothing: the positions it carries may be old"
    mirror.answer("queue", tasks=[waiting("b", 1), waiting("a", 2)])
    assert mirror.queue() == ["b", "a"]
    mirror.feed(saved("tasks", waiting("b", 1), "removed"))
    assert mirror.queue() == ["a"]
    assert mirror.state.tasks[0] is running


def test_one_fresh_read_however_many_events_and_again_if_it_moved_meanwhile() -> None:
    mirror = with_queue()
    mirror.feed(saved("tasks", waiting("c", 3), "queued"))
    assert mirror.asked() == ["queue"]
    mirror.feed(saved("tasks", waiting("d", 4), "queued"), saved("tasks", waiting("e", 5), "queued"))
    assert mirror.asked() == ["queue"]
    mirror.answer("queue", tasks=[waiting("a", 1), waiting("b", 2), waiting("c", 3)])
    assert mirror.queue() == ["a", "b", "c"], "only the route adds"
    assert mirror.asked() == ["queue"], "it moved meanwhile: read once more"
    mirror.answer("queue", tasks=[waiting(t, n) for n, t in enumerate("abcde", 1)])
    assert mirror.queue() == list("abcde")
    assert mirror.asked() == []


@pytest.mark.parametrize("kind", ["timeout", "server"])
def test_a_read_that_failed_is_asked_again_if_the_queue_moved_meanwhile(kind: str) -> None:
    mirror = with_queue()
    mirror.feed(saved("tasks", waiting("c", 3), "queued"))
    mirror.fail("queue", kind)
    assert mirror.asked() == ["retry"], "nothing moved: it can wait"
    mirror.feed(saved("tasks", waiting("d", 4), "queued"), saved("tasks", waiting("e", 5), "queued"))
    mirror.fail("queue", kind)
    assert mirror.asked() == ["retry", "queue"]
    assert mirror.answer("queue", tasks=[waiting(t, n) for n, t in enumerate("abcde", 1)]).error is None
    assert mirror.queue() == list("abcde")


# What a prompt makes the daemon say, by the time of the daemon: (verb, status, position), oldest first.
BUSY_JUNE = [("queued", "queued", 1)]
BUSY_NOW = [("created", "queued", 1), ("queued", "queued", 1)]
IDLE_JUNE = [("created", "created", None), ("patched", "running", None)]
IDLE_AUGUST = [("created", "queued", 1), ("patched", "dispatching", None), ("patched", "running", None)]
IDLE_NOW = [("created", "dispatching", None), ("patched", "running", None)]


@pytest.mark.parametrize("told", [BUSY_JUNE, BUSY_NOW])
@pytest.mark.parametrize("answered_after", [1, 2])
def test_a_prompt_on_a_busy_session_is_in_the_queue_once_the_read_lands(
    told: list[tuple[str, str, Any]], answered_after: int
) -> None:
    mirror = hydrated()
    row = waiting("t9", 1, second=9)
    for n, (verb, _, _) in enumerate(told, 1):
        mirror.feed(saved("tasks", row, verb))
        if n == answered_after:
            mirror.answer("queue", tasks=[row])
    if "queue" in mirror.asked():
        mirror.answer("queue", tasks=[row])
    assert mirror.asked() == [], "one prompt is one read: the second event repeats the first"
    assert mirror.queue() == ["t9"]
    assert mirror.ids() == ["t1", "t9"]
    assert mirror.state.active_task is not None
    assert mirror.state.active_task.task_id == "t1"


@pytest.mark.parametrize("told", [IDLE_JUNE, IDLE_AUGUST, IDLE_NOW])
@pytest.mark.parametrize("daemon_lags", [False, True])
def test_a_prompt_on_an_idle_session_never_shows_in_the_queue(
    told: list[tuple[str, str, Any]], daemon_lags: bool
) -> None:
    mirror = hydrated(tasks=[])
    for verb, status, position in told:
        row = {**task_row("t9", status), **({"queue_position": position} if position else {})}
        mirror.feed(saved("tasks", row, verb))
        if status == "dispatching":
            assert mirror.state.active_task is not None, "dispatching is executing"
    while "queue" in mirror.asked():
        mirror.answer("queue", tasks=[waiting("t9", 1)] if daemon_lags else [])
        daemon_lags = False
    assert all(not state.queued_tasks for state in mirror.seen)
    assert [task.status for task in mirror.state.tasks] == ["running"]
    assert mirror.state.is_task_loaded("t9"), "who sees a task begin has all its messages"


def test_a_stop_hands_the_turn_to_the_next_that_waits() -> None:
    """Fact of the wire: the next one is dispatched before the last one is seen to have ended."""
    mirror = hydrated()
    for n, task_id in enumerate(["a", "b"], 1):
        mirror.feed(
            saved("tasks", waiting(task_id, n, second=n)), saved("tasks", waiting(task_id, n, second=n), "queued")
        )
    mirror.answer("queue", tasks=[waiting("a", 1, second=1)])
    mirror.answer("queue", tasks=[waiting("a", 1, second=1), waiting("b", 2, second=2)])
    assert mirror.queue() == ["a", "b"]
    for status in ("stopping", "stopping", "stopped"):
        mirror.feed(saved("tasks", task_row("t1", status), "patched"))
    mirror.feed(saved("sessions", session_row(["t1"], status="idle"), "patched"))
    mirror.feed(saved("tasks", {**task_row("a", "dispatching", second=1), "queue_position": 1}, "patched"))
    assert mirror.queue() == ["b"]
    assert mirror.state.active_task is not None
    assert mirror.state.active_task.task_id == "a"
    mirror.feed(saved("tasks", task_row("a", "running", second=1), "patched"))
    mirror.feed(saved("tasks", {**task_row("b", "dispatching", second=2), "queue_position": 2}, "patched"))
    mirror.feed(saved("tasks", task_row("a", "completed", second=1), "patched"))
    assert mirror.queue() == []
    assert mirror.state.active_task.task_id == "b"
    while "queue" in mirror.asked():
        mirror.answer("queue", tasks=[])
    assert mirror.ids() == ["t1", "a", "b"]


def test_what_was_dispatched_or_removed_since_the_read_began_does_not_come_back() -> None:
    mirror = with_queue()
    mirror.feed(saved("tasks", waiting("c", 3), "queued"))
    mirror.feed(saved("tasks", task_row("a", "running"), "patched"), saved("tasks", waiting("b", 2), "removed"))
    mirror.answer("queue", tasks=[waiting("a", 1), waiting("b", 2), waiting("c", 3)])
    assert mirror.queue() == ["c"]
    assert mirror.asked() == ["queue"]


def test_a2_a_task_born_dispatching_never_shows_in_the_queue_and_is_one_row() -> None:
    mirror = hydrated(tasks=[])
    row = task_row("t1", "dispatching")
    mirror.feed(saved("tasks", row), saved("tasks", row), saved("tasks", task_row("t1", "running"), "patched"))
    assert [task.status for task in mirror.state.tasks] == ["running"]
    assert all(not state.queued_tasks for state in mirror.seen)


@pytest.mark.parametrize(
    "order", [("created", "queued"), ("queued", "created"), ("queued", "queued"), ("created", "patched")]
)
def test_b18_a_queued_prompt_is_one_row_in_the_queue_and_one_among_tasks(order: tuple[str, str]) -> None:
    mirror = hydrated()
    mirror.feed(*[saved("tasks", waiting("t9", 1, second=9), verb) for verb in order])
    assert mirror.queue() == []
    mirror.answer("queue", tasks=[waiting("t9", 1, second=9)])
    assert mirror.asked() == []
    assert mirror.queue() == ["t9"]
    assert mirror.ids() == ["t1", "t9"]


def test_b19_a_missing_position_sorts_last_and_ties_keep_their_order() -> None:
    mirror = hydrated(tasks=[task_row("t1"), waiting("x"), waiting("a", 1), waiting("b", 1)])
    assert mirror.queue() == ["a", "b", "x"]


def test_a_position_that_was_never_cleared_does_not_keep_a_task_in_the_queue() -> None:
    mirror = with_queue()
    mirror.feed(saved("tasks", {**waiting("a", 1), "status": "running"}, "patched"))
    mirror.answer("queue", tasks=[{**waiting("a", 1), "status": "running"}, waiting("b", 2)])
    assert mirror.queue() == ["b"]


def test_a50_a51_failures_show_in_turn_the_queue_stays_and_another_error_survives_its_recovery() -> None:
    mirror = with_queue()
    mirror.feed(saved("tasks", waiting("c", 3), "queued"))
    assert "Timeout" in (mirror.fail("queue", "timeout", "Timeout").error or "")
    assert mirror.queue() == ["a", "b"]
    mirror.feed(e.LoadRequested("t1"))
    mirror.fail("messages", "server", "history is gone", "t1")
    assert "history is gone" in (mirror.state.error or "")
    mirror.feed(saved("tasks", waiting("d", 4), "queued"))
    assert "disk full" in (mirror.fail("queue", "server", "disk full").error or "")
    mirror.feed(saved("tasks", waiting("d", 5), "patched"))
    mirror.answer("queue", tasks=[waiting("a", 1)])
    assert mirror.queue() == ["a"]
    assert "history is gone" in (mirror.state.error or "")
    mirror.feed(e.LoadRequested("t1"))
    assert mirror.answer("messages", "t1").error is None


@pytest.mark.parametrize("hydration", ["none", "lazy", "eager"])
def test_a53_a_task_removed_during_the_bootstrap_is_in_no_list_afterwards(hydration: str) -> None:
    mirror = Mirror(hydration).up()
    mirror.feed(saved("tasks", waiting("b", 2), "removed"), saved("tasks", waiting("b", 2), "patched"))
    mirror.land([task_row("t1"), waiting("a", 1), waiting("b", 2)])
    assert mirror.queue() == ["a"]
    assert mirror.ids() == ["t1", "a"]
    mirror.feed(
        e.ResyncRequested(), saved("tasks", waiting("a", 1), "removed"), saved("tasks", waiting("a", 1), "queued")
    )
    mirror.land([task_row("t1"), waiting("a", 1)])
    assert mirror.queue() == []
    assert mirror.ids() == ["t1"]


def test_b19_a_task_drained_while_away_is_not_in_the_queue_after_the_resync() -> None:
    mirror = with_queue()
    mirror.down().up(2).land([task_row("t1", "completed"), task_row("a", "completed"), task_row("b")], queue=[])
    assert mirror.queue() == []


def test_a_daemon_without_the_route_has_its_queue_from_its_tasks() -> None:
    mirror = Mirror().up()
    mirror.fail("queue", "absent", "Service not found")
    mirror.answer("session", session={"session_id": mirror.state.session_id, "tasks": ["t1", "a"]})
    mirror.answer("tasks", tasks=[task_row("t1"), waiting("a", 1)])
    mirror.answer("messages", "t1")
    assert mirror.queue() == ["a"]
    assert mirror.state.error is None
    mirror.feed(saved("tasks", waiting("b", 2), "queued"))
    assert mirror.queue() == ["a", "b"]
    assert mirror.asked() == [], "what is not there is not asked for"


def test_an_old_daemons_queued_message_asks_for_a_read() -> None:
    mirror = hydrated()
    mirror.feed(raw("messages queued", message_id="m1"))
    assert mirror.asked() == ["queue"]


def test_a_queue_that_did_not_change_is_the_same_object() -> None:
    mirror = with_queue()
    before = mirror.state.queued_tasks
    mirror.feed(saved("tasks", waiting("a", 1, second=1), "patched"))
    assert mirror.state.queued_tasks is before
    mirror.feed(RawEvent("messages queued", {"session_id": mirror.state.session_id}))
    mirror.answer("queue", tasks=[waiting("a", 1, second=1), waiting("b", 2, second=2)])
    assert mirror.state.queued_tasks is before


@given(
    st.lists(st.tuples(st.sampled_from(["queue", "dispatch", "remove", "read"]), st.sampled_from("abcde")), max_size=20)
)
def test_l10_once_quiet_the_queue_is_what_the_daemon_has(steps: list[tuple[str, str]]) -> None:
    """The daemon reads its queue for a fetch at any moment; whatever moved meanwhile is read again."""
    mirror = hydrated()
    daemon: dict[str, dict[str, Any]] = {}
    read: list[dict[str, Any]] | None = None
    position = 0
    used: set[str] = set()  # an id that was removed is never used again: it stays removed (L6)
    for step, task_id in steps:
        asked = "queue" in mirror.asked()
        if step == "read" and asked:
            # Told from before what the last events said, as a slow answer is.
            mirror.answer("queue", tasks=read if read is not None else list(daemon.values()))
            read = None
            continue
        if asked and read is None:
            read = list(daemon.values())
        position += 1
        if step == "queue" and task_id not in used:
            used.add(task_id)
            daemon[task_id] = waiting(task_id, -position)
            mirror.feed(saved("tasks", daemon[task_id], "queued"))
        elif step == "dispatch" and task_id in daemon:
            del daemon[task_id]
            mirror.feed(saved("tasks", task_row(task_id), "patched"))
        elif step == "remove" and task_id in daemon:
            mirror.feed(saved("tasks", daemon.pop(task_id), "removed"))
    for _ in range(3):
        if "queue" in mirror.asked():
            mirror.answer("queue", tasks=read if read is not None else list(daemon.values()))
            read = None
    assert "queue" not in mirror.asked()
    assert sorted(mirror.queue()) == sorted(daemon)


@given(st.lists(st.sampled_from(["event", "answer"]), max_size=20))
def test_l10_a_read_is_asked_again_if_and_only_if_the_queue_moved_while_it_was_read(steps: list[str]) -> None:
    mirror = hydrated()
    reading = moved = False
    for n, step in enumerate(steps):
        if step == "event":
            moved = moved or reading
            reading = True
            mirror.feed(saved("tasks", waiting(f"q{n}", n), "queued"))
        elif reading:
            mirror.answer("queue", tasks=[])
            reading, moved = moved, False
        assert ("queue" in mirror.asked()) == reading


@pytest.mark.parametrize(
    "row", [task_row("a", second=1), task_row("a", "completed", second=1)], ids=["running", "over"]
)
def test_a_repeated_event_takes_a_task_from_the_queue_that_an_old_answer_has_put_back(row: dict[str, Any]) -> None:
    mirror = with_queue()
    mirror.feed(saved("tasks", row, "patched"))
    mirror.answer("queue", tasks=[waiting("a", 1, second=1), waiting("b", 2, second=2)])
    assert mirror.queue() == ["a", "b"]
    mirror.down()
    tasks = mirror.state.tasks
    mirror.feed(saved("tasks", row, "patched"))
    assert (mirror.queue(), mirror.state.tasks == tasks) == (["b"], True)


@pytest.mark.parametrize("status", ["running", "completed"])
def test_a_task_that_was_not_waiting_asks_for_no_read_of_the_queue(status: str) -> None:
    mirror = with_queue()
    mirror.feed(saved("tasks", task_row("t1", status, description="More"), "patched"))
    assert (mirror.queue(), mirror.asked()) == (["a", "b"], [])


FROM = waiting("a", 1, second=1)
TO = waiting("a", 7, second=1)
OTHER = waiting("b", 2, second=2)


def _asked_by_an_event() -> Mirror:
    mirror = with_queue()
    mirror.feed(saved("tasks", TO, "patched"))
    return mirror


def _asked_by_a_round() -> Mirror:
    mirror = with_queue()
    return mirror.down().up(2)


def _answered_in_a_round() -> Mirror:
    mirror = with_queue()
    mirror.down().up(2).answer("queue", tasks=[OTHER, TO])
    return mirror


def _asked_by_a_round_after_an_event_was_lost() -> Mirror:
    mirror = with_queue()
    mirror.feed(e.LoadRequested("t1"), saved("tasks", FROM, "patched"), e.EventUnreadable())
    return mirror


def _asked_by_an_event_before_a_page_of_older_tasks() -> Mirror:
    mirror = Mirror("lean").up()
    mirror.answer("session", session=session_row(["t1", "a", "b"]))
    mirror.answer("tasks", tasks=[task_row("t1"), FROM, OTHER], older=True)
    mirror.answer("queue", tasks=[FROM, OTHER])
    while rest := [a for a in mirror.state.fetches if a.of_round]:
        mirror.answer(rest[0].kind, rest[0].task_id)
    mirror.feed(e.OlderTasksRequested(), saved("tasks", TO, "patched"))
    mirror.answer("older", tasks=[task_row("t1"), FROM, OTHER])
    return mirror


@pytest.mark.parametrize(
    "asked",
    [
        _asked_by_an_event,
        _asked_by_a_round,
        _answered_in_a_round,
        _asked_by_a_round_after_an_event_was_lost,
        _asked_by_an_event_before_a_page_of_older_tasks,
    ],
)
def test_l10_a_prompt_back_at_its_old_place_is_read_again_if_an_answer_may_have_another(
    asked: Callable[[], Mirror],
) -> None:
    """The place that an event gives is what the queue shows, or what the last event gave; an answer on its way, read in
    between, has another."""
    mirror = asked()
    mirror.feed(saved("tasks", FROM, "patched"))
    once = mirror.state
    assert mirror.feed(saved("tasks", FROM, "patched")) is once, "a repeated event is no news"
    if "queue" in mirror.asked():
        mirror.answer("queue", tasks=[OTHER, TO])
    of_round: dict[str, dict[str, Any]] = {
        "session": {"session": session_row(["t1", "a", "b"])},
        "tasks": {"tasks": [task_row("t1"), FROM, OTHER]},
    }
    while waited := [a for a in mirror.state.fetches if a.kind != "queue"]:
        mirror.answer(waited[0].kind, waited[0].task_id, **of_round.get(waited[0].kind, {}))
    assert mirror.queue() == ["b", "a"]
    mirror.answer("queue", tasks=[FROM, OTHER])
    assert mirror.queue() == ["a", "b"]
    assert mirror.asked() == []


def test_a_prompt_dispatched_before_the_queue_ever_showed_it_still_moves_those_behind_it() -> None:
    mirror = hydrated()
    mirror.feed(saved("tasks", waiting("a", 1, second=1)), saved("tasks", waiting("b", 2, second=2)))
    mirror.answer("queue", tasks=[])  # read before either came; read again since they did
    mirror.feed(saved("tasks", task_row("a", second=1), "patched"))
    mirror.answer("queue", tasks=[waiting("a", 1, second=1), waiting("b", 2, second=2)])  # read before the dispatch
    assert mirror.queue() == ["b"]
    mirror.answer("queue", tasks=[waiting("b", 1, second=2)])
    assert [task.queue_position for task in mirror.state.queued_tasks] == [1]
    assert mirror.asked() == []
