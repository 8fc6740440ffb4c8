"""From a raw event of the wire to an event of the core, or None for what concerns no state.

Total: whatever the payload, the answer is an event, None, or `Malformed`. Unknown topics are None: a newer daemon may
say them. Facts of the wire: bulk routes announce only ``tasks/bulk created`` and ``messages/bulk created``; a queued
prompt announces ``tasks queued`` and no ``tasks created``; bare ``created``/``patched`` twins with null, and
``… created`` of every custom route, are noise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from agor_reactive.core import events as e
from agor_reactive.core.entries import MessageEntry, SessionRowEntry, TaskEntry
from agor_reactive.models.base import WireModel, row_from_wire
from agor_reactive.models.message import Message
from agor_reactive.models.session import Session
from agor_reactive.models.task import Task
from agor_reactive.models.wire import UNREADABLE, CutText, RawEvent

__all__ = ["OWN_TOPICS", "ROW_TOPICS", "TEXT_CHUNK", "TOPICS", "parse", "parse_payload"]

TEXT_CHUNK: Final = "messages streaming:chunk"
"""The topic of a chunk of text: most events are of this one."""

Parser = Callable[[Any], e.Event | None]


_event: Callable[[type[Any], tuple[Any, ...]], e.Event] = tuple.__new__
"""Makes an event of all its fields, in half the time that its class takes to be called."""


class _Unreadable(Exception):
    """Raised inside a parser; becomes `Malformed`."""


def parse(raw: RawEvent) -> e.Event | None:
    """The event of the core that this raw event is, None if it concerns no session's state. Never raises."""
    return parse_payload(raw.topic, raw.payload)


