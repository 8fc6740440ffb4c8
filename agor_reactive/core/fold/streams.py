"""Text and thinking being written.

Laws: a chunk without its start opens the stream; a second start keeps the text; text and thinking end apart; the saved
message removes its stream; when its task ends an empty stream goes and text stays, settled; late chunks revive nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from agor_reactive.core import events as e
from agor_reactive.core.fold.draft import start_draft
from agor_reactive.core.snapshot import Draft, SessionState
from agor_reactive.core.streams import (
    Stream,
    StreamDraft,
    continued,
    draft_of,
    freeze_stream,
    open_stream,
    settle_stream,
    with_chunk,
    with_thought,
)
from agor_reactive.models.base import FrozenDict

__all__ = [
    "drop_strays",
    "drop_streams_of",
    "mark_gap",
    "put_stream",
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

_set_item = dict.__setitem__
_del_item = dict.__delitem__


def text_chunk(state: SessionState, event: e.TextChunk) -> SessionState:
    """The hot path: one chunk costs a few small copies, whatever the number of tasks, handles and chunks."""
    session_id, message_id, task_id, chunk, sequence = event
    standing = state.standing
    if session_id != standing.session_id:
        return state
    known: Stream | None = state.streaming_messages.get(message_id)
    after: Stream | None
    if known is None:
        after = _opened_by_chunk(state, event)
    else:
        adopter = task_id if task_id != known.task_id else None
        if known.settled or (adopter is not None and not may_adopt(state, known, adopter)):
            return state
        runs = known.runs
        if adopter is None and runs and sequence == runs[-1].end:
            after = continued(known, chunk, state.revision + 1)
        else:
            after = _changed_by_chunk(known, event, state.revision + 1)
    if after is None:
        return state
    streams = FrozenDict(state.streaming_messages)
    _set_item(streams, message_id, after)
    draft = start_draft(state)
    draft.streaming_messages = streams
    draft.__class__ = SessionState
    return draft  # type: ignore[return-value]


def _opened_by_chunk(state: SessionState, event: e.TextChunk) -> Stream | None:
    _, message_id, task_id, chunk, sequence = event
    # Only looked at here: a session that is removed or let go of has no streams.
    if state.standing.disposed or state.sync.removed or is_over(state, message_id, task_id):
        return None
    stream = open_stream(message_id, task_id or state.tasks.active_task_id, state.revision + 1)
    stream.streaming = True
    with_chunk(stream, chunk, sequence)
    return freeze_stream(stream)


def _changed_by_chunk(known: Stream, event: e.TextChunk, rev: int) -> Stream | None:
    """Unnumbered, early, late, known already, or the first that names the stream's task."""
    _, _, task_id, chunk, sequence = event
    stream = draft_of(known, rev)
    if task_id is not None:
        stream.task_id = task_id
    if not with_chunk(stream, chunk, sequence):
        return None
    # Text that still arrives after its end was said (late, out of order) does not reopen it.
    if stream.expected is None and stream.error is None:
        stream.streaming = True
    return freeze_stream(stream)


def is_over(state: Draft, message_id: str, task_id: str | None) -> bool:
    """Whether nothing can be written under that id any more: saved, removed, or its task has ended or gone."""
    sync = state.sync
    if message_id in state.messages_by_task.task_of or message_id in sync.settled or message_id in sync.gone_messages:
        return True
    return task_id is not None and _task_is_over(state, task_id)


def _task_is_over(state: Draft, task_id: str) -> bool:
    if task_id in state.sync.gone_tasks:
        return True
    task = state.tasks.get(task_id)
    return task is not None and task.ended


def may_adopt(state: Draft, known: Stream, task_id: str) -> bool:
    """Whether a stream of no known task may become this task's."""
    return known.task_id is None and not _task_is_over(state, task_id)


def _draft_for(draft: Draft, message_id: str, task_id: str | None) -> StreamDraft | None:
    """The stream to change, opened if need be; None if the event must not touch it."""
    known: Stream | None = draft.streaming_messages.get(message_id)
    if known is None:
        if is_over(draft, message_id, task_id):
            return None
        return open_stream(message_id, task_id or draft.tasks.active_task_id, draft.revision)
    return _known_for(draft, known, task_id)


