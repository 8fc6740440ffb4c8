"""Boards and what lies on them, and the comments people leave there.

What the custom methods take is not on record. Each has the arguments one would expect, and takes a mapping instead of
them, which is passed through as given.
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
from agor_reactive.services.base import Service

__all__ = ["BoardCommentService", "BoardService"]


Body = Mapping[str, Any]


def _board(board: str | Body, **more: Any) -> dict[str, Any]:
    """What names a board to a custom method."""
    return dict(board) if isinstance(board, Mapping) else {"id": board, "boardId": board, **op.given(**more)}


class BoardService(Service[Kind, Board, BoardCreate, BoardPatch]):
    """Boards. All but the rows needs a live client: REST has no routes for it."""

    @operation
    def to_blob(self, board: str | Body, *, timeout: float | None = None) -> Operation[Any]:
        """A board as JSON to keep or to pass on, by its id.

        The shape of the body is not on record: an id is sent as `id` and `boardId`, a mapping is passed through as
        given. So in all methods of boards.
        """
        return answer_of(None, (yield Call("toBlob", "boards", (_board(board),))))

    @operation
    def from_blob(self, blob: Mapping[str, Any], *, timeout: float | None = None) -> Operation[Board]:
        """A new board of what `to_blob` gave. The shape of the body is not on record; it is passed through as given."""
        return typed_row(Board, (yield Call("fromBlob", "boards", (dict(blob),))))

    @operation
    def to_yaml(self, board: str | Body, *, timeout: float | None = None) -> Operation[Any]:
        """A board as YAML, by its id. The shape of the body is not on record; see `to_blob`."""
        return answer_of(None, (yield Call("toYaml", "boards", (_board(board),))))

    @operation
    def from_yaml(self, text: str | Body, *, timeout: float | None = None) -> Operation[Board]:
        """A new board of what `to_yaml` gave.

        The shape of the body is not on record: text is sent as `yaml`, a mapping is passed through as given.
        """
        data = {"yaml": text} if isinstance(text, str) else dict(text)
        return typed_row(Board, (yield Call("fromYaml", "boards", (data,))))

    @operation
    def clone(self, board: str | Body, name: str | None = None, *, timeout: float | None = None) -> Operation[Board]:
        """A copy of a board, under another name. The shape of the body is not on record; see `to_blob`."""
        return typed_row(Board, (yield Call("clone", "boards", (_board(board, name=name),))))

    @operation
    def set_primary_assistant(
        self, board: str | Body, branch_id: str | None = None, *, timeout: float | None = None
    ) -> Operation[Board]:
        """Make a branch the board's assistant. Newer daemons say teammate (`set_primary_teammate`), and never answer
        this name.

        The shape of the body is not on record, nor is the method's name; see `to_blob`.
        """
        return typed_row(Board, (yield Call("setPrimaryAssistant", "boards", (_board(board, branchId=branch_id),))))

    @operation
    def clear_primary_assistant(self, board: str | Body, *, timeout: float | None = None) -> Operation[Board]:
        """Let the board have no assistant.

        The shape of the body is not on record, nor is the method's name; see `to_blob`.
        """
        return typed_row(Board, (yield Call("clearPrimaryAssistant", "boards", (_board(board),))))

    @operation
    def set_primary_teammate(
        self, board: str | Body, branch_id: str | None = None, *, timeout: float | None = None
    ) -> Operation[Board]:
        """Make a branch the board's teammate (newer daemons).

        The shape of the body is not on record, nor is the method's name; see `to_blob`.
        """
        return typed_row(Board, (yield Call("setPrimaryTeammate", "boards", (_board(board, branchId=branch_id),))))

    @operation
    def clear_primary_teammate(self, board: str | Body, *, timeout: float | None = None) -> Operation[Board]:
        """Let the board have no teammate (newer daemons).

        The shape of the body is not on record, nor is the method's name; see `to_blob`.
        """
        return typed_row(Board, (yield Call("clearPrimaryTeammate", "boards", (_board(board),))))

    @operation
    def ensure_teammate_welcome_note(self, board: str | Body, *, timeout: float | None = None) -> Operation[Any]:
        """See that the board has its teammate's welcome note (newer daemons).

        The shape of the body is not on record; see `to_blob`.
        """
        return (yield from op.request("ensureTeammateWelcomeNote", "boards", (_board(board),)))

    @operation
    def permissions(self, board_id: str, *, timeout: float | None = None) -> Operation[Any]:
        """Who may do what with the board (0.26 and later; before, its owners and group grants)."""
        return (yield from op.request("find", op.route("boards", board_id, "permissions"), ()))


class BoardCommentService(Service[Kind, BoardComment, BoardCommentCreate, BoardCommentPatch]):
    """Comments on boards."""

    @operation
    def reply(
        self, comment_id: str, content: str | Body, *, created_by: str | None = None, timeout: float | None = None
    ) -> Operation[BoardComment]:
        """Answer a comment, as the user `created_by`.

        The shape of the body is not on record: text is sent as `content` beside `created_by`, the fields of a comment;
        a mapping is passed through as given.
        """
        path = op.route("board-comments", comment_id, "reply")
        data = op.given(content=content, created_by=created_by) if isinstance(content, str) else dict(content)
        return typed_row(BoardComment, (yield Call("create", path, (data,))))

    @operation
    def toggle_reaction(
        self, comment_id: str, emoji: str | Body, *, user_id: str | None = None, timeout: float | None = None
    ) -> Operation[BoardComment]:
        """Put a user's emoji under a comment, or take it away.

        The shape of the body is not on record: an emoji is sent as `emoji` beside `user_id`, the fields of a reaction;
        a mapping is passed through as given.
        """
        path = op.route("board-comments", comment_id, "toggle-reaction")
        data = op.given(emoji=emoji, user_id=user_id) if isinstance(emoji, str) else dict(emoji)
        return typed_row(BoardComment, (yield Call("create", path, (data,))))

    @operation
    def reposition(self, comment_id: str, data: Body, *, timeout: float | None = None) -> Operation[BoardComment]:
        """Pin a comment elsewhere (0.26 and later). The shape of the body is not on record; it is passed through as
        given."""
        path = op.route("board-comments", comment_id, "reposition")
        return typed_row(BoardComment, (yield Call("create", path, (dict(data),))))
