"""Text and thinking being written.

Laws: a chunk without its start opens the stream; a second start keeps the text; text and thinking end apart; the saved
message removes its stream; when its task ends an empty stream goes and text stays, settled; late chunks revive nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from agor_reactive.core import events as e
from agor_reactive.core.fold import limits
from agor_reactive.core.fold.draft import with_last, with_streams
from agor_reactive.core.snapshot import Draft, SessionState
from agor_reactive.core.streams import (
    Head,
    Stream,
    StreamDraft,
    Streams,
    changed_head,
    continued,
    copied_head,
    draft_of,
    freeze_stream,
    new_head,
    open_stream,
    says_the_same,
    settle_stream,
    with_chunk,
    with_head,
)
from agor_reactive.models.base import FrozenDict
from agor_reactive.models.task import ENDED_STATUSES

__all__ = [
    "drop_strays",
    "drop_streams_of",
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
    "without_stream",
]

SETTLED_LIMIT = 256
"""How many finished messages are remembered, so that what comes late for them is known to be late."""


def text_chunk(state: SessionState, event: e.TextChunk) -> SessionState:
    """The hot path: one chunk costs a few small copies, whatever the number of tasks, handles and chunks."""
    session_id, message_id, task_id, chunk, sequence = event
    if session_id != state._base.accepts_session_id:
        return state
    streams = state._streams
    last = streams.last
    after: Stream | None
    # The one that moved last is the one that moves again, nearly always.
    known = last if last is not None and last.head.message_id == message_id else streams.places.get(message_id)
    if known is None:
        after = _opened_by_chunk(state, event)
        if after is not None and len(streams) >= limits.MOST_STREAMS:
            return limits.beyond(state, "streams", limits.MOST_STREAMS)
    else:
        head = known.head
        if head.settled:
            return state
        if task_id is None or task_id == head.task_id:
            run = known.last
            if head.streaming and not head.gap and sequence is not None and (sequence == run.end or not run._count):
                after = continued(known, chunk, sequence, state._revision + 1)
                if known is last:
                    return with_last(state, streams, after)
            else:
                after = _changed_by_chunk(known, event, state._revision + 1)
        elif may_adopt(state._base, known, task_id):
            after = _changed_by_chunk(known, event, state._revision + 1)
        else:
            return state
    return state if after is None else with_streams(state, streams.put(after))


def _opened_by_chunk(state: SessionState, event: e.TextChunk) -> Stream | None:
    _, message_id, task_id, chunk, sequence = event
    stream = _opened(state, message_id, task_id)
    if stream is None:
        return None
    stream.head.streaming = True
    with_chunk(stream, chunk, sequence)
    return freeze_stream(stream)


def _changed_by_chunk(known: Stream, event: e.TextChunk, rev: int) -> Stream | None:
    """The first, unnumbered, early, late, known already, or the first that names the stream's task."""
    _, _, task_id, chunk, sequence = event
    stream = draft_of(known, rev)
    if task_id is not None and task_id != known.head.task_id:
        changed_head(stream).task_id = task_id
    if not with_chunk(stream, chunk, sequence):
        return None
    # Text that still arrives after its end was said (late, out of order) does not reopen it.
    head = stream.head
    if not head.streaming and head.expected is None and head.error is None:
        changed_head(stream).streaming = True
    return freeze_stream(stream)


def is_over(base: Draft, message_id: str, task_id: str | None) -> bool:
    """Whether nothing can be written under that id any more: saved, removed, or its task has ended or gone."""
    books = base.books
    if base.messages_by_task.entries.get(message_id) is not None or message_id in books.settled:
        return True
    if books.removals and message_id in books.gone_messages:
        return True
    return task_id is not None and task_id not in base.tasks.active and _task_is_over(base, task_id)


def _task_is_over(base: Draft, task_id: str) -> bool:
    books = base.books
    if books.removals and task_id in books.gone_tasks:
        return True
    task = base.tasks.entries.get(task_id)
    return task is not None and task.status in ENDED_STATUSES


def may_adopt(base: Draft, known: Stream, task_id: str) -> bool:
    """Whether a stream of no known task may become this task's."""
    return known.task_id is None and not _task_is_over(base, task_id)


def _opened(state: SessionState, message_id: str, task_id: str | None) -> StreamDraft | None:
    """A stream to fill in, for one never heard of; None if nothing can be written under that id any more."""
    base = state._base
    if is_over(base, message_id, task_id):
        return None
    return open_stream(new_head(message_id, task_id or base.tasks.active_task_id), state._revision + 1)


