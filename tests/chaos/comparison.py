"""Compares a mirror with a fresh load of the same session by another client over a good network."""

from __future__ import annotations

import asyncio
from typing import Any

import agor_reactive as agor
from agor_reactive.core import SessionState
from agor_reactive.transport.redaction import scrub

__all__ = ["compared", "difference", "fresh_state", "offline_difference", "unfinished"]


def rows_of(state: SessionState) -> dict[str, Any]:
    """The data that must be equal: everything loaded from the daemon and derived from it. Our own times, counts and
    messages are omitted, and text that is not saved."""
    dump = state.dump()
    loaded = set(dump["loaded_task_ids"])
    return {
        "session": dump["session"],
        "tasks": dump["tasks"],
        "queue": dump["queued_tasks"],
        "loaded": dump["loaded_task_ids"],
        # Lean history may be longer in a mirror that was live: loaded tasks must be equal.
        "messages": {t: rows for t, rows in dump["messages_by_task"].items() if t in loaded},
        # A tool received only live is like unsaved text: a later client cannot know it.
        "tools": [
            tool for t, tools in dump["tools_by_task"].items() if t in loaded for tool in tools if tool["message_id"]
        ],
        "terminal": dump["terminal"],
    }


def unfinished(state: SessionState, *, just_read: bool) -> str | None:
    """Describe what is still in progress although all tasks have ended; None when nothing is.

    If not all tasks are loaded, the end of another task's stream is unknown until the next load.
    """
    unsure = state.has_older_tasks and not just_read
    for stream in state.streaming_messages.values():
        if unsure and state.get_task(stream.task_id or "") is None:
            continue
        if stream.message_id in state.messages_by_task.entries:
            return f"message {stream.message_id} is saved and still streams"
        if stream.streaming or stream.is_thinking:
            return f"stream {stream.message_id} of task {stream.task_id} goes on though the task has ended"
    for task_id, tools in state.tools_by_task.items():
        for tool in tools:
            if tool.status == "executing":
                return f"tool {tool.tool_use_id} of task {task_id} goes on though the task has ended"
    return None


def offline_difference(offline: SessionState | None, live: SessionState) -> str | None:
    """Describe how the fold of a recording differs from the mirror that was recorded; None when in nothing.

    The whole dump but the number of the revision, and the token of the session, which no log has.
    """
    if offline is None:
        return "it is not in the log"
    mine, others = (scrub({**state.dump(), "revision": 0}) for state in (offline, live))
    return difference(mine, others)


async def fresh_state(client: agor.Client, state: SessionState) -> SessionState:
    """The same session as `client` reads it now, with the same tasks loaded as in `state`."""
    loaded = set(state.loaded_task_ids)
    async with client.registry.retain(state.session_id, task_hydration=state.task_hydration) as handle:
        here = await handle.ready()
        for task_id in set(here.loaded_task_ids) - loaded:
            handle.unload_task_messages(task_id)
        while (
            handle.state.has_older_tasks and state.task_hydration == "lean" and _oldest(handle.state) > _oldest(state)
        ):
            await handle.load_older_tasks()
        await asyncio.gather(*(handle.load_task_messages(task_id) for task_id in loaded - set(here.loaded_task_ids)))
        return handle.state


def _oldest(state: SessionState) -> str:
    """The creation time of the oldest loaded task."""
    return min((task.created_at or "" for task in state.tasks), default="")


def compared(ours: SessionState, theirs: SessionState) -> str | None:
    """Describe the first difference between a mirror and a fresh load; None when they are equal.

    Both may have the newest tasks only: an extra page of older ones is no difference, a gap is.
    """
    mine, others = rows_of(ours), rows_of(theirs)
    if theirs.task_hydration == "lean":
        others["tasks"] = [task for task in others["tasks"] if task["created_at"] >= _oldest(ours)]
    return difference(mine, others)


def difference(ours: Any, theirs: Any, at: str = "") -> str | None:
    """Describe the first difference between two trees of data; None when they are equal."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in [*ours, *(key for key in theirs if key not in ours)]:
            if key not in ours or key not in theirs:
                return f"{at}.{key} is only {'in the fresh read' if key not in ours else 'in the mirror'}"
            found = difference(ours[key], theirs[key], f"{at}.{key}")
            if found:
                return found
        return None
    if isinstance(ours, list) and isinstance(theirs, list):
        for number, (mine, other) in enumerate(zip(ours, theirs, strict=False)):
            found = difference(mine, other, f"{at}[{number}]")
            if found:
                return found
        if len(ours) != len(theirs):
            return f"{at} has {len(ours)} items, in the fresh read {len(theirs)}"
        return None
    return None if ours == theirs else f"{at} is {str(ours)[:100]!r}, in the fresh read {str(theirs)[:100]!r}"
