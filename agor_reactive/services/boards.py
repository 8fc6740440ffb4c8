"""Boards, the objects on them, and comments.

The arguments of the custom methods are undocumented. Each method has plausible arguments, and accepts a mapping
instead, which is passed through as given.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agor_reactive.calls import operations as op
from agor_reactive.calls.answers import answer_of, typed_row
from agor_reactive.calls.effects import Call, Operation
from agor_reactive.calls.surface import Kind, operation
from agor_reactive.models import Board, BoardComment
from agor_reactive.models.inputs import BoardCommentCreate, BoardCommentPatch, BoardCreate, BoardPatch
from agor_reactive.services.base import Service, passthrough

__all__ = ["BoardCommentService", "BoardService"]


Body = Mapping[str, Any]


def _board(board: str | Body, **more: Any) -> dict[str, Any]:
    """The arguments that name a board to a custom method."""
    return dict(board) if isinstance(board, Mapping) else {"id": board, "boardId": board, **op.given(**more)}


class BoardService(Service[Kind, Board, BoardCreate, BoardPatch]):
    """Boards. The custom methods need a live client: REST has no routes for them."""

    @operation
    def to_blob(
        self, board: str | Body, *, timeout: float | None = None, max_retries: int | None = None
    ) -> Operation[Any]:
        """Export a board as JSON, by its id.

        The body is undocumented: an id is sent as `id` and `boardId`, a mapping is passed through as given. The same
        holds for all methods of boards.
        """
        return answer_of(None, (yield Call("toBlob", "boards", (_board(board),))))

    @operation
    def from_blob(
        self, blob: Mapping[str, Any], *, timeout: float | None = None, max_retries: int | None = None
    ) -> Operation[Board]:
        """Create a board from the result of `to_blob`. The body is undocumented and passed through as given."""
        return typed_row(Board, (yield Call("fromBlob", "boards", (dict(blob),))))

    @operation
    def to_yaml(
        self, board: str | Body, *, timeout: float | None = None, max_retries: int | None = None
    ) -> Operation[Any]:
        """Export a board as YAML, by its id. The body is undocumented; see `to_blob`."""
        return answer_of(None, (yield Call("toYaml", "boards", (_board(board),))))

    @operation
    def from_yaml(
        self, text: str | Body, *, timeout: float | None = None, max_retries: int | None = None
    ) -> Operation[Board]:
        """Create a board from the result of `to_yaml`.

        The body is undocumented: text is sent as `yaml`, a mapping is passed through as given.
        """
        data = {"yaml": text} if isinstance(text, str) else dict(text)
        return typed_row(Board, (yield Call("fromYaml", "boards", (data,))))

    @operation
    def clone(
        self,
        board: str | Body,
        name: str | None = None,
        *,
        timeout: float | None = None,
        max_retries: int | None = None,
    ) -> Operation[Board]:
        """Copy a board under another name. The body is undocumented; see `to_blob`."""
        return typed_row(Board, (yield Call("clone", "boards", (_board(board, name=name),))))

    @operation
    def set_primary_assistant(
        self,
        board: str | Body,
        branch_id: str | None = None,
        *,
        timeout: float | None = None,
        max_retries: int | None = None,
    ) -> Operation[Board]:
        """Make a branch the board's assistant. Newer daemons have `set_primary_teammate` instead, and never answer this
        name.

        The body and the method's name are undocumented; see `to_blob`.
        """
        return typed_row(Board, (yield Call("setPrimaryAssistant", "boards", (_board(board, branchId=branch_id),))))

    @operation
    def clear_primary_assistant(
        self, board: str | Body, *, timeout: float | None = None, max_retries: int | None = None
    ) -> Operation[Board]:
        """Remove the board's assistant.

        The body and the method's name are undocumented; see `to_blob`.
        """
        return typed_row(Board, (yield Call("clearPrimaryAssistant", "boards", (_board(board),))))

    @operation
    def set_primary_teammate(
        self,
        board: str | Body,
        branch_id: str | None = None,
        *,
        timeout: float | None = None,
        max_retries: int | None = None,
    ) -> Operation[Board]:
        """Make a branch the board's teammate (newer daemons).

        The body and the method's name are undocumented; see `to_blob`.
        """
        return typed_row(Board, (yield Call("setPrimaryTeammate", "boards", (_board(board, branchId=branch_id),))))

    @operation
    def clear_primary_teammate(
        self, board: str | Body, *, timeout: float | None = None, max_retries: int | None = None
    ) -> Operation[Board]:
        """Remove the board's teammate (newer daemons).

        The body and the method's name are undocumented; see `to_blob`.
        """
        return typed_row(Board, (yield Call("clearPrimaryTeammate", "boards", (_board(board),))))

    @operation
    def ensure_teammate_welcome_note(
        self, board: str | Body, *, timeout: float | None = None, max_retries: int | None = None
    ) -> Operation[Any]:
        """Create the teammate's welcome note on the board if it is missing (newer daemons).

        The body is undocumented; see `to_blob`.
        """
        return (yield from op.request("ensureTeammateWelcomeNote", "boards", (_board(board),)))

    @passthrough("find", "boards/:id/permissions")
    def permissions(self, board_id: str, *, timeout: float | None = None, max_retries: int | None = None) -> Any:
        """Get the permissions on the board (0.26 and later; before, its owners and group grants)."""


class BoardCommentService(Service[Kind, BoardComment, BoardCommentCreate, BoardCommentPatch]):
    """Comments on boards."""

    @operation
    def reply(
        self,
        comment_id: str,
        content: str | Body,
        *,
        created_by: str | None = None,
        timeout: float | None = None,
        max_retries: int | None = None,
    ) -> Operation[BoardComment]:
        """Answer a comment, as the user `created_by`.

        The body is undocumented: text is sent as `content` with `created_by`, the fields of a comment; a mapping is
        passed through as given.
        """
        path = op.route("board-comments", comment_id, "reply")
        data = op.given(content=content, created_by=created_by) if isinstance(content, str) else dict(content)
        return typed_row(BoardComment, (yield Call("create", path, (data,))))

    @operation
    def toggle_reaction(
        self,
        comment_id: str,
        emoji: str | Body,
        *,
        user_id: str | None = None,
        timeout: float | None = None,
        max_retries: int | None = None,
    ) -> Operation[BoardComment]:
        """Add a user's emoji to a comment, or remove it.

        The body is undocumented: an emoji is sent as `emoji` with `user_id`, the fields of a reaction; a mapping is
        passed through as given.
        """
        path = op.route("board-comments", comment_id, "toggle-reaction")
        data = op.given(emoji=emoji, user_id=user_id) if isinstance(emoji, str) else dict(emoji)
        return typed_row(BoardComment, (yield Call("create", path, (data,))))

    @operation
    def reposition(
        self, comment_id: str, data: Body, *, timeout: float | None = None, max_retries: int | None = None
    ) -> Operation[BoardComment]:
        """Pin a comment elsewhere (0.26 and later). The body is undocumented and passed through as given."""
        path = op.route("board-comments", comment_id, "reposition")
        return typed_row(BoardComment, (yield Call("create", path, (dict(data),))))
