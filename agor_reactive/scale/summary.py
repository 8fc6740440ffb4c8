"""Sums over turns by agent, model, day and other columns: made of each partition where it is, then put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import dask
import pandas

from agor_reactive.errors import UsageError
from agor_reactive.logs.files import Damage
from agor_reactive.scale.frame import LogFrame

__all__ = ["KEYS", "Report", "report_of"]

KEYS: Final = {"agent": "agent", "model": "model", "day": "day", "status": "status", "session": "session_id"}
"""What turns can be grouped by, and the column of each."""

_SUMS: Final = ["messages", "tools", "tools_failed", "input_tokens", "output_tokens", "cost_usd", "waited_s", "took_s"]
_COUNTS: Final = ["sessions", "turns", "failed", "stopped", "waits", "timed", "messages", "tools", "tools_failed"]


@dataclass(frozen=True, slots=True)
class Report:
    """Sums of a fold, as pandas DataFrames.

    `groups` has a row per group of `by`, `days` per day, `tools` per tool; the first columns name it. Costs and tokens
    are NaN where no turn says. `waited_s` and `took_s` are means in seconds, of `groups` and `days` over the turns that
    say.
    """

    by: tuple[str, ...]
    groups: Any
    days: Any
    tools: Any
    sessions: int
    logs: int
    damage: tuple[Damage, ...]


def report_of(frame: LogFrame, by: Sequence[str]) -> Report:
    """Fold, and sum the turns by these of `KEYS`. Raises `UsageError` for others."""
    unknown = [key for key in by if key not in KEYS]
    if unknown or not by:
        raise UsageError(f"turns cannot be grouped by {', '.join(unknown) or 'nothing'}; there are {', '.join(KEYS)}")
    keys = list(dict.fromkeys(KEYS[key] for key in by))
    tables, damages = frame.tables()
    sums = dask.delayed(_sums, pure=True)
    parts = [sums(tasks, tools, keys) for tasks, tools in zip(tables["task"], tables["tool"], strict=True)]
    done, found = dask.compute(parts, damages)
    groups = _turns([part[0] for part in done], keys)
    days = _turns([part[1] for part in done], ["day"])
    damage = (*frame.plan.damage, *(one for some in found for one in some))
    held = len({one for log in frame.plan.logs for one in log.sessions})
    return Report(tuple(by), groups, days, _tools([part[2] for part in done]), held, len(frame.plan.logs), damage)


def _sums(tasks: Any, tools: Any, keys: list[str]) -> tuple[Any, Any, Any]:
    """The sums of one partition, whose sessions are in no other."""
    known = tasks.assign(
        failed=tasks["status"].isin(["failed", "timed_out"]).astype("int64"),
        stopped=tasks["status"].eq("stopped").fillna(False).astype("int64"),
        waits=tasks["waited_s"].notna().astype("int64"),
        timed=tasks["took_s"].notna().astype("int64"),
        sessions=tasks["session_id"],
    )
    made = []
    for columns in (keys, ["day"]):
        grouped = known.groupby(columns, dropna=False, sort=False)
        sums = grouped[[name for name in _COUNTS if name not in ("sessions", "turns", *_SUMS)]].sum()
        frame = grouped[_SUMS].sum(min_count=1).join(sums)
        frame["sessions"], frame["turns"] = grouped["sessions"].nunique(), grouped.size()
        made.append(frame.reset_index())
    by_tool = tools.assign(timed=tools["took_s"].notna().astype("int64")).groupby("tool_name", dropna=False, sort=False)
    of_tools = by_tool[["failed", "denied", "timed"]].sum().join(by_tool["took_s"].sum(min_count=1))
    of_tools["calls"], of_tools["longest_s"] = by_tool.size(), by_tool["took_s"].max()
    return made[0], made[1], of_tools.reset_index()


def _turns(parts: Sequence[Any], keys: list[str]) -> Any:
    together = pandas.concat(list(parts), ignore_index=True).groupby(keys, dropna=False)
    frame = together[list(dict.fromkeys([*_COUNTS, *_SUMS]))].sum(min_count=1).reset_index()
    frame["waited_s"] /= frame["waits"].where(frame["waits"] > 0)
    frame["took_s"] /= frame["timed"].where(frame["timed"] > 0)
    frame[_COUNTS] = frame[_COUNTS].fillna(0).astype("int64")
    order = [*keys, "sessions", "turns", "failed", "stopped", *_SUMS]
    return frame[order].sort_values(keys, na_position="last", ignore_index=True)


def _tools(parts: Sequence[Any]) -> Any:
    together = pandas.concat(list(parts), ignore_index=True).groupby("tool_name", dropna=False)
    frame = together[["calls", "failed", "denied", "timed", "took_s"]].sum(min_count=1).reset_index()
    frame["took_s"] /= frame["timed"].where(frame["timed"] > 0)
    frame["longest_s"] = together["longest_s"].max().to_numpy()
    counts = ["calls", "failed", "denied"]
    frame[counts] = frame[counts].fillna(0).astype("int64")
    order = ["tool_name", *counts, "took_s", "longest_s"]
    return frame[order].sort_values(["calls", "tool_name"], ascending=[False, True], ignore_index=True)
