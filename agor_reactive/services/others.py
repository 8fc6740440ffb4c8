"""Users, MCP servers, the knowledge base, the gateway, health: services with a few custom methods."""

from __future__ import annotations

from typing import Any

from agor_reactive.calls import operations as op
from agor_reactive.calls.answers import typed_row
from agor_reactive.calls.effects import Call, Operation
from agor_reactive.calls.surface import Kind, operation
from agor_reactive.models import CurrentUser, Health, KnowledgeDocument, KnowledgeNamespace, McpServer, User
from agor_reactive.models.inputs import (
    KnowledgeDocumentCreate,
    KnowledgeDocumentPatch,
    KnowledgeNamespaceCreate,
    KnowledgeNamespacePatch,
    McpServerCreate,
    McpServerPatch,
    UserCreate,
    UserPatch,
)
from agor_reactive.services.base import JsonData, Query, Service, passthrough

__all__ = [
    "GatewayService",
    "HealthService",
    "KnowledgeDocumentService",
    "KnowledgeNamespaceService",
    "McpServerService",
    "UserService",
]


class UserService(Service[Kind, User, UserCreate, UserPatch]):
    """Users. Daemons of June 2026 refuse every credential here over REST: use a live client there.

    The methods of teammates and avatars need a live client and a daemon of 0.26 or later.
    """

    @operation
    def me(self, *, timeout: float | None = None, max_retries: int | None = None) -> Operation[CurrentUser]:
        """Get the user of the client's credential, which also checks it (0.26 and later; over REST).

        Raises `NotAuthenticated` for an invalid credential, `UsageError` where the route does not exist.
        """
        return typed_row(CurrentUser, (yield Call("find", "api/v1/user/me")))

    @passthrough("getAvatarSettings", "users")
    def get_avatar_settings(
        self, data: JsonData | None = None, *, timeout: float | None = None, max_retries: int | None = None
    ) -> Any:
        """Get the avatar settings."""

    @passthrough("updateAvatarSettings", "users")
    def update_avatar_settings(
        self, data: JsonData, *, timeout: float | None = None, max_retries: int | None = None
    ) -> Any:
        """Change the avatar settings."""

    @passthrough("syncAvatars", "users")
    def sync_avatars(
        self, data: JsonData | None = None, *, timeout: float | None = None, max_retries: int | None = None
    ) -> Any:
        """Read all avatars again."""

    @passthrough("getPrimaryTeammate", "users")
    def get_primary_teammate(
        self, data: JsonData | None = None, *, timeout: float | None = None, max_retries: int | None = None
    ) -> Any:
        """Get a user's primary teammate."""

    @passthrough("getPrimaryTeammateCandidates", "users")
    def get_primary_teammate_candidates(
        self, data: JsonData | None = None, *, timeout: float | None = None, max_retries: int | None = None
    ) -> Any:
        """Get the candidates for the primary teammate."""

    @passthrough("setPrimaryTeammate", "users")
    def set_primary_teammate(
        self, data: JsonData, *, timeout: float | None = None, max_retries: int | None = None
    ) -> Any:
        """Set the primary teammate."""

    @passthrough("setPrimaryTeammateIfUnset", "users")
    def set_primary_teammate_if_unset(
        self, data: JsonData, *, timeout: float | None = None, max_retries: int | None = None
    ) -> Any:
        """Set the primary teammate if it is unset."""

    @passthrough("setPrimaryAgenticToolIfUnset", "users")
    def set_primary_agentic_tool_if_unset(
        self, data: JsonData, *, timeout: float | None = None, max_retries: int | None = None
    ) -> Any:
        """Set the default agent if it is unset."""

    @operation
    def get_git_environment(
        self, user: str | JsonData, *, timeout: float | None = None, max_retries: int | None = None
    ) -> Operation[Any]:
        """Get the environment variables of git for a user, by id. The answer holds secrets. Daemons of 0.26 and later
        return them to executors only.

        The body is undocumented: an id is sent as `userId`, a mapping is passed through as given.
        """
        data = {"userId": user} if isinstance(user, str) else dict(user)
        return (yield from op.request("getGitEnvironment", "users", (data,)))


