"""Shows one line of progress, with a bar or without: in the cell of a notebook, on the last line of a terminal, else as
plain lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from html import escape
from typing import IO, Any

from agor_reactive.adapters.presentation.plain import one_line

__all__ = ["ProgressLine"]

INTERVAL = 0.1
"""Least seconds between two updates."""

BAR = 20
"""Characters of a bar in a terminal."""


class ProgressLine:
    """Call it with each line; `close` removes the line from a terminal, and leaves the last one in a notebook.

    Where stderr is no terminal, a line is written when what stands before its first comma changes.
    """

    def __init__(self, stream: IO[str] | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._clock = clock
        self._shown_at = -INTERVAL
        self._line = self._shown = ""
        self._share: float | None = None
        self._cell = None if stream is not None else _cell()
        self._is_terminal = self._cell is None and self._stream.isatty()

    def __call__(self, line: str) -> None:
        self.bar(line, None)

    def bar(self, line: str, share: float | None) -> None:
        """Show a line with a bar that is full at a `share` of 1; without a bar if it is None."""
        self._share = share
        self._line = one_line(line, 200)
        changed = self._line.partition(",")[0] != self._shown.partition(",")[0]
        if changed or (self._updates and self._clock() - self._shown_at >= INTERVAL):
            self._show()

    @property
    def _updates(self) -> bool:
        return self._cell is not None or self._is_terminal

    def _show(self) -> None:
        self._shown, self._shown_at = self._line, self._clock()
        if self._cell is not None:
            self._cell.update(_bundle(self._line, self._share), raw=True)
        else:
            text = _with_bar(self._line, self._share)[:79]
            self._write(f"\r\x1b[2K{text}" if self._is_terminal else f"{self._line}\n")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()

    def close(self) -> None:
        """End it. Idempotent."""
        if self._is_terminal and self._shown:
            self._write("\r\x1b[2K")
        elif self._cell is not None and self._line != self._shown:
            self._show()
        self._line = self._shown = ""


def _with_bar(line: str, share: float | None) -> str:
    """The bar is in ASCII: terminals have other encodings, too."""
    if share is None:
        return line
    full = int(BAR * share)
    return f"[{'#' * full}{'.' * (BAR - full)}] {line}"


def _bundle(line: str, share: float | None) -> dict[str, str]:
    bar = f'<progress max="1" value="{share:.3f}" aria-label="{escape(line)}"></progress> ' if share is not None else ""
    return {"text/plain": _with_bar(line, share), "text/html": f"{bar}<small>{escape(line)}</small>"}


def _cell() -> Any:
    """An output of the running cell that can be updated; None where there is no kernel."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if getattr(shell, "kernel", None) is None:
        return None
    from IPython.display import display

    return display(_bundle("", None), raw=True, display_id=True)
