"""A session as one HTML file: `write_report`. Opened from anywhere it loads nothing, and can be scrubbed in time."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from agor_reactive.adapters.page.html import html_of
from agor_reactive.adapters.presentation.heading import title_of
from agor_reactive.adapters.presentation.transcript import transcript
from agor_reactive.adapters.report.content import Content, of_log, of_state
from agor_reactive.core.snapshot import SessionState
from agor_reactive.core.state_data import state_from_data, state_to_data
from agor_reactive.errors import UsageError
from agor_reactive.logs import Log
from agor_reactive.transport.redaction import scrub, scrub_text

__all__ = ["write_report"]


def write_report(source: Log | SessionState, path: str | os.PathLike[str], session_id: str | None = None) -> Path:
    """Write a session as one self-contained HTML page; an existing file is replaced. Returns its path.

    Of a log the page has a slider through the session's time: its state at 200 moments at most, the page says how many.
    Of a state it shows that state. Nothing on the page is loaded from elsewhere, no text of the session becomes markup
    or script, and keys, tokens and passwords are replaced. The prompts and replies are in it: share it accordingly.

    Raises `UsageError` for a file that cannot be written, and for a log of several sessions without `session_id`;
    `NotFound` and `AmbiguousId` as `Log` does.
    """
    content: Content
    if isinstance(source, Log):
        state, content = of_log(source, session_id)
    elif isinstance(source, SessionState):
        state = state_from_data(state_to_data(source, scrub))
        content = of_state(state, time.time())
    else:
        raise UsageError(f"a report is written of a log or a state, not of {type(source).__name__}")
    title = scrub_text(title_of(state.session, state.session_id))
    text = scrub_text(transcript(state))
    made = html_of("report", title=title, text=text, data=content.as_json(), looks="report").text
    target = Path(path)
    try:
        _replace(target, made.encode("utf-8", "replace"))
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror or error}") from None
    return target


def _replace(target: Path, data: bytes) -> None:
    """All of it or nothing: a reader never sees half a page."""
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)  # a report is for sharing; a temporary file is not
        os.replace(name, target)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
