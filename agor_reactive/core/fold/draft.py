"""The change of one snapshot into the next: its base copied once, changed freely, frozen again."""

from __future__ import annotations

from agor_reactive.core.snapshot import Draft, SessionState
from agor_reactive.core.streams import NO_STREAMS, Stream, Streams

__all__ = ["finish", "settle_draft", "start_draft", "with_last", "with_streams"]

_new = object.__new__


def start_draft(state: SessionState) -> Draft:
    """A copy to change, its `revision` one higher: the revision at which these changes happen."""
    base = state._base
    draft: Draft = _new(Draft)
    draft.accepts_session_id = base.accepts_session_id
    draft.session = base.session
    draft.tasks = base.tasks
    draft.messages_by_task = base.messages_by_task
    draft.queued_tasks = base.queued_tasks
    draft.live_tools = base.live_tools
    draft.loaded_task_ids = base.loaded_task_ids
    draft.status = base.status
    draft.books = base.books
    draft.streaming_messages = state._streams
    draft.revision = state._revision + 1
    return draft


def settle_draft(state: SessionState, draft: Draft) -> SessionState:
    """The next snapshot. `state` itself if the draft holds the very same parts."""
    base = state._base
    same_rows = (
        draft.tasks is base.tasks
        and draft.messages_by_task is base.messages_by_task
        and draft.live_tools is base.live_tools
    )
    if (
        same_rows
        and draft.books is base.books
        and draft.queued_tasks is base.queued_tasks
        and draft.loaded_task_ids is base.loaded_task_ids
        and draft.session is base.session
        and draft.status is base.status
    ):
        streams = draft.streaming_messages
        return state if streams is state._streams else with_streams(state, streams)
    after = finish(draft)
    if same_rows:
        draft.tools = base.tools
    return after


def finish(draft: Draft) -> SessionState:
    """The next snapshot, of a draft whose rows have changed."""
    after: SessionState = _new(SessionState)
    after._base = draft
    after._streams = draft.streaming_messages
    after._revision = draft.revision
    draft.streaming_messages = NO_STREAMS
    draft.tools = None
    return after


def with_streams(state: SessionState, streams: Streams) -> SessionState:
    """The next snapshot, in which only text has been written: on the same base."""
    after: SessionState = _new(SessionState)
    after._base = state._base
    after._streams = streams
    after._revision = state._revision + 1
    return after


def with_last(state: SessionState, streams: Streams, stream: Stream) -> SessionState:
    """`with_streams` of `streams.put`, for the next of the stream that moved last: in one step."""
    changed: Streams = _new(Streams)
    changed.places = streams.places
    changed.last = stream
    after: SessionState = _new(SessionState)
    after._base = state._base
    after._streams = changed
    after._revision = state._revision + 1
    return after
