"""Text and thinking being written.

Laws: a chunk without its start opens the stream; a second start keeps the text; text and thinking end apart; the saved
message removes its stream; when its task ends an empty stream goes and text stays, settled; late chunks revive nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agor_reactive.core import events as e
from agor_reactive.core.fold import limits
from agor_reactive.core.fold.draft import Draft, after_next
from agor_reactive.core.snapshot import SessionState
from agor_reactive.core.streams import Stream, StreamDraft, StreamsById
from agor_reactive.models.base import FrozenDict
from agor_reactive.models.task import ENDED_STATUSES

__all__ = [
    "append_next",
    "drop_strays",
    "drop_streams_of",
    "fold_next",
    "mark_gap",
    "saved",
    "settle",
    "settle_task",
    "stamp",
    "stream_ended",
    "stream_failed",
    "stream_started",
    "text_chunk",
    "thinking_chunk",
    "thinking_ended",
    "thinking_started",
]

SETTLED_LIMIT = 256
"""How many finished messages are remembered, so that a late event for one of them is recognised as late."""


def append_next(draft: Draft, payload: Any) -> bool:
    """Append a chunk's text, straight from its payload, to the stream that waits for just this one.

    Returns False, with nothing changed, for every other payload: then `parse` and `text_chunk` have to decide, whose
    rules these are. Nearly every event is such a chunk, and here it costs no event and no dispatch: half of the time
    (`python -m benchmarks --only stream`).
    """
    stream = _waiting_for(payload, draft.streams, draft.accepts_session_id)
    if stream is None:
        return False
    if type(stream) is not StreamDraft:
        stream = draft.stream_to_change(payload["message_id"])
    draft.revision = stream._moved_at = draft.revision + 1
    if stream._owns_last:
        stream._last.extend(payload["chunk"])
    else:
        stream._last = stream._last.append(payload["chunk"], 1)
        stream._owns_last = True
    return True


def fold_next(state: SessionState, payload: Any) -> SessionState | None:
    """The state after a batch of one chunk, the next of its stream; None for every other payload.

    With a thousand sessions written at a time, most batches are such a one. Without a draft it costs half as much
    (`python -m benchmarks --only fanout`).
    """
    stream = _waiting_for(payload, state._streams._by_id, state._base.accepts_session_id)
    return None if stream is None else after_next(state, stream, payload["message_id"], payload["chunk"])


def _waiting_for(payload: Any, streams: StreamsById, session_id: str | None) -> Stream | StreamDraft | None:
    """The stream that is being written and whose next chunk this payload is, without any doubt."""
    if type(payload) is not dict:
        return None
    get = payload.get
    message_id, sequence = get("message_id"), get("sequence")
    if type(message_id) is not str or type(sequence) is not int or type(get("chunk")) is not str:
        return None
    stream = streams.get(message_id)
    if stream is None:
        return None
    head, last = stream._head, stream._last
    if (
        sequence != last.end
        or get("task_id") != head.task_id
        or get("session_id") != session_id
        or not head.streaming  # what has settled is not, either
        or head.gap
        or stream._earlier
        or last.size >= limits.MOST_TEXT
    ):
        return None
    return stream


def text_chunk(draft: Draft, event: e.TextChunk) -> None:
    """Add a chunk to its stream."""
    _, message_id, task_id, chunk, sequence = event
    known = draft.streams.get(message_id)
    if known is None:
        _open_with_chunk(draft, event)
        return
    head = known._head
    if head.settled or not may_adopt(draft, head.task_id, task_id):
        return
    if sum([run.size for run in known._earlier], known._last.size) >= limits.MOST_TEXT:
        limits.say(draft, "characters of one message", limits.MOST_TEXT)
        if not head.gap:
            draft.stream_to_change(message_id).own_head().gap = True
        return
    stream = draft.stream_to_change(message_id)
    if not stream.add(chunk, sequence):
        return
    stream._moved_at = draft.revision
    if not head.streaming or head.task_id is None:
        head = stream.own_head()
        head.task_id = task_id or head.task_id
        # Text that still arrives after its end was said (late, out of order) does not reopen the stream.
        head.streaming = head.streaming or (head.expected is None and head.error is None)


def _open_with_chunk(draft: Draft, event: e.TextChunk) -> None:
    _, message_id, task_id, chunk, sequence = event
    stream = _opened(draft, message_id, task_id)
    if stream is not None:
        stream._head.streaming = True
        stream.add(chunk, sequence)


def _is_over(draft: Draft, message_id: str, task_id: str | None) -> bool:
    """Whether nothing can be written under that id any more: saved, removed, or its task has ended or was removed."""
    books = draft.books
    if draft.messages_by_task.entries.get(message_id) is not None or message_id in books.settled:
        return True
    if books.removals and message_id in books.gone_messages:
        return True
    return task_id is not None and task_id not in draft.tasks.active and _task_is_over(draft, task_id)


def _task_is_over(draft: Draft, task_id: str) -> bool:
    books = draft.books
    if books.removals and task_id in books.gone_tasks:
        return True
    task = draft.tasks.entries.get(task_id)
    return task is not None and task.status in ENDED_STATUSES


def may_adopt(draft: Draft, owner: str | None, task_id: str | None) -> bool:
    """Whether a stream of the task `owner` may be written to by an event that names `task_id`.

    An event that names another task is about another message, or late. A stream whose task is not known yet becomes the
    task's, unless that has ended: its late chunks must not revive anything.
    """
    if task_id is None or task_id == owner:
        return True
    return owner is None and not _task_is_over(draft, task_id)


def _opened(draft: Draft, message_id: str, task_id: str | None) -> StreamDraft | None:
    """A new stream to fill in; None if nothing can be written under that id any more."""
    if _is_over(draft, message_id, task_id):
        return None
    if len(draft.streams) >= limits.MOST_STREAMS:
        limits.say(draft, "streams", limits.MOST_STREAMS)
        return None
    return draft.open_stream(message_id, task_id or draft.tasks.active_task_id)


def _to_change(draft: Draft, message_id: str, task_id: str | None) -> StreamDraft | None:
    """The stream of that id, now the task's; None if it is another task's or its task has ended."""
    known = draft.streams.get(message_id)
    if known is None or known._head.settled or not may_adopt(draft, known._head.task_id, task_id):
        return None
    stream = draft.stream_to_change(message_id)
    if task_id is not None and task_id != stream._head.task_id:
        stream.head_to_change(draft.revision).task_id = task_id
    return stream


def stream_started(draft: Draft, event: e.StreamStarted) -> None:
    """Text begins. A second start keeps the text."""
    _, message_id, task_id, role, timestamp = event
    if message_id not in draft.streams:
        opened = _opened(draft, message_id, task_id)
        if opened is not None:
            head = opened._head
            head.role = role
            head.timestamp = timestamp
            head.started = head.streaming = True
        return
    stream = _to_change(draft, message_id, task_id)
    if stream is not None:
        old = stream._head
        # A start that was overtaken by the end of its text does not reopen it. With chunks here already it may be a
        # second start, and there may have been earlier chunks.
        streaming, started = old.streaming or old.expected is None, old.started or not stream._last
        role, timestamp = role or old.role, old.timestamp or timestamp
        if (streaming, started, role, timestamp) != (old.streaming, old.started, old.role, old.timestamp):
            head = stream.head_to_change(draft.revision)
            head.streaming, head.started, head.role, head.timestamp = streaming, started, role, timestamp


def stream_ended(draft: Draft, event: e.StreamEnded) -> None:
    """Text ends; `chunk_count` says whether all of it is here. The end of an unknown stream is ignored."""
    _, message_id, task_id, chunk_count = event
    stream = _to_change(draft, message_id, task_id)
    if stream is not None:
        expected = stream._head.expected if chunk_count is None else chunk_count
        if stream._head.streaming or expected != stream._head.expected:
            head = stream.head_to_change(draft.revision)
            head.streaming = False
            head.expected = expected


def stream_failed(draft: Draft, event: e.StreamFailed) -> None:
    """The reply failed. Shown even late, if it is for a message whose stream was dropped when its task ended."""
    _, message_id, task_id, error = event
    stream = draft.streams.get(message_id)
    if stream is None:
        _open_for_error(draft, event)
    elif may_adopt(draft, stream.task_id, task_id):
        old, task_id = stream._head, task_id or stream.task_id
        if old.streaming or old.is_thinking or (task_id, error) != (old.task_id, old.error):
            head = draft.stream_to_change(message_id).head_to_change(draft.revision)
            head.streaming = head.is_thinking = False
            head.task_id, head.error = task_id, error


def _open_for_error(draft: Draft, event: e.StreamFailed) -> None:
    message_id, task_id = event.message_id, event.task_id
    if task_id is None:
        return
    settled = draft.books.settled
    if message_id in settled:
        # Only the exact message of the exact task. A saved message needs no error: it is here, perhaps only since a
        # resync, which reads rows that no event has brought.
        if settled[message_id] != (task_id, "dropped"):
            return
        if draft.messages_by_task.entries.get(message_id) is not None:
            return
        books = draft.books
        if books.removals and (task_id in books.gone_tasks or message_id in books.gone_messages):
            return
    elif draft.tasks.entries.get(task_id) is None or _is_over(draft, message_id, task_id):
        return
    if len(draft.streams) >= limits.MOST_STREAMS:
        limits.say(draft, "streams", limits.MOST_STREAMS)
        return
    head = draft.open_stream(message_id, task_id)._head
    task = draft.tasks.entries.get(task_id)
    head.error = event.error
    head.settled = task is not None and task.ended


def thinking_started(draft: Draft, event: e.ThinkingStarted) -> None:
    """Thinking begins, alone or beside text."""
    _, message_id, task_id, timestamp = event
    if message_id not in draft.streams:
        opened = _opened(draft, message_id, task_id)
        if opened is not None:
            opened._head.is_thinking = True
            opened._head.timestamp = timestamp
        return
    stream = _to_change(draft, message_id, task_id)
    if stream is not None and not (stream._head.is_thinking and (stream._head.timestamp or not timestamp)):
        head = stream.head_to_change(draft.revision)
        head.is_thinking = True
        head.timestamp = head.timestamp or timestamp


def thinking_chunk(draft: Draft, event: e.ThinkingChunk) -> None:
    """More thinking, in order of arrival. Without its start the beginning may be missing."""
    _, message_id, task_id, chunk = event
    if message_id in draft.streams:
        stream = _to_change(draft, message_id, task_id)
    else:
        stream = _opened(draft, message_id, task_id)
    if stream is not None:
        head = stream.head_to_change(draft.revision)
        if head.thought.size >= limits.MOST_TEXT:
            limits.say(draft, "characters of one message", limits.MOST_TEXT)
            head.thought_gap = True
            return
        if not head.is_thinking and not head.thought:
            head.thought_gap = True
        head.is_thinking = True
        head.thought = head.thought.append(chunk, 0)


def thinking_ended(draft: Draft, event: e.ThinkingEnded) -> None:
    """Thinking ends; text may go on."""
    _, message_id, task_id = event
    stream = _to_change(draft, message_id, task_id)
    if stream is not None and stream._head.is_thinking:
        stream.head_to_change(draft.revision).is_thinking = False


# ------------------------------------------------------------------------------------------- what rows do to streams


def settle(draft: Draft, message_id: str, task_id: str | None, how: str) -> None:
    """Remember that nothing more will be written under that id; `how` is ``saved`` or ``dropped``."""
    settled: Mapping[str, tuple[str | None, str]] = draft.books.settled
    if settled.get(message_id) == (task_id, how):
        return
    kept = dict(settled)
    kept.pop(message_id, None)
    kept[message_id] = (task_id, how)
    while len(kept) > SETTLED_LIMIT:
        del kept[next(iter(kept))]
    draft.books = draft.books.but(settled=FrozenDict(kept))


def saved(draft: Draft, message_id: str, task_id: str | None) -> None:
    """The message is saved: its row replaces its stream, unless the stream is another task's."""
    stream = draft.streams.get(message_id)
    if stream is not None:
        owner = stream._head.task_id
        if owner == task_id or owner is None or task_id is None:
            del draft.own_streams()[message_id]


