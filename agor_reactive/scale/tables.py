"""The tables of a fold: a row per session, task and tool call, the same columns and types in every partition."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas

from agor_reactive.core.fold import initial_state
from agor_reactive.core.snapshot import SessionState
from agor_reactive.errors import UsageError
from agor_reactive.logs.files import Damage
from agor_reactive.logs.frames import TIMES, table
from agor_reactive.models.base import instant

__all__ = ["BY", "Rows", "empty", "joined", "merged", "rows_of"]

BY: Final = ("session", "task", "tool")
"""What a table has a row for."""

_TEXT, _COUNT, _NUMBER, _TIME = "string", "int64", "float64", "datetime64[us, UTC]"
_COUNTS = ("messages", "tools", "tools_failed")
_SUMS = ("input_tokens", "output_tokens", "cost_usd", "waited_s", "took_s")
_ENDS = ("completed", "failed", "stopped", "timed_out")

_TYPES: Final[Mapping[str, Mapping[str, str]]] = {
    "mirrors": {
        "session_id": _TEXT,
        "agent": _TEXT,
        "session_model": _TEXT,
        "session_status": _TEXT,
        "session_created_at": _TIME,
        "hydration": _TEXT,
        "mirror": _COUNT,
    },
    "task": {
        **dict.fromkeys(("session_id", "task_id", "status", "model", "error", "agent", "day"), _TEXT),
        **dict.fromkeys(("created_at", "started_at", "completed_at"), _TIME),
        **dict.fromkeys(_SUMS, _NUMBER),
        **dict.fromkeys(_COUNTS, _COUNT),
        "loaded": "bool",
        "mirror": _COUNT,
    },
    "tool": {
        **dict.fromkeys(("session_id", "task_id", "tool_use_id", "tool_name", "status"), _TEXT),
        "failed": "bool",
        "denied": "bool",
        "called_at": _TIME,
        "answered_at": _TIME,
        "took_s": _NUMBER,
        "mirror": _COUNT,
    },
    "session": {
        "session_id": _TEXT,
        "agent": _TEXT,
        "model": _TEXT,
        "status": _TEXT,
        "hydration": _TEXT,
        "created_at": _TIME,
        "mirrors": _COUNT,
        "turns": _COUNT,
        **dict.fromkeys(_ENDS, _COUNT),
        **dict.fromkeys(_COUNTS, _COUNT),
        **dict.fromkeys(_SUMS, _NUMBER),
    },
}


@dataclass(frozen=True, slots=True)
class Rows:
    """What the logs of a partition hold: a row per mirror, per task and per tool call of each mirror; and damage.

    `mirror` numbers the mirrors of all logs in order of time.
    """

    mirrors: Any
    tasks: Any
    tools: Any
    damage: tuple[Damage, ...]


def rows_of(states: Iterable[tuple[int, SessionState]], damage: Sequence[Damage]) -> Rows:
    """The rows of states, each with the number of its mirror. A state is let go before the next one is taken."""
    mirrors: list[tuple[Any, ...]] = []
    tasks: list[tuple[Any, ...]] = []
    tools: list[tuple[Any, ...]] = []
    empty_state = initial_state("none")
    task_names, tool_names = table(empty_state, "tasks")[0], table(empty_state, "tools")[0]
    task_id, created = task_names.index("task_id"), task_names.index("created_at")
    model_at = task_names.index("model")
    for number, state in states:
        session = state.session
        agent = session.agentic_tool if session is not None else None
        settings = session.model_settings if session is not None else None
        model = settings.model if settings is not None else None
        at = instant(session.created_at) if session is not None else None
        status = session.status if session is not None else None
        mirrors.append((state.session_id, agent, model, status, at, state.task_hydration, number))
        for row in table(state, "tasks")[1]:
            day = _day(row[created])
            known = (*row[:model_at], row[model_at] or model, *row[model_at + 1 :])
            tasks.append((*known, agent, day, state.is_task_loaded(row[task_id]), number))
        tools.extend((*row, number) for row in table(state, "tools")[1])
    return Rows(
        _frame("mirrors", list(_TYPES["mirrors"]), mirrors),
        _frame("task", [*task_names, "agent", "day", "loaded", "mirror"], tasks),
        _frame("tool", [*tool_names, "mirror"], tools),
        tuple(damage),
    )


def _day(at: float | None) -> str | None:
    return str(pandas.Timestamp(at, unit="s", tz="UTC").date()) if at is not None else None


def _frame(name: str, columns: list[str], rows: list[tuple[Any, ...]]) -> Any:
    frame = pandas.DataFrame(rows, columns=columns)
    for column in columns:
        if column in TIMES or column == "session_created_at":
            frame[column] = pandas.to_datetime(frame[column].astype("float64"), unit="s", utc=True)
    return _typed(name, frame)


def _typed(name: str, frame: Any) -> Any:
    types = {column: kind for column, kind in _TYPES[name].items() if column in frame.columns}
    return frame.astype(types)[[column for column in frame.columns if column in types]]


def empty(by: str) -> Any:
    """A table without rows. Raises `UsageError` for an unknown `by`."""
    if by not in BY:
        raise UsageError(f"there is no table by {by!r}; there are {', '.join(BY)}")
    return merged([rows_of([], ())], by)


def merged(
    parts: Sequence[Rows], by: str, *, only: Collection[str] | None = None, without: Collection[str] = ()
) -> Any:
    """The table of these rows, each session, task and tool call once; of the sessions `only`, or all `without` some."""

    def taken(name: str) -> Any:
        frames = [getattr(part, name) for part in parts]
        frame = pandas.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]
        if only is not None:
            return frame[frame["session_id"].isin(list(only))]
        return frame[~frame["session_id"].isin(list(without))] if without else frame

    tasks = taken("tasks")
    if by == "tool":
        return _tools(taken("tools"), tasks)
    tasks = _tasks(tasks)
    return _final("task", tasks) if by == "task" else _sessions(taken("mirrors"), tasks)


def joined(tables: Sequence[Any]) -> Any:
    """The tables of all partitions as one."""
    return pandas.concat(list(tables), ignore_index=True)


_TASK = ["session_id", "task_id"]


def _tasks(frame: Any) -> Any:
    """Each task as its newest mirror has it; what its messages tell, of the newest mirror that has loaded them."""
    frame = frame.sort_values("mirror", kind="stable")
    if not frame.duplicated(_TASK).any():
        return frame
    newest = frame.drop_duplicates(_TASK, keep="last").set_index(_TASK)
    loaded = frame[frame["loaded"]].drop_duplicates(_TASK, keep="last").set_index(_TASK)
    from_messages = [*_COUNTS, "loaded"]
    newest.loc[loaded.index, from_messages] = loaded[from_messages]
    return newest.reset_index()


def _tools(frame: Any, tasks: Any) -> Any:
    """The tool calls of each task as the newest mirror that has loaded its messages has them; else as the newest."""
    if frame["mirror"].nunique() > frame["session_id"].nunique():
        ranked = tasks.sort_values(["loaded", "mirror"], kind="stable").drop_duplicates(_TASK, keep="last")
        chosen = frame.merge(ranked[[*_TASK, "mirror"]], on=[*_TASK, "mirror"], how="inner")
        frame = chosen[frame.columns]
    return _final("tool", frame)


def _sessions(mirrors: Any, tasks: Any) -> Any:
    newest = mirrors.sort_values("mirror", kind="stable").drop_duplicates("session_id", keep="last")
    frame = newest.set_index("session_id").rename(
        columns={"session_model": "model", "session_status": "status", "session_created_at": "created_at"}
    )
    of_tasks = tasks.assign(**{end: tasks["status"].eq(end).fillna(False).astype("int64") for end in _ENDS})
    by_session = of_tasks.groupby("session_id", sort=False)
    frame["mirrors"] = mirrors.groupby("session_id", sort=False).size()
    frame["turns"] = by_session.size()
    sums = by_session[[*_ENDS, *_COUNTS]].sum()
    known = by_session[list(_SUMS)].sum(min_count=1)  # NaN where no task says
    frame = frame.join(sums).join(known)
    counts = ["turns", *_ENDS, *_COUNTS]
    frame[counts] = frame[counts].fillna(0).astype("int64")
    return _final("session", frame.reset_index())


def _final(name: str, frame: Any) -> Any:
    columns = [column for column in _TYPES[name] if column != "mirror"]
    return _typed(name, frame)[columns].sort_values(columns[: 3 if name == "tool" else 2], ignore_index=True)
