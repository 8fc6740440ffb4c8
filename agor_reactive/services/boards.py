"""Boards and what lies on them, and the comments people leave there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agor_reactive import operations as op
from agor_reactive.answers import answer_of, typed_row
from agor_reactive.faces import Kind, deed
from agor_reactive.models import Board, BoardComment
from agor_reactive.models.inputs import BoardCommentCreate, BoardCommentPatch, BoardCreate, BoardPatch
from agor_reactive.services.base import Service
from agor_reactive.transport.steps import Call, Operation

__all__ = ["BoardCommentService", "BoardService"]


def _board(board_id: str) -> dict[str, Any]:
    return {"id": board_id, "boardId": board_id}


class BoardService(Service[Kind, Board, BoardCreate, BoardPatch]):
    """Boards. All but the rows needs a live client: REST has no routes for it."""

    @deed
    def to_blob(self, board_id: str, *, timeout: float | None = None) -> Operation[Any]:
        """A board as JSON to keep or to pass on: no ids, no owner."""
        return answer_of(None, (yield Call("toBlob", "boards", (_board(board_id),))))

    @deed
    def from_blob(self, blob: Mapping[str, Any], *, timeout: float | None = None) -> Operation[Board]:
        """A new board of what `to_blob` gave."""
        return typed_row(Board, (yield Call("fromBlob", "boards", (dict(blob),))))

    @deed
    def to_yaml(self, board_id: str, *, timeout: float | None = None) -> Operation[Any]:
        """A board as YAML text."""
        return answer_of(None, (yield Call("toYaml", "boards", (_board(board_id),))))

    @deed
    def from_yaml(self, text: str, *, timeout: float | None = None) -> Operation[Board]:
        """A new board of what `to_yaml` gave."""
        return typed_row(Board, (yield Call("fromYaml", "boards", ({"yaml": text},))))

    @deed
    def clone(self, board_id: str, name: str | None = None, *, timeout: float | None = None) -> Operation[Board]:
        """A copy of a board, under another name."""
        return typed_row(Board, (yield Call("clone", "boards", ({**_board(board_id), **op.sent(name=name)},))))

    @deed
    def set_primary_assistant(self, board_id: str, branch_id: str, *, timeout: float | None = None) -> Operation[Board]:
        """Make a branch the board's assistant. Newer daemons say teammate (`set_primary_teammate`), and never answer
        this name."""
        data = {**_board(board_id), "branchId": branch_id}
        return typed_row(Board, (yield Call("setPrimaryAssistant", "boards", (data,))))

    @deed
    def clear_primary_assistant(self, board_id: str, *, timeout: float | None = None) -> Operation[Board]:
        """Let the board have no assistant."""
        return typed_row(Board, (yield Call("clearPrimaryAssistant", "boards", (_board(board_id),))))

    @deed
    def set_primary_teammate(self, board_id: str, branch_id: str, *, timeout: float | None = None) -> Operation[Board]:
        """Make a branch the board's teammate (newer daemons)."""
        data = {**_board(board_id), "branchId": branch_id}
        return typed_row(Board, (yield Call("setPrimaryTeammate", "boards", (data,))))

    @deed
    def clear_primary_teammate(self, board_id: str, *, timeout: float | None = None) -> Operation[Board]:
        """Let the board have no teammate (newer daemons)."""
        return typed_row(Board, (yield Call("clearPrimaryTeammate", "boards", (_board(board_id),))))


class BoardCommentService(Service[Kind, BoardComment, BoardCommentCreate, BoardCommentPatch]):
    """Comments on boards."""

    @deed
    def reply(
        self, comment_id: str, content: str, *, created_by: str, timeout: float | None = None
    ) -> Operation[BoardComment]:
        """Answer a comment, as the user `created_by`."""
        path = op.route("board-comments", comment_id, "reply")
        return typed_row(BoardComment, (yield Call("create", path, ({"content": content, "created_by": created_by},))))

    @deed
    def toggle_reaction(
        self, comment_id: str, emoji: str, *, user_id: str, timeout: float | None = None
    ) -> Operation[BoardComment]:
        """Put a user's emoji under a comment, or take it away."""
        path = op.route("board-comments", comment_id, "toggle-reaction")
        return typed_row(BoardComment, (yield Call("create", path, ({"emoji": emoji, "user_id": user_id},))))
