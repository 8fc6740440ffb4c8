"""Frozen row models, one module per subject, and the model of each service."""

from __future__ import annotations

from agor_reactive.models.artifact import Artifact
from agor_reactive.models.base import FrozenDict, JsonValue, WireModel, freeze, instant, row_from_wire, thaw
from agor_reactive.models.board import Board, BoardComment, BoardEntity
from agor_reactive.models.card import Card, CardType
from agor_reactive.models.context import ContextFile
from agor_reactive.models.gateway import GatewayChannel, ThreadSession
from agor_reactive.models.health import Health
from agor_reactive.models.knowledge import KnowledgeDocument, KnowledgeNamespace, KnowledgeVersion
from agor_reactive.models.mcp import McpServer
from agor_reactive.models.message import Message, PermissionAsked
from agor_reactive.models.page import Page
from agor_reactive.models.realtime import payload_of
from agor_reactive.models.reply import (
    DecisionTaken,
    SessionArchived,
    SessionFamily,
    SessionInitialized,
    SessionStream,
    StopAnswer,
)
from agor_reactive.models.schedule import Schedule
from agor_reactive.models.session import Session, SessionEnvSelection, SessionMcpServer
from agor_reactive.models.task import Task
from agor_reactive.models.user import (
    ApiKeyRecord,
    AuthenticationResult,
    CurrentUser,
    Group,
    GroupMembership,
    NewApiKey,
    User,
)
from agor_reactive.models.wire import LinkStatus, RawEvent
from agor_reactive.models.workspace import Branch, Repo, Worktree

__all__ = [
    "ApiKeyRecord",
    "Artifact",
    "AuthenticationResult",
    "Board",
    "BoardComment",
    "BoardEntity",
    "Branch",
    "Card",
    "CardType",
    "ContextFile",
    "CurrentUser",
    "DecisionTaken",
    "FrozenDict",
    "GatewayChannel",
    "Group",
    "GroupMembership",
    "Health",
    "JsonValue",
    "KnowledgeDocument",
    "KnowledgeNamespace",
    "KnowledgeVersion",
    "LinkStatus",
    "McpServer",
    "Message",
    "NewApiKey",
    "Page",
    "PermissionAsked",
    "RawEvent",
    "Repo",
    "Schedule",
    "Session",
    "SessionArchived",
    "SessionEnvSelection",
    "SessionFamily",
    "SessionInitialized",
    "SessionMcpServer",
    "SessionStream",
    "StopAnswer",
    "Task",
    "ThreadSession",
    "User",
    "WireModel",
    "Worktree",
    "freeze",
    "instant",
    "payload_of",
    "row_from_wire",
    "thaw",
]
