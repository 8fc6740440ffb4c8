"""One snapshot of a session as a renderable: heading, tasks, queue, notes. With a height, only the newest lines.

With a height, tasks are laid out from the newest back until the height is filled, so the cost does not grow with the
length of the session.
"""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, ConsoleOptions
from rich.segment import Segment

from agor_reactive.adapters.terminal.layout import Layouts, Line, Painter
from agor_reactive.core.snapshot import SessionState

__all__ = ["SessionView"]


class SessionView:
    """A renderable of one snapshot.

    `height`: the number of lines, None for all. `hint`: the last line while there are no notes, or always with
    `keep_hint`. `layouts`: pass the same one to successive views of a session, so that unchanged blocks are not laid
    out again. `released`: the handle was, and this is the last snapshot before.
    """

    def __init__(
        self,
        state: SessionState,
        *,
        height: int | None = None,
        hint: str = "",
        keep_hint: bool = False,
        layouts: Layouts | None = None,
        released: bool = False,
    ) -> None:
        self.state = state
        self.height = height
        self.hint = hint
        self.keep_hint = keep_hint
        self.released = released
        self.layouts = layouts if layouts is not None else Layouts()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for line in self.lines(console, options):
            yield from line
            yield Segment.line()

    def lines(self, console: Console, options: ConsoleOptions) -> list[Line]:
        """Return the lines of the view, each at most as wide as the console."""
        paint = Painter(self.state, console, options.update(height=None), self.layouts, released=self.released)
        head, foot = paint.heading(), [*paint.queue(), *paint.footing(self.hint, always=self.keep_hint)]
        if self.height is None:
            return [*head, *paint.body(None), *foot]
        room = max(1, self.height - len(head) - len(foot))
        body = paint.body(room)
        filled = [*head, *body, *([[]] * (room - len(body))), *foot]
        return filled[: self.height]