def _head_to_change(state: SessionState, known: Stream, task_id: str | None) -> Head | None:
    """A copy to change; None if nothing can be written there any more, or by that task."""
    old = known.head
    if old.settled:
        return None
    if task_id is None or task_id == old.task_id:
        return copied_head(old)
    if not may_adopt(state._base, known, task_id):
        return None
    head = copied_head(old)
    head.task_id = task_id
    return head


def _changed(state: SessionState, known: Stream, head: Head) -> SessionState:
    """The state with the stream's changed head, unless it says just what it said before."""
    if says_the_same(known.head, head):
        return state
    streams = state._streams
    after = with_head(known, head, state._revision + 1)
    return with_last(state, streams, after) if known is streams.last else with_streams(state, streams.put(after))


def _opening(state: SessionState, stream: StreamDraft) -> SessionState:
    """The state with a new stream."""
    if len(state._streams) >= limits.MOST_STREAMS:
        return limits.beyond(state, "streams", limits.MOST_STREAMS)
    return with_streams(state, state._streams.put(freeze_stream(stream)))


def stream_started(state: SessionState, event: e.StreamStarted) -> SessionState:
    """Text begins. A second start keeps the text."""
    if event.session_id != state._base.accepts_session_id:
        return state
    _, message_id, task_id, role, timestamp = event
    known = state._streams.get(message_id)
    if known is None:
        base = state._base
        if is_over(base, message_id, task_id):
            return state
        begun = new_head(message_id, task_id or base.tasks.active_task_id)
        begun.role = role
        begun.timestamp = timestamp
        begun.started = begun.streaming = True
        return _opening(state, open_stream(begun, state._revision + 1))
    head = _head_to_change(state, known, task_id)
    if head is None:
        return state
    # A start that was overtaken by the end of its text does not reopen it.
    if head.expected is None:
        head.streaming = True
    if not known.last:
        head.started = True
    head.role = role or head.role
    head.timestamp = head.timestamp or timestamp
    return _changed(state, known, head)


def stream_ended(state: SessionState, event: e.StreamEnded) -> SessionState:
    """Text ends; `chunk_count` tells whether all of it is here. An end of something never heard of means nothing."""
    if event.session_id != state._base.accepts_session_id:
        return state
    known = state._streams.get(event.message_id)
    head = _head_to_change(state, known, event.task_id) if known is not None else None
    if known is None or head is None:
        return state
    head.streaming = False
    if event.chunk_count is not None:
        head.expected = event.chunk_count
    return _changed(state, known, head)


def stream_failed(state: SessionState, event: e.StreamFailed) -> SessionState:
    """The reply failed. Shown even late, if it is for a message whose stream was dropped when its task ended."""
    if event.session_id != state._base.accepts_session_id:
        return state
    known = state._streams.get(event.message_id)
    if known is None:
        return _with_late_error(state, event)
    task_id = event.task_id
    if task_id is not None and task_id != known.task_id and not may_adopt(state._base, known, task_id):
        return state
    head = copied_head(known.head)
    head.streaming = False
    head.task_id = task_id or head.task_id
    head.error = event.error
    head.is_thinking = False
    return _changed(state, known, head)


def _with_late_error(state: SessionState, event: e.StreamFailed) -> SessionState:
    message_id, task_id = event.message_id, event.task_id
    base = state._base
    settled = base.books.settled
    if message_id in settled:
        # Only the exact message of the exact task; a saved message needs no error, it is there (perhaps only since a
        # resync, which brings rows that no event told of).
        if task_id is None or settled[message_id] != (task_id, "dropped"):
            return state
        if base.messages_by_task.entries.get(message_id) is not None:
            return state
    elif task_id is None or base.tasks.entries.get(task_id) is None or is_over(base, message_id, task_id):
        return state
    head = new_head(message_id, task_id)
    task = base.tasks.entries.get(task_id)
    head.error = event.error
    head.settled = task is not None and task.ended
    return _opening(state, open_stream(head, state._revision + 1))


def thinking_started(state: SessionState, event: e.ThinkingStarted) -> SessionState:
    """Thinking begins, alone or beside text."""
    if event.session_id != state._base.accepts_session_id:
        return state
    known = state._streams.get(event.message_id)
    if known is None:
        stream = _opened(state, event.message_id, event.task_id)
        if stream is None:
            return state
        stream.head.is_thinking = True
        stream.head.timestamp = event.timestamp
        return _opening(state, stream)
    head = _head_to_change(state, known, event.task_id)
    if head is None:
        return state
    head.is_thinking = True
    head.timestamp = head.timestamp or event.timestamp
    return _changed(state, known, head)


