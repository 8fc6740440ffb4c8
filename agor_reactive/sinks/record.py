"""What a sink receives: records, plain JSON with an idempotency key.

A record holds no rows and no handles, so that a dead-letter file can hold it and another process can send it again.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence, Set
from datetime import datetime
from typing import Any

from agor_reactive.errors import UsageError
from agor_reactive.models.base import WireModel
from agor_reactive.models.ids import new_id
from agor_reactive.models.wire import RawEvent
from agor_reactive.transport.redaction import redact, scrub

__all__ = ["Record", "field_names", "record_of"]


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """One item for a sink. `key` is its idempotency key: two records with one key are the same item.

    `kind` says what it is, in snake case (``turn``, ``tool_call``, ``raw_event``); `data` is a JSON object without keys
    and tokens.
    """

    key: str
    kind: str
    data: Mapping[str, Any] = dataclasses.field(repr=False)


def record_of(item: Any, key: Callable[[Any], str] | None = None) -> Record:
    """The record of an item that an Observable emitted: a `Turn`, a row, a raw event, a dataclass, a mapping or a text.

    The idempotency key is `key(item)`. Without `key` it is the `id` of a dataclass (of a tool call, the task's id and
    its own), and of a row its id and a digest, since a row changes under one id. Other items get a random key: two
    equal ones are two. Raises `UsageError` for an item of another type.
    """
    if isinstance(item, Record):
        return item
    data = scrub(_data(item))
    return Record(str(key(item)) if key is not None else _key(item, data), _kind(item), data)


def _kind(item: Any) -> str:
    if isinstance(item, Mapping):
        return "item"
    name = type(item).__name__
    return "text" if name == "str" else "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


def _key(item: Any, data: Mapping[str, Any]) -> str:
    if isinstance(item, WireModel):
        digest = hashlib.sha256(json.dumps(data, sort_keys=True, default=str).encode("utf-8", "replace"))
        return f"{item.row_id}/{digest.hexdigest()[:16]}"
    found = getattr(item, "id", None) if dataclasses.is_dataclass(item) else None
    if not found:
        return new_id()
    # The id of a tool call is the model's own, and unique in its task only.
    task_id = getattr(item, "task_id", None)
    return f"{task_id}/{found}" if task_id else str(found)


def _data(item: Any) -> dict[str, Any]:
    if isinstance(item, Mapping):
        return {str(name): _json(value) for name, value in item.items()}
    if isinstance(item, str):
        return {"text": item}
    if isinstance(item, RawEvent):
        return {"topic": item.topic, "payload": _json(redact(item.topic, item.payload)), "at": item.at}
    if isinstance(item, WireModel):
        return item.to_wire()
    if dataclasses.is_dataclass(item):
        return {name: _json(getattr(item, name)) for name in field_names(type(item))}
    raise UsageError(f"no record can be made of a {type(item).__name__}; map it to a dict first")


def field_names(kind: type) -> tuple[str, ...]:
    """The names in `Record.data` of a dataclass: its fields, then its properties."""
    names = [field.name for field in dataclasses.fields(kind)]
    for base in reversed(kind.__mro__):
        names += [name for name, value in vars(base).items() if isinstance(value, property)]
    return tuple(name for name in dict.fromkeys(names) if not name.startswith("_"))


def _json(value: Any) -> Any:
    """The value as JSON has it; objects that have no JSON form as their text."""
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, WireModel):
        return value.to_wire()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(name): _json(part) for name, part in value.items()}
    if isinstance(value, (Sequence, Set)) and not isinstance(value, bytes):
        return [_json(part) for part in value]
    if dataclasses.is_dataclass(value):
        return _data(value)
    return str(value)
