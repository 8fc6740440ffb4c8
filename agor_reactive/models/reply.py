"""What routes answer that is no row of a service: whether something was stopped, whether a decision was taken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from agor_reactive.models.base import CamelModel, Json, WireModel
from agor_reactive.models.secrecy import scrub_text
from agor_reactive.models.session import Session

__all__ = ["DecisionTaken", "SessionFamily", "SessionStream", "StopAnswer"]


class _Said(WireModel):
    """An answer whose few words are all there is to it: they show, rows' own texts and secrets are not among them."""

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        for name in ("success", "already_resolved", "status", "reason", "message"):
            value = self.__dict__.get(name)
            if isinstance(value, bool) or (isinstance(value, str) and value):
                yield name, scrub_text(value) if isinstance(value, str) else value


class StopAnswer(_Said):
    """What a stop came to. `success` is False when nothing ran; `reason` then says why. `status` is the session's."""

    success: bool | None = None
    status: str | None = None
    reason: str | None = None


class DecisionTaken(_Said, CamelModel):
    """What an answer to a permission request came to: one that was answered before stays as it was
    (`already_resolved`, with its `status`)."""

    success: bool | None = None
    already_resolved: bool | None = None
    status: str | None = None
    message: str | None = None


class SessionFamily(WireModel):
    """A session among those it came from and those that came from it. The shape of `ancestors` and `children` is not on
    record: JSON as it came."""

    session: Session | None = None
    ancestors: Annotated[Any, Json] = None
    children: Annotated[Any, Json] = None


class SessionStream(WireModel):
    """That this connection hears the live text of a session (newer daemons); `session_id` is the full id."""

    session_id: str = ""
