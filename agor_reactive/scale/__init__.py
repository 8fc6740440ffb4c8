"""Any number of recorded logs, folded on a Dask scheduler: `fold_logs`. Needs the extra ``[dask]``.

>>> from agor_reactive import scale
>>> turns = scale.fold_logs("logs/*.zst", by="task")  # doctest: +SKIP
>>> turns.groupby("model").cost_usd.sum().compute()   # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agor_reactive.errors import MissingExtra

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from agor_reactive.scale.frame import LogFrame
    from agor_reactive.scale.summary import Report

__all__ = ["fold_logs", "local_workers", "report", "write_report_page"]


def fold_logs(
    paths: str | PathLike[str] | Sequence[str | PathLike[str]],
    by: str = "session",
    *,
    scheduler: str | None = None,
    partition_bytes: int = 4 * 2**20,
) -> LogFrame:
    """Fold logs of sessions into a Dask DataFrame with a row per ``session``, ``task`` or ``tool`` call.

    `paths` are files, patterns (``logs/*.zst``) or addresses (``s3://``, ``gs://``, ``https://``, through fsspec). They
    are read once here to plan, and folded when the frame is computed. A session that several logs hold has one row:
    what its newest mirror knows, with the tasks of older ones. What cannot be read is in `LogFrame.damage`.

    `scheduler` is the address of a Dask scheduler; None is the current `distributed.Client`, or Dask's own threads.
    A partition folds logs of about `partition_bytes` compressed bytes. Raises `UsageError` if no file is a log, or for
    an unknown `by`, and `MissingExtra` without Dask.
    """
    _check_extra()
    from agor_reactive.scale.frame import planned

    return planned(paths, by, scheduler=scheduler, partition_bytes=partition_bytes)


def report(
    paths: str | PathLike[str] | Sequence[str | PathLike[str]],
    by: Sequence[str] = ("agent", "model", "day"),
    *,
    scheduler: str | None = None,
) -> Report:
    """Fold logs, and sum their turns by ``agent``, ``model``, ``day``, ``status`` or ``session``. Sums are made where
    the logs are folded. Raises what `fold_logs` raises, and `UsageError` for another key.
    """
    _check_extra()
    from agor_reactive.scale.summary import report_of

    return report_of(fold_logs(paths, by="task", scheduler=scheduler), by)


def write_report_page(made: Report, path: str | PathLike[str]) -> Path:
    """Write a report as one HTML file with plots, which loads and runs nothing. An existing file is replaced."""
    from agor_reactive.scale.page import write_page

    return write_page(made, path)


def local_workers(count: int) -> AbstractContextManager[Any]:
    """Within ``with``: run Dask on so many processes here. A script needs its ``if __name__ == "__main__":`` for them.

    With one, everything runs in this process. Raises `MissingExtra` without Dask.
    """
    _check_extra()
    from agor_reactive.scale.workers import local_workers as work

    return work(count)


def _check_extra() -> None:
    try:
        for name in ("dask.dataframe", "distributed"):
            import_module(name)
    except ImportError:
        raise MissingExtra("Folding many logs needs Dask: pip install 'agor-reactive[dask]'") from None
