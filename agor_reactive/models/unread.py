"""Rows that are read when somebody looks at them.

Validating a row costs more than folding it, and most rows of a session are replaced before anybody looks: so what an
event brings is at first its payload, dressed as the row. The first look at anything of it (an attribute, its repr, a
comparison, a copy, a dump) reads it, after which it is a row like any other. The fold looks at what it must know
through `held_by`, which reads nothing.

A payload that is dressed belongs to the row: nobody may change it afterwards.
"""

from __future__ import annotations

from abc import ABCMeta
from typing import Any, TypeVar

from pydantic import BaseModel

from agor_reactive.models.base import Row, WireModel, row_from_wire
from agor_reactive.models.message import Message
from agor_reactive.models.session import Session
from agor_reactive.models.task import Task

__all__ = ["UNREAD", "changed", "differ", "held_by", "is_unread", "unread"]

R = TypeVar("R", bound=WireModel)

_new = object.__new__
_set = object.__setattr__
_get = object.__getattribute__
_dict = BaseModel.__dict__["__dict__"]
_private = BaseModel.__dict__["__pydantic_private__"]
_set_dict = _dict.__set__
_set_payload = _private.__set__
_payload_of = _private.__get__

held_by = _dict.__get__
"""``held_by(row)``: what the row holds, by name, without reading it: of an unread row its payload. Not to be changed.

Of both kinds the same are here as they are: the fields that `unread` was told to be plain, and no others."""


def _read(row: Any, model: type[WireModel]) -> None:
    # Threads may come together: each reads the same payload into the same values, and the last word is as good as the
    # first. The payload stays at hand until all is in its place, so that none of them takes half a row for it.
    payload = _payload_of(row)
    if payload is None:
        return
    read = row_from_wire(model, payload)
    _set(row, "__pydantic_fields_set__", read.__pydantic_fields_set__)
    _set(row, "__pydantic_extra__", read.__pydantic_extra__)
    _set_dict(row, read.__dict__)
    _set(row, "__class__", model)
    _set_payload(row, None)


def _unread_class(model: type[Row]) -> type[Row]:
    """The class of unread rows: it reads them when anything is asked of them, and they turn into `model`.

    Made without pydantic's own machinery, which would build a second model; what is looked up on the class instead of
    the row (copying, comparing, hashing) is said here.
    """

    def __getattribute__(self: Any, name: str) -> Any:
        _read(self, model)
        return getattr(self, name)

    def __copy__(self: Any) -> Any:
        _read(self, model)
        return self.__copy__()

    def __eq__(self: Any, other: object) -> Any:
        _read(self, model)
        return self == other

    def __hash__(self: Any) -> int:
        _read(self, model)
        return hash(self)

    body = {
        "__slots__": (),
        "__module__": model.__module__,
        "__qualname__": model.__qualname__,
        "__doc__": model.__doc__,
        "__getattribute__": __getattribute__,
        "__copy__": __copy__,
        "__eq__": __eq__,
        "__hash__": __hash__,
    }
    return ABCMeta.__new__(type(model), model.__name__, (model,), body)


UNREAD: dict[type[WireModel], type[Any]] = {model: _unread_class(model) for model in (Task, Message, Session)}
"""model to the class of its unread rows."""

_UNREAD_CLASSES = frozenset(UNREAD.values())


def unread(kind: type[R], payload: dict[str, Any]) -> R:
    """The row that `payload` is, unread. `kind` is one of the classes in `UNREAD`."""
    row: R = _new(kind)
    _set_dict(row, payload)
    _set_payload(row, payload)
    return row


def is_unread(row: Any) -> bool:
    """Whether nobody has looked at the row."""
    return type(row) in _UNREAD_CLASSES


def differ(old: Any, new: Any) -> bool:
    """Whether two rows (or None) differ, for the fold: rows that are unread stay so where they can.

    Two unread rows differ if their payloads do, though what differs may mean the same (null, or nothing). A row of
    which another text came than is here differs whatever else it holds.
    """
    kind = type(new)
    if kind in _UNREAD_CLASSES and old is not None:
        was = held_by(old)
        now = held_by(new)
        if type(old) is kind:
            return bool(was != now)
        for name, value in now.items():
            if type(value) is str and was.get(name, value) != value:
                return True
    return bool(old != new)


def changed(row: R, **fields: Any) -> R:
    """The row with these fields in place of its own; unread if it was."""
    kind = type(row)
    if kind in _UNREAD_CLASSES:
        return unread(kind, {**held_by(row), **fields})
    return row.model_copy(update=fields)
