"""What routes answer that is no row of a service: whether something was stopped, whether a decision was taken."""

from __future__ import annotations

from typing import Annotated, Any

from agor_reactive.models.base import CamelModel, Json, WireModel
from agor_reactive.models.session import Session

__all__ = ["DecisionTaken", "SessionFamily", "SessionStream", "StopAnswer"]


class StopAnswer(WireModel):
    """What a stop came to. `success` is False when nothing ran; `reason` then says why. `status` is the session's."""

    success: bool | None = None
    status: str | None = None
    reason: str | None = None


class DecisionTaken(CamelModel):
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
