"""Rows of a session, read from daemons of every kind: all of them, each once, none of another session, and an end."""

from __future__ import annotations

import contextlib
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agor_reactive.calls import operations as op
from agor_reactive.calls.drivers import drive
from agor_reactive.errors import AgorError, BadRequest, ProtocolError, UsageError
from agor_reactive.models import Task, row_from_wire
from tests.calls.paged_daemon import LIES, MADE, PagedDaemon, churn, june, message, task, uid

OTHER = uid(1, 9)
ALL = {"session_id": MADE}

DAEMONS: dict[str, dict[str, Any]] = {
    "today": {"default": 100, "cap": 1_000},
    "today-100": {"default": 100, "cap": 100},
    "today-50": {"default": 50, "cap": 50},
    "today-refuses": {"default": 100, "cap": 100, "over": "refuse"},
    "no-ranges": {"cap": 100, "ranges": "refused"},
    "ranges-ignored": {"cap": 100, "ranges": "ignored"},
    "june-live": june(),
    "june-rest": june(rest=True),
    "today-rest": {"default": 100, "cap": 1_000, "rest": True},
    "no-filters": {"cap": 1_000, "filters": False, "ranges": "ignored", "rest": True},
}


def mixed(count: int) -> list[dict[str, Any]]:
    """So many messages of the session, among others' of another one."""
    rows = [message(number) for number in range(count)]
    return rows + [message(count + number, uid(7, 2), OTHER) for number in range(count // 5)]


def indexes(rows: Any) -> list[int]:
    return [row.index for row in rows]


@pytest.mark.parametrize("how", DAEMONS, ids=str)
@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 1_000, 2_503])
def test_every_message_of_a_session_is_found_in_order(how: str, count: int) -> None:
    for walk in ("find_all", "iterate"):
        daemon = PagedDaemon(mixed(count), **DAEMONS[how])
        assert indexes(getattr(daemon.service(), walk)(ALL)) == list(range(count))
        assert len(daemon.asked) <= 8 + 2.2 * (count + count // 5) / min(daemon.cap, 1_000)


@pytest.mark.parametrize("cap", [100, 1_000])
@pytest.mark.parametrize("walk", ["find_all", "iterate"])
def test_twelve_thousand_messages_are_complete_and_in_order(cap: int, walk: str) -> None:
    daemon = PagedDaemon([message(number) for number in range(12_000)], default=100, cap=cap)
    assert indexes(getattr(daemon.service(), walk)(ALL)) == list(range(12_000))


def test_one_page_that_holds_all_is_one_call() -> None:
    daemon = PagedDaemon(mixed(400), default=100, cap=1_000)
    daemon.service().find_all(ALL)
    assert [{**query, "path": ""} for query in daemon.asked] == [{"path": "", **ALL, "$limit": 1_000}]


def test_ranges_of_ids_are_checked_by_a_second_walk_over_the_ids() -> None:
    daemon = PagedDaemon(mixed(2_500), default=100, cap=1_000)
    daemon.service().find_all(ALL)
    ranges = [query for query in daemon.asked if "message_id" in query]
    assert [("$select" in query, query["message_id"].get("$gt")) for query in ranges] == [
        (False, uid(999, 1)),  # after the first page, which came in this order
        (False, uid(1_999, 1)),
        (True, None),
        (True, uid(999, 1)),
        (True, uid(1_999, 1)),
    ]
    assert {query["message_id"]["$lte"] for query in ranges} == {uid(2_499, 1)}


def test_rows_whose_ids_are_in_no_order_are_all_found_and_come_by_index() -> None:
    ids = random.Random(1).sample(range(100_000), 2_300)
    rows = [{**message(index), "message_id": uid(number, 1)} for index, number in enumerate(ids)]
    daemon = PagedDaemon(rows, default=100, cap=1_000)
    assert indexes(daemon.service().find_all(ALL)) == list(range(2_300))
    assert any("message_id" in query for query in daemon.asked)


def test_a_row_that_only_the_ids_hold_is_an_error_and_never_lost_silently() -> None:
    class Losing(PagedDaemon):
        def find(self, path: str, query: dict[str, Any]) -> dict[str, Any]:
            answer = super().find(path, query)
            if "message_id" in query and "$select" not in query:
                answer["data"] = [row for row in answer["data"] if row["index"] != 1_200]
            return answer

    daemon = Losing(mixed(1_500), cap=1_000)
    with pytest.raises(ProtocolError, match="kept changing"):
        daemon.service().find_all(ALL)
    assert len(daemon.asked) < 25


def test_tasks_of_a_session_are_read_by_ranges_too_and_come_by_creation() -> None:
    daemon = PagedDaemon(tasks=[task(number) for number in range(2_100)], cap=1_000)
    found = daemon.service("tasks").find_all(ALL)
    assert [row.task_id for row in found] == [uid(number, 2) for number in range(2_100)]
    assert any("task_id" in query for query in daemon.asked)


def test_a_sort_of_ones_own_is_kept_over_ranges() -> None:
    daemon = PagedDaemon(mixed(2_100), cap=1_000)
    assert indexes(daemon.service().find_all({**ALL, "$sort": {"index": -1}})) == list(range(2_100))[::-1]


@settings(deadline=None)
@given(
    count=st.integers(0, 150),
    cap=st.sampled_from([7, 20, 50]),
    size=st.sampled_from([5, 30, 1_000]),
    seed=st.integers(0, 2**16),
    ranges=st.sampled_from(["offered", "refused", "ignored"]),
    filters=st.booleans(),
    over=st.sampled_from(["clamp", "refuse"]),
    walk=st.sampled_from(["find_all", "iterate"]),
)
def test_rows_that_come_and_go_hide_none_that_stays(
    count: int, cap: int, size: int, seed: int, ranges: Any, filters: bool, over: Any, walk: str
) -> None:
    rows = [message(number) for number in range(count)]
    stay = {row["message_id"] for row in rows if row["index"] % 3}
    ever = {row["message_id"] for row in rows}
    disturb = churn(seed, stay)

    def between(daemon: PagedDaemon) -> None:
        disturb(daemon)
        ever.update(row["message_id"] for row in daemon.messages)

    faults: Any = {"cap": cap, "ranges": ranges if filters else "ignored", "filters": filters, "over": over}
    daemon = PagedDaemon(rows, between=between, **faults)
    found = [row.message_id for row in getattr(daemon.service(), walk)(ALL, page_size=size)]
    assert len(found) == len(set(found))
    assert stay <= set(found) <= ever
    assert len(daemon.asked) < 1_500


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("skips", ["heeded", "ignored"])
@pytest.mark.parametrize("ranges", ["offered", "ignored"])
def test_a_total_that_lies_ends(lie: str, skips: Any, ranges: Any) -> None:
    daemon = PagedDaemon(mixed(350), cap=100, total=LIES[lie], skips=skips, ranges=ranges)
    for walk in (daemon.service().find_all, daemon.service().iterate):
        daemon.asked.clear()
        with contextlib.suppress(ProtocolError):
            found = set(indexes(walk(ALL)))
            if lie in ("absent", "text", "negative", "nonsense") and skips == "heeded":
                assert found == set(range(350))
        assert len(daemon.asked) < 60


@pytest.mark.parametrize("lie", ["absent", "negative", "text", "nonsense"])
def test_without_a_sensible_total_a_walk_goes_on_until_a_page_is_empty(lie: str) -> None:
    daemon = PagedDaemon(mixed(350), cap=100, total=LIES[lie], ranges="refused")
    assert indexes(daemon.service().iterate(ALL)) == list(range(350))


def test_a_daemon_that_ignores_skip_and_clamps_is_an_error_and_no_part_of_the_rows() -> None:
    daemon = PagedDaemon(mixed(2_503), cap=1_000, skips="ignored", ranges="refused")
    with pytest.raises(ProtocolError, match="counts 2,503 rows and gave 1,000"):
        daemon.service().find_all(ALL)
    assert len(daemon.asked) < 25


# ---- answers are checked ----


def lost_filters(count: int = 300, **more: Any) -> PagedDaemon:
    """A daemon that drops every filter over REST, with rows of two sessions mixed."""
    rows = [message(2 * number + odd, uid(odd, 2), OTHER if odd else MADE) for number in range(count) for odd in (0, 1)]
    tasks = [task(2 * number + odd, OTHER if odd else MADE) for number in range(count) for odd in (0, 1)]
    options = {"filters": False, "ranges": "ignored", "cap": 1_000, "default": 100, "rest": True}
    return PagedDaemon(rows, tasks, **{**options, **more})


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({**ALL, "$limit": 3}, [0, 2, 4]),
        ({**ALL, "$limit": 3, "$skip": 200}, [400, 402, 404]),
        ({**ALL, "$limit": 3, "$sort": {"index": -1}}, [598, 596, 594]),
        ({"session_id": OTHER, "$limit": 3}, [1, 3, 5]),
        ({"task_id": uid(1, 2), "$limit": 2}, [1, 3]),
        ({"message_id": uid(5, 1)}, [5]),
        ({**ALL, "$limit": 5_000}, list(range(0, 600, 2))),
        ({"session_id": uid(3, 9)}, []),
        ({**ALL, "role": "user"}, []),
    ],
)
def test_one_page_holds_what_belongs(query: dict[str, Any], found: list[int]) -> None:
    page = lost_filters().service().find(query)
    assert indexes(page) == found
    assert page.total >= len(found)