class McpServerService(Service[Kind, McpServer, McpServerCreate, McpServerPatch]):
    """MCP servers. The bodies of the routes are undocumented, and differ between kinds of servers."""

    @passthrough("create", "mcp-servers/discover")
    def discover(self, data: JsonData, *, timeout: float | None = None, max_retries: int | None = None) -> Any:
        """Discover the tools, resources and prompts of a server."""

    @passthrough("create", "mcp-servers/test-jwt")
    def test_jwt(self, data: JsonData, *, timeout: float | None = None, max_retries: int | None = None) -> Any:
        """Test a login by token."""

    @passthrough("create", "mcp-servers/test-oauth")
    def test_oauth(self, data: JsonData, *, timeout: float | None = None, max_retries: int | None = None) -> Any:
        """Test a login by OAuth."""

    @passthrough("create", "mcp-servers/oauth-start")
    def oauth_start(self, data: JsonData, *, timeout: float | None = None, max_retries: int | None = None) -> Any:
        """Start a login by OAuth. Returns the address to send the user to."""

    @passthrough("create", "mcp-servers/oauth-complete")
    def oauth_complete(self, data: JsonData, *, timeout: float | None = None, max_retries: int | None = None) -> Any:
        """Complete a login by OAuth with the callback's parameters."""

    @passthrough("create", "mcp-servers/oauth-disconnect")
    def oauth_disconnect(self, data: JsonData, *, timeout: float | None = None, max_retries: int | None = None) -> Any:
        """Remove a login by OAuth."""

    @passthrough("create", "mcp-servers/oauth-status")
    def oauth_status(self, data: JsonData, *, timeout: float | None = None, max_retries: int | None = None) -> Any:
        """Get the status of a login by OAuth."""

    @passthrough("create", "mcp-servers/oauth-refresh")
    def oauth_refresh(self, data: JsonData, *, timeout: float | None = None, max_retries: int | None = None) -> Any:
        """Refresh a login by OAuth."""

    @passthrough("create", "mcp-servers/oauth-auth-headers")
    def oauth_auth_headers(
        self, data: JsonData, *, timeout: float | None = None, max_retries: int | None = None
    ) -> Any:
        """Get the request headers of a login by OAuth. They are secret."""


class KnowledgeDocumentService(Service[Kind, KnowledgeDocument, KnowledgeDocumentCreate, KnowledgeDocumentPatch]):
    """Documents of the knowledge base. Their text needs a live client."""

    @passthrough("getDocument", "kb/documents")
    def get_document(self, data: JsonData, *, timeout: float | None = None, max_retries: int | None = None) -> Any:
        """Get a document with its text."""

    @passthrough("putDocument", "kb/documents")
    def put_document(self, data: JsonData, *, timeout: float | None = None, max_retries: int | None = None) -> Any:
        """Write a document's text, as a new version or a new document."""


class KnowledgeNamespaceService(Service[Kind, KnowledgeNamespace, KnowledgeNamespaceCreate, KnowledgeNamespacePatch]):
    """Namespaces of the knowledge base, and their access lists (needs a live client)."""

    @passthrough("listAcl", "kb/namespaces")
    def list_acl(self, data: JsonData, *, timeout: float | None = None, max_retries: int | None = None) -> Any:
        """List the access rules of a namespace."""

    @passthrough("setAcl", "kb/namespaces")
    def set_acl(self, data: JsonData, *, timeout: float | None = None, max_retries: int | None = None) -> Any:
        """Set an access rule."""

    @passthrough("removeAcl", "kb/namespaces")
    def remove_acl(self, data: JsonData, *, timeout: float | None = None, max_retries: int | None = None) -> Any:
        """Remove an access rule."""

    @passthrough("saveWithAcl", "kb/namespaces")
    def save_with_acl(self, data: JsonData, *, timeout: float | None = None, max_retries: int | None = None) -> Any:
        """Save a namespace together with its access rules (0.26 and later)."""


class GatewayService(Service[Kind, Any, Any, Any]):
    """The gateway between external channels and sessions. Its bodies and answers are undocumented and passed through as
    given."""

    @passthrough("routeMessage", "gateway")
    def route_message(self, data: JsonData, *, timeout: float | None = None, max_retries: int | None = None) -> Any:
        """Route an incoming message of a channel (needs a live client)."""


class HealthService(Service[Kind, Health, Any, Any]):
    """The daemon's health report. Needs no login."""

    @operation
    def find(  # type: ignore[override]  # the one service whose find is known to answer a single object
        self, query: Query | None = None, *, timeout: float | None = None, max_retries: int | None = None
    ) -> Operation[Health]:
        """Get the daemon's status, version and features."""
        return typed_row(Health, (yield Call("find", "health", () if query is None else (dict(query),))))
