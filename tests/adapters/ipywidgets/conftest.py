"""Fixtures of the widget tests. Without the extra ``[notebook]`` one test is left, skipped, and says so."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from benchmarks.comms import Clock, Comms, spied

collect_ignore_glob = [] if find_spec("anywidget") else ["test_[!e]*.py"]


@pytest.fixture
def comms() -> Iterator[Comms]:
    """Counts what widgets send and receive in the test."""
    with spied() as seen:
        yield seen
    gc.collect()


@pytest.fixture
def clock() -> Clock:
    return Clock()
