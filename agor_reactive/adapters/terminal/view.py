"""One snapshot of a session as a renderable: heading, tasks, queue, footing. Height-bounded on request.

With a height it keeps the newest lines, and lays out from the newest task back only as far as they reach: the cost is
that of a screen, whatever the length of the session.
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

    `height`: the number of lines to fill, the newest kept; None for all of them. `hint`: what to say at the foot when
    nothing is wrong. `layouts`: hand the same one to successive views, and what did not change is not laid out anew.
    """

    def __init__(
        self, state: SessionState, *, height: int | None = None, hint: str = "", layouts: Layouts | None = None
    ) -> None:
        self.state = state
        self.height = height
        self.hint = hint
        self.layouts = layouts if layouts is not None else Layouts()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for line in self.lines(console, options):
            yield from line
            yield Segment.line()

    def lines(self, console: Console, options: ConsoleOptions) -> list[Line]:
        """The view line by line, every line at most as wide as the console."""
        paint = Painter(self.state, console, options.update(height=None), self.layouts)
        head, foot = paint.heading(), [*paint.queue(), *paint.footing(self.hint)]
        if self.height is None:
            return [*head, *paint.body(None), *foot]
        room = max(1, self.height - len(head) - len(foot))
        body = paint.body(room)
        filled = [*head, *body, *([[]] * (room - len(body))), *foot]
        return filled[: self.height]
