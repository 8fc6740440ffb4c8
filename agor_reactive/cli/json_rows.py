"""``--json FIELDS`` and ``--jq EXPR``: rows as JSON lines, or what a jq expression makes of the list of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agor_reactive.cli.output import json_line
from agor_reactive.errors import MissingExtra, UsageError
from agor_reactive.models.base import WireModel
from agor_reactive.transport.redaction import scrub

__all__ = ["print_rows"]


def print_rows(kind: type[WireModel], rows: Sequence[WireModel], fields: Sequence[str], jq: str | None) -> None:
    """Print rows of one kind, with these fields, or all if there are none.

    A field that a row lacks is null. Raises `UsageError` for an unknown field or a jq expression with an error.
    """
    found = [row.to_wire() for row in rows]
    if fields:
        known = {info.alias or name for name, info in kind.model_fields.items()} | {
            name for row in found for name in row
        }
        unknown = [name for name in fields if name not in known]
        if unknown:
            raise UsageError(f"unknown JSON field {', '.join(unknown)}; there are: {', '.join(sorted(known))}")
        found = [{name: row.get(name) for name in fields} for row in found]
    for value in found if jq is None else _results(found, jq):
        # As gh: a string is printed as it is, everything else as JSON.
        print(value if jq is not None and isinstance(value, str) and value.isprintable() else json_line(value))


def _results(rows: Sequence[Any], expression: str) -> list[Any]:
    try:
        import jq
    except ImportError:
        raise MissingExtra('--jq needs jq: pip install "agor-reactive[jq]"') from None
    try:
        # Without keys and tokens, also for expressions that take them out of their fields.
        found: list[Any] = jq.compile(expression).input_value(scrub(rows)).all()
    except ValueError as error:
        raise UsageError(f"jq: {str(error).removeprefix('jq: ')}") from None
    return found
