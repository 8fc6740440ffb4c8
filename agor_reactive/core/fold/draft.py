"""The change of one snapshot into the next: its ground copied once, changed freely, frozen again."""

from __future__ import annotations

from agor_reactive.core.snapshot import Draft, SessionState
from agor_reactive.core.streams import NO_STREAMS, Stream, Streams

__all__ = ["finish", "settle_draft", "start_draft", "with_last", "with_streams"]

_new = object.__new__


def start_draft(state: SessionState) -> Draft:
    """A copy to change, its `revision` one higher: the revision at which these changes happen."""
    ground = state._ground
    draft: Draft = _new(Draft)
    draft.hears = ground.hears
    draft.session = ground.session
    draft.tasks = ground.tasks
    draft.messages_by_task = ground.messages_by_task
    draft.queued_tasks = ground.queued_tasks
    draft.live_tools = ground.live_tools
    draft.loaded_task_ids = ground.loaded_task_ids
    draft.standing = ground.standing
    draft.sync = ground.sync
    draft.streaming_messages = state._streams
    draft.revision = state._revision + 1
    return draft


def settle_draft(state: SessionState, draft: Draft) -> SessionState:
    """The next snapshot. `state` itself if the draft holds the very same parts."""
    ground = state._ground
    same_rows = (
        draft.tasks is ground.tasks
        and draft.messages_by_task is ground.messages_by_task
        and draft.live_tools is ground.live_tools
    )
    if (
        same_rows
        and draft.sync is ground.sync
        and draft.queued_tasks is ground.queued_tasks
        and draft.loaded_task_ids is ground.loaded_task_ids
        and draft.session is ground.session
        and draft.standing is ground.standing
    ):
        streams = draft.streaming_messages
        return state if streams is state._streams else with_streams(state, streams)
    after = finish(draft)
    if same_rows:
        draft.tools = ground.tools
    return after


def finish(draft: Draft) -> SessionState:
    """The next snapshot, of a draft whose rows have changed."""
    after: SessionState = _new(SessionState)
    after._ground = draft
    after._streams = draft.streaming_messages
    after._revision = draft.revision
    draft.streaming_messages = NO_STREAMS
    draft.tools = None
    return after


def with_streams(state: SessionState, streams: Streams) -> SessionState:
    """The next snapshot, in which only text has been written: on the same ground."""
    after: SessionState = _new(SessionState)
    after._ground = state._ground
    after._streams = streams
    after._revision = state._revision + 1
    return after


def with_last(state: SessionState, streams: Streams, stream: Stream) -> SessionState:
    """`with_streams` of `streams.put`, for the next of the stream that moved last: in one step."""
    changed: Streams = _new(Streams)
    changed.places = streams.places
    changed.last = stream
    after: SessionState = _new(SessionState)
    after._ground = state._ground
    after._streams = changed
    after._revision = state._revision + 1
    return after
