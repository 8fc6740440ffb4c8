"""Bootstrap, resync, loads and unloads: L11 (cache choices win), L12 (terminal), L13 (join, then hydrate), L16."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agor_reactive.core import events as e
from agor_reactive.models import LinkStatus, RawEvent
from tests.core.build import LIVE, SID, Mirror, chunk, hydrated, message_row, raw, saved, session_row, task_row


def done(task_id: str, second: int) -> dict[str, Any]:
    return task_row(task_id, "completed", second=second)


THREE = [done("t1", 1), done("t2", 2), task_row("t3", "queued", second=3)]


def test_a26_a28_the_room_is_joined_before_anything_is_read_each_time_the_link_comes_up() -> None:
    mirror = Mirror()
    for epoch in (1, 2):
        mirror.feed(e.LinkChanged(LinkStatus("live", epoch=epoch)))
        assert mirror.asked() == ["join"]
        mirror.answer("join")
        assert mirror.asked() == ["session", "tasks", "queue"]
        mirror.down(epoch)
        assert mirror.asked() == []


@pytest.mark.parametrize(("failure", "degraded"), [("absent", False), ("timeout", True), ("server", True)])
def test_a30_b13_a_daemon_that_has_no_rooms_or_does_not_answer_is_read_all_the_same(
    failure: str, degraded: bool
) -> None:
    mirror = Mirror()
    mirror.feed(e.LinkChanged(LinkStatus("live", epoch=1)))
    mirror.fail("join", failure)
    assert mirror.land([task_row("t1")]).state.degraded is degraded
    assert mirror.state.connection.phase == ("degraded" if degraded else "live")
    assert mirror.state.connected
    assert (mirror.state.error is not None) is degraded


def degraded_mirror(failure: str = "server") -> Mirror:
    """A mirror that was read without being in its room."""
    mirror = Mirror()
    mirror.feed(e.LinkChanged(LinkStatus("live", epoch=1)))
    mirror.fail("join", failure)
    mirror.land([task_row("t1")])
    return mirror


@pytest.mark.parametrize("failure", ["timeout", "server"])
def test_a_join_that_failed_in_passing_is_tried_again_ever_later_and_read_after(failure: str) -> None:
    mirror = degraded_mirror(failure)
    for delay in (0.5, 1.0, 2.0):
        assert mirror.asked() == ["rejoin"]
        assert mirror.fetch("rejoin").delay == delay
        assert f"Next try in {delay:g} s" in (mirror.state.error or "")
        mirror.fail("rejoin", failure)
    mirror.answer("rejoin")
    assert not mirror.state.degraded
    assert mirror.state.connection.phase == "live"
    assert mirror.state.error is None
    assert mirror.asked() == ["session", "tasks", "queue"]


@pytest.mark.parametrize("failure", ["forbidden", "refused"])
def test_a_join_refused_for_good_is_not_tried_again_but_by_resync(failure: str) -> None:
    mirror = degraded_mirror(failure)
    assert mirror.asked() == []
    assert mirror.state.degraded
    assert "room" in (mirror.state.error or "")
    mirror.feed(e.ResyncRequested())
    assert mirror.asked() == ["join"]
    mirror.answer("join")
    assert (mirror.state.degraded, mirror.state.error) == (False, None)
    assert mirror.asked() == ["session", "tasks", "queue"]


def test_a_resync_joins_at_once_instead_of_waiting_for_the_next_try() -> None:
    mirror = degraded_mirror()
    mirror.feed(e.ResyncRequested())
    assert mirror.asked() == ["join"]
    mirror.fail("join", "server")
    assert mirror.state.degraded
    assert mirror.fetch("rejoin").delay == 0.5


def test_a_room_that_is_not_joined_is_remembered_while_the_connection_stays() -> None:
    mirror = degraded_mirror()
    mirror.feed(e.LinkChanged(LinkStatus("live", epoch=1, reason="renewed")))
    assert mirror.state.degraded
    assert mirror.state.connection.phase == "degraded"
    assert mirror.asked() == ["rejoin"]
    mirror.down(1)
    assert (mirror.state.degraded, mirror.state.error, mirror.asked()) == (False, None, [])


def test_the_error_of_a_room_outlives_the_round_and_a_terminal_session_ends_its_tries() -> None:
    mirror = degraded_mirror()
    mirror.feed(e.ResyncRequested())
    mirror.fail("join", "server")
    mirror.land([task_row("t1")])
    assert "room" in (mirror.state.error or "")
    mirror.feed(e.ResyncRequested())
    mirror.fail("join", "server")
    mirror.fail("session", "forbidden")
    assert mirror.asked() == []


def test_who_is_not_logged_in_is_shown_as_that_and_not_as_degraded() -> None:
    mirror = Mirror()
    mirror.feed(e.LinkChanged(LinkStatus("unauthenticated", epoch=1)))
    mirror.fail("join", "unauthenticated")
    mirror.fail("session", "unauthenticated")
    assert (mirror.state.connection.phase, mirror.state.degraded) == ("unauthenticated", False)
    assert "authenticate" in (mirror.state.error or "")


def test_a4_lazy_loads_the_newest_that_does_not_wait_whatever_order_rows_come_in() -> None:
    mirror = Mirror().up()
    mirror.answer("tasks", tasks=[THREE[2], THREE[0], THREE[1]])
    mirror.answer("queue", tasks=[THREE[2]])
    assert "messages t2" not in mirror.asked()
    mirror.answer("session", session=session_row(["t1", "t2", "t3"]))
    assert mirror.asked() == ["messages t2"]
    mirror.answer("messages", "t2", messages=[message_row("b", "t2", 1), message_row("a", "t2", 0)])
    assert set(mirror.state.loaded_task_ids) == {"t2"}
    assert mirror.message_ids("t2") == ["a", "b"]


def test_a5_eager_loads_all_and_a6_none_loads_none() -> None:
    rows = {"t1": [message_row("a", "t1")], "t2": [message_row("b", "t2")]}
    mirror = hydrated("eager", tasks=THREE, messages=rows)
    assert set(mirror.state.loaded_task_ids) == {"t1", "t2"}
    assert mirror.message_ids("t1") == ["a"]
    mirror = hydrated("none", tasks=THREE)
    assert not mirror.state.loaded_task_ids
    assert not mirror.state.loading


@pytest.mark.parametrize("tasks", [[], [THREE[2]]])
def test_a9_a10_with_nothing_to_load_nothing_is_asked(tasks: list[dict[str, Any]]) -> None:
    mirror = hydrated(tasks=tasks)
    assert not mirror.state.loading
    assert mirror.asked() == []
    assert not mirror.state.loaded_task_ids


def test_an_eager_session_without_tasks_asks_for_no_messages() -> None:
    mirror = Mirror("eager").up()
    mirror.answer("session", session=session_row())
    mirror.answer("tasks")
    mirror.answer("queue")
    assert (mirror.asked(), mirror.state.loading) == ([], False)


def test_a8_the_newest_tasks_messages_fail_and_the_bootstrap_ends_well_without_them() -> None:
    mirror = Mirror().up()
    mirror.answer("session", session=session_row(["t1"]))
    mirror.answer("tasks", tasks=[task_row("t1")])
    mirror.answer("queue")
    state = mirror.fail("messages", "server", task_id="t1")
    assert (state.loading, state.is_task_loaded("t1"), state.last_synced_at) == (False, False, 1.0)
    assert "Messages could not be read" in (state.error or "")


def test_nothing_of_a_round_shows_before_all_of_it_is_there() -> None:
    mirror = Mirror().up()
    mirror.answer("tasks", tasks=[task_row("t1")])
    mirror.answer("session", session=session_row(["t1"]))
    assert mirror.ids() == []
    assert mirror.state.loading


def test_a19_a_task_made_while_the_session_is_read_is_there_beside_the_old_ones() -> None:
    mirror = Mirror().up()
    mirror.answer("tasks", tasks=[done("t1", 1)])
    mirror.feed(saved("tasks", task_row("t2", second=2)))
    mirror.answer("session", session=session_row(["t1"]))
    mirror.answer("queue")
    for fetch in mirror.state.fetches:
        mirror.answer(fetch.kind, fetch.task_id)
    assert mirror.ids() == ["t1", "t2"]


def test_b04_a_first_prompt_that_arrives_during_the_bootstrap_is_not_lost() -> None:
    mirror = Mirror().up()
    mirror.feed(saved("messages", message_row("m0", "t1")))
    mirror.land([task_row("t1")], messages={"t1": []})
    assert mirror.message_ids("t1") == ["m0"]
    assert mirror.state.is_task_loaded("t1")


def test_b03_a_just_sent_prompt_survives_a_stale_answer() -> None:
    mirror = hydrated(tasks=[done("t0", 0), task_row("t1", second=1)])
    mirror.feed(e.LoadRequested("t0"), saved("messages", message_row("m0", "t0")))
    mirror.answer("messages", "t0", messages=[])
    assert mirror.message_ids("t0") == ["m0"]


def test_a12_what_happens_while_a_load_is_in_flight_is_replayed_over_its_answer() -> None:
    mirror = hydrated(tasks=[done("t0", 0), task_row("t1", second=1)])
    mirror.feed(e.LoadRequested("t0"))
    two = message_row("m2", "t0", 2)
    foreign = {**message_row("m9", "t0", 9), "session_id": "another"}
    mirror.feed(saved("messages", two), saved("messages", two))
    mirror.feed(
        saved("messages", {**two, "content": "patched"}, "patched"), saved("messages", message_row("m1", "t0", 1))
    )
    mirror.feed(saved("messages", foreign))
    mirror.answer("messages", "t0", messages=[])
    assert [(m.index, m.content) for m in mirror.state.messages_by_task["t0"]] == [(1, "content of m1"), (2, "patched")]


def test_a15_an_unload_while_a_load_is_in_flight_wins() -> None:
    mirror = hydrated(tasks=[done("t0", 0), task_row("t1", second=1)])
    mirror.feed(e.LoadRequested("t0"), e.UnloadRequested("t0"))
    mirror.answer("messages", "t0", messages=[message_row("m0", "t0")])
    assert not mirror.state.is_task_loaded("t0")
    assert "t0" not in mirror.state.messages_by_task


def test_loads_of_one_task_at_the_same_time_are_one_fetch() -> None:
    mirror = hydrated(tasks=[done("t0", 0), task_row("t1", second=1)])
    mirror.feed(e.LoadRequested("t0"), e.LoadRequested("t0"))
    assert mirror.asked() == ["messages t0"]


def test_a20_a_lazy_resync_keeps_what_is_loaded_and_loads_a_new_newest() -> None:
    one = [message_row("m1", "t1")]
    mirror = hydrated(tasks=[done("t1", 1)], messages={"t1": one})
    mirror.feed(e.ResyncRequested())
    mirror.land([done("t1", 1)], messages={"t1": one})
    assert set(mirror.state.loaded_task_ids) == {"t1"}
    mirror.down().up(2)
    mirror.land([done("t1", 1), done("t2", 2)], messages={"t1": one, "t2": [message_row("m2", "t2")]})
    assert set(mirror.state.loaded_task_ids) == {"t1", "t2"}
    assert mirror.message_ids("t2") == ["m2"]


def test_a21_one_journal_spans_the_whole_resync() -> None:
    tasks = [done("t1", 1), task_row("t2", second=2)]
    mirror = hydrated(tasks=tasks)
    mirror.feed(e.LoadRequested("t1"))
    mirror.answer("messages", "t1", messages=[message_row("a", "t1")])
    mirror.feed(e.ResyncRequested())
    mirror.answer("session", session=session_row(["t1", "t2"]))
    mirror.answer("tasks", tasks=tasks)
    mirror.answer("queue")
    mirror.answer("messages", "t1", messages=[message_row("a", "t1")])
    mirror.feed(saved("messages", message_row("new", "t2", 1)))
    mirror.answer("messages", "t2", messages=[message_row("old", "t2", 0)])
    assert mirror.message_ids("t2") == ["old", "new"]


def test_a22_a23_loads_and_unloads_made_during_a_resync_win() -> None:
    tasks = [done("t0", 0), done("t1", 1), task_row("t2", second=2)]
    mirror = hydrated(tasks=tasks)
    mirror.feed(e.ResyncRequested(), e.LoadRequested("t0"))
    mirror.answer("messages", "t0", messages=[message_row("a", "t0")])
    mirror.feed(e.UnloadRequested("t2"))
    mirror.land(tasks, messages={"t2": [message_row("b", "t2")]})
    assert set(mirror.state.loaded_task_ids) == {"t0"}
    assert mirror.message_ids("t0") == ["a"]
    assert mirror.message_ids("t2") == []


def test_a_resync_loads_the_newest_task_again_that_was_unloaded_before_it() -> None:
    tasks = [done("t0", 0), task_row("t2", second=2)]
    mirror = hydrated(tasks=tasks)
    mirror.feed(e.LoadRequested("t0"), e.UnloadRequested("t2"))  # the load, in flight, keeps the journal open
    mirror.feed(e.ResyncRequested())
    mirror.land(tasks, messages={"t2": [message_row("b", "t2")]})
    assert mirror.asked() == ["messages t0"]
    assert mirror.message_ids("t2") == ["b"]


def test_a_task_seen_born_or_leaving_the_queue_is_loaded_without_being_read() -> None:
    mirror = hydrated(tasks=[done("t1", 1), task_row("t2", "queued", second=2)])
    mirror.feed(saved("tasks", task_row("t2", second=2), "patched"), saved("messages", message_row("m2", "t2")))
    mirror.feed(saved("tasks", task_row("t3", "created", second=3)), saved("messages", message_row("m3", "t3")))
    mirror.feed(RawEvent("tasks/bulk created", task_row("t4", second=4)))
    mirror.feed(RawEvent("messages/bulk created", message_row("m4", "t4")))
    mirror.answer("queue")
    assert set(mirror.state.loaded_task_ids) == {"t1", "t2", "t3", "t4"}
    assert [mirror.message_ids(t) for t in ("t2", "t3", "t4")] == [["m2"], ["m3"], ["m4"]]
    assert mirror.asked() == []
    none = hydrated("none", tasks=[])
    none.feed(saved("tasks", task_row("t3")), saved("messages", message_row("m3", "t3")))
    assert not none.state.loaded_task_ids


LOGGED_OUT = LinkStatus("unauthenticated", epoch=1, reason="logged out")


def miss_by_a_drop(mirror: Mirror) -> None:
    mirror.down().up(2)


def miss_by_a_logout(mirror: Mirror) -> None:
    mirror.feed(e.LinkChanged(LOGGED_OUT), e.LinkChanged(LIVE))
    mirror.answer("join")


def miss_by_a_logout_and_read_again(mirror: Mirror) -> None:
    miss_by_a_logout(mirror)
    mirror.land([task_row("t1")], messages={"t1": [message_row("a", "t1")]})
    mirror.feed(e.ResyncRequested())


def miss_an_unreadable_event(mirror: Mirror) -> None:
    mirror.feed(e.EventUnreadable())


BACK: dict[str, tuple[RawEvent, dict[str, Any], Callable[[Mirror], Any]]] = {
    "task": (
        saved("tasks", task_row("t1", description="mine"), "patched"),
        {"tasks": [task_row("t1", description="between")]},
        lambda mirror: mirror.state.tasks[0].to_wire()["description"],
    ),
    "session": (
        saved("sessions", session_row(["t1"], title="mine"), "patched"),
        {"session": session_row(["t1"], title="between")},
        lambda mirror: mirror.state.dump()["session"]["title"],
    ),
    "message": (
        saved("messages", message_row("m1", "t1", content="mine"), "patched"),
        {"messages": [message_row("m1", "t1", content="between")]},
        lambda mirror: mirror.state.get_task_messages("t1")[0].to_wire()["content"],
    ),
}
"""Of each kind of row: an event, an answer with another row, and what is shown."""


@pytest.mark.parametrize("kind", BACK)
def test_l5_a_row_that_changed_and_changed_back_is_newer_than_an_answer_from_between(kind: str) -> None:
    """The event of the first change is lost, that of the second repeats what was noted before the read began."""
    event, between, shown = BACK[kind]
    mirror = hydrated()
    mirror.feed(e.LoadRequested("t2"), event, e.EventUnreadable())
    once = mirror.feed(event)
    assert mirror.feed(event) is once
    answers: dict[str, Any] = {"session": session_row(["t1"]), "tasks": [task_row("t1")], **between}
    for of_kind in ("session", "tasks", "queue", "messages"):
        rows = {of_kind: answers[of_kind]} if of_kind in answers else {}
        mirror.answer(of_kind, "t1" if of_kind == "messages" else None, **rows)
    assert mirror.state.last_synced_at is not None
    assert shown(mirror) == "mine"


@pytest.mark.parametrize(
    "miss", [miss_by_a_drop, miss_by_a_logout, miss_by_a_logout_and_read_again, miss_an_unreadable_event]
)
@pytest.mark.parametrize("hydration", ["none", "lazy", "eager"])
def test_what_the_user_has_loaded_is_read_again_whenever_events_may_have_been_missed(
    hydration: str, miss: Callable[[Mirror], None]
) -> None:
    rows = [message_row("a", "t1"), message_row("b", "t1", 1)]
    mirror = hydrated(hydration)
    mirror.feed(e.LoadRequested("t1"))
    mirror.answer("messages", "t1", messages=rows[:1])
    assert mirror.message_ids("t1") == ["a"]
    miss(mirror)
    mirror.land([task_row("t1")], messages={"t1": rows})
    assert mirror.message_ids("t1") == ["a", "b"]


def test_text_being_written_at_a_logout_may_lack_its_middle() -> None:
    mirror = hydrated()
    mirror.feed(chunk("m1", "be", 0, task_id="t1"), e.LinkChanged(LOGGED_OUT), e.LinkChanged(LIVE))
    assert not mirror.state.streaming_messages["m1"].complete


def test_a_task_that_left_the_queue_while_logged_out_is_read_not_taken_for_just_begun() -> None:
    waiting, later = task_row("t2", "queued", second=2), task_row("t2", second=2)
    mirror = hydrated(tasks=[done("t1", 1), waiting])
    miss_by_a_logout(mirror)
    mirror.feed(saved("tasks", later, "patched"))
    mirror.land([done("t1", 1), later], messages={"t2": [message_row("m1", "t2"), message_row("m2", "t2", 1)]})
    assert mirror.message_ids("t2") == ["m1", "m2"]


def test_b35_events_missed_while_away_show_once_each() -> None:
    rows = [message_row(f"m{n}", "t1", n) for n in range(5)]
    mirror = hydrated(messages={"t1": rows})
    now = [rows[0], rows[1], {**rows[3], "content": "edited"}, rows[4], message_row("m5", "t1", 5)]
    mirror.down().up(2).land([task_row("t1"), task_row("t2", second=2)], messages={"t1": now})
    mirror.feed(saved("messages", now[-1]))
    assert mirror.message_ids("t1") == ["m0", "m1", "m3", "m4", "m5"]
    assert mirror.state.messages_by_task["t1"][2].content == "edited"
    assert mirror.ids() == ["t1", "t2"]


def test_a56_a87_an_answer_to_what_was_given_up_at_a_drop_means_nothing() -> None:
    mirror = hydrated()
    mirror.feed(e.ResyncRequested())
    stale = mirror.fetch("tasks")
    mirror.down()
    assert not mirror.state.loading
    mirror.up(2).land([task_row("t1"), task_row("t2", second=2)])
    before = mirror.state
    for _ in range(50):
        mirror.feed(saved("tasks", task_row("t2", second=2), "patched"))
    assert mirror.feed(e.FetchAnswered(stale.fetch_id, e.Rows(), 9.0)) is before
    assert mirror.ids() == ["t1", "t2"]
    assert before.error is None
    assert not before.books.journal_tasks


def test_a88_a_bootstrap_that_hangs_on_the_queue_is_given_up_at_a_drop_and_done_afresh_after() -> None:
    for hydration in ("lazy", "eager"):
        mirror = Mirror(hydration).up()
        mirror.answer("session", session=session_row(["t1"]))
        mirror.answer("tasks", tasks=[task_row("t1")])
        assert mirror.asked() == ["queue"]
        hanging = mirror.fetch("queue")
        mirror.down()
        assert not mirror.state.loading
        mirror.feed(e.FetchFailed(hanging.fetch_id, e.Failure("timeout", "late"), 1.0))
        assert mirror.asked() == []
        mirror.up(2).land([task_row("t1")], messages={"t1": [message_row("m1", "t1")]})
        assert mirror.message_ids("t1") == ["m1"]
        assert mirror.state.error is None


def test_a64_a_load_in_flight_at_a_drop_or_at_the_end_is_dropped() -> None:
    for last in (e.LinkChanged(LinkStatus("reconnecting", epoch=1)), e.Disposed()):
        mirror = hydrated(tasks=[done("t0", 0), task_row("t1", second=1)])
        mirror.feed(e.LoadRequested("t0"))
        fetch = mirror.fetch("messages")
        mirror.feed(last)
        mirror.feed(e.FetchAnswered(fetch.fetch_id, e.Rows(), 1.0))
        assert not mirror.state.is_task_loaded("t0")


def test_after_the_end_the_state_is_empty_and_stays_so() -> None:
    mirror = hydrated(messages={"t1": [message_row("m1", "t1")]})
    empty = mirror.feed(chunk("m2", "x", 0), e.Disposed())
    assert not empty.tasks
    assert not empty.messages_by_task
    assert not empty.streaming_messages
    assert mirror.feed(saved("tasks", task_row("t2")), chunk("m3", "x", 0), e.LoadRequested("t1")) is empty


@pytest.mark.parametrize("kind", ["session", "tasks"])
@pytest.mark.parametrize(
    ("failure", "terminal", "again"),
    [
        ("forbidden", True, []),
        ("not_found", True, []),
        ("unauthenticated", False, ["wait"]),
        ("link", False, []),
        ("server", False, ["wait"]),
        ("timeout", False, ["wait"]),
    ],
)
def test_l12_what_is_refused_is_terminal_what_may_pass_is_tried_again(
    kind: str, failure: str, terminal: bool, again: list[str]
) -> None:
    mirror = Mirror().up()
    state = mirror.fail(kind, failure, "Session not found: x")
    assert (state.terminal, state.loading, mirror.asked()) == (terminal, False, again)
    assert "Session not found: x" in (state.error or "")


def test_l12_retries_back_off_and_start_over_once_one_went_well() -> None:
    mirror = Mirror().up()
    delays = []
    for _ in range(9):
        mirror.fail("session", "server")
        delays.append(mirror.fetch("wait").delay)
        mirror.answer("wait")
    assert delays == [0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 30.0, 30.0]
    mirror.land([task_row("t1")])
    assert mirror.state.error is None
    mirror.feed(e.ResyncRequested())
    mirror.fail("tasks", "server")
    assert mirror.fetch("wait").delay == 0.5


def test_l12_a_later_good_resync_clears_terminal_and_error() -> None:
    mirror = Mirror().up()
    mirror.fail("session", "not_found")
    mirror.feed(e.ResyncRequested())
    state = mirror.land([task_row("t1")]).state
    assert (state.terminal, state.error) == (False, None)


@pytest.mark.parametrize("status", ["running", "failed"])
@pytest.mark.parametrize("hydration", ["lazy", "eager", "lean"])
def test_a_task_that_left_the_queue_while_nobody_listened_is_read_not_taken_for_just_begun(
    hydration: str, status: str
) -> None:
    waiting, later = task_row("t2", "queued", second=2), task_row("t2", status, second=2)
    mirror = hydrated(hydration, tasks=[done("t1", 1), waiting])
    mirror.down()
    mirror.up(2)
    mirror.feed(saved("tasks", later, "patched"))
    mirror.land([done("t1", 1), later], messages={"t2": [message_row("m1", "t2"), message_row("m2", "t2", 1)]})
    assert mirror.message_ids("t2") == ["m1", "m2"]
    assert mirror.state.is_task_loaded("t2")


def test_a_task_seen_to_leave_the_queue_after_the_tasks_were_read_again_is_whole_from_its_start() -> None:
    waiting = task_row("t2", "queued", second=2)
    mirror = hydrated(tasks=[done("t1", 1), waiting], messages={"t1": [message_row("m1", "t1")]})
    mirror.down()
    mirror.up(2)
    mirror.answer("session", session=session_row(["t1", "t2"]))
    mirror.answer("tasks", tasks=[done("t1", 1), waiting])
    mirror.answer("queue", tasks=[waiting])
    mirror.feed(saved("tasks", task_row("t2", second=2), "patched"), saved("messages", message_row("m2", "t2")))
    mirror.answer("messages", "t1", messages=[message_row("m1", "t1")])
    assert set(mirror.state.loaded_task_ids) == {"t1", "t2"}
    assert mirror.message_ids("t2") == ["m2"]


def test_l12_a_session_removed_while_away_is_as_empty_as_one_removed_before_our_eyes() -> None:
    mirror = hydrated(tasks=[done("t1", 1)], messages={"t1": [message_row("m1", "t1")]})
    mirror.feed(chunk("m2", "being written", 0, task_id="t1"))
    mirror.down()
    mirror.up(2)
    mirror.feed(e.LoadRequested("t1"))
    state = mirror.fail("session", "not_found", "Session not found: x")
    assert (state.terminal, state.loading, mirror.asked()) == (True, False, [])
    assert "not found" in (state.error or "")
    assert state.session is None
    left = (state.tasks, state.messages_by_task, state.loaded_task_ids, state.streaming_messages)
    assert [len(part) for part in left] == [0, 0, 0, 0]


def test_l12_a_terminal_session_is_not_read_again_when_the_link_returns() -> None:
    mirror = Mirror().up()
    mirror.fail("session", "forbidden")
    mirror.down()
    mirror.feed(e.LinkChanged(LinkStatus("live", epoch=2)))
    assert mirror.asked() == []


@pytest.mark.parametrize("ended", ["forbidden", "not_found", "removed"])
def test_l12_a_terminal_session_is_not_read_again_after_a_lost_event(ended: str) -> None:
    mirror = Mirror().up()
    mirror.feed(e.SessionGone(SID)) if ended == "removed" else mirror.fail("session", ended)
    assert mirror.state.terminal
    mirror.feed(e.EventUnreadable())
    assert mirror.asked() == []


@pytest.mark.parametrize("status", ["running", "queued"])
def test_l12_a_terminal_session_is_not_read_again_when_a_removed_task_is_made_again(status: str) -> None:
    mirror = Mirror().up()
    mirror.land([task_row("t1")])
    mirror.feed(raw("tasks removed", task_id="t1"))
    mirror.feed(e.ResyncRequested())
    mirror.fail("session", "not_found")
    mirror.feed(RawEvent("tasks queued" if status == "queued" else "tasks created", task_row("t1", status)))
    assert (mirror.state.terminal, mirror.asked()) == (True, [])


@pytest.mark.parametrize("failure", ["timeout", "server", "unauthenticated", "link"])
@pytest.mark.parametrize("read", ["session", "tasks"])
def test_l12_a_resync_of_a_terminal_session_that_fails_promises_nothing(failure: str, read: str) -> None:
    mirror = Mirror().up()
    mirror.fail("session", "forbidden")
    mirror.feed(e.ResyncRequested())
    mirror.fail(read, failure, "no answer")
    state = mirror.state
    assert (state.terminal, state.loading, mirror.asked()) == (True, False, [])
    assert state.error == "The session could not be read: no answer. Not retried automatically. Call resync()."
    mirror.feed(e.LinkChanged(LinkStatus("unauthenticated", epoch=1)))
    mirror.feed(e.LinkChanged(LinkStatus("live", epoch=1)))
    assert mirror.asked() == []


@pytest.mark.parametrize("joining", ["timeout", "server", "link", "unauthenticated"])
@pytest.mark.parametrize("failure", ["forbidden", "not_found", "timeout", "server", "unauthenticated"])
@pytest.mark.parametrize("read", ["session", "tasks"])
@pytest.mark.parametrize("late", [False, True], ids=["join fails first", "join fails last"])
def test_l12_a_terminal_session_promises_no_try_of_its_room(joining: str, failure: str, read: str, late: bool) -> None:
    mirror = degraded_mirror(joining)
    if late:
        mirror.feed(e.EventUnreadable())
    else:
        mirror.feed(e.ResyncRequested())
        mirror.fail("join", joining)
    mirror.fail("session", "forbidden")
    mirror.feed(e.ResyncRequested())
    if "join" in mirror.asked():
        mirror.fail("join", joining)
    mirror.fail(read, failure, "no answer")
    state = mirror.state
    assert (state.terminal, state.loading, mirror.asked()) == (True, False, [])
    promises = ("Next try", "continues", "once connected")
    assert not [text for _, text in state._base.status.errors if any(promise in text for promise in promises)]


def test_a_login_after_an_anonymous_start_reads_the_session() -> None:
    mirror = Mirror()
    mirror.feed(e.LinkChanged(LinkStatus("unauthenticated", epoch=1)))
    mirror.answer("join")
    mirror.fail("session", "unauthenticated", "Not authenticated")
    assert not mirror.state.terminal
    mirror.feed(e.LinkChanged(LinkStatus("live", epoch=1)))
    mirror.answer("join")
    assert mirror.land([task_row("t1")]).state.error is None


def test_a_resync_while_one_is_under_way_is_that_one() -> None:
    mirror = hydrated()
    mirror.feed(e.ResyncRequested())
    fetches = mirror.state.fetches
    mirror.feed(e.ResyncRequested())
    assert mirror.state.fetches == fetches


def test_rows_that_the_daemon_could_not_give_are_not_thereby_gone() -> None:
    mirror = hydrated(tasks=[done("t1", 1), task_row("t2", second=2)])
    mirror.feed(e.ResyncRequested())
    mirror.answer("session", session=session_row(["t1", "t2"]))
    fetch = mirror.fetch("tasks")
    mirror.feed(e.FetchAnswered(fetch.fetch_id, e.Rows(complete=False), 1.0))
    mirror.answer("queue")
    mirror.answer("messages", "t2")
    assert mirror.ids() == ["t1", "t2"]


def test_l16_b39_unknown_values_fields_blocks_and_roles_are_kept_as_they_came() -> None:
    task = {**task_row("t1", "zz_new"), "zork": {"a": [1, {"b": 2}]}}
    rows = [
        message_row("m1", "t1", 0, role="oracle", content={"request_id": "r", "status": "pending"}),
        message_row("m2", "t1", 1, content=[{"type": "hologram", "data": [1, 2]}]),
        message_row("m3", "t1", 2.5, content="text"),
    ]
    mirror = hydrated(tasks=[task], messages={"t1": rows})
    assert not mirror.state.tasks[0].ended
    assert mirror.state.tasks[0]["zork"]["a"] == (1, {"b": 2})
    assert mirror.state.dump()["tasks"] == [task]
    assert mirror.state.dump()["messages_by_task"] == {"t1": rows}


def test_l16_a_row_with_a_misfit_field_is_kept_as_far_as_it_goes() -> None:
    mirror = hydrated(tasks=[{**task_row("t1"), "full_prompt": 5, "message_range": "none"}])
    (task,) = mirror.state.tasks
    assert task.status == "running"
    assert task.invalid == {"full_prompt": 5, "message_range": "none"}
    assert mirror.state.dump()["tasks"][0]["full_prompt"] == 5


def test_a11_nested_tool_results_are_stored_unchanged() -> None:
    content = [
        {"type": "tool_result", "tool_use_id": "u", "content": [{"type": "text", "text": "x", "n": {"m": [None]}}]}
    ]
    mirror = hydrated()
    mirror.feed(saved("messages", message_row("m1", "t1", content=content)))
    assert mirror.state.messages_by_task["t1"][0].to_wire()["content"] == content


def test_anomalies_are_counted_by_kind_rows_too() -> None:
    mirror = hydrated()
    mirror.feed(RawEvent("tasks created", {"session_id": SID}), RawEvent("tasks created", None), e.LoadRequested("t1"))
    fetch = mirror.fetch("messages")
    mirror.feed(e.FetchAnswered(fetch.fetch_id, e.Rows(rejected=3), 1.0))
    assert mirror.state.anomalies == {"tasks created": 2, "messages rows": 3}


def test_the_connection_says_where_it_stands() -> None:
    mirror = Mirror()
    stands = [
        LinkStatus("live", epoch=1),
        LinkStatus("reconnecting", attempt=3, next_try_in=1.5, reason="transport error", epoch=1),
        LinkStatus("unauthenticated", reason="token expired", epoch=2),
        LinkStatus("closed", epoch=2),
    ]
    assert mirror.state.connection.phase == "connecting"
    for status in stands:
        mirror.feed(e.LinkChanged(status))
        assert mirror.state.connection == status
        assert mirror.state.connected == (status.phase in ("live", "unauthenticated"))
    assert "closed" in (mirror.state.error or "")


def test_a_session_patched_while_it_is_first_read_does_not_lose_what_only_the_read_tells() -> None:
    mirror = Mirror().up()
    mirror.feed(RawEvent("sessions patched", session_row(title="renamed")))
    mirror.land([task_row("t1")], session={**session_row(title="before"), "mcp_token": "token"})
    assert mirror.state.session is not None
    assert (mirror.state.session.title, mirror.state.session.mcp_token) == ("renamed", "token")
