"""`sessions`: the newest sessions as a table, or as JSON."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.console import Console
from rich.text import Text

from agor_reactive.adapters.presentation.plain import one_line
from agor_reactive.adapters.presentation.quantities import age_text
from agor_reactive.adapters.presentation.status import status_label
from agor_reactive.adapters.terminal.signs import sign_of, signs_for, status_style
from agor_reactive.cli.bars import bar
from agor_reactive.cli.endings import WELL
from agor_reactive.cli.json_rows import print_rows
from agor_reactive.cli.output import console
from agor_reactive.cli.reach import Reach
from agor_reactive.models import Session
from agor_reactive.models.base import instant
from agor_reactive.models.ids import format_short_id

__all__ = ["list_sessions", "newest_first", "unambiguous_length"]

GAP = "  "
LEAST_TITLE = 12
"""Cells of a title that is cut; where even those are missing, other columns are left out."""


def list_sessions(reach: Reach, *, fields: Sequence[str] | None, jq: str | None, limit: int, everything: bool) -> int:
    """List the newest sessions. `fields`: as JSON, with these fields, all if there are none."""
    with reach.rest() as client, bar("sessions") as on_page:
        found = client.service("sessions").find_all(on_page=on_page)
    # Sorted and filtered here, because daemons silently drop unknown fields of a query.
    kept = newest_first(row for row in found if everything or not row.archived)
    shown = kept[:limit]
    if fields is not None:
        print_rows(Session, shown, fields, jq)
        return WELL
    out = console()
    if not shown:
        out.print("No sessions yet. Create one: agor-reactive create 'A title'")
        return WELL
    length = unambiguous_length([row.session_id for row in kept])
    for line in _lines(shown, length, out):
        out.print(line, soft_wrap=True)
    if len(kept) > len(shown):
        out.print(Text(f"and {len(kept) - len(shown)} older ones; --limit shows more", style="dim"))
    return WELL


def newest_first(rows: Iterable[Session]) -> list[Session]:
    """Sessions by the time of their last change."""
    return sorted(rows, key=_moment, reverse=True)


def unambiguous_length(ids: Sequence[str]) -> int:
    """Shortest unambiguous prefix length: ids created in the same minute can share 8 digits."""
    digits = [format_short_id(one, 32) for one in ids]
    return next((length for length in range(8, 32) if len({one[:length] for one in digits}) == len(digits)), 32)


def _lines(rows: Sequence[Session], length: int, out: Console) -> Iterable[Text]:
    """The table, line by line. The title is cut to what the terminal's width leaves; the id never is.

    In a pipe nothing is cut, and times are dates, as a program that reads them needs.
    """
    signs = signs_for(out)
    now = time.time()
    width = out.width if out.is_terminal else None
    columns = {
        "session": [Text(format_short_id(row.session_id, length)) for row in rows],
        "status": [
            Text(f"{sign_of(row.status, signs)} {status_label(row.status)}", style=status_style(row.status))
            for row in rows
        ],
        "title": [Text(one_line(row.title or row.description or "", 2_000)) for row in rows],
        "tasks": [Text(str(len(row.tasks))) for row in rows],
        "updated": [Text(_when(_moment(row), now if out.is_terminal else None), style="dim") for row in rows],
    }
    widths = {name: max(len(name), *(cell.cell_len for cell in cells)) for name, cells in columns.items()}
    if width is not None:
        titles, widths["title"] = widths["title"], min(widths["title"], LEAST_TITLE)
        for optional in ("tasks", "updated", "status", "title"):
            if _total(widths) > width:
                del columns[optional], widths[optional]
        if "title" in widths:
            widths["title"] = min(titles, widths["title"] + width - _total(widths))
    yield _row([Text(name, style="dim") for name in columns], columns, widths)
    for at in range(len(rows)):
        yield _row([cells[at] for cells in columns.values()], columns, widths)


def _total(widths: dict[str, int]) -> int:
    return sum(widths.values()) + len(GAP) * (len(widths) - 1)


def _row(cells: Sequence[Text], columns: Iterable[str], widths: dict[str, int]) -> Text:
    line = Text()
    for at, (name, cell) in enumerate(zip(columns, cells, strict=True)):
        cell = cell.copy()
        room = widths[name]
        cell.truncate(room, overflow="ellipsis")
        pad = " " * (room - cell.cell_len)
        line.append(GAP if at else "")
        line.append_text(Text(pad).append_text(cell) if name == "tasks" else cell.append(pad))
    line.rstrip()
    return line


def _moment(row: Session) -> float:
    return instant(row.last_updated) or instant(row.created_at) or 0.0


def _when(moment: float, now: float | None) -> str:
    if moment <= 0:
        return ""
    if now is None:
        return datetime.fromtimestamp(moment).astimezone().isoformat(timespec="seconds")
    age = age_text(max(0.0, now - moment))
    return age if age == "now" else f"{age} ago"
