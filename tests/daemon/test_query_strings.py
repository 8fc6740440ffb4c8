"""Nested query strings, read as the usual Node parser reads them."""

from __future__ import annotations

from typing import Any

import pytest

from agor_reactive.daemon.query_strings import parse_query


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("", {}),
        ("a=1&b=", {"a": "1", "b": ""}),
        ("$sort[created_at]=-1&$limit=5", {"$sort": {"created_at": "-1"}, "$limit": "5"}),
        ("%24sort%5Bx%5D=1", {"$sort": {"x": "1"}}),
        ("a[$in][]=1&a[$in][]=2", {"a": {"$in": ["1", "2"]}}),
        ("a[$in][0]=1&a[$in][1]=2", {"a": {"$in": ["1", "2"]}}),
        ("a[1]=b&a[0]=a", {"a": ["a", "b"]}),
        ("a[1]=b&a[15]=c", {"a": ["b", "c"]}),
        ("a[20]=b", {"a": ["b"]}),
        ("a[0]=a&a[999]=b", {"a": ["a", "b"]}),
        ("a[0]=a&a[1000]=b", {"a": {"0": "a", "1000": "b"}}),
        ("a=1&a[b]=2", {"a": ["1", {"b": "2"}]}),
        ("[]=1&[]=2", {"0": "1", "1": "2"}),
        ("a=1&a=2", {"a": ["1", "2"]}),
        ("a[]=1&a[]=2&a[]=3", {"a": ["1", "2", "3"]}),
        ("$or[0][x]=1&$or[1][y]=2", {"$or": [{"x": "1"}, {"y": "2"}]}),
        ("a[b][c][d][e][f][g][h]=1", {"a": {"b": {"c": {"d": {"e": {"f": {"[g][h]": "1"}}}}}}}),
        ("a+b=c%20d", {"a b": "c d"}),
    ],
)
def test_a_query_string_is_read_like_qs_reads_it(text: str, query: dict[str, Any]) -> None:
    assert parse_query(text) == query
