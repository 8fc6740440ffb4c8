"""Bounds of what one call reads of a daemon whose pages never end."""

from __future__ import annotations

from typing import Final

from agor_reactive.errors import ProtocolError

__all__ = ["MOST_ROWS", "MOST_SESSIONS", "check_rows"]

MOST_ROWS: Final = 1_000_000
"""Rows that one walk over the pages of a query reads."""


MOST_SESSIONS: Final = 100_000
"""Sessions of one live collection, and removed ones that it remembers."""


def check_rows(count: int, path: str) -> None:
    """Raise `ProtocolError` where a walk has read more than `MOST_ROWS`."""
    if count > MOST_ROWS:
        raise ProtocolError(f"{path}: the daemon gave more than {MOST_ROWS:,} rows without an end; narrow the query")
