"""The Dask DataFrame of a fold, with its plan, its damage and its states."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import Any

import dask
import dask.bag
import dask.dataframe
import distributed

from agor_reactive.errors import CannotConnect, UsageError
from agor_reactive.logs.files import Damage
from agor_reactive.scale.folding import damage_of, fold_partition, last_states
from agor_reactive.scale.paths import expanded
from agor_reactive.scale.plan import Plan, make_plan, scan_files
from agor_reactive.scale.tables import BY, empty, joined, merged

__all__ = ["LogFrame", "planned"]

_SCANNED_AT_ONCE = 50
_LEAST = 2**18
"""Compressed bytes of a partition, at least: a task costs the scheduler about a millisecond."""
_TASKS_PER_WORKER = 4


class LogFrame(dask.dataframe.DataFrame):
    """A Dask DataFrame with a row per session, task or tool call of the logs; what is made of it is a plain one.

    Nothing is folded before it is computed. `plan` says which logs are folded where.
    """

    def __init__(self, expr: Any, plan: Plan, rows: Sequence[Any], by: str) -> None:
        super().__init__(expr)
        self._by = by
        self._plan = plan
        self._rows = tuple(rows)

    @property
    def plan(self) -> Plan:
        """Which logs are folded where."""
        return self._plan

    def explain(self, *args: Any, **kwargs: Any) -> None:
        """Print what is read, folded and merged where. With arguments it is Dask's own picture of the graph."""
        if args or kwargs:
            super().explain(*args, **kwargs)
        else:
            print(self._plan)  # noqa: T201 - what it is for

    def damage(self) -> tuple[Damage, ...]:
        """What could not be read in any of the files. Folds the logs; `compute_with_damage` does both at once."""
        return self._all(dask.compute(*self._damages()))

    def compute_with_damage(self) -> tuple[Any, tuple[Damage, ...]]:
        """The rows as a pandas DataFrame, and what could not be read, of one fold."""
        tables, found = dask.compute(_tables(self._plan, self._rows, self._by), self._damages())
        return joined(tables), self._all(found)

    def tables(self) -> tuple[dict[str, Any], tuple[Damage, ...]]:
        """Every table as a Dask ``Delayed`` per partition, by what it has a row for; and those of the damage.

        They share one fold if they are computed together.
        """
        return {by: _tables(self._plan, self._rows, by) for by in BY}, self._damages()

    def to_parquet(self, path: Any, *args: Any, **kwargs: Any) -> Any:
        """As Dask's, but for the index, which only counts the rows of a partition: it is left out."""
        with warnings.catch_warnings():
            # Dask 2026.8 asks pandas 3.1 to change frames in place, which pandas warns about.
            warnings.filterwarnings("ignore", "The inplace keyword", DeprecationWarning)
            return super().to_parquet(path, *args, **{"write_index": False, **kwargs})

    def persist_rows(self) -> LogFrame:
        """The same frame, folded now and kept where it was folded, so that more than one use costs one fold."""
        rows = dask.persist(*self._rows)
        return _framed(self._plan, rows, self._by)

    def states(self) -> Any:
        """A Dask Bag of the last state of each session, that of its newest mirror.

        ``frame.states().map(work).compute()`` runs `work` where the logs are folded.
        """
        newest: dict[str, int] = {}
        for log in self._plan.logs:
            newest.update(dict.fromkeys(log.sessions, log.order))
        fold = dask.delayed(last_states, pure=True)
        return dask.bag.from_delayed(
            [fold(here, {one: newest[one] for log in here for one in log.sessions}) for here in self._plan.partitions]
        )

    def _damages(self) -> tuple[Any, ...]:
        take = dask.delayed(damage_of, pure=True)
        return tuple(take(rows) for rows in self._rows)

    def _all(self, found: Sequence[Sequence[Damage]]) -> tuple[Damage, ...]:
        return (*self._plan.damage, *(one for some in found for one in some))


def _tables(plan: Plan, rows: Sequence[Any], by: str) -> list[Any]:
    merge = dask.delayed(merged, pure=True)
    tables = [merge([here], by, without=plan.elsewhere(number)) for number, here in enumerate(rows)]
    return tables + [merge([rows[number] for number in where], by, only=ids) for ids, where in plan.spread]


def planned(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    by: str,
    *,
    scheduler: str | None,
    partition_bytes: int,
) -> LogFrame:
    """See `agor_reactive.scale.fold_logs`."""
    empty(by)  # an unknown one is refused before anything is read
    files = expanded(paths)
    workers = _workers(scheduler)
    scan = dask.delayed(scan_files, pure=False)
    batches = [files[at : at + _SCANNED_AT_ONCE] for at in range(0, len(files), _SCANNED_AT_ONCE)]
    scans = [one for some in dask.compute(*(scan(batch) for batch in batches)) for one in some]
    logs = [one for one in scans if one.part is not None]
    if not logs:
        raise UsageError(str(scans[0].damage) if len(scans) == 1 else f"none of {len(scans):,} files is a log")
    even = sum(one.weight for one in logs) // (_TASKS_PER_WORKER * workers)
    plan = make_plan(scans, max(min(partition_bytes, even), min(_LEAST, partition_bytes)))
    fold = dask.delayed(fold_partition, pure=False)
    rows = [fold(here) for here in plan.partitions]
    return _framed(plan, rows, by)


def _framed(plan: Plan, rows: Sequence[Any], by: str) -> LogFrame:
    frame = dask.dataframe.from_delayed(_tables(plan, rows, by), meta=empty(by), verify_meta=False)
    return LogFrame(frame.expr, plan, rows, by)


def _workers(scheduler: str | None) -> int:
    """How many threads work at once. Connects to a scheduler that is named, which is the default one then."""
    try:
        client = distributed.default_client()
    except ValueError:
        client = None
    if scheduler is not None and (client is None or client.scheduler.address != scheduler):
        try:
            client = distributed.Client(scheduler)
        except (OSError, ValueError) as error:
            raise CannotConnect(f"The Dask scheduler {scheduler} does not answer. Is the address right?") from error
    return max(1, sum(client.ncores().values())) if client is not None else os.cpu_count() or 1
