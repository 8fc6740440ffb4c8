"""JSON of any shape, and errors as a daemon's database makes them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

names = st.sampled_from(
    ["name", "message", "code", "data", "matches", "stack", "query", "params", "cause", "className", "errors", "token"]
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names | st.text(max_size=8), inner, max_size=5),
    max_leaves=12,
)

SQL: dict[str, Any] = {
    "stack": "Error: Failed query\n    at Repo.save (/srv/x.js:1:2)",
    "message": 'Failed query: insert into "messages" ("content") values (?)\nparams: hidden words',
    "query": 'insert into "messages"',
    "params": ["hidden words"],
    "cause": {"code": "SQLITE_CONSTRAINT", "name": "LibsqlError", "message": "SELECT hidden words"},
}
SQL_REST: dict[str, Any] = {
    "name": "GeneralError",
    "message": SQL["message"],
    "code": 500,
    "className": "general-error",
    "data": {"query": "insert into x", "params": ["hidden words"], "note": "Failed query: SELECT hidden words"},
}
