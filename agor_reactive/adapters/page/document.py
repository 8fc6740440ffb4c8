"""What a page shows of one snapshot, as small JSON: heading, tasks, parts of the open tasks, queue.

Pure: the presentation of the snapshot in the shape that `patch` compares and pages read. What did not change from one
snapshot to the next is the same object in both documents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from agor_reactive.adapters.presentation.blocks import (
    Block,
    NoteBlock,
    QuestionBlock,
    TextBlock,
    ThinkingBlock,
    ToolBlock,
    UserBlock,
)
from agor_reactive.adapters.presentation.heading import heading_of, notes_of
from agor_reactive.adapters.presentation.plain import one_line
from agor_reactive.adapters.presentation.presenter import Presenter
from agor_reactive.adapters.presentation.quantities import seconds_text
from agor_reactive.adapters.presentation.requests import RequestBlock
from agor_reactive.adapters.presentation.runs import calls_of, grouped, run_key
from agor_reactive.adapters.presentation.status import is_busy
from agor_reactive.adapters.presentation.tasks import queue_of
from agor_reactive.core.snapshot import SessionState
from agor_reactive.models.base import instant
from agor_reactive.models.task import Task

__all__ = ["Document", "DocumentBuilder", "Part", "Parts"]


class Part(NamedTuple):
    """A part of a task: `fields` with its ``kind`` (whole, text, user, thought, calls, tool, request, note) and `text`,
    which may grow. A part of the kind ``calls`` is the line of a run of calls; their ``run`` is its key.
    """

    fields: Mapping[str, Any]
    text: str = ""


SUMMARY_LIMIT = 120
"""Characters of the input of a call: they fit on one line of a wide page, and a narrow one wraps them."""

Parts = Mapping[str, Part]
"""The parts of a task by key, in order."""


@dataclass(frozen=True, slots=True)
class Document:
    """Everything that a page shows of one snapshot. `parts` has the open tasks; "" has what belongs to no task."""

    head: Mapping[str, Any] = field(default_factory=dict)
    tasks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    parts: Mapping[str, Parts] = field(default_factory=dict)
    queue: tuple[tuple[str, str], ...] = ()


class DocumentBuilder:
    """Builds documents of one session, from one snapshot after another."""

    def __init__(self) -> None:
        self._presenter = Presenter()
        self._rows: dict[str, tuple[Task, bool, bool, str | None, Mapping[str, Any]]] = {}
        self._parts: dict[str, tuple[tuple[Block, ...], Parts]] = {}

    def build(
        self,
        state: SessionState,
        shown: set[str],
        faults: Mapping[str, str],
        *,
        unfolded: set[str] | None = None,
        user_id: str | None = None,
        released: bool = False,
    ) -> Document:
        """Build the document of a snapshot. `shown` are the ids of the tasks whose parts it has; pages open those that
        are `unfolded` (None: all of them); `faults` say why the messages of one could not be loaded; `user_id` is who
        looks; `released`: the handle was.
        """
        rows: dict[str, Mapping[str, Any]] = {}
        parts: dict[str, Parts] = {}
        unfolded = shown if unfolded is None else unfolded
        for task in state.tasks:
            if task.queued:
                continue
            task_id = task.task_id
            rows[task_id] = self._row(task, state, task_id in unfolded, faults.get(task_id))
            if task_id in shown:
                parts[task_id] = self._task(task, state, user_id)
        unassigned = self._presenter.unassigned_blocks(state)
        if unassigned:
            parts[""] = {block.key: _part(block) for block in unassigned}
        self._forget(rows, parts)
        return Document(_head(state, empty=not rows, released=released), rows, parts, queue_of(state))

    def _row(self, task: Task, state: SessionState, shown: bool, fault: str | None) -> Mapping[str, Any]:
        loaded = state.is_task_loaded(task.task_id)
        known = self._rows.get(task.task_id)
        if known is not None and known[0] is task and known[1:4] == (loaded, shown, fault):
            return known[4]
        heading = self._presenter.task_heading(task)
        row = {
            "prompt": heading.prompt,
            "whole": not heading.full_prompt,
            "status": heading.status,
            "tone": heading.tone,
            "took": heading.took,
            "began": _milliseconds(heading.began),
            "tools": heading.tools,
            "at": _milliseconds(instant(task.created_at)),
            "ended": heading.ended,
            "loaded": loaded,
            "shown": shown,
            "fault": fault,
        }
        self._rows[task.task_id] = (task, loaded, shown, fault, row)
        return row

    def _task(self, task: Task, state: SessionState, user_id: str | None) -> Parts:
        task_id = task.task_id
        blocks = self._presenter.task_blocks(state, task, user_id=user_id)
        known = self._parts.get(task_id)
        if known is not None and known[0] is blocks:
            return known[1]
        full_prompt = self._presenter.task_heading(task).full_prompt
        parts: dict[str, Part] = {"prompt": Part({"kind": "whole"}, full_prompt)} if full_prompt else {}
        before = known[1] if known is not None else {}
        same = {id(block) for block in known[0]} if known is not None else set()
        for item in grouped(blocks):
            run = None
            if isinstance(item, list):
                run = run_key(item, before)
                line = _line(item, run)
                parts[run] = before[run] if before.get(run) == line else line
            for block in item if isinstance(item, list) else (item,):
                kept = before[block.key] if id(block) in same else None
                parts[block.key] = _part(block, run) if kept is None or kept.fields.get("run") != run else kept
        self._parts[task_id] = (blocks, parts)
        return parts

    def _forget(self, rows: Mapping[str, Any], parts: Mapping[str, Parts]) -> None:
        if len(self._rows) > len(rows):
            self._rows = {key: kept for key, kept in self._rows.items() if key in rows}
        if len(self._parts) > len(parts):
            self._parts = {key: kept for key, kept in self._parts.items() if key in parts}
        self._presenter.keep(parts)


def _head(state: SessionState, *, empty: bool, released: bool) -> Mapping[str, Any]:
    heading = heading_of(state, released=released)
    return {
        "title": heading.title,
        "session": heading.session_id,
        "status": heading.status,
        "tone": heading.tone,
        "link": heading.link,
        "linkTone": heading.link_tone,
        "details": heading.details,
        "context": heading.context._asdict() if heading.context is not None else None,
        "notes": [(note.tone, f"{note.text} {note.remedy}".rstrip()) for note in notes_of(state, released=released)],
        "older": state.has_older_tasks,
        "empty": empty and not state.loading and state.error is None,
        "busy": is_busy(state),
        "open": heading.open,
    }


def _line(run: list[ToolBlock], key: str) -> Part:
    calls = calls_of(run)
    took = "" if calls.seconds is None else seconds_text(calls.seconds)
    return Part({"kind": "calls", "run": key, "name": calls.title, "brief": calls.named, "took": took})


def _part(block: Block, run: str | None = None) -> Part:
    match block:
        case TextBlock():
            return Part({"kind": "text", "live": block.writing}, block.text)
        case ThinkingBlock():
            return Part({"kind": "thought", "live": block.writing}, block.text)
        case UserBlock():
            return Part({"kind": "user"}, block.text)
        case ToolBlock():
            return Part(
                {
                    "kind": "tool",
                    "tool": block.tool_use_id,
                    "name": block.name,
                    "state": block.state,
                    "brief": block.summary.within(SUMMARY_LIMIT),
                    "why": one_line(block.failure, 200),
                    "took": "" if block.seconds is None else seconds_text(block.seconds),
                    "began": _milliseconds(block.began),
                    "run": run,
                }
            )
        case RequestBlock():
            return Part(
                {
                    "kind": "request",
                    "request": block.request_id,
                    "who": f"{block.asker} asks to use",
                    "name": block.tool,
                    "state": block.state,
                    "outcome": block.outcome,
                    "when": _milliseconds(block.decided_at),
                },
                block.input,
            )
        case QuestionBlock():
            return Part({"kind": "note", "tone": "warn"}, block.text)
        case NoteBlock():
            return Part({"kind": "note", "tone": block.tone}, block.text)


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)