def test_a_page_from_which_nothing_had_to_be_left_out_is_one_call_as_it_came() -> None:
    daemon = PagedDaemon(mixed(250), default=100, cap=1_000)
    page = daemon.service().find(ALL)
    assert (len(page), page.total, page.limit, len(daemon.asked)) == (100, 250, 100, 1)


def test_a_page_among_too_many_others_says_so() -> None:
    daemon = lost_filters(1_000, cap=10)
    with pytest.raises(ProtocolError, match="find_all"):
        daemon.service().find({**ALL, "$limit": 900})
    assert len(daemon.asked) < 110


def test_status_and_the_beginning_of_an_id_are_checked_and_what_a_row_does_not_carry_is_not() -> None:
    daemon = lost_filters(10)
    daemon.tasks[0] = {**daemon.tasks[0], "status": "running"}
    tasks = daemon.service("tasks")
    assert [row.task_id for row in tasks.find({**ALL, "status": "running"})] == [uid(0, 2)]
    assert len(tasks.find({"session_id": MADE[:13]})) == 10
    assert len(tasks.find({"session_id": MADE, "archived": False})) == 10
    assert len(tasks.find({"branch_id": OTHER})) == 20  # not in a task
    daemon.sessions = [{"session_id": uid(n, 3), "archived": n > 1} for n in range(4)]
    assert [row.session_id for row in daemon.service("sessions").find({"archived": False})] == [uid(0, 3), uid(1, 3)]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({**ALL, "$limit": 3, "$skip": 10}, [40, 41, 42]),
        ({**ALL, "$limit": 3, "$sort": {"index": -1}}, [59, 58, 57]),
        ({**ALL, "$limit": 0}, []),
        ({**ALL, "$skip": 100}, []),
        ({"role": "assistant", "session_id": OTHER, "$limit": 2}, [0, 1]),
    ],
)
def test_a_page_of_right_rows_from_a_wrong_place_is_read_again(query: dict[str, Any], found: list[int]) -> None:
    """All rows of the page belong, and still it began 30 rows too early: those of another session came before."""
    rows = [message(number, uid(0, 2), OTHER if number < 30 else MADE) for number in range(60)]
    daemon = PagedDaemon(rows, filters=False, ranges="ignored", rest=True, key=True)
    page = daemon.service().find(query)
    assert (indexes(page), page.total) == (found, 30)


