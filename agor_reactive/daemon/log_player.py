"""A daemon that plays a log: its rows are those of the recording, and its events come as they were recorded.

It is the embedded daemon without its agent, so every client talks to it, the official one included. It is read-only.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Self

from agor_reactive import logs
from agor_reactive.daemon.api_versions import DEFAULT_API_VERSION, ApiVersionName
from agor_reactive.daemon.context import DaemonContext
from agor_reactive.daemon.faults import forbidden
from agor_reactive.daemon.server import EmbeddedDaemon
from agor_reactive.daemon.services.base import Call, Registry
from agor_reactive.daemon.store import Row
from agor_reactive.daemon.tables import Table
from agor_reactive.errors import UsageError
from agor_reactive.logs import Log
from agor_reactive.logs.folding import started
from agor_reactive.logs.reading import raw_event
from agor_reactive.logs.records import FormatError
from agor_reactive.models.wire import UNREADABLE, CutText, RawEvent

__all__ = ["LogPlayer", "serve_log"]

_log = logging.getLogger("agor_reactive")

_READING: Final = frozenset({"find", "get"})
_OPEN_TO_WRITES: Final = frozenset({"authentication", "authentication/refresh", "session-streams"})
_STORED: Final = frozenset({"created", "queued", "patched", "updated"})


class _ReadOnly(Registry):
    """Refuses every call that would change a row. `joined` is set when a session's room is joined."""

    def __init__(self, context: DaemonContext) -> None:
        super().__init__(context)
        self.joined = asyncio.Event()

    async def invoke(self, path: str, method: str, args: list[Any], call: Call) -> Any:
        where = path.strip("/")
        if method not in _READING and where not in _OPEN_TO_WRITES:
            raise forbidden("This daemon plays a log. Nothing can be changed.")
        answer = await super().invoke(path, method, args, call)
        if where == "session-streams" and method == "create" and args[0].get("session_id"):
            self.joined.set()
        return answer


