"""The services by path, for every client: typed where known, untyped otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, Literal, overload

from agor_reactive.calls.drivers import Driver
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
from agor_reactive.services.base import Listen, Service
from agor_reactive.services.boards import BoardCommentService, BoardService
from agor_reactive.services.conversation import SessionService, TaskService
from agor_reactive.services.known import UntypedPath
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

__all__ = ["SERVICES", "Services"]

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
    """The part that every client has: `service`, typed by the path.

    `driver` runs the operations of the services; `listen` adds a listener of events, None where there are no events.
    """

    def __init__(self, driver: Driver, listen: Listen | None = None) -> None:
        self._driver = driver
        self._listen = listen
        self._services: dict[str, Service[Any, Any, Any, Any]] = {}

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
    def service(self, path: UntypedPath) -> Service[Kind, Any, Any, Any]: ...
    @overload
    def service(self, path: str) -> Service[Kind, Any, Any, Any]: ...
    def service(self, path: str) -> Any:
        """Return the service at `path`: ``"sessions"``, ``"sessions/<id>/prompt"``, or any other."""
        path = service_path(path)
        if (kept := self._services.get(path)) is not None:
            return kept
        service = SERVICES.get(path, Service)(path, self._driver, self._listen)
        # The same object for a path, so that `off` finds the listeners that `on` added. Routes with ids are many and
        # have no listeners.
        keeps = self._listen is not None and (path in SERVICES or path.count("/") < 2)
        return self._services.setdefault(path, service) if keeps else service

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

    # Editors that use jedi do not read the overloads of `service`; these they complete.

    @property
    def messages(self) -> MessageService[Kind]:
        """The same as ``service("messages")``."""
        return self.service("messages")

    @property
    def boards(self) -> BoardService[Kind]:
        """The same as ``service("boards")``."""
        return self.service("boards")

    @property
    def branches(self) -> BranchService[Kind]:
        """The same as ``service("branches")``."""
        return self.service("branches")

    @property
    def repos(self) -> RepoService[Kind]:
        """The same as ``service("repos")``."""
        return self.service("repos")
