"""Users, MCP servers, the knowledge base, the gateway, health: services with a few methods beyond their rows."""

from __future__ import annotations

from collections.abc import Mapping
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
from agor_reactive.services.base import Query, Service

__all__ = [
    "GatewayService",
    "HealthService",
    "KnowledgeDocumentService",
    "KnowledgeNamespaceService",
    "McpServerService",
    "UserService",
]

JsonData = Mapping[str, Any]


class UserService(Service[Kind, User, UserCreate, UserPatch]):
    """Users. Daemons of June 2026 refuse every credential here over REST: use a live client there.

    The methods of teammates and avatars need a live client and a daemon of 0.26 or later.
    """

    @operation
    def me(self, *, timeout: float | None = None) -> Operation[CurrentUser]:
        """Who the client's credential belongs to: a check of it (0.26 and later; over REST).

        Raises `NotAuthenticated` for a credential that is no good, `UsageError` where the route does not exist.
        """
        return typed_row(CurrentUser, (yield Call("find", "api/v1/user/me")))

    @operation
    def get_avatar_settings(self, data: JsonData | None = None, *, timeout: float | None = None) -> Operation[Any]:
        """How avatars are chosen. The shape of the body is not on record; it is passed through as given."""
        return (yield from op.request("getAvatarSettings", "users", (dict(data or {}),)))

    @operation
    def update_avatar_settings(self, data: JsonData, *, timeout: float | None = None) -> Operation[Any]:
        """Change how avatars are chosen. The shape of the body is not on record; it is passed through as given."""
        return (yield from op.request("updateAvatarSettings", "users", (dict(data),)))

    @operation
    def sync_avatars(self, data: JsonData | None = None, *, timeout: float | None = None) -> Operation[Any]:
        """Read everybody's avatar anew. The shape of the body is not on record; it is passed through as given."""
        return (yield from op.request("syncAvatars", "users", (dict(data or {}),)))

    @operation
    def get_primary_teammate(self, data: JsonData | None = None, *, timeout: float | None = None) -> Operation[Any]:
        """A user's own teammate. The shape of the body is not on record; it is passed through as given."""
        return (yield from op.request("getPrimaryTeammate", "users", (dict(data or {}),)))

    @operation
    def get_primary_teammate_candidates(
        self, data: JsonData | None = None, *, timeout: float | None = None
    ) -> Operation[Any]:
        """Who could be it. The shape of the body is not on record; it is passed through as given."""
        return (yield from op.request("getPrimaryTeammateCandidates", "users", (dict(data or {}),)))

    @operation
    def set_primary_teammate(self, data: JsonData, *, timeout: float | None = None) -> Operation[Any]:
        """Choose it. The shape of the body is not on record; it is passed through as given."""
        return (yield from op.request("setPrimaryTeammate", "users", (dict(data),)))

    @operation
    def set_primary_teammate_if_unset(self, data: JsonData, *, timeout: float | None = None) -> Operation[Any]:
        """Choose it unless one is chosen. The shape of the body is not on record; it is passed through as given."""
        return (yield from op.request("setPrimaryTeammateIfUnset", "users", (dict(data),)))

    @operation
    def set_primary_agentic_tool_if_unset(self, data: JsonData, *, timeout: float | None = None) -> Operation[Any]:
        """Choose the agent to start with, unless one is chosen. The shape of the body is not on record; it is passed
        through as given."""
        return (yield from op.request("setPrimaryAgenticToolIfUnset", "users", (dict(data),)))

    @operation
    def get_git_environment(self, user: str | JsonData, *, timeout: float | None = None) -> Operation[Any]:
        """The environment variables git runs with for a user, by the id. Holds secrets: mind where you show it.
        Daemons of 0.26 and later give them to executors only.

        The shape of the body is not on record: an id is sent as `userId`, a mapping is passed through as given.
        """
        data = {"userId": user} if isinstance(user, str) else dict(user)
        return (yield from op.request("getGitEnvironment", "users", (data,)))


