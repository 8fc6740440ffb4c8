"""Any number of recorded logs, folded on a Dask scheduler: `fold_logs`. Needs the extra ``[dask]``.

>>> from agor_reactive import scale
>>> turns = scale.fold_logs("logs/*.zst", by="task")  # doctest: +SKIP
>>> turns.groupby("model").cost_usd.sum().compute()   # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING

from agor_reactive.errors import MissingExtra

if TYPE_CHECKING:
    from agor_reactive.scale.frame import LogFrame

__all__ = ["fold_logs"]


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
    try:
        import dask.dataframe
        import distributed  # noqa: F401
    except ImportError:
        raise MissingExtra("Folding many logs needs Dask: pip install 'agor-reactive[dask]'") from None
    from agor_reactive.scale.frame import planned

    return planned(paths, by, scheduler=scheduler, partition_bytes=partition_bytes)
