"""Following a session line by line, for pipes, logs and consoles that cannot move a cursor."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.segment import Segment, Segments
from rich.text import Text

from agor_reactive.adapters.terminal.blocks import prompt_text, status_text
from agor_reactive.adapters.terminal.layout import Layouts, Painter, signs_for, stacked
from agor_reactive.adapters.terminal.plain import one_line
from agor_reactive.adapters.terminal.words import fault_text
from agor_reactive.core.snapshot import SessionState
from agor_reactive.core.tables import is_active
from agor_reactive.models.task import Task

__all__ = ["LineView"]


class LineView:
    """What is finished, once, in order: prompts, saved messages, how tasks ended, where the link stands."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._layouts = Layouts()
        self._signs = signs_for(console)
        self._begun: set[str] = set()
        self._ended: set[str] = set()
        self._said: set[str] = set()
        self._phase = ""
        self._above = ""
        self._error: str | None = None
        self._state: SessionState | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        return

    def show(self, state: SessionState) -> None:
        """Here is a newer snapshot: write what it has finished."""
        before, self._state = self._state, state
        if state.standing.disposed:
            return
        if before is None or before.standing is not state.standing:
            self._standing(state)
        if state.loading:
            return  # what came live may be known before what was there earlier: it waits its turn
        if (
            before is not None
            and not before.loading
            and before.tasks is state.tasks
            and before.messages_by_task is state.messages_by_task
            and before.live_tools is state.live_tools
        ):
            return
        for task in state.tasks:
            if task.queued or task.task_id in self._ended:
                continue
            self._task(state, task)
            if task.task_id not in self._ended and is_active(task):
                return  # two may be at work for a moment; they are written one after the other

    def _task(self, state: SessionState, task: Task) -> None:
        if task.task_id not in self._begun:
            self._begun.add(task.task_id)
            self._above = ""
            self._console.print(Text(f"{self._signs.bar} ", style="cyan").append_text(prompt_text(task)))
        self._messages(state, task)
        # What was read late is written late: a task is closed once its messages are here, or will not come.
        if task.ended and (state.is_task_loaded(task.task_id) or not state.loading):
            self._ended.add(task.task_id)
            if task.status != "completed":
                self._unsaved(state, task)
            self._console.print(status_text(task, self._signs))
            if task.error_message:
                self._console.print(Text(f"{self._signs.failed} {one_line(task.error_message)}", style="red"))

    def _messages(self, state: SessionState, task: Task) -> None:
        tools = {tool.tool_use_id: tool for tool in state.get_task_tools(task.task_id)}
        painter = Painter(state, self._console, self._console.options, self._layouts)
        for message in state.get_task_messages(task.task_id):
            if message.message_id in self._said:
                continue
            used: set[str] = set()
            parts = painter.message(message, tools, used, prompt=task.full_prompt)
            if not task.ended and any(tools[one].status == "executing" for one in used if one in tools):
                return  # a tool is written once, when it is known how it went
            self._said.add(message.message_id)
            for line in stacked(parts, after=self._above):
                self._console.print(Segments([*line, Segment.line()]), soft_wrap=True)
            self._above = parts[-1][0].kind if parts else self._above

    def _unsaved(self, state: SessionState, task: Task) -> None:
        """Write what the task was writing when it ended, which no saved message will bring."""
        painter = Painter(state, self._console, self._console.options, self._layouts)
        streams = state.get_streaming_messages(task.task_id)
        parts = [part for stream in streams for part in painter.stream(stream)]
        for line in stacked(parts, after=self._above):
            self._console.print(Segments([*line, Segment.line()]), soft_wrap=True)

    def _standing(self, state: SessionState) -> None:
        phase = state.connection.phase
        if phase != self._phase:
            if self._phase:
                self._console.print(Text(f"{self._signs.dot} {phase}", style="dim"))
            self._phase = phase
        if state.error != self._error:
            self._error = state.error
            if state.error is not None:
                self._console.print(Text(f"{self._signs.failed} {one_line(fault_text(state.error))}", style="red"))
