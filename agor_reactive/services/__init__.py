"""The daemon's services as objects, the same for every client: a class for each service with custom methods."""

from __future__ import annotations

from agor_reactive.services.base import Deliver, Listen, Service
from agor_reactive.services.boards import BoardCommentService, BoardService
from agor_reactive.services.catalogue import SERVICES, Services
from agor_reactive.services.conversation import SessionService, TaskService
from agor_reactive.services.messages import MessageService
from agor_reactive.services.others import (
    GatewayService,
    HealthService,
    KnowledgeDocumentService,
    KnowledgeNamespaceService,
    McpServerService,
    UserService,
)
from agor_reactive.services.workspaces import BranchService, RepoService, ScheduleService, WorktreeService

__all__ = [
    "SERVICES",
    "BoardCommentService",
    "BoardService",
    "BranchService",
    "Deliver",
    "GatewayService",
    "HealthService",
    "KnowledgeDocumentService",
    "KnowledgeNamespaceService",
    "Listen",
    "McpServerService",
    "MessageService",
    "RepoService",
    "ScheduleService",
    "Service",
    "Services",
    "SessionService",
    "TaskService",
    "UserService",
    "WorktreeService",
]
