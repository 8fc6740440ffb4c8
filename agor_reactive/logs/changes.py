"""What changed from one state of a session to another, as data: `diff`."""

from __future__ import annotations

from dataclasses import dataclass

from agor_reactive.core.snapshot import SessionState
from agor_reactive.models.message import Message
from agor_reactive.models.task import Task

__all__ = ["Diff", "StatusChange", "TextGrowth", "ToolChange", "diff"]


@dataclass(frozen=True, slots=True)
class StatusChange:
    """A task's (or, with `task_id` None, the session's) status before and after; None: it was not there."""

    task_id: str | None
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class TextGrowth:
    """Text of a message being written: `added` is what came; None if the text before is not its beginning."""

    message_id: str
    task_id: str | None
    added: str | None
    thinking_added: str | None


@dataclass(frozen=True, slots=True)
class ToolChange:
    """A tool's status before and after; `before` None: it was first used in between."""

    task_id: str
    tool_use_id: str
    name: str | None
    before: str | None
    after: str


@dataclass(frozen=True, slots=True)
class Diff:
    """What is different in a later state.

    `tasks_added`, `tasks_removed`; `tasks_ended`: those that ended in between; `status`: every task whose status
    differs, and the session; `messages_added`, `messages_changed`, `messages_removed` (ids): of loaded tasks; `text`:
    messages being written; `tools`; `queue`: whether it differs; `errors`: the error before and after, if they differ.
    """

    tasks_added: tuple[Task, ...] = ()
    tasks_removed: tuple[str, ...] = ()
    tasks_ended: tuple[Task, ...] = ()
    status: tuple[StatusChange, ...] = ()
    messages_added: tuple[Message, ...] = ()
    messages_changed: tuple[Message, ...] = ()
    messages_removed: tuple[str, ...] = ()
    text: tuple[TextGrowth, ...] = ()
    tools: tuple[ToolChange, ...] = ()
    queue: bool = False
    errors: tuple[str | None, str | None] | None = None

    def __bool__(self) -> bool:
        """Whether anything differs."""
        return self != Diff()


def diff(before: SessionState, after: SessionState) -> Diff:
    """What changed from `before` to `after`. Equal parts are skipped by identity: near states cost little."""
    old_tasks, new_tasks = before.tasks, after.tasks
    added: list[Task] = []
    ended: list[Task] = []
    status: list[StatusChange] = []
    removed: tuple[str, ...] = ()
    if old_tasks is not new_tasks:
        for task in new_tasks:
            old = old_tasks.get(task.task_id)
            if old is None:
                added.append(task)
            was = old.status if old is not None else None
            if was != task.status:
                status.append(StatusChange(task.task_id, was, task.status))
                if new_tasks.entries[task.task_id].ended and (old is None or not old_tasks.entries[task.task_id].ended):
                    ended.append(task)
        removed = tuple(task.task_id for task in old_tasks if new_tasks.get(task.task_id) is None)
        status += [StatusChange(task_id, _status(old_tasks.get(task_id)), None) for task_id in removed]
    was, now = (state.session.status if state.session is not None else None for state in (before, after))
    if was != now:
        status.append(StatusChange(None, was, now))
    fresh, changed, gone = _messages(before, after)
    return Diff(
        tasks_added=tuple(added),
        tasks_removed=removed,
        tasks_ended=tuple(ended),
        status=tuple(status),
        messages_added=fresh,
        messages_changed=changed,
        messages_removed=gone,
        text=_text(before, after),
        tools=_tools(before, after),
        queue=before.queued_tasks is not after.queued_tasks and before.queued_tasks != after.queued_tasks,
        errors=(before.error, after.error) if before.error != after.error else None,
    )


def _status(task: Task | None) -> str | None:
    return task.status if task is not None else None


def _messages(
    before: SessionState, after: SessionState
) -> tuple[tuple[Message, ...], tuple[Message, ...], tuple[str, ...]]:
    old, new = before.messages_by_task.entries, after.messages_by_task.entries
    if old is new:
        return (), (), ()
    added: list[Message] = []
    changed: list[Message] = []
    for message_id, entry in new.items():
        known = old.get(message_id)
        if known is None:
            added.append(entry.row)
        elif known is not entry and known != entry:
            changed.append(entry.row)
    return tuple(added), tuple(changed), tuple(message_id for message_id in old if message_id not in new)


def _text(before: SessionState, after: SessionState) -> tuple[TextGrowth, ...]:
    if before.streaming_messages is after.streaming_messages:
        return ()
    grown: list[TextGrowth] = []
    for message_id, stream in after.streaming_messages.items():
        old = before.streaming_messages.get(message_id)
        if old is stream:
            continue
        text, thinking = (old.text, old.thinking) if old is not None else ("", "")
        added, thought = _added(text, stream.text), _added(thinking, stream.thinking)
        if added != "" or thought != "":
            grown.append(TextGrowth(message_id, stream.task_id, added, thought))
    return tuple(grown)


def _added(before: str, after: str) -> str | None:
    return after[len(before) :] if after.startswith(before) else None


def _tools(before: SessionState, after: SessionState) -> tuple[ToolChange, ...]:
    found: list[ToolChange] = []
    for task_id in after.tools_by_task:
        new = after.get_task_tools(task_id)
        old = before.get_task_tools(task_id)
        if new is old:
            continue
        known = {tool.tool_use_id: tool for tool in old}
        for tool in new:
            was = known.get(tool.tool_use_id)
            if was is None or was.status != tool.status:
                name = tool.tool_name or None
                found.append(
                    ToolChange(task_id, tool.tool_use_id, name, was.status if was is not None else None, tool.status)
                )
    return tuple(found)