def test_a_walk_that_begins_further_down_skips_rows_of_its_own_query_only() -> None:
    rows = [message(number, uid(0, 2), OTHER if number < 30 else MADE) for number in range(60)]
    for filters in (False, True):
        daemon = PagedDaemon(rows, filters=filters, ranges="ignored", rest=True, key=True)
        query = {**ALL, "$skip": 10}
        assert indexes(daemon.service().find_all(query, page_size=7)) == list(range(40, 60))
        assert indexes(daemon.service().iterate(query, page_size=7)) == list(range(40, 60))


def test_whether_filters_are_heeded_is_asked_once_for_a_service_and_only_in_doubt() -> None:
    for key, calls in ((True, 4), (False, 3)):
        daemon = PagedDaemon(mixed(250), default=100, cap=1_000, rest=True, key=key)
        messages = daemon.service()
        for skip in (0, 10, 20):
            assert indexes(messages.find({**ALL, "$limit": 2, "$skip": skip})) == [skip, skip + 1]
        assert len(daemon.asked) == calls
        messages.find({**ALL, "$limit": 250})
        messages.find({"$limit": 3})
        assert len(daemon.asked) == calls + 2


def test_any_text_or_truth_value_is_checked_where_rows_carry_it() -> None:
    """Boards by name came with all boards, and nobody noticed: the filter was dropped."""
    names = ("Plans", "plans", "Other", None, ["plans"])
    daemon = PagedDaemon(filters=False, rest=True)
    daemon.boards = [{"board_id": uid(n, 4), "name": name, "slug": str(n)} for n, name in enumerate(names)]
    boards = daemon.service("boards")
    for found in (boards.find({"name": "plans"}), boards.find_all({"name": "plans"})):
        assert [row.board_id for row in found] == [uid(n, 4) for n in (0, 1, 4)]
    assert len(boards.find({"name": "none has this"})) == 1
    assert len(boards.find({"slug": "2", "$limit": 1})) == 1
    assert len(boards.find({"search": "plans", "created_at": "2026-11-28T18:00:00Z"})) == len(names)


