"""Payloads for boards, comments, cards and artifacts. See `agor_reactive.models.inputs`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from agor_reactive.models import words

__all__ = [
    "ArtifactCreate",
    "ArtifactPatch",
    "BoardCommentCreate",
    "BoardCommentPatch",
    "BoardCreate",
    "BoardEntityCreate",
    "BoardEntityPatch",
    "BoardPatch",
    "CardCreate",
    "CardPatch",
    "CardTypeCreate",
    "CardTypePatch",
]


class BoardPatch(TypedDict, total=False):
    """The changeable fields of a board."""

    name: str
    slug: str
    description: str
    icon: str
    color: str
    background_color: str
    custom_css: str
    objects: Mapping[str, Mapping[str, Any]]
    custom_context: Mapping[str, Any]
    access_mode: words.BoardAccess | str
    primary_assistant_id: str | None
    primary_teammate_id: str | None
    default_others_can: words.BranchPermission | str
    default_others_fs_access: words.FilesystemAccess | str
    default_dangerously_allow_session_sharing: bool
    archived: bool


class BoardCreate(BoardPatch):
    """A new board."""


class BoardEntityPatch(TypedDict, total=False):
    """The changeable fields of a board entity."""

    position: Mapping[str, float]
    zone_id: str | None


class BoardEntityCreate(BoardEntityPatch, total=False):
    """A new board entity: a branch or a card. The payload is undocumented: any other mapping is accepted, too."""

    board_id: str
    branch_id: str
    worktree_id: str
    card_id: str


class BoardCommentPatch(TypedDict, total=False):
    """The changeable fields of a comment."""

    content: str
    resolved: bool
    position: Mapping[str, Any]


class _BoardCommentMade(TypedDict):
    board_id: str
    content: str


class BoardCommentCreate(_BoardCommentMade, total=False):
    """A new comment; a reply is made by `board-comments` `reply`."""

    position: Mapping[str, Any]
    branch_id: str
    worktree_id: str
    session_id: str
    task_id: str
    message_id: str
    parent_comment_id: str
    mentions: Sequence[str]


class CardPatch(TypedDict, total=False):
    """The changeable fields of a card."""

    title: str
    description: str
    note: str
    url: str
    data: Mapping[str, Any]
    card_type_id: str | None
    color_override: str
    emoji_override: str
    archived: bool


class CardCreate(CardPatch, total=False):
    """A new card."""

    board_id: str


class CardTypePatch(TypedDict, total=False):
    """The changeable fields of a kind of card."""

    name: str
    emoji: str
    color: str
    json_schema: Mapping[str, Any]


class CardTypeCreate(CardTypePatch):
    """A new kind of card."""


class ArtifactPatch(TypedDict, total=False):
    """The changeable fields of an artifact."""

    name: str
    description: str
    template: words.SandpackTemplate | str
    files: Mapping[str, str]
    dependencies: Mapping[str, str]
    entry: str
    required_env_vars: Sequence[str]
    sandpack_config: Mapping[str, Any]
    agor_grants: Mapping[str, Any]
    agor_runtime: Mapping[str, Any]
    public: bool
    archived: bool


class ArtifactCreate(ArtifactPatch, total=False):
    """A new artifact."""

    board_id: str
    branch_id: str
    path: str
