"""Boards: the canvas on which branches are laid out."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from agor_reactive.models.base import Json, WireModel

__all__ = ["Board"]


class Board(WireModel):
    """One board. `objects` maps object ids to texts, zones, markdown and apps, as they came."""

    id_field: ClassVar[str] = "board_id"

    board_id: str
    name: str = ""
    slug: str | None = None
    description: str | None = None
    icon: str | None = None
    color: str | None = None
    background_color: str | None = None
    custom_css: str | None = None
    objects: Annotated[Any, Json] = None
    custom_context: Annotated[Any, Json] = None
    access_mode: str | None = None
    primary_assistant_id: str | None = None
    default_others_can: str | None = None
    default_others_fs_access: str | None = None
    default_dangerously_allow_session_sharing: bool | None = None
    url: str | None = None
    created_at: str = ""
    last_updated: str | None = None
    created_by: str | None = None
    archived: bool | None = None
    archived_at: str | None = None
    archived_by: str | None = None