def test_many_ids_are_checked() -> None:
    class Dropping(PagedDaemon):
        def find(self, path: str, query: dict[str, Any]) -> dict[str, Any]:
            return super().find(path, {name: value for name, value in query.items() if name != "message_id"})

    wanted = {"message_id": {"$in": [uid(number, 1) for number in range(3)]}}
    daemon = Dropping(mixed(300), cap=100)
    assert indexes(daemon.service().find_all(wanted)) == [0, 1, 2]
    assert indexes(daemon.service().find(wanted)) == [0, 1, 2]


def test_a_walk_with_select_is_checked() -> None:
    found = lost_filters().service().find_all({**ALL, "$select": ["index"]})
    assert indexes(found) == list(range(0, 600, 2))


def test_the_messages_of_a_task_hold_none_of_another_whatever_the_page() -> None:
    """What `ask` gives over REST where filters are dropped: once it was another session's text."""
    for daemon in (lost_filters(1_300), lost_filters(1_300, filters=True, ranges="offered", cap=100)):
        row = row_from_wire(Task, {"task_id": uid(1, 2), "session_id": OTHER, "status": "completed"})
        found = drive(op.messages_of({"task_id": row.task_id}), lambda call, daemon=daemon: daemon.call(call))
        assert indexes(found) == list(range(1, 2_600, 2))


# ---- the REST of June and of August ----


@pytest.mark.parametrize("how", ["june-rest", "today-rest"])
def test_a_page_far_down_is_right_over_rest(how: str) -> None:
    daemon = PagedDaemon(mixed(2_503), **DAEMONS[how])
    assert indexes(daemon.service().find({**ALL, "$limit": 10, "$skip": 2_400})) == list(range(2_400, 2_410))
    page = daemon.service().find({**ALL, "$limit": 10, "$skip": 2_500})
    assert (indexes(page), page.total, page.limit, page.skip) == ([2_500, 2_501, 2_502], 2_503, 10, 2_500)
    assert len(daemon.asked) == 2


def test_over_the_rest_of_june_the_rows_come_in_two_pages() -> None:
    """There every page with `$skip` brings all rows from that place on."""
    daemon = PagedDaemon(mixed(12_000), **june(rest=True))
    assert indexes(daemon.service().iterate(ALL)) == list(range(12_000))
    assert [query.get("$skip") for query in daemon.asked] == [None, 999]


def test_a_refusal_that_is_not_about_the_limit_is_raised_at_once() -> None:
    daemon = PagedDaemon(mixed(20), cap=10, over="refuse")
    with pytest.raises(BadRequest):
        daemon.service().find_all({**ALL, "$sort": {"colour": 1}}, page_size=5)
    assert len(daemon.asked) == 1
    with pytest.raises(UsageError):
        daemon.service().find_all(ALL, page_size=0)
    with pytest.raises(AgorError):
        daemon.service().find({**ALL, "$limit": 11})


def test_a_walk_by_ranges_tells_how_far_it_is() -> None:
    daemon = PagedDaemon(mixed(450), default=100, cap=100)
    notified: list[tuple[int, int | None]] = []
    daemon.service().find_all(ALL, on_page=lambda *progress: notified.append(progress))
    assert notified == [(100, 450), (200, 450), (300, 450), (400, 450), (450, 450)]
