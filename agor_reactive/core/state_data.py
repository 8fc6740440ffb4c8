"""A whole state as JSON-ready data and back, everything that the core remembers included.

For logs: a state that was written down goes on folding exactly as the one it was made of. `SessionState.dump()` is for
people and leaves out what only the core needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, fields
from typing import Any

from agor_reactive.core.entries import MessageEntry, SessionRowEntry, TaskEntry
from agor_reactive.core.events import Failure
from agor_reactive.core.fetches import Fetch, FetchResult, SyncEnd, SyncRound
from agor_reactive.core.persistent import PMap
from agor_reactive.core.snapshot import Base, Bookkeeping, SessionState, Status
from agor_reactive.core.streams import Head, Stream, Streams
from agor_reactive.core.tables import LoadedTasks, MessageBucket, MessagesByTask, TaskTable
from agor_reactive.core.text import Run
from agor_reactive.core.tools import LiveTool, LiveToolMap
from agor_reactive.models.base import FrozenDict, row_from_wire
from agor_reactive.models.task import Task
from agor_reactive.models.wire import LinkStatus

__all__ = ["StateDataError", "state_from_data", "state_to_data"]

Data = dict[str, Any]


class StateDataError(ValueError):
    """The data is no state of this version."""


def state_to_data(state: SessionState, clean: Callable[[Any], Any] = lambda value: value, *, rows: bool = True) -> Data:
    """The state as JSON-ready data. It shares payloads with the state: not to be changed.

    `clean` is called with the fields of each row and each chunk of text, and returns what is written in their place.
    Without `rows` tasks and messages are left out.
    """
    return _Writer(clean).state(state, rows)


def state_from_data(
    data: Mapping[str, Any], rows: tuple[Iterable[TaskEntry], Iterable[MessageEntry]] | None = None
) -> SessionState:
    """The state that the data was made of, with these `rows` if it was made without. Raises `StateDataError`."""
    try:
        return _read(data, rows)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise StateDataError(f"no state of this version: {type(error).__name__} {error}") from None


# ------------------------------------------------------------------------------------------------------------- writing

_PLAIN_BOOKS = tuple(each.name for each in fields(Bookkeeping) if each.type in ("int", "bool"))


class _Writer:
    def __init__(self, clean: Callable[[Any], Any]) -> None:
        self._clean = clean

    def state(self, state: SessionState, rows: bool) -> Data:
        base = state._base
        messages = base.messages_by_task
        return {
            "revision": state.revision,
            "accepts_session_id": base.accepts_session_id,
            "status": asdict(base.status) | {"errors": [list(pair) for pair in base.status.errors]},
            "session": self._entry(base.session),
            "tasks": [self._entry(entry) for entry in base.tasks.entries.values()] if rows else None,
            "task_order": list(base.tasks.hint),
            "active_tasks": list(base.tasks.active),
            "buckets": list(messages.buckets),
            "messages": [self._entry(entry) for entry in messages.entries.values()] if rows else None,
            "queued_tasks": [self._clean(task.to_wire()) for task in base.queued_tasks],
            "live_tools": {
                task_id: {use: list(tool) for use, tool in tools.items()} for task_id, tools in base.live_tools.items()
            },
            "loaded": dict(base.loaded_task_ids.since.items()),
            "streams": [self._stream(stream) for stream in state.streaming_messages.values()],
            "books": self._books(base.books),
        }

    def _entry(self, entry: Any) -> list[Any] | None:
        """``[validated, fields]``: whether the row was validated decides how later rows are compared with it."""
        if entry is None:
            return None
        payload = entry.payload
        return [True, self._clean(entry.row.to_wire())] if payload is None else [False, self._clean(payload)]

    def _run(self, run: Run) -> list[Any]:
        return [run.start, run.end, [self._clean(chunk) for chunk in run.chunks]]

    def _stream(self, stream: Stream) -> Data:
        head = stream._head
        facts = {name: getattr(head, name) for name in Head.__slots__ if name != "thought"}
        earlier = [self._run(run) for run in stream._earlier]
        return {
            **facts,
            "thought": self._run(head.thought),
            "earlier": earlier,
            "last": self._run(stream._last),
            "moved_at": stream.moved_at,
        }

    def _books(self, books: Bookkeeping) -> Data:
        return {
            **{name: getattr(books, name) for name in _PLAIN_BOOKS},
            "fetches": [list(fetch) for fetch in books.fetches],
            "round": self._round(books.round),
            "journal_tasks": [[key, at, self._entry(entry)] for key, (at, entry) in books.journal_tasks.items()],
            "journal_messages": [[key, at, self._entry(entry)] for key, (at, entry) in books.journal_messages.items()],
            "journal_tools": [[*key, at] for key, at in books.journal_tools.items()],
            "gone_tasks": dict(books.gone_tasks.items()),
            "gone_messages": dict(books.gone_messages.items()),
            "user_loads": {key: list(value) for key, value in books.user_loads.items()},
            "settled": {key: list(value) for key, value in books.settled.items()},
            "missing": [[*key, again] for key, again in books.missing.items()],
            "sync_end": list(books.sync_end.failure or ()) if books.sync_end is not None else None,
        }

    def _round(self, current: SyncRound | None) -> Data | None:
        if current is None:
            return None
        queue = current.queue
        return current._asdict() | {
            "waiting": sorted(current.waiting),
            "session": self._entry(current.session),
            "tasks": [self._entry(task) for task in current.tasks],
            "queue": [self._clean(task.to_wire()) for task in queue] if queue is not None else None,
            "results": [
                [task_id, {**found._asdict(), "messages": [self._entry(message) for message in found.messages]}]
                for task_id, found in current.results
            ],
        }


# ------------------------------------------------------------------------------------------------------------- reading


def _read(data: Mapping[str, Any], rows: tuple[Iterable[TaskEntry], Iterable[MessageEntry]] | None) -> SessionState:
    if rows is None:
        rows = map(_task_entry, data["tasks"]), map(_message_entry, data["messages"])
    base: Base = object.__new__(Base)
    base.accepts_session_id = data["accepts_session_id"]
    base.session = _read_entry(SessionRowEntry, data["session"])
    tasks = {entry.task_id: entry for entry in rows[0]}
    base.tasks = TaskTable(PMap(tasks), tuple(data["task_order"]), tuple(data["active_tasks"]))
    base.messages_by_task = _read_messages(data["buckets"], rows[1])
    base.queued_tasks = tuple([row_from_wire(Task, row) for row in data["queued_tasks"]])
    base.live_tools = PMap(
        {
            task_id: LiveToolMap(task_id, {use: LiveTool(*tool) for use, tool in tools.items()})
            for task_id, tools in data["live_tools"].items()
        }
    )
    base.loaded_task_ids = LoadedTasks(PMap(data["loaded"]))
    base.status = _read_status(data["status"])
    base.books = _read_books(data["books"])
    base.tools = None
    return SessionState(base, Streams([_read_stream(each) for each in data["streams"]]), data["revision"])


def _read_entry(kind: Any, data: Any) -> Any:
    if data is None:
        return None
    validated, fields_ = data
    if not validated:
        entry = kind.from_payload(fields_)
        if entry is not None:
            return entry
    return kind.of(row_from_wire(kind.model, fields_))


def _task_entry(data: Any) -> TaskEntry:
    entry: TaskEntry = _read_entry(TaskEntry, data)
    return entry


def _message_entry(data: Any) -> MessageEntry:
    entry: MessageEntry = _read_entry(MessageEntry, data)
    return entry


def _read_messages(task_ids: Iterable[str], rows: Iterable[MessageEntry]) -> MessagesByTask:
    buckets: dict[Any, list[MessageEntry]] = {task_id: [] for task_id in task_ids}
    known: dict[str, MessageEntry] = {}
    for entry in rows:
        buckets[entry.task_id].append(entry)
        known[entry.message_id] = entry
    return MessagesByTask(PMap({task_id: MessageBucket(kept) for task_id, kept in buckets.items()}), PMap(known))


def _read_run(data: Any) -> Run:
    start, end, chunks = data
    run = Run(start, tuple(chunks))
    run.end = end  # of chunks without numbers it is `start`
    return run


def _read_stream(data: Mapping[str, Any]) -> Stream:
    head: Head = object.__new__(Head)
    for name in Head.__slots__:
        setattr(head, name, _read_run(data["thought"]) if name == "thought" else data[name])
    return Stream(head, tuple(map(_read_run, data["earlier"])), _read_run(data["last"]), data["moved_at"])


def _read_status(data: Mapping[str, Any]) -> Status:
    return Status(
        **{
            **data,
            "link": LinkStatus(**data["link"]),
            "connection": LinkStatus(**data["connection"]),
            "errors": tuple([(source, text) for source, text in data["errors"]]),
            "anomalies": FrozenDict(data["anomalies"]),
        }
    )


def _read_books(data: Mapping[str, Any]) -> Bookkeeping:
    def journal(name: str, kind: Any) -> PMap[str, Any]:
        return PMap({key: (at, _read_entry(kind, entry)) for key, at, entry in data[name]})

    return Bookkeeping(
        **{name: data[name] for name in _PLAIN_BOOKS},
        fetches=tuple([Fetch(*fetch) for fetch in data["fetches"]]),
        round=_read_round(data["round"]),
        journal_tasks=journal("journal_tasks", TaskEntry),
        journal_messages=journal("journal_messages", MessageEntry),
        journal_tools=PMap({(task_id, use): at for task_id, use, at in data["journal_tools"]}),
        gone_tasks=PMap(data["gone_tasks"]),
        gone_messages=PMap(data["gone_messages"]),
        user_loads=_pairs(data["user_loads"]),
        settled=_pairs(data["settled"]),
        missing=PMap({(kind, task_id): again for kind, task_id, again in data["missing"]}),
        sync_end=_read_sync_end(data["sync_end"]),
    )


def _read_sync_end(data: Any) -> SyncEnd | None:
    return None if data is None else SyncEnd(Failure(*data) if data else None)


def _pairs(data: Mapping[str, Iterable[Any]]) -> FrozenDict:
    return FrozenDict({key: tuple(value) for key, value in data.items()})


def _read_round(data: Mapping[str, Any] | None) -> SyncRound | None:
    if data is None:
        return None
    return SyncRound(
        **{
            **data,
            "waiting": frozenset(data["waiting"]),
            "session": _read_entry(SessionRowEntry, data["session"]),
            "tasks": tuple(map(_task_entry, data["tasks"])),
            "queue": tuple([row_from_wire(Task, row) for row in data["queue"]]) if data["queue"] is not None else None,
            "results": tuple(
                [
                    (task_id, FetchResult(**{**found, "messages": tuple(map(_message_entry, found["messages"]))}))
                    for task_id, found in data["results"]
                ]
            ),
        }
    )