def thinking_chunk(state: SessionState, event: e.ThinkingChunk) -> SessionState:
    """More thinking, in order of arrival. Without its start the beginning may be missing."""
    if event.session_id != state._base.accepts_session_id:
        return state
    known = state._streams.get(event.message_id)
    if known is None:
        stream = _opened(state, event.message_id, event.task_id)
        if stream is None:
            return state
        _think(stream.head, event.chunk)
        return _opening(state, stream)
    head = _head_to_change(state, known, event.task_id)
    if head is None:
        return state
    _think(head, event.chunk)
    return _changed(state, known, head)


def _think(head: Head, chunk: str) -> None:
    if not head.is_thinking and not head.thought:
        head.thought_gap = True
    head.is_thinking = True
    head.thought = head.thought.append(chunk, 0)


def thinking_ended(state: SessionState, event: e.ThinkingEnded) -> SessionState:
    """Thinking ends; text may go on."""
    if event.session_id != state._base.accepts_session_id:
        return state
    known = state._streams.get(event.message_id)
    head = _head_to_change(state, known, event.task_id) if known is not None else None
    if known is None or head is None:
        return state
    head.is_thinking = False
    return _changed(state, known, head)


# ------------------------------------------------------------------------------------------- what rows do to streams


def without_stream(draft: Draft, message_id: str) -> None:
    """Take a stream away."""
    if message_id in draft.streaming_messages:
        draft.streaming_messages = draft.streaming_messages.without(message_id)


def settle(draft: Draft, message_id: str, task_id: str | None, how: str) -> None:
    """Remember that nothing more is to be written under that id; `how` is ``saved`` or ``dropped``."""
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
    """The message is saved: its stream, if any, has done its work, unless it is another task's."""
    known = draft.streaming_messages.get(message_id)
    if known is not None:
        owner = known.head.task_id
        if owner == task_id or owner is None or task_id is None:
            draft.streaming_messages = draft.streaming_messages.without(message_id)


def settle_task(draft: Draft, task_id: str) -> None:
    """A task has ended: its empty streams go, the others settle."""
    if draft.streaming_messages.last is None:
        return
    left: list[Stream] = []
    changed = False
    for message_id, stream in draft.streaming_messages.items():
        if stream.task_id != task_id:
            left.append(stream)
            continue
        rest = settle_stream(stream)
        if rest is None:
            settle(draft, message_id, task_id, "dropped")
        else:
            left.append(rest)
        changed = changed or rest is not stream
    if changed:
        draft.streaming_messages = Streams(left)


def drop_streams_of(draft: Draft, task_id: str) -> None:
    """A task is gone: so are its streams, for good."""
    for message_id, stream in tuple(draft.streaming_messages.items()):
        if stream.task_id == task_id:
            without_stream(draft, message_id)
            settle(draft, message_id, task_id, "saved")


def drop_strays(draft: Draft, begun: int) -> None:
    """All tasks have been read since `begun`: what was written before under one that is not among them goes."""
    for message_id, stream in tuple(draft.streaming_messages.items()):
        if stream.task_id is not None and stream.moved_at <= begun and draft.tasks.entries.get(stream.task_id) is None:
            without_stream(draft, message_id)


def stamp(draft: Draft) -> None:
    """Streams that came before any task was known belong to the one at work."""
    active = draft.tasks.active_task_id if draft.streaming_messages.last is not None else None
    if active is None:
        return
    for stream in tuple(draft.streaming_messages.values()):
        if stream.task_id is None:
            head = copied_head(stream.head)
            head.task_id = active
            draft.streaming_messages = draft.streaming_messages.put(with_head(stream, head, stream.moved_at))


def mark_gap(draft: Draft) -> None:
    """The link dropped: of what was being written, a part may be missing from now on."""
    for stream in tuple(draft.streaming_messages.values()):
        if stream.settled or not (stream.streaming or stream.is_thinking):
            continue
        head = copied_head(stream.head)
        head.gap = head.gap or head.streaming
        head.thought_gap = head.thought_gap or head.is_thinking
        if not says_the_same(stream.head, head):
            draft.streaming_messages = draft.streaming_messages.put(with_head(stream, head, stream.moved_at))
