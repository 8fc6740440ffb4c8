"""Every value of JSON is written as JSON, integers of any length included."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agor_reactive import SessionState
from agor_reactive.calls import paging
from agor_reactive.calls.drivers import drive
from agor_reactive.cli.output import json_line
from agor_reactive.models.json_text import json_bytes

LONG = -(2**63) - 1
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_what_was_written_is_read_again(value: Any) -> None:
    text = json_bytes(value)
    assert b"\n" not in text
    assert json.loads(text) == value


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(TypeError):
        json_bytes({"a": SessionState})


def test_a_command_writes_an_integer_of_any_length() -> None:
    assert json.loads(json_line({"tokens": LONG})) == {"tokens": LONG}


def test_rows_without_an_id_are_told_apart_by_their_content_whatever_it_is() -> None:
    """Rows of one page that are alike are two rows; the same page again brings none."""
    rows = [{"id": LONG}, {"id": LONG}, {"id": LONG - 1}]
    found = drive(paging.find_all("kb/graph", {}, 1_000, None), lambda effect: {"data": rows, "total": None})
    assert [row["id"] for row in found] == [LONG, LONG, LONG - 1]
