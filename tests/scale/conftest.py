"""Logs on Dask's synchronous scheduler: in the thread of the test, so that nothing is left behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scale.recordings import Written, turn


@pytest.fixture(autouse=True)
def _in_this_thread() -> Iterator[None]:
    import dask

    with dask.config.set(scheduler="synchronous"):
        yield


@pytest.fixture
def five(tmp_path: Path) -> list[Path]:
    """Five logs of one session each: two turns, the second of which fails in the last session."""
    for number in range(5):
        written = Written(tmp_path / f"s{number}.jsonl.zst", begin=1_764_000_000.0 + 100 * number).mirror(number)
        written.events(turn(number, 0)).events(turn(number, 1, "failed" if number == 4 else "completed")).close()
    return sorted(tmp_path.glob("*.zst"))