def parse_payload(topic: str, payload: Any, topics: Mapping[str, Parser] | None = None) -> e.Event | None:
    """`parse`, by topic and payload. `topics`: `TOPICS`, or `OWN_TOPICS` if nothing else holds the payload."""
    parser = (TOPICS if topics is None else topics).get(topic)
    if parser is None:
        return None
    try:
        return parser(payload)
    except (_Unreadable, KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return e.Malformed(topic)


def _text(value: Any) -> str:
    if type(value) is str and value:
        return value
    raise _Unreadable


def _maybe_text(value: Any) -> str | None:
    return value if type(value) is str and value else None


def _row(model: type[Any], payload: Any) -> Any:
    row: WireModel = row_from_wire(model, payload)
    if not row.__dict__[model.id_field]:
        raise _Unreadable
    return row


def _session(p: Any) -> SessionRowEntry:
    return SessionRowEntry.of(_row(Session, p))


def _task(p: Any) -> TaskEntry:
    return TaskEntry.of(_row(Task, p))


def _message(p: Any) -> MessageEntry:
    return MessageEntry.of(_row(Message, p))


Reader = Callable[[Any], Any]


def _at_once(p: Any) -> None:
    """Make no entry: the row is validated at once."""


def _row_topics(own_session: Reader, own_task: Reader, own_message: Reader) -> dict[str, Parser]:
    """The topics that bring a row. The readers make an entry of a payload that is validated later; None where a field
    that the fold needs is not of its plain type."""

    def session_saved(p: Any) -> e.Event:
        return _event(e.SessionSaved, (own_session(p) or _session(p),))

    def task_born(p: Any) -> e.Event:
        return _event(e.TaskSaved, (own_task(p) or _task(p), True))

    def task_saved(p: Any) -> e.Event:
        return _event(e.TaskSaved, (own_task(p) or _task(p), False))

    def message_saved(p: Any) -> e.Event:
        return _event(e.MessageSaved, (own_message(p) or _message(p),))

    return {
        "messages created": message_saved,
        "messages patched": message_saved,
        "messages updated": message_saved,
        "messages/bulk created": message_saved,
        "tasks created": task_born,
        "tasks queued": task_born,
        "tasks patched": task_saved,
        "tasks updated": task_saved,
        "tasks/bulk created": task_born,
        "sessions created": session_saved,
        "sessions patched": session_saved,
        "sessions updated": session_saved,
    }


def _session_gone(p: Any) -> e.Event:
    return e.SessionGone(_text(p["session_id"]))


def _task_removed(p: Any) -> e.Event:
    return e.TaskRemoved(_text(p["session_id"]), _text(p["task_id"]))


def _message_removed(p: Any) -> e.Event:
    return e.MessageRemoved(_text(p["session_id"]), _text(p["message_id"]))


def _chunk(p: Any) -> e.Event:
    chunk = p["chunk"]
    if type(chunk) is CutText:
        chunk = chunk.raw
    message_id = p["message_id"]
    if type(chunk) is not str or type(message_id) is not str or not message_id:
        raise _Unreadable
    sequence = p.get("sequence")
    if sequence is not None and (type(sequence) is not int or sequence < 0):
        sequence = _whole(sequence)
    task_id = p.get("task_id")
    if type(task_id) is not str or not task_id:
        task_id = None
    return _event(e.TextChunk, (p["session_id"], message_id, task_id, chunk, sequence))


def _whole(value: Any) -> int | None:
    """A count that is not a plain int: 3.0 is 3, anything else counts as missing."""
    return int(value) if type(value) is float and value >= 0 and value == int(value) else None


def _ids_of(p: Any) -> tuple[str, str, str | None]:
    """Session, message and task of a stream event."""
    session_id, message_id, task_id = p["session_id"], p["message_id"], p.get("task_id")
    if type(session_id) is not str or type(message_id) is not str or not (session_id and message_id):
        raise _Unreadable
    return session_id, message_id, task_id if type(task_id) is str and task_id else None


def _stream_started(p: Any) -> e.Event:
    session_id, message_id, task_id = _ids_of(p)
    role, timestamp = p.get("role"), p.get("timestamp")
    role = role if type(role) is str and role else None
    timestamp = timestamp if type(timestamp) is str and timestamp else None
    return _event(e.StreamStarted, (session_id, message_id, task_id, role, timestamp))


def _stream_ended(p: Any) -> e.Event:
    count = p.get("sequence")
    if count is not None and (type(count) is not int or count < 0):
        count = _whole(count)
    return _event(e.StreamEnded, (*_ids_of(p), count))


def _stream_failed(p: Any) -> e.Event:
    error = p.get("error")
    if isinstance(error, dict):
        error = error.get("message")
    return e.StreamFailed(*_ids_of(p), error if isinstance(error, str) and error else "the reply failed")


def _thinking_started(p: Any) -> e.Event:
    return e.ThinkingStarted(*_ids_of(p), _maybe_text(p.get("timestamp")))


def _thinking_chunk(p: Any) -> e.Event:
    chunk = p["chunk"]
    if type(chunk) is CutText:
        chunk = chunk.raw
    if type(chunk) is not str:
        raise _Unreadable
    return _event(e.ThinkingChunk, (*_ids_of(p), chunk))


def _task_thinking_chunk(p: Any) -> e.Event | None:
    # Relayed as sent: without a message it belongs to no stream.
    return _thinking_chunk(p) if "message_id" in p else None


def _thinking_ended(p: Any) -> e.Event:
    return _event(e.ThinkingEnded, _ids_of(p))


def _tool_started(p: Any) -> e.Event:
    return e.ToolStarted(
        _text(p["session_id"]), _text(p["task_id"]), _text(p["tool_use_id"]), _maybe_text(p.get("tool_name"))
    )


def _queue_moved(p: Any) -> e.Event:
    return e.QueueMoved(_text(p["session_id"]))


_OTHER_TOPICS: dict[str, Parser] = {
    TEXT_CHUNK: _chunk,
    "messages thinking:chunk": _thinking_chunk,
    "messages removed": _message_removed,
    "messages queued": _queue_moved,
    "messages streaming:start": _stream_started,
    "messages streaming:end": _stream_ended,
    "messages streaming:error": _stream_failed,
    "messages thinking:start": _thinking_started,
    "messages thinking:end": _thinking_ended,
    "tasks removed": _task_removed,
    "tasks tool:start": _tool_started,
    "tasks thinking:chunk": _task_thinking_chunk,
    "sessions removed": _session_gone,
    UNREADABLE: lambda _: e.EventUnreadable(),
}

_READ_TOPICS = _row_topics(_at_once, _at_once, _at_once)

ROW_TOPICS = frozenset(_READ_TOPICS)
"""The topics whose payload is a row, and may become part of the state."""

TOPICS: Mapping[str, Parser] = {**_OTHER_TOPICS, **_READ_TOPICS}
"""Every topic that concerns a session's state. ``tasks failed`` and the permission events change no row themselves:
the daemon follows them with ``tasks patched`` or ``messages created``; ``tasks tool:complete`` proves nothing (see
`agor_reactive.core.tools`). `handle.events` shows them."""

_OWN_ROWS = _row_topics(SessionRowEntry.from_payload, TaskEntry.from_payload, MessageEntry.from_payload)

OWN_TOPICS: Mapping[str, Parser] = {**_OTHER_TOPICS, **_OWN_ROWS}
"""`TOPICS` for payloads that nothing else holds or changes: their rows are validated on first access."""
