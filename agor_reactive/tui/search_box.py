"""The box for a search in the transcript, and the way to its matches."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from textual import on, work
from textual.widgets import Input

from agor_reactive.tui.search import find
from agor_reactive.tui.transcript import Transcript

__all__ = ["SearchBox"]

AT_ONCE: Final = 10
"""Tasks whose messages are read before the search goes on."""


class SearchBox(Input):
    """Finds text in a transcript: Enter goes to the next older match.

    `read` is called with the ids of tasks that lie before the next match and were never looked at, because the results
    of their calls are not loaded. It returns when the transcript shows their messages.
    """

    DEFAULT_CSS = """
    SearchBox { display: none; height: 1; border: none; background: $panel; padding: 0 1; }
    SearchBox.-open { display: block; }
    """

    def __init__(
        self, transcript: Transcript, *, read: Callable[[list[str]], Awaitable[None]], id: str | None = None
    ) -> None:
        super().__init__(id=id, placeholder="Search; Enter finds the next older match, Esc closes", compact=True)
        self._transcript = transcript
        self._read = read

    def open(self) -> None:
        """Show the box and go to it."""
        self.add_class("-open")
        self.focus()

    def close(self) -> bool:
        """Hide the box and go to the transcript. False if it was not open."""
        if not self.has_class("-open"):
            return False
        self.remove_class("-open")
        self._transcript.query_text = ""
        self._transcript.sheet.forget_unfolded()
        self._transcript.refresh()
        self._transcript.focus()
        return True

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._transcript.query_text = event.value
        self.find(older=True)

    def find(self, *, older: bool) -> None:
        """Go to the next match, if there is a search."""
        if self._transcript.query_text:
            unread = self._go(older, tried=frozenset())
            if unread:
                self._find_in(unread, older)

    @work(exclusive=True, group="search")
    async def _find_in(self, unread: list[str], older: bool) -> None:
        sheet, tried = self._transcript.sheet, set[str]()
        while unread:
            tried.update(unread)
            await self._read(unread)
            if self._transcript.sheet is not sheet or not self._transcript.query_text:
                return
            unread = self._go(older, tried=tried)

    def _go(self, older: bool, *, tried: frozenset[str] | set[str]) -> list[str]:
        """Go to the next match or say that there is none; returns what is to read before, then it does neither."""
        transcript = self._transcript
        sheet, query = transcript.sheet, transcript.query_text
        place, passed = find(sheet, query, transcript.selected, older=older, now=transcript.clock())
        state = sheet.state
        if state is not None and state.connected:
            unloaded = set(sheet.unloaded()).difference(tried)
            unread = [task_id for task_id in passed if task_id in unloaded]
            if unread:
                return unread[:AT_ONCE]
        if place is not None:
            transcript.go_to_match(place, query)
        else:
            more = state is not None and state.has_older_tasks
            text = "No match in the loaded tasks. Scroll up to load older ones." if more else "No match."
            self.app.notify(text, timeout=3, markup=False)
        return []
