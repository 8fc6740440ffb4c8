"""Reads queries as strictly as today's daemon, and converts them for the store.

Mirrors `messages` and `tasks`; older versions read their queries with `queries`. Knows rows and queries, nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agor_reactive.daemon.queries import UUID, invalid, scalar_text, select, sort_order, whole_number
from agor_reactive.daemon.store import Condition, Row, Store

__all__ = ["Find", "answer_find", "message_query", "task_query"]

_MAX_IDS = 1000
_MAX_SKIP = 10_000
_MESSAGE_FIELDS = ("session_id", "task_id", "message_id", "type", "role")
_MESSAGE_SORTS = ("message_id", "session_id", "type", "role", "index", "timestamp", "created_at")
_MESSAGE_SELECTS = (
    "message_id", "session_id", "task_id", "type", "role", "index", "timestamp", "content_preview", "content",
    "tool_uses", "parent_tool_use_id", "metadata",
)  # fmt: skip
_TASK_SORTS = ("task_id", "session_id", "status", "created_at", "created_by")
_PAGING = ("$limit", "$skip", "$sort", "$select")


@dataclass(frozen=True, slots=True)
class Find:
    """A validated query. `lean`: the transcript without tools and thinking."""

    where: tuple[Condition, ...]
    order: tuple[tuple[str, int], ...]
    skip: int
    limit: int
    names: tuple[str, ...] | None = None
    lean: bool = False


def message_query(query: Mapping[str, Any], *, default: int, limit: int) -> Find:
    """Read a find of messages: a page has `default` rows, at most `limit`. Raises a 400 for unknown names and wrong
    values.
    """
    for name in query:
        if name not in _PAGING and name != "transcript" and name not in _MESSAGE_FIELDS:
            raise invalid(name, "additionalProperties", {}, "must NOT have additional properties")
    where: list[Condition] = []
    for name in _MESSAGE_FIELDS:
        if name in query:
            where += _message_condition(name, query[name])
    exact = any(field in ("session_id", "task_id") and operator == "=" for field, operator, _ in where)
    if isinstance(query.get("message_id"), dict) and not exact:
        raise invalid("message_id", "dependencies", {}, "a range needs an exact session_id or task_id")
    skip = whole_number("$skip", query.get("$skip", 0))
    if skip > _MAX_SKIP and not exact:
        raise invalid("$skip", "maximum", {}, f"must be <= {_MAX_SKIP} without an exact session_id or task_id")
    if query.get("transcript", "lean") != "lean":
        raise invalid("transcript", "const", {}, "must be equal to constant")
    return Find(
        where=tuple(where),
        order=_order(query, _MESSAGE_SORTS) or (("index", 1),),
        skip=skip,
        limit=min(whole_number("$limit", query.get("$limit", min(default, limit))), limit),
        names=_names(query, _MESSAGE_SELECTS),
        lean="transcript" in query,
    )


def task_query(query: Mapping[str, Any], *, limit: int) -> Find:
    """Read a find of tasks: unknown names are dropped; a `$limit` above `limit` and unsupported operators raise a
    400."""
    where: list[Condition] = []
    for name in ("session_id", "created_by"):
        if name in query:
            where.append((name, "=", _uuid(name, query[name])))
    if "status" in query:
        where.append(_status(query["status"]))
    if "task_id" in query:
        if isinstance(query["task_id"], dict) and "session_id" not in query:
            raise invalid("task_id", "dependencies", {}, "a range needs session_id")
        where += _id_condition("task_id", query["task_id"])
    size = whole_number("$limit", query.get("$limit", limit))
    if size > limit:
        raise invalid("$limit", "maximum", {"limit": limit}, f"must be <= {limit}")
    return Find(
        where=tuple(where),
        order=_order(query, _TASK_SORTS) or (("created_at", 1),),
        skip=whole_number("$skip", query.get("$skip", 0)),
        limit=size,
        names=_names(query, None),
    )


def answer_find(store: Store, kind: str, find: Find, *, id_field: str) -> dict[str, Any]:
    """Answer a find with its envelope, in which `limit` is the applied one. Only the rows of the page are read."""
    rows = store.search(kind, find.where, order=find.order, skip=find.skip, limit=find.limit)
    if find.lean:
        rows = [lean(row) for row in rows]
    data = select(rows, find.names, always=id_field)
    return {"total": store.search_count(kind, find.where), "limit": find.limit, "skip": find.skip, "data": data}


def lean(row: Row) -> Row:
    """Reduce a message to the lean transcript: no tool payloads, no thinking, no input of settled permissions."""
    content = row.get("content")
    kept = {name: value for name, value in row.items() if name != "tool_uses"} | {"content_preview": ""}
    if isinstance(content, list):
        blocks = [block if isinstance(block, dict) else {} for block in content]
        left_out = ("tool_use", "tool_result", "thinking")
        kept["content"] = [
            item for item, block in zip(content, blocks, strict=True) if block.get("type") not in left_out
        ]
        if any(block.get("type") == "thinking" for block in blocks):
            kept["has_deferred_reasoning"] = True
    elif isinstance(content, dict) and content.get("status") not in (None, "pending"):
        kept["content"] = {**content, "tool_input": {}}
    return kept


def _message_condition(name: str, value: Any) -> list[Condition]:
    if name == "message_id":
        return _id_condition(name, value)
    if name in ("session_id", "task_id"):
        if not isinstance(value, dict):
            return [(name, "=", _uuid(name, value))]
        if set(value) != {"$in"}:
            raise invalid(name, "additionalProperties", {}, "only $in is an operator here")
        listed = value["$in"]
        ids = listed if isinstance(listed, list) else list(listed.values()) if isinstance(listed, dict) else [listed]
        if len(ids) > _MAX_IDS:
            raise invalid(name, "maxItems", {}, f"must NOT have more than {_MAX_IDS} items")
        return [(name, "in", [_uuid(name, item) for item in ids])]
    return [(name, "=", scalar_text(name, value))]


def _id_condition(name: str, value: Any) -> list[Condition]:
    """Read an id, or the id range of a walk."""
    if not isinstance(value, dict):
        return [(name, "=", scalar_text(name, value))]
    if "$lte" not in value or not set(value) <= {"$gt", "$lte"}:
        raise invalid(name, "required", {}, "a range is {$gt?, $lte}")
    signs = {"$gt": ">", "$lte": "<="}
    return [(name, signs[operator], scalar_text(name, bound)) for operator, bound in value.items()]


def _status(value: Any) -> Condition:
    if not isinstance(value, dict):
        return ("status", "=", scalar_text("status", value))
    if value != {"$ne": "queued"}:
        raise invalid("status", "additionalProperties", {}, 'only {"$ne": "queued"} is an operator here')
    return ("status", "!=", "queued")


def _uuid(name: str, value: Any) -> str:
    text = scalar_text(name, value)
    if not UUID.match(text):
        raise invalid(name, "pattern", {}, f'must match pattern "{UUID.pattern}"')
    return text.lower()


def _order(query: Mapping[str, Any], allowed: tuple[str, ...]) -> tuple[tuple[str, int], ...]:
    order = sort_order(query["$sort"]) if "$sort" in query else {}
    for name in order:
        if name not in allowed:
            raise invalid(f"$sort/{name}", "additionalProperties", {}, "must NOT have additional properties")
    return tuple(order.items())


def _names(query: Mapping[str, Any], allowed: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if "$select" not in query:
        return None
    given = query["$select"] if isinstance(query["$select"], list) else [query["$select"]]
    for name in given:
        if not isinstance(name, str) or (allowed is not None and name not in allowed):
            raise invalid("$select", "enum", {}, "must be equal to one of the allowed values")
    return tuple(given)