def _known_for(draft: Draft, known: Stream, task_id: str | None) -> StreamDraft | None:
    if known.settled or (task_id is not None and task_id != known.task_id and not may_adopt(draft, known, task_id)):
        return None
    stream = draft_of(known, draft.revision)
    if task_id is not None:
        stream.task_id = task_id
    return stream


def put_stream(draft: Draft, stream: StreamDraft) -> None:
    """Keep the changed stream, unless it says just what the old one said."""
    frozen = stream if isinstance(stream, Stream) else freeze_stream(stream)
    old = draft.streaming_messages.get(frozen.message_id)
    if old is not None and _same(old, frozen):
        return
    streams = FrozenDict(draft.streaming_messages)
    _set_item(streams, frozen.message_id, frozen)
    draft.streaming_messages = streams


def _same(old: Stream, new: Stream) -> bool:
    return (
        old.runs is new.runs
        and old.thought is new.thought
        and old.streaming == new.streaming
        and old.is_thinking == new.is_thinking
        and old.error == new.error
        and old.settled == new.settled
        and old.started == new.started
        and old.gap == new.gap
        and old.thought_gap == new.thought_gap
        and old.expected == new.expected
        and old.task_id == new.task_id
        and old.role == new.role
        and old.timestamp == new.timestamp
    )


def stream_started(draft: Draft, event: e.StreamStarted) -> None:
    """Text begins. A second start keeps the text."""
    stream = _draft_for(draft, event.message_id, event.task_id)
    if stream is None:
        return
    if not stream.runs:
        stream.started = True
    # A start that was overtaken by the end of its text does not reopen it.
    if stream.expected is None:
        stream.streaming = True
    stream.role = event.role or stream.role
    stream.timestamp = stream.timestamp or event.timestamp
    put_stream(draft, stream)


def stream_ended(draft: Draft, event: e.StreamEnded) -> None:
    """Text ends; `chunk_count` tells whether all of it is here. An end of something never heard of means nothing."""
    known: Stream | None = draft.streaming_messages.get(event.message_id)
    if known is None:
        return
    stream = _known_for(draft, known, event.task_id)
    if stream is None:
        return
    stream.streaming = False
    if event.chunk_count is not None:
        stream.expected = event.chunk_count
    put_stream(draft, stream)


def stream_failed(draft: Draft, event: e.StreamFailed) -> None:
    """The reply failed. Shown even late, if it is for a message whose stream was dropped when its task ended."""
    known: Stream | None = draft.streaming_messages.get(event.message_id)
    if known is None:
        _show_late_error(draft, event)
        return
    task_id = event.task_id
    if task_id is not None and task_id != known.task_id and not may_adopt(draft, known, task_id):
        return
    stream = draft_of(known, draft.revision)
    stream.task_id = task_id or known.task_id
    stream.error = event.error
    stream.streaming = stream.is_thinking = False
    put_stream(draft, stream)


def _show_late_error(draft: Draft, event: e.StreamFailed) -> None:
    message_id, task_id = event.message_id, event.task_id
    sync = draft.sync
    if message_id in sync.settled:
        # Only the exact message of the exact task; a saved message needs no error, it is there.
        if task_id is None or sync.settled[message_id] != (task_id, "dropped"):
            return
    elif task_id is None or draft.tasks.get(task_id) is None or is_over(draft, message_id, task_id):
        return
    stream = open_stream(message_id, task_id, draft.revision)
    stream.error = event.error
    task = draft.tasks.get(task_id)
    stream.settled = task is not None and task.ended
    put_stream(draft, stream)


def thinking_started(draft: Draft, event: e.ThinkingStarted) -> None:
    """Thinking begins, alone or beside text."""
    stream = _draft_for(draft, event.message_id, event.task_id)
    if stream is None:
        return
    stream.is_thinking = True
    stream.timestamp = stream.timestamp or event.timestamp
    put_stream(draft, stream)


