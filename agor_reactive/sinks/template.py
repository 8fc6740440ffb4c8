"""Templates of messages: ``"{status}: {prompt:.80}"``, filled with the data of a record."""

from __future__ import annotations

import string
from collections.abc import Callable, Collection
from typing import Any

from agor_reactive.errors import UsageError
from agor_reactive.sinks.protocol import SinkRefused
from agor_reactive.sinks.record import Record

__all__ = ["Template"]

_TITLES = {
    "turn": "{status}: {prompt:.200}\n{text}",
    "tool_call": "{name}: {status}",
    "status_change": "{old} → {new}",
    "pending_permission": "permission for {tool_name}: {tool_input}",
    "text_delta": "{text}",
    "text": "{text}",
}


class Template:
    """Text with ``{field}`` for a field of a record's data, ``{key}`` or ``{kind}``; a format may follow (``:.80``).

    `escape` is applied to each value after it was cut. None is shown as nothing. Without `text`, each kind of record
    has a default. Raises `UsageError` for anything but plain names in braces.
    """

    def __init__(self, text: str | None, *, escape: Callable[[str], str] = str) -> None:
        self.text = text
        self._escape = escape
        self.fields: tuple[str, ...] = () if text is None else _fields(text)

    def check(self, known: Collection[str]) -> None:
        """Raise `UsageError` for a field that is not in `known`."""
        for name in self.fields:
            if name not in known and name not in ("key", "kind"):
                raise UsageError(f"{{{name}}} is no field of these records; they have {', '.join(sorted(known))}")

    def of(self, record: Record, *, written: int = 0) -> str:
        """The text for a record. Raises `SinkRefused` if it lacks a field."""
        text = self.text if self.text is not None else _TITLES.get(record.kind, "{kind} {key}")
        values = {**record.data, "key": record.key, "kind": record.kind}
        try:
            return text.format_map({name: self._shown(value) for name, value in values.items()})
        except (KeyError, ValueError, IndexError) as error:
            raise SinkRefused(f"the template does not fit a {record.kind}: {error}", written=written) from None

    def _shown(self, value: Any) -> Any:
        return value if isinstance(value, float) else _Value("" if value is None else str(value), self._escape)


class _Value(str):
    """A text that is escaped when it is formatted."""

    __slots__ = ("_escape",)
    _escape: Callable[[str], str]

    def __new__(cls, text: str, escape: Callable[[str], str]) -> _Value:
        made = super().__new__(cls, text)
        made._escape = escape
        return made

    def __format__(self, spec: str) -> str:
        return self._escape(format(str(self), spec))


def _fields(text: str) -> tuple[str, ...]:
    try:
        parts = [(name, spec) for _, name, spec, _ in string.Formatter().parse(text) if name is not None]
    except ValueError as error:
        raise UsageError(f"the template is not valid: {error}") from None
    for name, spec in parts:
        # No attributes, no indexes: a template reaches fields of the data only.
        if not name.isidentifier() or "{" in (spec or ""):
            raise UsageError(f"{{{name}}} in the template is not the name of a field; write {{{{ for a brace")
    return tuple(name for name, _ in parts)
