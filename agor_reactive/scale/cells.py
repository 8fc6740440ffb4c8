"""The tables of a report as text, for a terminal and for a page."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import pandas

from agor_reactive.adapters.presentation.plain import one_line
from agor_reactive.scale.summary import Report
from agor_reactive.transport.redaction import scrub_text

__all__ = ["Table", "headline", "tables_of"]

_HEADS: Final = {
    "session_id": "session",
    "tools_failed": "tools failed",
    "input_tokens": "tokens in",
    "output_tokens": "tokens out",
    "cost_usd": "cost, $",
    "waited_s": "waited, s",
    "took_s": "took, s",
    "longest_s": "longest, s",
    "tool_name": "tool",
}
"""The heads of columns that do not read as they are named."""

_TEXTS: Final = frozenset({"agent", "model", "day", "status", "session_id", "tool_name"})
_ALWAYS: Final = _TEXTS | {"sessions", "turns", "failed", "calls"}
_DECIMALS: Final = {"cost_usd": 2, "waited_s": 1, "took_s": 1, "longest_s": 1}


class Table(NamedTuple):
    """A title, the heads with whether the column is of numbers, and the cells."""

    title: str
    heads: list[tuple[str, bool]]
    rows: list[list[str]]


def headline(report: Report) -> str:
    """What the report is about, in one line."""
    turns = int(report.days["turns"].sum())
    return f"{turns:,} turns of {report.sessions:,} sessions in {report.logs:,} logs"


def tables_of(report: Report) -> list[Table]:
    """The tables of a report. Columns that say nothing anywhere are left out."""
    return [_table(f"Turns by {', '.join(report.by)}", report.groups), _table("Tools", report.tools)]


def _table(title: str, frame: Any) -> Table:
    names = [name for name in frame.columns if name in _ALWAYS or _says_something(frame[name])]
    rows = frame[names].itertuples(index=False, name=None)
    cells = [[_cell(name, value) for name, value in zip(names, row, strict=True)] for row in rows]
    return Table(title, [(_HEADS.get(name, name), name not in _TEXTS) for name in names], cells)


def _says_something(column: Any) -> bool:
    return bool((column.notna() & (column != 0)).any())


def _cell(name: str, value: Any) -> str:
    if pandas.isna(value):
        return "–"
    if name in _TEXTS:
        return one_line(scrub_text(str(value)), 80)
    return f"{value:,.{_DECIMALS.get(name, 0)}f}"