def thinking_chunk(draft: Draft, event: e.ThinkingChunk) -> None:
    """More thinking, in order of arrival. Without its start the beginning may be missing."""
    known: Stream | None = draft.streaming_messages.get(event.message_id)
    stream = _draft_for(draft, event.message_id, event.task_id)
    if stream is None:
        return
    if not stream.is_thinking and (known is None or not len(known.thought)):
        stream.thought_gap = True
    stream.is_thinking = True
    with_thought(stream, event.chunk)
    put_stream(draft, stream)


def thinking_ended(draft: Draft, event: e.ThinkingEnded) -> None:
    """Thinking ends; text may go on."""
    known: Stream | None = draft.streaming_messages.get(event.message_id)
    if known is None:
        return
    stream = _known_for(draft, known, event.task_id)
    if stream is None:
        return
    stream.is_thinking = False
    put_stream(draft, stream)


# ------------------------------------------------------------------------------------------- what rows do to streams


def without_stream(draft: Draft, message_id: str) -> None:
    """Take a stream away."""
    if message_id in draft.streaming_messages:
        left = FrozenDict(draft.streaming_messages)
        _del_item(left, message_id)
        draft.streaming_messages = left


def settle(draft: Draft, message_id: str, task_id: str | None, how: str) -> None:
    """Remember that nothing more is to be written under that id; `how` is ``saved`` or ``dropped``."""
    settled: Mapping[str, tuple[str | None, str]] = draft.sync.settled
    if settled.get(message_id) == (task_id, how):
        return
    kept = dict(settled)
    kept.pop(message_id, None)
    kept[message_id] = (task_id, how)
    while len(kept) > SETTLED_LIMIT:
        del kept[next(iter(kept))]
    draft.sync = draft.sync._replace(settled=FrozenDict(kept))


def saved(draft: Draft, message_id: str, task_id: str | None) -> None:
    """The message is saved: its stream has done its work, unless it is another task's."""
    known: Stream | None = draft.streaming_messages.get(message_id)
    if known is not None and (known.task_id is None or task_id is None or known.task_id == task_id):
        without_stream(draft, message_id)


def settle_task(draft: Draft, task_id: str) -> None:
    """A task has ended: its empty streams go, the others settle."""
    if not draft.streaming_messages:
        return
    left: dict[str, Stream] = {}
    changed = False
    for message_id, stream in draft.streaming_messages.items():
        if stream.task_id != task_id:
            left[message_id] = stream
            continue
        rest = settle_stream(stream)
        if rest is None:
            settle(draft, message_id, task_id, "dropped")
        else:
            left[message_id] = rest
        changed = changed or rest is not stream
    if changed:
        draft.streaming_messages = FrozenDict(left)


def drop_streams_of(draft: Draft, task_id: str) -> None:
    """A task is gone: so are its streams, for good."""
    for message_id, stream in tuple(draft.streaming_messages.items()):
        if stream.task_id == task_id:
            without_stream(draft, message_id)
            settle(draft, message_id, task_id, "saved")


def drop_strays(draft: Draft, begun: int) -> None:
    """All tasks have been read since `begun`: what was written before under one that is not among them goes."""
    for message_id, stream in tuple(draft.streaming_messages.items()):
        if stream.task_id is not None and stream.moved_at <= begun and draft.tasks.get(stream.task_id) is None:
            without_stream(draft, message_id)


def stamp(draft: Draft) -> None:
    """Streams that came before any task was known belong to the one at work."""
    active = draft.tasks.active_task_id if draft.streaming_messages else None
    if active is None:
        return
    for stream in tuple(draft.streaming_messages.values()):
        if stream.task_id is None:
            changed = draft_of(stream, stream.moved_at)
            changed.task_id = active
            put_stream(draft, changed)


def mark_gap(draft: Draft) -> None:
    """The link dropped: of what was being written, a part may be missing from now on."""
    for stream in tuple(draft.streaming_messages.values()):
        if stream.settled or not (stream.streaming or stream.is_thinking):
            continue
        changed = draft_of(stream, stream.moved_at)
        changed.gap = changed.gap or stream.streaming
        changed.thought_gap = changed.thought_gap or stream.is_thinking
        put_stream(draft, changed)