def settle_task(draft: Draft, task_id: str) -> None:
    """A task has ended: its empty streams go, the others settle.

    Nothing is written by that, so `moved_at` stays: a row fetched meanwhile still replaces its stream.
    """
    for message_id, known in tuple(draft.streams.items()):
        if known.task_id != task_id:
            continue
        if not known._last and known.error is None:
            draft.drop_stream(message_id)
            settle(draft, message_id, task_id, "dropped")
        elif not known.settled:
            head = draft.stream_to_change(message_id).own_head()
            head.streaming = head.is_thinking = False
            head.settled = True


def drop_streams_of(draft: Draft, task_id: str) -> None:
    """A task is removed, and its streams with it."""
    for message_id, stream in tuple(draft.streams.items()):
        if stream.task_id == task_id:
            draft.drop_stream(message_id)
            settle(draft, message_id, task_id, "saved")


def drop_strays(draft: Draft, begun: int) -> None:
    """All tasks have been read since `begun`: a stream of a task that is not among them goes, unless it is newer."""
    for message_id, stream in tuple(draft.streams.items()):
        if stream.task_id is not None and stream.moved_at <= begun and draft.tasks.entries.get(stream.task_id) is None:
            draft.drop_stream(message_id)


def stamp(draft: Draft) -> None:
    """Streams that came before any task was known belong to the running one."""
    active = draft.tasks.active_task_id if draft.streams else None
    if active is not None:
        for message_id, known in tuple(draft.streams.items()):
            if known.task_id is None:
                draft.stream_to_change(message_id).own_head().task_id = active


def mark_gap(draft: Draft) -> None:
    """The link dropped: of what was being written, a part may be missing from now on."""
    for message_id, known in tuple(draft.streams.items()):
        if not known.settled and (known.streaming or known.is_thinking):
            old = known._head
            gap, thought_gap = old.gap or old.streaming, old.thought_gap or old.is_thinking
            if (gap, thought_gap) != (old.gap, old.thought_gap):
                head = draft.stream_to_change(message_id).own_head()
                head.gap, head.thought_gap = gap, thought_gap
