"""The services by path, for every client: typed where known, untyped otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, Literal, overload

from agor_reactive.calls.drivers import Driver
from agor_reactive.calls.raw import RawDriver
from agor_reactive.calls.surface import Kind
from agor_reactive.errors import UsageError
from agor_reactive.models import (
    ApiKeyRecord,
    Artifact,
    AuthenticationResult,
    BoardEntity,
    Card,
    CardType,
    ContextFile,
    CurrentUser,
    GatewayChannel,
    Group,
    GroupMembership,
    KnowledgeVersion,
    SessionEnvSelection,
    SessionMcpServer,
    SessionStream,
    ThreadSession,
    inputs,
)
from agor_reactive.services.base import Service
from agor_reactive.services.boards import BoardCommentService, BoardService
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
from agor_reactive.transport.codec import service_path

__all__ = ["SERVICES", "RawServices", "Services"]

SERVICES: Mapping[str, type[Service[Any, Any, Any, Any]]] = {
    "sessions": SessionService,
    "tasks": TaskService,
    "messages": MessageService,
    "boards": BoardService,
    "board-comments": BoardCommentService,
    "branches": BranchService,
    "worktrees": WorktreeService,
    "repos": RepoService,
    "schedules": ScheduleService,
    "users": UserService,
    "mcp-servers": McpServerService,
    "kb/documents": KnowledgeDocumentService,
    "kb/namespaces": KnowledgeNamespaceService,
    "gateway": GatewayService,
    "health": HealthService,
}
"""The services with custom methods."""


class Services(Generic[Kind]):
    """The part that every client has: `service`, typed by the path."""

    @overload
    def service(self, path: Literal["sessions"]) -> SessionService[Kind]: ...
    @overload
    def service(self, path: Literal["tasks"]) -> TaskService[Kind]: ...
    @overload
    def service(self, path: Literal["messages"]) -> MessageService[Kind]: ...
    @overload
    def service(self, path: Literal["boards"]) -> BoardService[Kind]: ...
    @overload
    def service(
        self, path: Literal["board-objects"]
    ) -> Service[Kind, BoardEntity, inputs.BoardEntityCreate, inputs.BoardEntityPatch]: ...
    @overload
    def service(self, path: Literal["board-comments"]) -> BoardCommentService[Kind]: ...
    @overload
    def service(self, path: Literal["cards"]) -> Service[Kind, Card, inputs.CardCreate, inputs.CardPatch]: ...
    @overload
    def service(
        self, path: Literal["card-types"]
    ) -> Service[Kind, CardType, inputs.CardTypeCreate, inputs.CardTypePatch]: ...
    @overload
    def service(
        self, path: Literal["artifacts"]
    ) -> Service[Kind, Artifact, inputs.ArtifactCreate, inputs.ArtifactPatch]: ...
    @overload
    def service(self, path: Literal["branches"]) -> BranchService[Kind]: ...
    @overload
    def service(self, path: Literal["worktrees"]) -> WorktreeService[Kind]: ...
    @overload
    def service(self, path: Literal["repos"]) -> RepoService[Kind]: ...
    @overload
    def service(self, path: Literal["schedules"]) -> ScheduleService[Kind]: ...
    @overload
    def service(self, path: Literal["users"]) -> UserService[Kind]: ...
    @overload
    def service(self, path: Literal["groups"]) -> Service[Kind, Group, inputs.GroupCreate, inputs.GroupPatch]: ...
    @overload
    def service(
        self, path: Literal["group-memberships"]
    ) -> Service[Kind, GroupMembership, inputs.GroupMembershipCreate, Any]: ...
    @overload
    def service(self, path: Literal["mcp-servers"]) -> McpServerService[Kind]: ...
    @overload
    def service(
        self, path: Literal["session-mcp-servers"]
    ) -> Service[Kind, SessionMcpServer, inputs.SessionMcpServerCreate, Any]: ...
    @overload
    def service(
        self, path: Literal["session-env-selections"]
    ) -> Service[Kind, SessionEnvSelection, inputs.SessionEnvSelectionCreate, Any]: ...
    @overload
    def service(
        self, path: Literal["gateway-channels"]
    ) -> Service[Kind, GatewayChannel, inputs.GatewayChannelCreate, inputs.GatewayChannelPatch]: ...
    @overload
    def service(
        self, path: Literal["thread-session-map"]
    ) -> Service[Kind, ThreadSession, inputs.ThreadSessionCreate, inputs.ThreadSessionPatch]: ...
    @overload
    def service(self, path: Literal["kb/documents"]) -> KnowledgeDocumentService[Kind]: ...
    @overload
    def service(self, path: Literal["kb/namespaces"]) -> KnowledgeNamespaceService[Kind]: ...
    @overload
    def service(self, path: Literal["kb/versions"]) -> Service[Kind, KnowledgeVersion, Any, Any]: ...
    @overload
    def service(self, path: Literal["context"]) -> Service[Kind, ContextFile, Any, Any]: ...
    @overload
    def service(
        self, path: Literal["api/v1/user/api-keys"]
    ) -> Service[Kind, ApiKeyRecord, inputs.ApiKeyCreate, inputs.ApiKeyPatch]: ...
    @overload
    def service(self, path: Literal["api/v1/user/me"]) -> Service[Kind, CurrentUser, Any, Any]: ...
    @overload
    def service(
        self, path: Literal["session-streams"]
    ) -> Service[Kind, SessionStream, inputs.SessionStreamCreate, Any]: ...
    @overload
    def service(self, path: Literal["gateway"]) -> GatewayService[Kind]: ...
    @overload
    def service(self, path: Literal["health"]) -> HealthService[Kind]: ...
    @overload
    def service(
        self, path: Literal["authentication"]
    ) -> Service[Kind, AuthenticationResult, inputs.LoginCreate, Any]: ...
    @overload
    def service(
        self, path: Literal["authentication/refresh"]
    ) -> Service[Kind, AuthenticationResult, inputs.RefreshCreate, Any]: ...
    @overload
    def service(
        self, path: Literal["authentication/impersonate", "auth/launch"]
    ) -> Service[Kind, AuthenticationResult, Any, Any]: ...
    @overload
    def service(
        self,
        path: Literal[
            "kb/search",
            "kb/graph",
            "kb/settings",
            "kb/indexing/status",
            "kb/indexing/reindex",
            "file",
            "files",
            "templates",
            "config",
            "check-auth",
            "leaderboard",
            "terminals",
            "copilot-models",
            "cursor-models",
            "opencode/models",
            "opencode/health",
            "agentic-tool-presets",
            "agentic-tool-settings",
            "branch-counts",
            "claude-auth",
            "claude-models",
            "codex-auth",
            "kb/document-edits",
            "mcp-catalog",
            "mcp-egress/status",
            "mcp-marketplace",
            "mcp-member-policy",
            "opencode-auth",
            "opencode-models",
            "session-counts",
            "uploads",
            "workspace-preferences",
        ],
    ) -> Service[Kind, Any, Any, Any]: ...  # known by name only
    @overload
    def service(self, path: str) -> Service[Kind, Any, Any, Any]: ...
    def service(self, path: str) -> Any:
        """Return the service at `path`: ``"sessions"``, ``"sessions/<id>/prompt"``, or any other."""
        return self._make_service(path)

    @property
    def with_raw_response(self) -> Services[Any]:
        """The same services, whose methods return a `RawResponse`: the result with status, headers and body.

        Over REST only: `UsageError` on a live client.
        """
        raise UsageError(
            "a live connection has no HTTP responses; use a REST client (create_rest_client, create_async_rest_client)"
        )

    @property
    def sessions(self) -> SessionService[Kind]:
        """The same as ``service("sessions")``."""
        return self.service("sessions")

    @property
    def tasks(self) -> TaskService[Kind]:
        """The same as ``service("tasks")``."""
        return self.service("tasks")

    @property
    def users(self) -> UserService[Kind]:
        """The same as ``service("users")``."""
        return self.service("users")

    def _make_service(self, path: str) -> Service[Any, Any, Any, Any]:
        raise NotImplementedError


class RawServices(Services[Kind]):
    """The services of a REST client, each result with its response."""

    def __init__(self, driver: Driver) -> None:
        self._driver = RawDriver(driver)

    def _make_service(self, path: str) -> Service[Any, Any, Any, Any]:
        return SERVICES.get(service_path(path), Service)(path, self._driver)

    @property
    def with_raw_response(self) -> Services[Any]:
        """These services."""
        return self
