"""The messages from a notebook view to the browser: one reply of 40 kB in 2,000 chunks within a second."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from benchmarks.cases import Plan
from benchmarks.comms import reply
from benchmarks.table import Line, Row, Skipped

__all__ = ["widget"]

MESSAGES, BYTES = 25, 3.0


def widget(plan: Plan) -> Iterator[Line]:
    chunks, size = plan.scale(2_000, 200), plan.scale(40_000, 4_000)
    try:
        import anywidget  # noqa: F401
    except ImportError:
        yield Skipped("comm messages of a reply", 'needs pip install "agor-reactive[notebook]"')
        return
    found = asyncio.run(reply(chunks, size))
    whole = "last one complete" if found.whole else "NOT WHOLE"
    what = f"{chunks:,} chunks, 1 s"
    yield Row(f"comm messages, {what}", 0, "", None, found.messages if found.whole else 1e9, MESSAGES, note=whole)
    yield Row(f"comm bytes, {what}", found.sent, "the reply", size, found.sent / size, BYTES, unit="byte")
