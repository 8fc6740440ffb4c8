"""Follows a session line by line, for pipes, logs and consoles that cannot move a cursor."""

from __future__ import annotations

from typing import Self

from rich.console import Console
from rich.segment import Segment, Segments
from rich.text import Text

from agor_reactive.adapters.presentation.blocks import ToolBlock, stream_blocks
from agor_reactive.adapters.presentation.heading import error_text
from agor_reactive.adapters.presentation.plain import one_line
from agor_reactive.adapters.terminal.blocks import prompt_text, status_text
from agor_reactive.adapters.terminal.layout import Layouts, Painter, stacked
from agor_reactive.adapters.terminal.signs import signs_for
from agor_reactive.core.snapshot import SessionState
from agor_reactive.core.tables import is_active
from agor_reactive.models.task import Task

__all__ = ["LineView"]


class LineView:
    """Prints what is finished, once and in order: prompts, saved messages, ends of tasks, connection changes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._layouts = Layouts()
        self._signs = signs_for(console)
        self._begun: set[str] = set()
        self._ended: set[str] = set()
        self._printed: set[str] = set()
        self._phase = ""
        self._above = ""
        self._error: str | None = None
        self._state: SessionState | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def show(self, state: SessionState) -> None:
        """Print what a newer snapshot has finished."""
        before, self._state = self._state, state
        if state.status.disposed:
            if before is not None and not before.status.disposed:
                self._console.print(Text(f"{self._signs.dot} released", style="dim"))
            return
        # Also of tasks that are not printed yet: a start that is sent once must not be missed.
        if before is None or before.tasks is not state.tasks:
            for task in state.tasks:
                if not task.ended:
                    self._layouts.presenter.task_heading(task)
        if before is None or before.status is not state.status:
            self._show_status(state)
        if state.loading:
            return  # live events may arrive before older rows; printed lines cannot be reordered
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
            self._show_task(state, task)
            if task.task_id not in self._ended and is_active(task):
                return  # two tasks may run for a moment; they are printed one after the other

    def _show_task(self, state: SessionState, task: Task) -> None:
        if task.task_id not in self._begun:
            self._begun.add(task.task_id)
            self._above = ""
            self._console.print(Text(f"{self._signs.bar} ", style="cyan").append_text(prompt_text(task)))
        self._show_messages(state, task)
        # An ended task is closed only once its messages are loaded, or the session is loaded without them.
        if task.ended and (state.is_task_loaded(task.task_id) or not state.loading):
            self._ended.add(task.task_id)
            if task.status != "completed":
                self._show_unsaved(state, task)
            self._console.print(status_text(self._layouts.presenter.task_heading(task), self._signs))
            if task.error_message:
                self._console.print(Text(f"{self._signs.failed} {one_line(task.error_message)}", style="red"))

    def _show_messages(self, state: SessionState, task: Task) -> None:
        painter = Painter(state, self._console, self._console.options, self._layouts)
        for message in state.get_task_messages(task.task_id):
            if message.message_id in self._printed:
                continue
            blocks = self._layouts.presenter.message_blocks(state, task, message)
            if not task.ended and any(isinstance(one, ToolBlock) and one.state == "executing" for one in blocks):
                return  # a call is printed once, with its result
            self._printed.add(message.message_id)
            parts = painter.laid_out(task.task_id, blocks)
            for line in stacked(parts, after=self._above):
                self._console.print(Segments([*line, Segment.line()]), soft_wrap=True)
            self._above = parts[-1][0].kind if parts else self._above

    def _show_unsaved(self, state: SessionState, task: Task) -> None:
        """Print the text that the task was writing when it ended: no saved message follows."""
        painter = Painter(state, self._console, self._console.options, self._layouts)
        blocks = [block for stream in state.get_streaming_messages(task.task_id) for block in stream_blocks(stream)]
        for line in stacked(painter.laid_out(task.task_id, blocks), after=self._above):
            self._console.print(Segments([*line, Segment.line()]), soft_wrap=True)

    def _show_status(self, state: SessionState) -> None:
        phase = state.connection.phase
        if phase != self._phase:
            if self._phase:
                self._console.print(Text(f"{self._signs.dot} {phase}", style="dim"))
            self._phase = phase
        if state.error != self._error:
            self._error = state.error
            if state.error is None:
                self._console.print(Text(f"{self._signs.done} recovered", style="dim"))
            else:
                self._console.print(Text(f"{self._signs.failed} {one_line(error_text(state.error))}", style="red"))