class LogPlayer(EmbeddedDaemon):
    """A daemon on loopback that plays a log, once, and keeps its last rows.

    `speed` 10 plays ten times as fast, ``math.inf`` without a pause. It begins when a client has joined the room of a
    session, or with `at_once` at the start; until then its rows are those from before the first event. `played` waits
    for the end. `port`, `api_key` and `api_version` are those of `EmbeddedDaemon`. Changes are answered with
    ``Forbidden``.
    """

    def __init__(
        self,
        log: Log,
        *,
        port: int = 0,
        speed: float = 1.0,
        at_once: bool = False,
        api_key: str | None = None,
        api_version: ApiVersionName = DEFAULT_API_VERSION,
    ) -> None:
        if not speed > 0:
            raise UsageError(f"speed is greater than 0, not {speed!r}")
        super().__init__(port=port, api_key=api_key, api_version=api_version)
        self.log = log
        self._pace = speed
        self._at_once = at_once
        self._read_only: _ReadOnly | None = None
        self._player: asyncio.Task[None] | None = None

    async def start(self) -> Self:
        """Listen, with the rows from before the first event."""
        if self._player is None:
            records = self.log.records()
            await super().start()
            assert self._read_only is not None
            if self._at_once:
                self._read_only.joined.set()
            first = self._preroll(records)
            self._player = asyncio.get_running_loop().create_task(self._play(first, records), name="log player")
        return self

    async def played(self) -> None:
        """Wait until everything has been played. Raises what playing raised."""
        if self._player is not None:
            await asyncio.shield(self._player)

    async def stop(self, *, graceful: bool = True) -> None:
        """Stop playing and listening."""
        player, self._player = self._player, None
        if player is not None:
            player.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await player
        await super().stop(graceful=graceful)

    def _registry(self, context: DaemonContext) -> Registry:
        self._read_only = _ReadOnly(context)
        return self._read_only

    # --------------------------------------------------------------------------------------------------------- playing

    def _preroll(self, records: Iterator[Mapping[str, Any]]) -> Mapping[str, Any] | None:
        """Take all rows from before the first event, and on until there is a session, which clients can join.

        Returns the record of the next event.
        """
        for record in records:
            if record["kind"] == "event" and self._now_running.context.sessions.all():
                return record
            self._take(record, sends=False)
        return None

    async def _play(self, first: Mapping[str, Any] | None, records: Iterator[Mapping[str, Any]]) -> None:
        assert self._read_only is not None
        await self._read_only.joined.wait()
        if first is None:
            return
        loop = asyncio.get_running_loop()
        began = loop.time()
        record: Mapping[str, Any] | None = first
        count = 0
        while record is not None:
            count += 1
            due = began if self._pace == math.inf else began + (record["t"] - first["t"]) / self._pace
            if due > loop.time():
                await asyncio.sleep(due - loop.time())
            elif count % 50 == 0:
                await asyncio.sleep(0)  # so that calls are answered meanwhile
            self._take(record)
            record = next(records, None)

    def _take(self, record: Mapping[str, Any], *, sends: bool = True) -> None:
        """Change the rows of a record, as the recorded daemon had by then, and send its event to clients."""
        raw = raw_event(dict(record)) if record["kind"] == "event" else None
        if raw is None:
            self._take_rows(record)
        elif raw.topic != UNREADABLE:  # the recording client could not read it; what was in it is not known
            self._take_event(raw, sends=sends)

    def _take_event(self, raw: RawEvent, *, sends: bool) -> None:
        service, _, verb = raw.topic.rpartition(" ")
        payload = raw.payload
        table = self._tables.get(service)
        if table is not None and isinstance(payload, dict) and isinstance(payload.get(table.id_field), str):
            if verb in _STORED:
                self._put(table, payload)
            elif verb == "removed":
                self._drop(table, payload)
        if not sends:
            return
        if isinstance(payload, dict) and type(payload.get("chunk")) is CutText:
            payload = {**payload, "chunk": payload["chunk"].raw}
        self._now_running.context.bus.publish(raw.topic, payload)

    # ------------------------------------------------------------------------------------------------------------ rows

    @property
    def _tables(self) -> dict[str, Table]:
        context = self._now_running.context
        tables = {"sessions": context.sessions, "tasks": context.tasks, "messages": context.messages}
        return {**tables, "tasks/bulk": context.tasks, "messages/bulk": context.messages}

    def _take_rows(self, record: Mapping[str, Any]) -> None:
        """Store the rows that a mirror began with, or that a fetch brought."""
        if record["kind"] == "mirror":
            try:
                state = started(dict(record)).state
            except FormatError as error:
                _log.warning("record %s of the log: %s", record["n"], error)
                return
            self._put_all("sessions", [state.session.to_wire()] if state.session is not None else [])
            self._put_all("tasks", [task.to_wire() for task in (*state.tasks, *state.queued_tasks)])
            self._put_all("messages", [entry.row.to_wire() for entry in state.messages_by_task.entries.values()])
        elif record["kind"] == "answer":
            self._put_all("sessions", [record.get("session")])
            self._put_all("tasks", record.get("tasks"))
            self._put_all("messages", record.get("messages"))

    def _put_all(self, service: str, rows: Any) -> None:
        table = self._tables[service]
        for row in rows if isinstance(rows, Iterable) else ():
            if isinstance(row, dict) and isinstance(row.get(table.id_field), str):
                self._put(table, row)

    def _put(self, table: Table, row: Row) -> None:
        if table.find(row[table.id_field]) is None:
            table.insert(row)
        else:
            table.put(row)

    def _drop(self, table: Table, row: Row) -> None:
        store, row_id = self._now_running.context.store, row[table.id_field]
        table.drop(row)
        if table.kind == "sessions":
            store.delete_of_session("tasks", row_id)
            store.delete_of_session("messages", row_id)


def serve_log(log: Log | str | os.PathLike[str] | Sequence[str | os.PathLike[str]], **options: Any) -> LogPlayer:
    """A daemon that plays a log (or files of one) to any client; use it as an async context manager.

    ::

        async with serve_log("session.jsonl.zst", speed=10) as daemon:
            client = create_client(daemon.url, api_key=daemon.api_key)

    `options` are those of `LogPlayer`. Raises `UsageError` for files that are no log.
    """
    return LogPlayer(log if isinstance(log, Log) else logs.open(log), **options)
