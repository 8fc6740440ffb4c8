"""`report`: folds any number of logs, and prints sums over their turns."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.table import Table
from rich.text import Text

from agor_reactive import scale
from agor_reactive.cli.endings import WELL, complain
from agor_reactive.cli.output import console

__all__ = ["report"]

_LARGE: Final = 32 * 2**20
"""Bytes of files from which on starting worker processes takes less time than they save."""
_DAMAGE_SHOWN: Final = 20
_WIDE: Final = 240
"""Columns of lines that go to a file or another command."""


def report(
    files: Sequence[str],
    *,
    by: str,
    html: Path | None,
    parquet: str | None,
    scheduler: str | None,
    workers: int | None,
    plan: bool,
) -> int:
    """Print the tables; write the page and the rows of all turns where asked."""
    with scale.local_workers(_count(files, workers) if scheduler is None else 1):
        frame = scale.fold_logs(files, by="task", scheduler=scheduler)
        if plan:
            frame.explain()
            return WELL
        if parquet is not None:
            frame = frame.persist_rows()
        from agor_reactive.scale.summary import report_of

        made = report_of(frame, [key.strip() for key in by.split(",") if key.strip()])
        if parquet is not None:
            frame.to_parquet(parquet)
    from agor_reactive.scale.cells import headline, tables_of

    out = console()
    if not out.is_terminal:
        out.width = _WIDE
    for title, heads, rows in tables_of(made):
        table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0), header_style="dim")
        for name, number in heads:
            table.add_column(name, justify="right" if number else "left", no_wrap=number, overflow="fold")
        for cells in rows:
            table.add_row(*map(Text, cells))
        out.print(table)
        out.print()
    out.print(headline(made))
    if html is not None:
        from agor_reactive.scale.page import write_page

        out.print(f"The plots are in {write_page(made, html)}")
    for damage in made.damage[:_DAMAGE_SHOWN]:
        complain(str(damage))
    if len(made.damage) > _DAMAGE_SHOWN:
        complain(f"and {len(made.damage) - _DAMAGE_SHOWN:,} more that could not be read")
    return WELL


def _count(files: Sequence[str], workers: int | None) -> int:
    """How many processes fold, if there is no scheduler: one per core for large logs."""
    if workers is not None:
        return workers
    from agor_reactive.scale.paths import expanded

    size = sum(os.path.getsize(path) for path in expanded(files) if os.path.isfile(path))
    return os.cpu_count() or 1 if size > _LARGE else 1
