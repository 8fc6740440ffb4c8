"""The store reads only the requested rows."""

from __future__ import annotations

from typing import Any

import pytest

from agor_reactive.daemon import EmbeddedDaemon, store
from agor_reactive.daemon.queries import js_page
from agor_reactive.daemon.row_queries import answer_find, message_query
from agor_reactive.daemon.store import Store
from tests.daemon.conftest import Open
from tests.daemon.test_rows import filled


async def test_a_walk_over_pages_decodes_each_row_once(
    daemon: EmbeddedDaemon, connect: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher = await connect()
    session_id = await filled(watcher, daemon, 40)
    await watcher.ok("create", "tasks", [{"session_id": session_id}] * 40)
    decoded: list[str] = []
    load = store._load

    def counted(text: str) -> Any:
        decoded.append(text)
        return load(text)

    monkeypatch.setattr(store, "_load", counted)
    for service in ("messages", "tasks"):
        decoded.clear()
        seen: list[Any] = []
        for skip in range(0, 40, 4):
            page = await watcher.ok("find", service, {"session_id": session_id, "$limit": 4, "$skip": skip})
            assert page["total"] == 40
            seen += page["data"]
        assert len({row[f"{service[:-1]}_id"] for row in seen}) == 40
        assert len([text for text in decoded if f'"{service[:-1]}_id"' in text and session_id in text]) == 40


def test_pages_of_the_store_are_slices_of_all_rows_in_their_order() -> None:
    held = Store()
    for n in range(20):
        row = {"session_id": "s", "task_id": f"t{n % 2}", "index": 20 - n // 2, "type": "ab"[n % 3 == 0], "n": n}
        held.insert("messages", f"m{n}", row)
    held.insert("messages", "other", {"session_id": "o", "task_id": "t0", "index": 0, "type": "a", "n": 99})
    scopes: tuple[dict[str, Any], ...] = (
        {"session_id": "s"}, {"task_id": "t0"}, {"session_id": "s", "task_id": "t0"},
        {"session_id": "s", "row_type": "a"},
    )  # fmt: skip
    for scope in scopes:
        for by_index in (True, False):
            everything = held.page("messages", by_index=by_index, **scope)
            assert held.count("messages", **scope) == len(everything)
            assert everything == sorted(everything, key=lambda row: (row["index"] if by_index else 0, row["n"]))
            for skip in (0, 1, 5, 19, 30):
                page = held.page("messages", by_index=by_index, skip=skip, limit=3, **scope)
                assert page == everything[skip : skip + 3]
    held.close()


@pytest.mark.parametrize("query", [
    {}, {"$limit": 3}, {"$limit": 3, "$skip": 2}, {"$skip": 30}, {"$limit": -1}, {"$limit": -1, "$skip": -3},
    {"$limit": 0}, {"$limit": "2", "$skip": "1"}, {"$limit": "abc"}, {"$skip": -4}, {"$limit": 2.5},
])  # fmt: skip
def test_a_page_of_messages_is_the_slice_that_javascript_would_make(query: dict[str, Any]) -> None:
    rows = [{"n": n} for n in range(20)]

    def number(value: Any) -> int:
        try:
            return int(float(value))
        except ValueError:
            return 0

    skip, limit = query.get("$skip", 0), query.get("$limit", 10_000)
    end = f"{skip}{limit}" if isinstance(skip, str) or isinstance(limit, str) else skip + limit
    answer = js_page(query, len(rows), lambda first, count: rows[first : first + count])
    assert answer["data"] == rows[number(skip) : number(end)]
    assert answer["total"] == 20


def test_walks_by_index_and_by_id_are_read_through_an_index() -> None:
    held = Store()
    session_id = "01a22346-4510-7396-be21-daeedc9471e2"
    plans: list[str] = []

    def explain(statement: str) -> None:
        if statement.startswith("select"):
            plans.append(statement + str(plan_db.execute(f"explain query plan {statement}").fetchall()))

    plan_db = Store()._db
    held._db.set_trace_callback(explain)
    for query in (
        {"session_id": session_id, "$skip": 200},
        {"session_id": session_id, "message_id": {"$gt": "a", "$lte": "b"}, "$sort": {"message_id": 1}},
        {"session_id": session_id, "$sort": {"message_id": -1}, "$limit": 1},
    ):
        answer_find(held, "messages", message_query(query, default=100, limit=1000), id_field="message_id")
    held.close()
    assert len(plans) == 6
    for plan in plans:
        assert "INDEX rows_by" in plan, plans
        assert "TEMP B-TREE" not in plan, plan


def test_pages_by_scope_are_read_through_an_index() -> None:
    held = Store()
    for scope in ("session_id = 's'", "task_id = 't'"):
        for order in ("position, seq", "seq") if "session" in scope else ("position, seq",):
            plan = held._db.execute(
                f"explain query plan select body from rows where kind = 'messages' and {scope} order by {order} limit 9"
            ).fetchall()
            assert "USING INDEX" in str(plan), plan
            assert "TEMP B-TREE" not in str(plan), plan
    held.close()
