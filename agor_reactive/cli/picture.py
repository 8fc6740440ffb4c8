"""A snapshot as an SVG of a terminal, for pages that show what it looks like."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path

from rich.console import Console

from agor_reactive.adapters.terminal.view import SessionView
from agor_reactive.core.snapshot import SessionState

__all__ = ["draw", "save"]

WIDTH, HEIGHT = 96, 27
# Rich links web fonts from a third-party server; the page must not load them.
_WEB_FONT = re.compile(r"@font-\w+\s*\{[^}]*\}")


def draw(state: SessionState, *, title: str = "agor-reactive demo") -> str:
    """Render the SVG, without references to the network."""
    paper = Console(
        record=True,
        width=WIDTH,
        height=HEIGHT,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
        markup=False,
        emoji=False,
        highlight=False,
    )
    paper.print(SessionView(state, height=HEIGHT, hint="Ctrl-C exits"), end="")
    return _WEB_FONT.sub("", paper.export_svg(title=title, unique_id="agor-reactive"))


def save(state: SessionState, file: Path) -> None:
    """Write the SVG to a file that only its owner may read, with the same line ends everywhere."""
    picture = draw(state)
    handle = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as out:
        if hasattr(os, "fchmod"):  # POSIX; the file may have been there
            os.fchmod(handle, 0o600)
        out.write(picture)