class McpServerService(Service[Kind, McpServer, McpServerCreate, McpServerPatch]):
    """MCP servers. What the routes take is not on record, and differs between kinds of servers."""

    @operation
    def discover(self, data: JsonData, *, timeout: float | None = None) -> Operation[Any]:
        """Ask a server what tools, resources and prompts it has.

        The shape of the body is not on record; it is passed through as given.
        """
        return (yield from op.request("create", "mcp-servers/discover", (dict(data),)))

    @operation
    def test_jwt(self, data: JsonData, *, timeout: float | None = None) -> Operation[Any]:
        """Try a login by token.

        The shape of the body is not on record; it is passed through as given.
        """
        return (yield from op.request("create", "mcp-servers/test-jwt", (dict(data),)))

    @operation
    def test_oauth(self, data: JsonData, *, timeout: float | None = None) -> Operation[Any]:
        """Try a login by OAuth.

        The shape of the body is not on record; it is passed through as given.
        """
        return (yield from op.request("create", "mcp-servers/test-oauth", (dict(data),)))

    @operation
    def oauth_start(self, data: JsonData, *, timeout: float | None = None) -> Operation[Any]:
        """Begin a login by OAuth: answers where to send the user.

        The shape of the body is not on record; it is passed through as given.
        """
        return (yield from op.request("create", "mcp-servers/oauth-start", (dict(data),)))

    @operation
    def oauth_complete(self, data: JsonData, *, timeout: float | None = None) -> Operation[Any]:
        """End a login by OAuth with what came back.

        The shape of the body is not on record; it is passed through as given.
        """
        return (yield from op.request("create", "mcp-servers/oauth-complete", (dict(data),)))

    @operation
    def oauth_disconnect(self, data: JsonData, *, timeout: float | None = None) -> Operation[Any]:
        """Forget a login by OAuth.

        The shape of the body is not on record; it is passed through as given.
        """
        return (yield from op.request("create", "mcp-servers/oauth-disconnect", (dict(data),)))

    @operation
    def oauth_status(self, data: JsonData, *, timeout: float | None = None) -> Operation[Any]:
        """Whether there is a login by OAuth.

        The shape of the body is not on record; it is passed through as given.
        """
        return (yield from op.request("create", "mcp-servers/oauth-status", (dict(data),)))

    @operation
    def oauth_refresh(self, data: JsonData, *, timeout: float | None = None) -> Operation[Any]:
        """Renew a login by OAuth.

        The shape of the body is not on record; it is passed through as given.
        """
        return (yield from op.request("create", "mcp-servers/oauth-refresh", (dict(data),)))

    @operation
    def oauth_auth_headers(self, data: JsonData, *, timeout: float | None = None) -> Operation[Any]:
        """The headers to send with a login by OAuth. They are secrets.

        The shape of the body is not on record; it is passed through as given.
        """
        return (yield from op.request("create", "mcp-servers/oauth-auth-headers", (dict(data),)))


class KnowledgeDocumentService(Service[Kind, KnowledgeDocument, KnowledgeDocumentCreate, KnowledgeDocumentPatch]):
    """Documents of the knowledge base. Their text needs a live client."""

    @operation
    def get_document(self, data: JsonData, *, timeout: float | None = None) -> Operation[Any]:
        """A document with its text.

        The shape of the body is not on record; it is passed through as given.
        """
        return (yield from op.request("getDocument", "kb/documents", (dict(data),)))

    @operation
    def put_document(self, data: JsonData, *, timeout: float | None = None) -> Operation[Any]:
        """Write a document's text: a new version of it, or a new document.

        The shape of the body is not on record; it is passed through as given.
        """
        return (yield from op.request("putDocument", "kb/documents", (dict(data),)))


class KnowledgeNamespaceService(Service[Kind, KnowledgeNamespace, KnowledgeNamespaceCreate, KnowledgeNamespacePatch]):
    """Namespaces of the knowledge base, and who may do what in them (needs a live client)."""

    @operation
    def list_acl(self, data: JsonData, *, timeout: float | None = None) -> Operation[Any]:
        """Who may do what in a namespace.

        The shape of the body is not on record; it is passed through as given.
        """
        return (yield from op.request("listAcl", "kb/namespaces", (dict(data),)))

    @operation
    def set_acl(self, data: JsonData, *, timeout: float | None = None) -> Operation[Any]:
        """Allow somebody something.

        The shape of the body is not on record; it is passed through as given.
        """
        return (yield from op.request("setAcl", "kb/namespaces", (dict(data),)))

    @operation
    def remove_acl(self, data: JsonData, *, timeout: float | None = None) -> Operation[Any]:
        """Take it back.

        The shape of the body is not on record; it is passed through as given.
        """
        return (yield from op.request("removeAcl", "kb/namespaces", (dict(data),)))

    @operation
    def save_with_acl(self, data: JsonData, *, timeout: float | None = None) -> Operation[Any]:
        """Save a namespace and who may do what in it, together (0.26 and later).

        The shape of the body is not on record; it is passed through as given.
        """
        return (yield from op.request("saveWithAcl", "kb/namespaces", (dict(data),)))


class GatewayService(Service[Kind, Any, Any, Any]):
    """The gateway between channels of other networks and sessions. The shapes of its bodies and answers are not on
    record: they are passed through as given."""

    @operation
    def route_message(self, data: JsonData, *, timeout: float | None = None) -> Operation[Any]:
        """Hand over a message that came in on a channel (needs a live client). The shape of the body is not on record;
        it is passed through as given."""
        return (yield from op.request("routeMessage", "gateway", (dict(data),)))


class HealthService(Service[Kind, Health, Any, Any]):
    """What the daemon says of itself. Needs no login."""

    @operation
    def find(  # type: ignore[override]  # the one service whose find is known to answer a single object
        self, query: Query | None = None, *, timeout: float | None = None
    ) -> Operation[Health]:
        """How the daemon is, which version, what it can do."""
        return typed_row(Health, (yield Call("find", "health", () if query is None else (dict(query),))))
