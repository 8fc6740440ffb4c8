"""Boards: the canvas for branches, the objects on it, and comments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, PlainSerializer, PlainValidator

from agor_reactive.models.base import (
    CamelModel,
    FrozenDict,
    FrozenMap,
    Json,
    MadeRow,
    WireModel,
    freeze,
    row_from_wire,
    thaw,
)

__all__ = [
    "AppObject",
    "ArtifactObject",
    "Board",
    "BoardComment",
    "BoardEntity",
    "BoardObject",
    "CommentPosition",
    "CommentReaction",
    "MarkdownObject",
    "Offset",
    "Point",
    "TextObject",
    "ZoneObject",
    "ZoneTrigger",
]


class Point(WireModel):
    """A place on the canvas."""

    x: int | float = 0
    y: int | float = 0


class _Placed(CamelModel):
    """The base of all objects on a board."""

    type: str = ""
    x: int | float = 0
    y: int | float = 0
    width: int | float | None = None
    height: int | float | None = None


class TextObject(_Placed):
    """A piece of text."""

    content: str = ""
    color: str | None = None
    background: str | None = None
    font_size: int | float | None = None


class MarkdownObject(_Placed):
    """A note in Markdown."""

    content: str = ""
    background_color: str | None = None
    font_size: int | float | None = None


class ZoneTrigger(WireModel):
    """The trigger for a branch dropped into a zone: `template` is the prompt, `behavior` ``always_new`` or
    ``show_picker``."""

    behavior: str = ""
    template: str = ""
    agent: str | None = None


class ZoneObject(_Placed):
    """A named area, which may prompt a branch dropped into it."""

    label: str = ""
    status: str | None = None
    color: str | None = None
    background_color: str | None = None
    border_color: str | None = None
    locked: bool | None = None
    trigger: ZoneTrigger | None = None


class AppObject(_Placed):
    """A small web application, stored on the board itself; `files` maps paths to their text."""

    title: str = ""
    description: str | None = None
    template: str | None = None
    files: FrozenMap[str] | None = None
    dependencies: FrozenMap[str] | None = None
    entry_file: str | None = None
    show_console: bool | None = None
    show_editor: bool | None = None


class ArtifactObject(_Placed):
    """An artifact shown on the board."""

    artifact_id: str | None = Field(default=None, alias="artifact_id")


BoardObject = TextObject | ZoneObject | MarkdownObject | AppObject | ArtifactObject | FrozenDict
"""Whatever lies on a board; a kind that is not known stays JSON."""

_KINDS: Mapping[str, type[_Placed]] = {
    "text": TextObject,
    "zone": ZoneObject,
    "markdown": MarkdownObject,
    "app": AppObject,
    "artifact": ArtifactObject,
}


def _read_objects(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return freeze(value)
    return FrozenDict({key: _read_object(item) for key, item in value.items()})


def _read_object(value: Any) -> Any:
    kind = _KINDS.get(str(value.get("type"))) if isinstance(value, dict) else None
    return freeze(value) if kind is None else row_from_wire(kind, value)


class Board(WireModel):
    """One board. `objects` maps object ids to texts, zones, notes, applications and artifacts.

    `access_mode` is ``private`` or ``shared``; `default_others_can` is the access of others to its branches (``none
    view session prompt all``), `default_others_fs_access` to their files (``none read write``). `primary_teammate_id`
    is `primary_assistant_id` on newer daemons. A lean read omits `objects`.
    """

    board_id: str
    name: str = ""
    slug: str | None = None
    description: str | None = None
    icon: str | None = None
    color: str | None = None
    background_color: str | None = None
    custom_css: str | None = None
    objects: Annotated[
        Mapping[str, BoardObject], PlainValidator(_read_objects), PlainSerializer(thaw, return_type=Any)
    ] = FrozenDict()
    custom_context: Annotated[Any, Json] = None
    access_mode: str | None = None
    primary_assistant_id: str | None = None
    primary_teammate_id: str | None = None
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


class BoardEntity(WireModel):
    """The position of a branch or card on a board.

    The row is undocumented: the fields here are read if present, all others are kept (`model_extra`).
    """

    object_id: str
    board_id: str = ""
    branch_id: str | None = None
    worktree_id: str | None = None
    card_id: str | None = None
    zone_id: str | None = None
    position: Point | None = None
    created_at: str = ""


class CommentReaction(WireModel):
    """One user's emoji on a comment."""

    emoji: str = ""
    user_id: str = ""


class Offset(WireModel):
    """A position relative to the object it is pinned to; `parent_type` is ``session zone branch``."""

    parent_id: str = ""
    parent_type: str = ""
    offset_x: int | float = 0
    offset_y: int | float = 0


class CommentPosition(WireModel):
    """The position of a comment: on the canvas, or on an object of it."""

    absolute: Point | None = None
    relative: Offset | None = None


class BoardComment(MadeRow):
    """A comment on a board or one of its objects; a reply has `parent_comment_id`."""

    comment_id: str
    board_id: str = ""
    content: str = ""
    content_preview: str = ""
    edited: bool | None = None
    resolved: bool | None = None
    mentions: tuple[str, ...] = ()
    reactions: tuple[CommentReaction, ...] = ()
    parent_comment_id: str | None = None
    branch_id: str | None = None
    worktree_id: str | None = None
    session_id: str | None = None
    task_id: str | None = None
    message_id: str | None = None
    position: CommentPosition | None = None
