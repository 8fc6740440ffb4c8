"""Every row once, whatever the daemon heeds, while rows come and go; and an end, always."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agor_reactive.calls import limits, paging
from agor_reactive.calls.drivers import drive
from agor_reactive.calls.effects import Call
from agor_reactive.errors import ProtocolError, UsageError
from tests.calls.table_daemon import TableDaemon


def rows(count: int, *, ties: int = 1, text: bool = False) -> list[dict[str, Any]]:
    """`text`: what they are sorted by is text, as times are."""
    values = [number // ties for number in range(count)]
    return [{"id": f"r{number:05}", "n": f"{n:06}" if text else n} for number, n in enumerate(values)]


def ids(found: Any) -> list[str]:
    return [row["id"] for row in found]


@pytest.mark.parametrize("size", [1, 7, 25, 1000])
@pytest.mark.parametrize("query", [{}, {"$sort": {"n": 1}}, {"$sort": {"n": -1}}], ids=["plain", "up", "down"])
@pytest.mark.parametrize(
    "faults",
    [
        {},
        {"operators": False},
        {"skips": False},
        {"limits": False},
        {"skips": False, "limits": False, "sorts": False},
        {"most_rows": 9},
        {"numbers": "nothing"},
        {"numbers": "text"},
        {"numbers": "text", "most_rows": 9},
    ],
    ids=["good", "no-operators", "no-skip", "no-limit", "heeds-nothing", "clamps", "no-numbers", "as-text", "both"],
)
def test_a_walk_brings_every_row_once_in_order(size: int, query: dict[str, Any], faults: dict[str, Any]) -> None:
    daemon = TableDaemon(rows(25, ties=3), **faults)
    found = list(daemon.service().iterate(query, page_size=size))
    assert sorted(ids(found)) == ids(daemon.rows)
    if query and daemon.sorts:
        values = [row["n"] for row in found]
        assert values == sorted(values, reverse=query["$sort"]["n"] == -1)
    assert len(daemon.asked) <= 3 * 25 + 20
    assert sorted(ids(daemon.service().find_all(query, page_size=size))) == ids(daemon.rows)


@given(
    count=st.integers(0, 60),
    size=st.integers(1, 12),
    ties=st.integers(1, 30),
    seed=st.integers(0, 2**16),
    query=st.sampled_from([{}, {"$sort": {"n": 1}}, {"$sort": {"n": -1}}]),
    operators=st.booleans(),
    most_rows=st.sampled_from([2, 5, 10_000]),
    numbers=st.sampled_from(["numbers", "nothing", "text"]),
    text=st.booleans(),
)
@example(52, 1, 5, 0, {"$sort": {"n": 1}}, True, 10_000, "text", False)  # as many rows went as 10 fits no text from "9"
def test_rows_that_come_and_go_hide_none_that_stays(
    count: int,
    size: int,
    ties: int,
    seed: int,
    query: dict[str, Any],
    operators: bool,
    most_rows: int,
    numbers: Any,
    text: bool,
) -> None:
    random = Random(seed)
    stay = {row["id"] for row in rows(count) if random.random() < 0.6}
    made = 0

    def between(daemon: TableDaemon) -> None:
        nonlocal made
        for _ in range(random.randrange(4)):
            leaving = [row for row in daemon.rows if row["id"] not in stay]
            if leaving and random.random() < 0.5:
                daemon.rows.remove(random.choice(leaving))
            elif made < 40:
                place = random.randrange(len(daemon.rows) + 1)
                value = daemon.rows[place - 1]["n"] if place else rows(1, text=text)[0]["n"]
                daemon.rows.insert(place, {"id": f"new{made}", "n": value})
                made += 1

    daemon = TableDaemon(
        rows(count, ties=ties, text=text), operators=operators, most_rows=most_rows, numbers=numbers, between=between
    )
    found = ids(daemon.service().iterate(query, page_size=size))
    assert len(found) == len(set(found))
    assert stay <= set(found)
    assert len(daemon.asked) < 1500


def test_pages_begin_at_a_value_where_the_order_allows() -> None:
    daemon = TableDaemon(rows(2_500, ties=2, text=True))
    assert len(list(daemon.service().iterate({"$sort": {"n": 1}}, page_size=1_000))) == 2_500
    assert [query.get("n") for query in daemon.asked] == [None, {"$gte": "000499"}, {"$gte": "000999"}]
    assert all("$skip" not in query for query in daemon.asked)


def test_pages_do_not_begin_at_a_number() -> None:
    """Facts of the wire: over REST some services compare a number as text, and then it fits the wrong rows."""
    daemon = TableDaemon(rows(2_500))
    assert len(list(daemon.service().iterate({"$sort": {"n": 1}}, page_size=1_000))) == 2_500
    assert [query.get("$skip") for query in daemon.asked] == [None, 999, 1999]


def test_numbers_that_compare_as_text_hide_no_row() -> None:
    """Facts of the wire: a number in a query string stays text on ``messages``."""
    for numbers in ("nothing", "text"):
        for direction in (1, -1):
            odd: Any = numbers
            daemon = TableDaemon(rows(2_500), numbers=odd)
            found = list(daemon.service().iterate({"$sort": {"n": direction}}, page_size=400))
            assert sorted(ids(found)) == ids(daemon.rows), numbers
            assert len(daemon.asked) < 30


def test_a_long_walk_from_which_rows_are_taken_ends_well() -> None:
    def between(daemon: TableDaemon) -> None:
        daemon.rows.pop(0)

    daemon = TableDaemon(rows(35_000, text=True), strict=True, between=between)
    assert len(daemon.service().find_all({"$sort": {"n": 1}}, page_size=10_000)) == 35_000
    assert len(daemon.asked) < 8


def test_services_that_refuse_operators_are_paged_by_place_from_the_start() -> None:
    daemon = TableDaemon(rows(25), operators=False)
    assert len(list(daemon.service("sessions").iterate({"$sort": {"n": 1}}, page_size=10))) == 25
    assert [query.get("$skip") for query in daemon.asked] == [None, 9, 19]


def test_twenty_thousand_rows_can_be_reached_and_more_say_so() -> None:
    daemon = TableDaemon(rows(20_000), strict=True, operators=False)
    assert len(daemon.service("tasks").find_all(page_size=6_000)) == 20_000
    daemon = TableDaemon(rows(20_001), strict=True, operators=False)
    with pytest.raises(UsageError, match="narrow"):
        daemon.service("tasks").find_all()


def test_more_can_be_reached_by_value() -> None:
    daemon = TableDaemon(rows(35_000, text=True), strict=True)
    assert len(daemon.service().find_all({"$sort": {"n": -1}}, page_size=10_000)) == 35_000
    assert len(daemon.asked) == 4


@pytest.mark.parametrize("numbers", ["numbers", "nothing", "text"])
def test_where_only_numbers_would_reach_the_walk_says_so(numbers: Any) -> None:
    daemon = TableDaemon(rows(35_000), strict=True, numbers=numbers)
    with pytest.raises(UsageError, match="narrow"):
        daemon.service().find_all({"$sort": {"n": 1}}, page_size=10_000)


def test_a_walk_tells_how_far_it_is() -> None:
    notified: list[tuple[int, int | None]] = []
    daemon = TableDaemon(rows(25))
    daemon.service().find_all(page_size=10, on_page=lambda *progress: notified.append(progress))
    assert notified == [(10, 25), (20, 25), (25, 25)]
    notified.clear()
    wanted = {"id": {"$in": ids(rows(250))}}
    list(daemon.service().iterate(wanted, on_page=lambda *progress: notified.append(progress)))
    assert notified == [(25, None), (25, None), (25, 25)]


def test_a_daemon_that_promises_more_than_it_has_is_an_error_once_the_rows_are_there() -> None:
    class Liar(TableDaemon):
        def call(self, call: Any, timeout: float | None) -> Any:
            return {**super().call(call, timeout), "total": 10**9}

    daemon = Liar(rows(25))
    found: list[Any] = []
    with pytest.raises(ProtocolError, match=r"counts 1,000,000,000 rows and gave 25"):
        found.extend(daemon.service().iterate(page_size=10))
    with pytest.raises(ProtocolError):
        daemon.service().find_all(page_size=10)
    assert len(found) == 25
    assert len(daemon.asked) < 25


@pytest.mark.parametrize("count", [0, 1, 25, 100, 101, 5_000])
def test_any_number_of_ids_is_asked_for_in_batches(count: int) -> None:
    daemon = TableDaemon(rows(6_000))
    wanted = {"id": {"$in": ids(rows(count))}}
    service = daemon.service()
    assert ids(service.find_all(wanted)) == ids(rows(count))
    assert ids(service.iterate(wanted)) == ids(rows(count))
    page = service.find(wanted)
    assert (ids(page), page.total) == (ids(rows(count)), count)
    assert all(len(query["id"]["$in"]) <= 100 for query in daemon.asked)
    assert len(daemon.asked) == 3 * ((count + 99) // 100)


def test_a_find_in_batches_is_sorted_and_cut_here() -> None:
    daemon = TableDaemon(rows(1_000))
    page = daemon.service().find({"id": {"$in": ids(rows(500))}, "$sort": {"n": -1}, "$limit": 3, "$skip": 1})
    assert (ids(page), page.total, page.limit, page.skip) == (["r00498", "r00497", "r00496"], 500, 3, 1)
    assert {query["$limit"] for query in daemon.asked} == {4}


def test_the_same_id_twice_is_one_row() -> None:
    daemon = TableDaemon(rows(300))
    assert len(daemon.service().find_all({"id": {"$in": ids(rows(150)) * 2}})) == 150


def test_a_find_of_too_many_ids_says_what_to_use() -> None:
    daemon = TableDaemon([])
    with pytest.raises(UsageError, match="find_all"):
        daemon.service().find({"id": {"$in": [str(number) for number in range(10_001)]}})
    assert daemon.asked == []


def test_many_alternatives_are_asked_for_in_parts() -> None:
    class Or(TableDaemon):
        def call(self, call: Any, timeout: float | None) -> Any:
            (query,) = call.args
            alternatives = query.pop("$or")
            assert len(alternatives) <= 20
            found = [row for row in self.rows if any(row["id"] == one["id"] for one in alternatives)]
            return {"total": len(found), "data": found}

    daemon = Or(rows(100))
    wanted = {"$or": [{"id": row["id"]} for row in rows(50)]}
    assert ids(daemon.service().find_all(wanted)) == ids(rows(50))


def test_an_odd_page_or_limit_is_refused() -> None:
    service = TableDaemon([]).service()
    with pytest.raises(UsageError):
        service.find_all(page_size=0)
    with pytest.raises(UsageError, match="whole number"):
        service.find({"id": {"$in": [str(number) for number in range(200)]}, "$limit": "a"})
    with pytest.raises(UsageError, match="skip"):
        service.find_all({"id": {"$in": [str(number) for number in range(200)]}, "$skip": 3})


def test_a_walk_that_selects_fields_still_tells_rows_apart() -> None:
    class Selecting(TableDaemon):
        def call(self, call: Any, timeout: float | None) -> Any:
            query = dict(call.args[0])
            wanted = query.pop("$select")
            page = super().call(replace(call, args=(query,)), timeout)
            return {**page, "data": [{name: row[name] for name in wanted if name in row} for row in page["data"]]}

    made = [{"task_id": f"t{number}", "status": "running"} for number in range(25)]
    for walk in ("find_all", "iterate"):
        found = getattr(Selecting(made).service("tasks"), walk)({"$select": ["status"]}, page_size=10)
        assert [task.status for task in found] == ["running"] * 25


@pytest.mark.parametrize(
    "values",
    [
        lambda: dict.fromkeys(["r00001", "r00002"]).keys(),
        lambda: (f"r0000{number}" for number in (1, 2)),
        lambda: pytest.importorskip("pandas").Series(["r00001", "r00002"]),
        lambda: pytest.importorskip("numpy").array(["r00001", "r00002"]),
    ],
    ids=["keys", "generator", "series", "array"],
)
def test_in_takes_whatever_has_values(values: Any) -> None:
    daemon = TableDaemon(rows(5))
    service = daemon.service()
    assert ids(service.find({"id": {"$in": values()}})) == ["r00001", "r00002"]
    assert ids(service.find_all({"id": {"$in": values()}})) == ["r00001", "r00002"]
    assert ids(service.iterate({"id": {"$in": values()}})) == ["r00001", "r00002"]
    assert {type(query["id"]["$in"]) for query in daemon.asked} == {list}


@pytest.mark.parametrize("query", [{"id": {"$in": "r00001"}}, {"$or": [{"id": {"$nin": 3}}]}, "r00001", [1]])
def test_what_is_no_query_is_refused_before_it_is_sent(query: Any) -> None:
    daemon = TableDaemon(rows(5))
    service = daemon.service()
    for ask in (service.find, service.find_all, lambda query: list(service.iterate(query))):
        with pytest.raises(UsageError, match=r"list|mapping"):
            ask(query)
    with pytest.raises(UsageError, match=r"list|mapping"):
        service.get("r00001", query)
    assert daemon.asked == []


def test_a_walk_of_pages_without_rows_is_refused() -> None:
    with pytest.raises(UsageError, match="at least one row"):
        TableDaemon(rows(5)).service().find_all({"$limit": 0})


@pytest.mark.parametrize("shape", ["pages", "ranges"])
async def test_pages_that_never_end_end_in_an_error(monkeypatch: pytest.MonkeyPatch, shape: str) -> None:
    """Every page has new rows, and the total is always ahead of them."""
    monkeypatch.setattr(limits, "MOST_ROWS", 2_000)
    asked = 0

    def endless(call: Call) -> Any:
        nonlocal asked
        asked += 1
        rows = [{"message_id": f"{asked:08}-{n:03}", "session_id": "s", "index": n} for n in range(100)]
        return {"total": 10**18, "limit": 100, "skip": 0, "data": rows}

    query = {"session_id": "s"} if shape == "ranges" else {}
    with pytest.raises(ProtocolError, match="without an end"):
        drive(paging.find_all("messages", query, 100, None), endless)
    assert asked <= 5 * 2_000 / 100
