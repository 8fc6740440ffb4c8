"""Worker processes on this machine, for as long as they are used."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

import dask
import distributed

__all__ = ["local_workers"]


@contextlib.contextmanager
def local_workers(count: int) -> Iterator[distributed.Client | None]:
    """Run Dask on this many processes of one thread each within; with one, in this thread and without a process.

    The processes import the main module again: a script needs its ``if __name__ == "__main__":``.
    """
    if count <= 1:
        with dask.config.set(scheduler="synchronous"):
            yield None
        return
    options = {"n_workers": count, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with distributed.Client(**options, silence_logs=logging.ERROR) as client:
        yield client
