"""One session: heading, transcript, permission request, queue, notes and the prompt box, around its handle."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import ClassVar, Final

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, Static

from agor_reactive.adapters.presentation.failures import failure_of
from agor_reactive.adapters.presentation.heading import heading_of, notes_of
from agor_reactive.adapters.presentation.plain import one_line, plain
from agor_reactive.adapters.presentation.status import is_busy
from agor_reactive.adapters.presentation.tasks import queue_of
from agor_reactive.adapters.terminal.layout import note_sign
from agor_reactive.adapters.terminal.signs import SIGNS, heading_style, tone_style
from agor_reactive.client import Client, retain_reactive_session
from agor_reactive.core.snapshot import SessionState
from agor_reactive.errors import AgorError, Conflict
from agor_reactive.session.handles import SessionHandle
from agor_reactive.tui.coalesced import Coalesced
from agor_reactive.tui.dialogs import ReasonDialog
from agor_reactive.tui.prompt_box import PromptBox
from agor_reactive.tui.queue_list import QueueList
from agor_reactive.tui.request_panel import READING_TIME, RequestPanel
from agor_reactive.tui.search_box import SearchBox
from agor_reactive.tui.transcript import Transcript

__all__ = ["SessionPane"]

EARLIER: Final = 200
"""Prompts of a session that the prompt box goes through."""


class SessionPane(Vertical):
    """Shows one session at a time; `open` shows another."""

    DEFAULT_CSS = """
    SessionPane { width: 1fr; }
    SessionPane #heading { height: 1; background: $panel; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    SessionPane Transcript { height: 1fr; margin: 0 0 0 1; }
    SessionPane #notes { height: auto; max-height: 4; padding: 0 1; display: none; }
    SessionPane #notes.-noted { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("i", "write", "Prompt"),
        Binding("s", "stop", "Stop"),
        Binding("slash", "search", "Search", key_display="/"),
        Binding("n", "find(True)", "Next match", show=False),
        Binding("N", "find(False)", "Previous match", show=False),
        Binding("a,f2", "answer(True)", "Approve", show=False),
        Binding("d,f3", "answer(False)", "Deny", show=False),
        Binding("c", "queue", "Queue", show=False),
        Binding("y", "copy", "Copy", show=False),
        Binding("r", "resync", "Reload", show=False),
    ]

    def __init__(
        self,
        client: Client,
        *,
        id: str | None = None,
        reading_time: float = READING_TIME,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(id=id)
        self._client = client
        self.handle: SessionHandle | None = None
        self.state: SessionState | None = None
        self._reading_time = reading_time
        self._clock = clock
        self._undo: Callable[[], object] = lambda: None
        self._painting = Coalesced(self, self._paint)
        self._failure: tuple[str, bool] | None = None
        self._drafts: dict[str, str] = {}
        self._sent: dict[str, list[str]] = {}
        self._asked: set[str] = set()
        self._loading_older = False
        self._epoch = -1
        self._notes: list[Text] = []

    def compose(self) -> ComposeResult:
        yield Static(id="heading")
        transcript = Transcript(id="transcript", clock=self._clock)
        yield transcript
        yield SearchBox(transcript, read=self._read_all, id="search")
        yield RequestPanel(id="request", reading_time=self._reading_time)
        yield QueueList(id="queue")
        yield Static(id="notes")
        yield PromptBox(id="prompt")

    def on_mount(self) -> None:
        self.set_interval(1.0, self._tick)

    def on_unmount(self) -> None:
        self._release()

    @property
    def transcript(self) -> Transcript:
        """The transcript."""
        return self.query_one(Transcript)

    @property
    def box(self) -> PromptBox:
        """The prompt box."""
        return self.query_one(PromptBox)

    # -------------------------------------------------------------------------------------------------- the session

    def open(self, session_id: str) -> None:
        """Show a session; its draft comes back."""
        if self.handle is not None and self.handle.session_id == session_id:
            return
        self.close()
        self.transcript.clear()
        self.handle = retain_reactive_session(self._client, session_id, task_hydration="lean")
        self.state = None
        self._undo = self.handle.subscribe(self._take)
        self.box.write(self._drafts.get(session_id, ""))

    def close(self) -> None:
        """Release the session, and keep what is written in the prompt box."""
        if self.handle is not None:
            self._drafts[self.handle.session_id] = self.box.text
            self._release()

    def _release(self) -> None:
        handle, self.handle = self.handle, None
        if handle is not None:
            self._undo()
            self._failure, self._loading_older = None, False
            self._asked.clear()
            handle.release()

    def _take(self, state: SessionState) -> None:
        self._painting.ask()

    def _tick(self) -> None:
        state = self.state
        if state is not None and state.active_task is not None:
            self._painting.ask()

    def _paint(self) -> None:
        handle = self.handle
        if handle is None or handle.released or not self.is_attached:
            return
        state = self.state = handle.state
        if state.connection.epoch != self._epoch:
            self._epoch = state.connection.epoch
            self._asked.clear()
            if self._failure is not None and self._failure[1]:
                self._failure = None
        self.transcript.show(state, handle.entry.link.user_id)
        request, queue = self.transcript.sheet.pending_request(), queue_of(state)
        panel, queued = self.query_one(RequestPanel), self.query_one(QueueList)
        if (panel.has_focus_within and request is None) or (queued.has_focus and not queue):
            # What hides would leave the focus to chance, and with it the next key.
            self.transcript.focus()
        panel.show(request)
        queued.show(queue)
        self._paint_heading(state)
        self._paint_notes(state)
        sent = self._sent.get(handle.session_id, [])
        self.box.earlier = _earlier(state, sent)
        busy = is_busy(state)
        self.box.border_title = Text("Queue a follow-up" if busy else "Prompt")
        self.box.border_subtitle = Text("Enter sends · Ctrl+J new line")

    def _paint_heading(self, state: SessionState) -> None:
        heading = heading_of(state)
        line = Text(no_wrap=True, overflow="ellipsis")
        line.append(heading.title, style="bold")
        if heading.status:
            line.append(f"  {SIGNS.mark(heading.mark)} {heading.status}", style=heading_style(heading))
        if heading.link != "live":
            line.append(f"  {heading.link}", style=tone_style(heading.link_tone))
        details = [text for text in (heading.details, heading.context.text if heading.context else "") if text]
        if details:
            line.append(f"  {f' {SIGNS.dot} '.join(details)}", style="dim")
        self.query_one("#heading", Static).update(line, layout=False)

    def _paint_notes(self, state: SessionState) -> None:
        notes = [Text(f"{note_sign(note.tone, SIGNS)}{note.text}", tone_style(note.tone)) for note in notes_of(state)]
        if self._failure is not None:
            notes.append(Text(f"{SIGNS.failed} {self._failure[0]}", tone_style("bad")))
        if not state.tasks and not state.loading and not notes:
            notes.append(Text("No prompts yet. Write the first one below.", "dim"))
        if notes != self._notes:
            # A box that grows or shrinks asks for a layout of the whole screen.
            self._notes = notes
            box = self.query_one("#notes", Static)
            box.set_class(bool(notes), "-noted")
            box.update(Text("\n").join(notes))

    # ------------------------------------------------------------------------------------------------------- actions

    @work(group="actions")
    async def _act(self, action: Callable[[SessionHandle], Awaitable[object]], undo: Callable[[], None] | None) -> None:
        """Run an action of the user and show how it failed; `undo` runs then."""
        handle = self.handle
        if handle is None:
            return
        try:
            await action(handle)
        except AgorError as error:
            if self.handle is handle:
                failure = failure_of(error)
                self._failure = (failure.text, failure.passing)
                if undo is not None:
                    undo()
        else:
            if self.handle is handle:
                self._failure = None
        self._painting.ask()

    @on(PromptBox.Sent)
    def _send(self, event: PromptBox.Sent) -> None:
        handle = self.handle
        if handle is None:
            return
        event.stop()
        text, session_id = event.text, handle.session_id
        self._sent.setdefault(session_id, []).append(text)

        def give_back() -> None:
            if not self.box.text.strip():
                self.box.write(text)

        self.transcript.action_scroll_end()
        self._act(lambda held: held.prompt(text), give_back)

    @on(PromptBox.Paged)
    def _page(self, event: PromptBox.Paged) -> None:
        event.stop()
        if event.step < 0:
            self.transcript.action_page_up()
        else:
            self.transcript.action_page_down()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Letters are text in the boxes, so that these keys do nothing there and are not listed."""
        if action in ("write", "stop", "search"):
            return not isinstance(self.screen.focused, PromptBox | Input)
        return True

    def action_stop(self) -> None:
        """Stop the task that is shown as running."""
        task = self.state.active_task if self.state is not None else None
        if task is not None:
            task_id = task.task_id
            self._act(lambda held: held.stop(expected_task_id=task_id, wait=False), None)

    @on(QueueList.Cancelled)
    def _cancel(self, event: QueueList.Cancelled) -> None:
        event.stop()
        task_id = event.task_id
        self._act(lambda held: held.cancel(task_id), None)

    def action_answer(self, allow: bool) -> None:
        """Answer the pending request."""
        self.query_one(RequestPanel).action_answer(allow)

    @on(RequestPanel.Answered)
    def _answer(self, event: RequestPanel.Answered) -> None:
        event.stop()
        request_id = event.request.request_id
        if event.allow:
            self._act(lambda held: _decided(held.approve(request_id)), None)
            return

        def deny(reason: str | None) -> None:
            if reason is not None:
                self._act(lambda held: _decided(held.deny(request_id, reason=reason or None)), None)

        self.app.push_screen(ReasonDialog(f"Deny {event.request.tool}"), deny)

    def action_resync(self) -> None:
        """Read the session again."""
        self._act(lambda held: held.resync(), None)

    def action_copy(self) -> None:
        """Copy the selected block or the newest reply."""
        text = self.transcript.copied_text()
        if text:
            self.app.copy_to_clipboard(text)
            self.app.notify(f"Copied {len(text):,} characters.", timeout=2, markup=False)

    def action_write(self) -> None:
        """Go to the prompt box."""
        self.box.focus()

    def action_queue(self) -> None:
        """Go to the queue."""
        if self.query_one(QueueList).rows:
            self.query_one(QueueList).focus()

    # ------------------------------------------------------------------------------------------- reading more of it

    @on(Transcript.NearTop)
    def _load_older(self, event: Transcript.NearTop) -> None:
        event.stop()
        state = self.state
        if not self._loading_older and state is not None and state.connected and not state.loading:
            self._loading_older = True
            self._read_older()

    @work(group="older")
    async def _read_older(self) -> None:
        handle = self.handle
        try:
            if handle is not None:
                await handle.load_older_tasks()
        except AgorError as error:
            if self.handle is handle:
                self._failure = (failure_of(error).text, True)
        finally:
            if self.handle is handle:
                self._loading_older = False
                self._painting.ask()

    @on(Transcript.Unloaded)
    def _load_messages(self, event: Transcript.Unloaded) -> None:
        event.stop()
        state = self.state
        if state is None or not state.connected:
            return
        for task_id in event.task_ids:
            if task_id not in self._asked:
                self._asked.add(task_id)
                self._read_messages(task_id)

    @work(group="messages")
    async def _read_messages(self, task_id: str) -> None:
        await self._load(task_id)
        self._painting.ask()

    async def _load(self, task_id: str) -> None:
        """Read the messages of a task; why that failed is shown."""
        handle = self.handle
        if handle is None:
            return
        try:
            await handle.load_task_messages(task_id)
        except AgorError as error:
            if self.handle is handle:
                self._failure = (one_line(failure_of(error).text), True)

    # ------------------------------------------------------------------------------------------------------- search

    def action_search(self) -> None:
        """Open the search."""
        self.query_one(SearchBox).open()

    def action_find(self, older: bool) -> None:
        """Go to the next match."""
        self.query_one(SearchBox).find(older=older)

    async def _read_all(self, task_ids: list[str]) -> None:
        handle = self.handle
        await asyncio.gather(*map(self._load, task_ids))
        if self.handle is handle:
            self._paint()

    def leave(self) -> bool:
        """Go one step back, as Esc does: from the search or the prompt to the transcript. False if already there."""
        if self.query_one(SearchBox).close():
            return True
        if not self.transcript.has_focus:
            self.transcript.focus()
            return True
        if self.transcript.selected is not None:
            self.transcript.selected = None
            self.transcript.refresh()
            return True
        return False


async def _decided(answer: Awaitable[object]) -> None:
    taken = await answer
    if getattr(taken, "success", None) is False:
        raise Conflict(str(getattr(taken, "message", None) or "This request was already answered."))


def _earlier(state: SessionState, sent: list[str]) -> list[str]:
    """Prompts of the session, oldest first, then those sent from here; each once, where it came last."""
    prompts = [plain(task.full_prompt) for task in state.tasks[-EARLIER:]] + sent
    return list(reversed(dict.fromkeys(reversed([text for text in prompts if text.strip()]))))
