"""Frozen rows of the wire, one module a group of entities, and which service speaks in which."""

from __future__ import annotations

from collections.abc import Mapping

from agor_reactive.models.base import FrozenDict, JsonValue, WireModel, freeze, instant, row_from_wire, thaw
from agor_reactive.models.board import Board
from agor_reactive.models.message import Message
from agor_reactive.models.page import Page
from agor_reactive.models.realtime import payload_of
from agor_reactive.models.session import Session
from agor_reactive.models.task import Task
from agor_reactive.models.user import AuthenticationResult, User
from agor_reactive.models.wire import LinkStatus, RawEvent
from agor_reactive.models.workspace import Branch, Repo, Worktree

__all__ = [
    "MODEL_OF_SERVICE",
    "AuthenticationResult",
    "Board",
    "Branch",
    "FrozenDict",
    "JsonValue",
    "LinkStatus",
    "Message",
    "Page",
    "RawEvent",
    "Repo",
    "Session",
    "Task",
    "User",
    "WireModel",
    "Worktree",
    "freeze",
    "instant",
    "payload_of",
    "row_from_wire",
    "thaw",
]

MODEL_OF_SERVICE: Mapping[str, type[WireModel]] = {
    "sessions": Session,
    "tasks": Task,
    "messages": Message,
    "boards": Board,
    "branches": Branch,
    "worktrees": Worktree,
    "repos": Repo,
    "users": User,
    "authentication": AuthenticationResult,
}
"""The row model of each service path that has one."""
