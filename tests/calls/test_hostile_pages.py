"""Pages that bring no new row end a walk soon: with an error that says so, or with all rows that were sent."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import agor_reactive as agor
from agor_reactive.calls.drivers import SyncDriver, drive
from agor_reactive.calls.effects import Call
from agor_reactive.calls.mirror_reads import newest_tasks
from agor_reactive.client.rest import AsyncRestClient, RestClient
from agor_reactive.errors import BadRequest, ProtocolError, UsageError
from agor_reactive.services import Service
from agor_reactive.transport.http import AsyncRest, Rest
from agor_reactive.transport.scripted import ScriptedLink
from tests.calls.paged_daemon import MADE, PagedDaemon, message, task, uid
from tests.transport.rest_server import Reply, RestServer

MOST_AFTER = 110
"""Requests after the last answer that brought something new."""


@dataclass
class HostileDaemon:
    """Answers with these pages one after the other, whatever is asked, then with the last `repeated` again and again.

    A page that is a number is a refusal of the `$limit`, with that one allowed.
    """

    pages: list[Any]
    repeated: int
    total: Callable[[int, int], Any]
    sent: set[Any] = field(default_factory=set)
    asked: int = 0
    after: int = 0

    def call(self, call: Call, timeout: float | None = None) -> Any:
        place = self.asked
        if place >= len(self.pages):
            repeated = min(self.repeated, len(self.pages))
            place = len(self.pages) - repeated + (place - len(self.pages)) % repeated
        self.asked += 1
        self.after += 1
        assert self.after <= 10 * MOST_AFTER, "no end of calls"
        page = self.pages[place]
        if isinstance(page, int):
            fault = {"instancePath": "/$limit", "keyword": "maximum", "params": {"limit": page}}
            raise BadRequest("validation failed", code=400, data=[fault])
        new = identities(page) - self.sent
        self.sent |= new
        self.after = 0 if new else self.after
        total = self.total(len(self.sent), self.asked)
        return {"limit": 2, "skip": 0, "data": page, **({} if total is ... else {"total": total})}

    def service(self, path: str) -> Service[Any, Any, Any, Any]:
        return Service(path, SyncDriver(self.call))


ID_FIELDS = {"id", "message_id", "task_id"}


def identities(page: list[Any]) -> set[Any]:
    """What tells rows apart: their id; without one the content, and how many times the page has it."""
    alike: Counter[str] = Counter()
    found = set()
    for row in page:
        named = [row[name] for name in sorted(ID_FIELDS & row.keys()) if row[name]] if isinstance(row, dict) else []
        content = json.dumps(named or row)
        found.add((content, 0 if named else alike[content]))
        alike[content] += 1
    return found


def a_row(name: str, value: str) -> dict[str, Any]:
    return {"id": value, "message_id": value, "task_id": value, "session_id": MADE, "n": value, "status": "completed"}


ROWS = st.one_of(
    st.sampled_from([None, None, 1, "x", [], {}, {"id": None}, {"task_id": "", "message_id": ""}, {"n": "a"}]),
    st.sampled_from("abcdefgh").map(lambda value: a_row("id", value)),
    st.integers(0, 10**6).map(lambda number: a_row("id", f"{number:07}")),
)
TOTALS: dict[str, Callable[[int, int], Any]] = {
    "absent": lambda sent, call: ...,
    "null": lambda sent, call: None,
    "honest": lambda sent, call: sent,
    "one more": lambda sent, call: sent + 1,
    "huge": lambda sent, call: 10**18,
    "thousand": lambda sent, call: 1_000,
    "growing": lambda sent, call: 50 * call,
    "shrinking": lambda sent, call: max(0, 100 - call),
    "text": lambda sent, call: str(sent + 5),
    "negative": lambda sent, call: -1,
}
PAGES = st.lists(st.one_of(st.lists(ROWS, max_size=5), st.integers(0, 1_000)), min_size=1, max_size=12)
QUERIES: list[dict[str, Any]] = [{}, {"$sort": {"n": 1}}, {"$sort": {"n": -1}}, {"$limit": 1}, {"$skip": 3}]


@given(
    pages=PAGES,
    repeated=st.integers(1, 4),
    total=st.sampled_from(sorted(TOTALS)),
    query=st.sampled_from(QUERIES),
    path=st.sampled_from(["kb/graph", "tasks", "messages"]),
    of_session=st.booleans(),
    how=st.sampled_from(["find_all", "iterate"]),
)
@example([[None, None]], 1, "null", {}, "tasks", False, "find_all")
@example([[None, None]], 1, "huge", {}, "tasks", False, "iterate")
@example([[{"n": "a"}]], 1, "null", {}, "tasks", True, "find_all")
@example(
    [[a_row("id", "a"), a_row("id", "b")], [a_row("id", "b"), a_row("id", "a")]],
    2,
    "null",
    {},
    "kb/graph",
    False,
    "find_all",
)
@example([1_000, 999, 998, 997, 996, 995, 994, 993, 992, 991, 990, 989], 12, "null", {}, "kb/graph", False, "find_all")
@settings(max_examples=300, deadline=None)
def test_a_walk_ends_soon_after_the_last_new_row(
    pages: list[Any],
    repeated: int,
    total: str,
    query: dict[str, Any],
    path: str,
    of_session: bool,
    how: str,
) -> None:
    daemon = HostileDaemon(pages, repeated, TOTALS[total])
    asked = {**query, "session_id": MADE} if of_session else query
    try:
        found = list(getattr(daemon.service(path), how)(asked))
    except (ProtocolError, UsageError, BadRequest):
        found = []
    assert daemon.after <= MOST_AFTER
    assert len(found) <= len(daemon.sent)


@given(pages=PAGES, repeated=st.integers(1, 4), total=st.sampled_from(sorted(TOTALS)))
@example([[None, None]], 1, "thousand")
@example([[task(3), task(4)]], 1, "thousand")
@settings(max_examples=100, deadline=None)
def test_the_newest_tasks_are_found_or_not_soon_after_the_last_new_row(
    pages: list[Any], repeated: int, total: str
) -> None:
    daemon = HostileDaemon(pages, repeated, TOTALS[total])
    with contextlib.suppress(ProtocolError, UsageError, BadRequest):
        drive(newest_tasks(MADE, count=10), daemon.call)
    assert daemon.after <= 4 * MOST_AFTER


ENDLESS: dict[str, tuple[dict[str, Any], str | None]] = {
    "nulls": ({"data": [None, None], "total": None}, None),
    "nulls, counted": ({"data": [None, None], "total": 10**9}, "counts 1,000,000,000 rows and gave 2"),
    "numbers": ({"data": [1, 2, 3, 4]}, None),
    "rows without ids": ({"data": [{"x": 1}, {"x": 1}], "total": None}, None),
    "one row": ({"data": [{"id": "a"}], "total": None}, None),
    "a page and its reverse": (
        {"data": [{"id": "a"}, {"id": "b"}], "total": None, "reverse": True},
        "repeats its pages",
    ),
}


@pytest.fixture
def server() -> Iterator[RestServer]:
    server = RestServer()
    yield server
    server.stop()


@pytest.mark.parametrize("shape", ENDLESS)
@pytest.mark.parametrize("client", ["rest", "async rest", "live", "blocking"])
def test_every_client_ends_to_read_pages_without_end(server: RestServer, client: str, shape: str) -> None:
    answer, error = ENDLESS[shape]
    asked = 0

    def page() -> Any:
        nonlocal asked
        asked += 1
        rows = answer["data"]
        return {**answer, "data": rows[::-1] if "reverse" in answer and asked % 2 else rows}

    server.script = lambda seen: Reply(200, page())
    link = ScriptedLink()
    link.on_call("find", "kb/graph", lambda args: page())

    async def over(client: Any) -> Any:
        async with client:
            return await client.service("kb/graph").find_all()

    def read() -> Any:
        if client == "async rest":
            return asyncio.run(over(AsyncRestClient(AsyncRest(server.url))))
        if client == "live":
            return asyncio.run(over(agor.create_client(link=link)))
        with RestClient(Rest(server.url)) if client == "rest" else agor.connect(link=link) as plain:
            return plain.service("kb/graph").find_all()

    if error is None:
        assert len(read()) == len(answer["data"])
    else:
        with pytest.raises(ProtocolError, match=error):
            read()
    assert asked <= 20


# ---- pages of one row ----


@pytest.mark.parametrize("ranges", ["offered", "refused", "ignored"])
@pytest.mark.parametrize("walk", ["find_all", "iterate"])
@pytest.mark.parametrize("cap", [1, 2, 3, 7])
def test_every_row_is_found_on_short_pages(cap: int, walk: str, ranges: Any) -> None:
    daemon = PagedDaemon([message(number) for number in range(25)], cap=cap, ranges=ranges)
    found = getattr(daemon.service(), walk)({"session_id": MADE})
    assert [row.index for row in found] == list(range(25))
    assert len(daemon.asked) <= 4 * 25 / cap + 12
    daemon = PagedDaemon(daemon.messages, sorts=ranges == "offered", ranges=ranges)
    found = getattr(daemon.service(), walk)({"session_id": MADE}, page_size=cap)
    assert [row.index for row in found] == list(range(25))


@pytest.mark.parametrize("change", ["removed", "created"])
def test_rows_that_are_removed_or_created_hide_none_on_pages_of_one_row(change: str) -> None:
    """Of one kind at a time: both between two requests could cancel each other out."""

    def between(daemon: PagedDaemon) -> None:
        if len(daemon.asked) % 3 == 0 and change == "removed" and daemon.tasks[0] not in stay:
            daemon.tasks.pop(0)
        elif len(daemon.asked) % 3 == 0 and change == "created" and len(daemon.tasks) < 40:
            daemon.tasks.insert(0, {**task(0), "task_id": uid(100 + len(daemon.asked), 2)})

    rows = [task(number) for number in range(30)]
    stay = rows[15:]
    daemon = PagedDaemon(tasks=rows, cap=1, ranges="refused", between=between)
    found = [row.task_id for row in daemon.service("tasks").iterate({"session_id": MADE})]
    assert {row["task_id"] for row in stay} <= set(found)
    assert len(found) == len(set(found))
