"""The change of one snapshot into the next: copied once, changed freely, frozen again."""

from __future__ import annotations

from agor_reactive.core.snapshot import Draft, SessionState

__all__ = ["settle_draft", "start_draft"]

_new = object.__new__


def start_draft(state: Draft) -> Draft:
    """A copy to change, its `revision` one higher: the revision at which these changes happen."""
    draft: Draft = _new(Draft)
    draft.session = state.session
    draft.tasks = state.tasks
    draft.messages_by_task = state.messages_by_task
    draft.queued_tasks = state.queued_tasks
    draft.streaming_messages = state.streaming_messages
    draft.live_tools = state.live_tools
    draft.loaded_task_ids = state.loaded_task_ids
    draft.standing = state.standing
    draft.sync = state.sync
    draft._tools = state._tools
    draft.revision = state.revision + 1
    return draft


def settle_draft(state: SessionState, draft: Draft) -> SessionState:
    """The next snapshot. `state` itself if the draft holds the very same parts."""
    same_tools = (
        draft.tasks is state.tasks
        and draft.messages_by_task is state.messages_by_task
        and draft.live_tools is state.live_tools
    )
    if (
        same_tools
        and draft.streaming_messages is state.streaming_messages
        and draft.sync is state.sync
        and draft.queued_tasks is state.queued_tasks
        and draft.loaded_task_ids is state.loaded_task_ids
        and draft.session is state.session
        and draft.standing is state.standing
    ):
        return state
    if not same_tools:
        draft._tools = None
    draft.__class__ = SessionState
    return draft  # type: ignore[return-value]
