"""Query strings, read back by a parser that follows `qs` as a daemon has it: what was asked is what arrives."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agor_reactive.calls.queries import is_empty_match
from agor_reactive.errors import UsageError
from agor_reactive.transport.query import rest_query, to_query_string

ARRAY_LIMIT = 20


def qs(text: str) -> Any:
    """The part of `qs.parse` that matters here: nesting, `[]`, and indexes that stop being arrays above the limit."""
    root: dict[str, Any] = {}
    for pair in filter(None, text.split("&")):
        key, _, value = pair.partition("=")
        key = unquote(key)
        head, *rest = key.replace("]", "").split("[")
        node: dict[str, Any] = root
        *path, last = [head, *rest]
        for step in path:
            node = node.setdefault(step, {})
        if last == "":
            node.setdefault("[]", []).append(unquote(value))
        else:
            node[last] = unquote(value)
    return _arrays(root)


def _arrays(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    if set(node) == {"[]"}:
        return node["[]"]
    if node and all(key.isdigit() and int(key) <= ARRAY_LIMIT for key in node):
        return [_arrays(node[key]) for key in sorted(node, key=int)]
    return {key: _arrays(value) for key, value in node.items()}


def test_plain_values_and_operators_arrive() -> None:
    query = {"session_id": "s", "archived": False, "$limit": 5, "$sort": {"created_at": -1}, "index": {"$gt": 3}}
    assert to_query_string({"$sort": {"created_at": -1}}) == "$sort%5Bcreated_at%5D=-1"
    assert qs(to_query_string(query)) == {
        "session_id": "s",
        "archived": "false",
        "$limit": "5",
        "$sort": {"created_at": "-1"},
        "index": {"$gt": "3"},
    }


@pytest.mark.parametrize("count", [1, 2, 25, 300])
def test_lists_stay_lists_whatever_their_length(count: int) -> None:
    ids = [f"id-{n}" for n in range(count)]
    assert qs(to_query_string({"task_id": {"$in": ids}})) == {"task_id": {"$in": ids}}


def test_objects_in_a_list_stay_together() -> None:
    query = {"$or": [{"a": "1", "b": "2"}, {"c": "3"}]}
    assert qs(to_query_string(query)) == query


def test_dates_none_and_odd_text_arrive() -> None:
    query = {"at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "none": None, "text": "a&b=c [d] é+"}
    assert qs(to_query_string(query)) == {"at": "2026-01-02T03:04:05.000Z", "none": "", "text": "a&b=c [d] é+"}


@pytest.mark.parametrize("value", [float("nan"), object(), b"x"])
def test_what_a_query_cannot_say_is_refused(value: Any) -> None:
    with pytest.raises(UsageError):
        to_query_string({"a": value})


def test_nesting_deeper_than_the_daemon_reads_is_refused() -> None:
    deep: Any = "x"
    for _ in range(8):
        deep = {"a": deep}
    with pytest.raises(UsageError):
        to_query_string(deep)


def test_in_of_nothing_matches_nothing() -> None:
    assert is_empty_match({"task_id": {"$in": []}})
    assert not is_empty_match({"task_id": {"$in": ["t"]}, "x": {"$nin": []}})
    assert not is_empty_match({"$or": [{"a": {"$in": []}}, {}]})
    assert not is_empty_match(None)


@given(
    st.dictionaries(
        st.from_regex(r"[a-z_$]{1,8}", fullmatch=True), st.text() | st.lists(st.text(), min_size=1), max_size=4
    )
)
def test_any_text_arrives_as_it_was(query: dict[str, Any]) -> None:
    assert qs(to_query_string(query)) == query


def test_skip_is_sent_and_what_was_added_as_text_is_cut() -> None:
    """Fact of the wire (June 2026): ``$skip=4&$limit=3`` gives rows 4 to 43 there, and echoes "3" and "4"."""
    query = {"session_id": "s", "$skip": 4, "$limit": 3}
    sent, cut = rest_query("messages", query)
    assert sent == query
    assert cut is not None
    page = cut.of({"total": 9, "limit": "3", "skip": "4", "data": [4, 5, 6, 7, 8]})
    assert page == {"total": 9, "limit": "3", "skip": "4", "data": [4, 5, 6]}


def test_a_page_of_a_daemon_that_reads_numbers_is_not_cut() -> None:
    _, cut = rest_query("messages", {"$skip": 4, "$limit": 3})
    assert cut is not None
    for answer in ({"total": 9, "limit": 3, "skip": 4, "data": [4, 5, 6]}, {"message": "odd"}, [1, 2, 3, 4]):
        assert cut.of(answer) is answer


@pytest.mark.parametrize("query", [{"$skip": 1}, {"$limit": 2}, {"$limit": "x"}, {}, None])
def test_nothing_is_cut_unless_both_are_sent(query: Any) -> None:
    assert rest_query("messages", query) == (query, None)


def test_other_services_page_by_themselves() -> None:
    query = {"$skip": 1, "$limit": 2}
    assert rest_query("tasks", query) == (query, None)
    with pytest.raises(UsageError):
        rest_query("messages", {"$skip": "x"})
