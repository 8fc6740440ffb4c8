"""Snapshots can be weakly referenced: a cache beside them must not keep them alive."""

from __future__ import annotations

import gc
import weakref

from agor_reactive.core import initial_state
from tests.core.build import SID


def test_a_snapshot_can_be_weakly_referenced() -> None:
    state = initial_state(SID)
    kept = weakref.ref(state)
    assert kept() is state
    del state
    gc.collect()
    assert kept() is None
