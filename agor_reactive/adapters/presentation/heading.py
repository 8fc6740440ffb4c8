"""The heading of a session: title, status, connection, model, context; and notes on what needs attention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from agor_reactive.adapters.presentation.plain import one_line
from agor_reactive.adapters.presentation.quantities import count_text, number_of, seconds_text
from agor_reactive.adapters.presentation.status import (
    NEEDS_PERSON,
    Mark,
    Tone,
    mark_of,
    session_status,
    status_label,
    tone_of,
)
from agor_reactive.core.fold.failures import AGAIN
from agor_reactive.core.snapshot import SessionState
from agor_reactive.models.ids import format_short_id
from agor_reactive.models.session import Session

__all__ = ["ContextUse", "Heading", "Note", "error_text", "heading_of", "model_of", "notes_of", "title_of"]


class ContextUse(NamedTuple):
    """How full the model's context is: 0 to 100 (0 if the limit is unknown), a short text, and a sentence."""

    percent: int
    text: str
    about: str


class Note(NamedTuple):
    """Something to know about the session. `remedy` says what to call, for views beside Python code."""

    tone: Tone
    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Heading:
    """The heading of a session. Texts are empty where nothing is known.

    `link` is the phase of the connection, ``unavailable`` for a session that cannot be read, ``released`` for a handle
    that was released. `open`: whether prompts can be sent. `needs_person`: whether the session waits for a person.
    """

    session_id: str
    title: str
    status: str
    tone: Tone
    mark: Mark
    link: str
    link_tone: Tone
    agent: str
    model: str
    ref: str
    context: ContextUse | None
    open: bool
    needs_person: bool

    @property
    def details(self) -> str:
        """Agent, model and git ref in one text."""
        return " · ".join(text for text in (self.agent, self.model, self.ref) if text)


def heading_of(state: SessionState, *, released: bool = False) -> Heading:
    """Return the heading of a session. `released`: the view's handle was, though others may hold the session."""
    session = state.session
    status = _status(state)
    git = session.git_state if session is not None else None
    released = released or state.status.disposed
    link = "released" if released else "unavailable" if state.terminal else state.connection.phase
    return Heading(
        session_id=one_line(state.session_id, 80),
        title=title_of(session, state.session_id),
        status=status_label(status) if status else "",
        tone=tone_of(status),
        mark=mark_of(status),
        link=link,
        link_tone=tone_of(link),
        agent=one_line((session.agentic_tool if session is not None else None) or "", 30),
        model=model_of(session),
        ref=one_line((git.ref if git is not None else None) or "", 60),
        context=_context(state),
        open=link not in ("released", "unavailable", "closed"),
        needs_person=status in NEEDS_PERSON,
    )


def _status(state: SessionState) -> str:
    newest = next((task for task in reversed(state.tasks) if not task.queued), None)
    return session_status(
        state.session.status if state.session is not None else "", newest.status if newest is not None else ""
    )


def title_of(session: Session | None, session_id: str) -> str:
    """Return a session's title, or ``Session`` and its short id."""
    title = one_line((session.title if session is not None else None) or "", 200)
    return title or f"Session {format_short_id(session_id)}"


def model_of(session: Session | None) -> str:
    """Return the name of a session's model."""
    settings = session.model_settings if session is not None else None
    return one_line((settings.model if settings is not None else None) or "", 40)


def _context(state: SessionState) -> ContextUse | None:
    """From the session's row, else from the newest of the last tasks whose usage is known."""
    session = state.session
    used = number_of(session.current_context_usage) if session is not None else None
    limit = number_of(session.context_window_limit) if session is not None else None
    if used is None:
        for task in reversed(state.tasks[-5:]):
            usage = task.usage
            if usage is None:
                continue
            snapshot = usage.context_usage_snapshot
            used = number_of(snapshot.total_tokens if snapshot is not None else task.computed_context_window)
            limit = limit or number_of(snapshot.max_tokens if snapshot is not None else usage.context_window_limit)
            if used is not None:
                break
    if used is None:
        return None
    if not limit:
        return ContextUse(0, f"{count_text(used)} tokens", "Tokens in the model's context")
    percent = round(100 * used / limit)
    return ContextUse(percent, f"{percent}%", f"{used:,.0f} of {limit:,.0f} tokens of the model's context are used")


def error_text(error: str) -> str:
    """Return an error of a snapshot without the core's advice to call ``resync()``, which not every view can follow."""
    return error.removesuffix(AGAIN)


def notes_of(state: SessionState, *, released: bool = False) -> tuple[Note, ...]:
    """Return the notes on a session: connection, errors, first read; or that the handle was released."""
    if released or state.status.disposed:
        return (Note("", "The handle was released. This is the last known state.", "Retain the session again."),)
    errors = state.status.errors
    of_room = state.degraded and bool(errors) and errors[-1][0] == "join"  # that error says what the link's note does
    notes = [note for note in (None if of_room else _link_note(state),) if note is not None]
    if state.error is not None and state.connection.phase != "closed":
        error = error_text(state.error)
        remedy = "Call resync()." if error != state.error else ""
        text = one_line(error, 600)
        if state.terminal:
            text = f"{text.rstrip('.')}. Not retried automatically."
        notes.append(Note("warn" if of_room else "bad", text, remedy))
    elif state.loading and state.connected and not state.tasks:
        notes.append(Note("busy", "Loading the session…"))
    return tuple(notes)


def _ended(sentence: str) -> str:
    """The sentence with a full stop, unless the reason in it ends as a question."""
    return sentence if sentence.endswith(("?", "!")) else f"{sentence}."


def _link_note(state: SessionState) -> Note | None:
    link = state.connection
    reason = one_line(link.reason or "", 160).rstrip(".")
    why = f": {reason}" if reason else ""
    if link.phase == "reconnecting":
        following = f", next try in {seconds_text(link.next_try_in)}" if link.next_try_in else ""
        return Note(
            "warn", f"{_ended(f'Reconnecting, attempt {max(1, link.attempt)}{following}{why}')} May be outdated."
        )
    if link.phase == "connecting":
        attempt = f", attempt {link.attempt}" if link.attempt > 1 else ""
        return Note("busy", _ended(f"Connecting to the daemon{attempt}{why}"))
    if link.phase == "unauthenticated":
        return Note("bad", _ended(f"Not logged in{why}"), "Call client.authenticate().")
    if link.phase == "closed":
        return Note("bad", f"{_ended(f'The client is closed{why}')} No more updates.")
    if state.degraded:
        return Note("warn", _ended(f"Connected, but live text may be missing{why}"))
    return None
