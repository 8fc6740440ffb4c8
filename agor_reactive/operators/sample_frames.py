"""`sample_frames`: the newest item of each frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from reactivex import Observable
from reactivex import operators as ops

__all__ = ["sample_frames"]

S = TypeVar("S")


def sample_frames(hz: float) -> Callable[[Observable[S]], Observable[S]]:
    """Emit the newest item at most `hz` times a second; older items of the same frame are dropped.

    The last item is emitted before the end. Raises ValueError unless `hz` is above 0.

    ::

        snapshots  -1-2----3-|
                   sample_frames(hz)
                   -----2----3|
    """
    if not hz > 0:
        raise ValueError("The frame rate must be above 0. Pass frames per second.")
    return ops.sample(1 / hz)
