"""What a report holds: documents of a session at chosen moments, as patches; each text once. Bounded in steps and size.

In two passes over the log: the first finds what happened when, the second takes the documents.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from agor_reactive.adapters.page.document import Document, DocumentBuilder, Part, Parts
from agor_reactive.adapters.page.patch import EMPTY, patch
from agor_reactive.adapters.page.replayed import build_replayed, tasks_in_view
from agor_reactive.adapters.page.timeline import TimelineBuilder, epoch_ms, thinned
from agor_reactive.adapters.presentation.exact import cut_text
from agor_reactive.adapters.presentation.tools import tool_detail
from agor_reactive.core.snapshot import SessionState
from agor_reactive.errors import NotFound
from agor_reactive.logs import Log
from agor_reactive.transport.redaction import scrub, scrub_text

__all__ = ["MOST_STEPS", "Content", "of_log", "of_state"]

MOST_STEPS: Final = 200
"""At how many moments a report has the session's state."""

_WHOLE_DETAILS: Final = 8_000_000
"""Characters of inputs and results of tools that are kept whole; after that each is cut."""

_CUT_DETAIL: Final = 1_000


@dataclass(slots=True)
class Content:
    """The content of a report while it is made: `show` takes one state after another."""

    timeline: dict[str, Any] | None = None
    _steps: list[tuple[int, Mapping[str, Any]]] = field(default_factory=list)
    _texts: dict[str, int] = field(default_factory=dict)
    _details: list[tuple[str | int, ...]] = field(default_factory=list)
    _builder: DocumentBuilder = field(default_factory=DocumentBuilder)
    _shown: Document = EMPTY
    _clean: dict[int, tuple[Part, Part]] = field(default_factory=dict)
    _known: dict[tuple[str, str], tuple[int, ...]] = field(default_factory=dict)
    _tools: dict[str, Any] = field(default_factory=dict)
    _room: int = field(default_factory=lambda: _WHOLE_DETAILS)

    def show(self, t: float, state: SessionState) -> None:
        """Add the state from `t` on, epoch seconds."""
        loaded = {task.task_id for task in state.tasks if state.is_task_loaded(task.task_id)}
        open_tasks = tasks_in_view(state)
        whole = build_replayed(self._builder, state, loaded | open_tasks)
        rows = {key: {**row, "shown": key in open_tasks} for key, row in whole.tasks.items()}
        parts = {task_id: self._scrubbed(here) for task_id, here in whole.parts.items()}
        queue = tuple((task_id, scrub_text(prompt)) for task_id, prompt in whole.queue)
        document = Document(scrub(whole.head), scrub(rows), parts, queue)
        change = patch(self._shown, document)
        if change or not self._steps:
            self._steps.append((epoch_ms(t), self._pooled(change)))
            self._shown = document
        self._take_details(state, loaded | open_tasks)

    def as_json(self) -> dict[str, Any]:
        """What `report.js` reads."""
        return {"steps": self._steps, "texts": list(self._texts), "details": self._details, "timeline": self.timeline}

    def _scrubbed(self, parts: Parts) -> Parts:
        found: dict[str, Part] = {}
        for key, part in parts.items():
            known = self._clean.get(id(part))
            if known is None or known[0] is not part:
                text = _whole_words(part.text) if part.fields.get("live") else part.text
                known = self._clean[id(part)] = (part, Part(scrub(part.fields), scrub_text(text)))
            found[key] = known[1]
        return found

    def _pooled(self, change: Mapping[str, Any]) -> Mapping[str, Any]:
        """The patch with each appended text as its number in the pool."""
        if "parts" not in change:
            return change
        parts = {}
        for task_id, listed in change["parts"].items():
            put = [[*entry[:4], self._text(entry[4])] if len(entry) > 4 else entry for entry in listed.get("put", ())]
            parts[task_id] = {**listed, "put": put}
        return {**change, "parts": parts}

    def _text(self, text: str) -> int:
        return self._texts.setdefault(text, len(self._texts))

    def _take_details(self, state: SessionState, shown: Iterable[str]) -> None:
        step = len(self._steps) - 1
        for task_id in shown:
            tools = state.get_task_tools(task_id)
            before = self._tools.get(task_id)
            if before is tools:
                continue
            self._tools[task_id] = tools
            same = {id(tool) for tool in before} if before is not None else set()
            for tool in tools:
                if id(tool) in same:
                    continue
                detail = tool_detail(state, task_id, tool.tool_use_id)
                texts = tuple(self._detail(text) for text in detail)
                if self._known.get((task_id, tool.tool_use_id)) != texts:
                    self._known[task_id, tool.tool_use_id] = texts
                    self._details.append((task_id, tool.tool_use_id, step, *texts))

    def _detail(self, text: str) -> int:
        clean = scrub_text(text)
        if clean not in self._texts:
            if len(clean) > self._room:
                clean = cut_text(clean, _CUT_DETAIL)
            self._room = max(0, self._room - len(clean))
        return self._text(clean)


def of_state(state: SessionState, now: float) -> Content:
    """The content of a report of one state, at `now`, epoch seconds."""
    content = Content()
    content.show(now, state)
    return content


def of_log(log: Log, session_id: str | None) -> tuple[SessionState, Content]:
    """The last state of a session, and the content of its report."""
    timeline = TimelineBuilder()
    times: list[float] = []
    for t, state in log.states(session_id):
        timeline.add(t, state)
        times.append(t)
    if not times:
        raise NotFound("the log holds no state of that session")
    begin, end = timeline.times
    for record in log.records():
        if record["kind"] == "dropped" and begin <= record["t"] <= end:
            timeline.dropped(record["t"], int(record.get("count", 0)))
    chosen = _chosen(timeline, times)
    content = Content()
    last: tuple[float, SessionState] | None = None
    coming = iter(chosen)
    due: float | None = next(coming)
    for t, state in log.states(session_id):
        while last is not None and due is not None and t > due:
            content.show(due, last[1])
            due = next(coming, None)
        last = (t, state)
    assert last is not None  # the first pass had states
    content.show(end, last[1])
    about: dict[str, Any] = scrub(timeline.as_json())
    if len(chosen) < len(set(times)):
        about["note"] = f"This report shows the session at {len(chosen)} moments."
    content.timeline = about
    return last[1], content


def _chosen(timeline: TimelineBuilder, times: list[float]) -> list[float]:
    """The moments to keep: both ends, where something happened, and with the room that is left, evenly the rest."""
    begin, end = timeline.times
    chosen = {begin, end, *(mark.t for mark in thinned(timeline.marks, MOST_STEPS - 2))}
    room = MOST_STEPS - len(chosen)
    rest = [t for t in dict.fromkeys(times) if t not in chosen]
    if rest and room > 0:
        chosen.update(rest if len(rest) <= room else [rest[at * len(rest) // room] for at in range(room)])
    return sorted(chosen)


def _whole_words(text: str) -> str:
    """Text being written without its last word: half a key would not be known for one."""
    for at in range(len(text) - 1, max(-1, len(text) - 400), -1):
        if text[at].isspace():
            return text[: at + 1]
    return "" if len(text) < 400 else text[: len(text) - 400]
