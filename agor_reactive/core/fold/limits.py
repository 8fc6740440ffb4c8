"""Bounds of what one session holds, so that a daemon or a model without end cannot take memory without end.

They are far above what sessions have. What is beyond a bound is not kept, is counted in `anomalies`, and is said in
`error` until the session is read again.
"""

from __future__ import annotations

from typing import Final, Literal

from agor_reactive.core.fold.draft import Draft
from agor_reactive.core.persistent import PMap

__all__ = [
    "MOST_MESSAGES",
    "MOST_REMOVED",
    "MOST_STREAMS",
    "MOST_TASKS",
    "MOST_TEXT",
    "MOST_TOOLS",
    "note_removed",
    "say",
]

MOST_TASKS: Final = 100_000
MOST_MESSAGES: Final = 1_000_000
MOST_STREAMS: Final = 10_000
"""Messages being written, or failed and not saved, at one time."""
MOST_TEXT: Final = 10_000_000
"""Text, and thinking, of one message being written: characters, and one more for each chunk."""
MOST_TOOLS: Final = 10_000
"""Tools of one task that are known from events only."""
MOST_REMOVED: Final = 100_000
"""Removals of tasks, and of messages, that are remembered."""

Kind = Literal["tasks", "messages", "streams", "tools", "removals", "characters of one message"]


def say(draft: Draft, kind: Kind, most: int) -> None:
    """Count one that is beyond the bound, and say so."""
    status = draft.status
    name = f"{kind} beyond the bound"
    anomalies = type(status.anomalies)({**status.anomalies, name: status.anomalies.get(name, 0) + 1})
    text = f"The daemon sent more than {most:,} {kind} of this session; what is beyond that is not kept."
    others = tuple(pair for pair in status.errors if pair[0] != "limit")
    draft.status = status.but(anomalies=anomalies, errors=(*others, ("limit", text)))


def note_removed(draft: Draft, which: Literal["gone_tasks", "gone_messages"], row_id: str) -> None:
    """Remember that a row was removed. Where there are too many, the earlier ones are forgotten."""
    gone: PMap[str, int] = getattr(draft.books, which)
    if row_id in gone:
        return
    if len(gone) >= MOST_REMOVED:
        gone = PMap()
        say(draft, "removals", MOST_REMOVED)
    draft.books = draft.books.but(removals=True, **{which: gone.insert(row_id, draft.revision)})
