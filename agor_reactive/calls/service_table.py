"""One table of the daemon's services: the row model of each, how it treats queries, whether it carries secrets.

Facts of the wire. Reading answers, paging and redaction use it. A path that is not in the table is an ordinary service
whose rows stay JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from agor_reactive.models import (
    ApiKeyRecord,
    Artifact,
    AuthenticationResult,
    Board,
    BoardComment,
    BoardEntity,
    Branch,
    Card,
    CardType,
    ContextFile,
    CurrentUser,
    GatewayChannel,
    Group,
    GroupMembership,
    Health,
    KnowledgeDocument,
    KnowledgeNamespace,
    KnowledgeVersion,
    McpServer,
    Message,
    Repo,
    Schedule,
    Session,
    SessionEnvSelection,
    SessionMcpServer,
    SessionStream,
    Task,
    ThreadSession,
    User,
    WireModel,
    Worktree,
)

__all__ = ["SECRET_PATHS", "SERVICE_TABLE", "ServiceFacts", "facts_of"]


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """The facts known about one service."""

    model: type[WireModel] | None = None
    """The row model; None where rows stay JSON."""

    refuses_operators: bool = False
    """The query schema has no operators on fields other than the id."""

    id_ranges_in: tuple[str, ...] = ()
    """With one of these fields equal to an id, the service accepts a range of row ids, ``{$gt, $lte}`` (since August
    2026)."""

    own_order: Mapping[str, int] | None = None
    """The order of rows without a `$sort`, where a walk may read them in another order."""

    checked: frozenset[str] = field(default_factory=frozenset)
    """Filters that some daemons drop on this service, besides those that are checked everywhere."""

    secret: bool = False
    """All payloads are secret, whatever their fields are called."""


SERVICE_TABLE: Final[Mapping[str, ServiceFacts]] = {
    "sessions": ServiceFacts(Session, refuses_operators=True),
    "tasks": ServiceFacts(
        Task, refuses_operators=True, id_ranges_in=("session_id",), own_order={"created_at": 1, "task_id": 1}
    ),
    "messages": ServiceFacts(
        Message,
        id_ranges_in=("session_id", "task_id"),
        own_order={"index": 1, "message_id": 1},
        checked=frozenset({"role", "type"}),
    ),
    "boards": ServiceFacts(Board, refuses_operators=True),
    "board-objects": ServiceFacts(BoardEntity),
    "board-comments": ServiceFacts(BoardComment),
    "cards": ServiceFacts(Card),
    "card-types": ServiceFacts(CardType),
    "artifacts": ServiceFacts(Artifact),
    "branches": ServiceFacts(Branch, refuses_operators=True),
    "worktrees": ServiceFacts(Worktree, refuses_operators=True),
    "repos": ServiceFacts(Repo, refuses_operators=True),
    "schedules": ServiceFacts(Schedule),
    "users": ServiceFacts(User, refuses_operators=True),
    "groups": ServiceFacts(Group),
    "group-memberships": ServiceFacts(GroupMembership),
    "mcp-servers": ServiceFacts(McpServer),
    "session-mcp-servers": ServiceFacts(SessionMcpServer),
    "session-env-selections": ServiceFacts(SessionEnvSelection),
    "gateway-channels": ServiceFacts(GatewayChannel),
    "thread-session-map": ServiceFacts(ThreadSession),
    "kb/namespaces": ServiceFacts(KnowledgeNamespace),
    "kb/documents": ServiceFacts(KnowledgeDocument),
    "kb/versions": ServiceFacts(KnowledgeVersion),
    "context": ServiceFacts(ContextFile),
    "api/v1/user/api-keys": ServiceFacts(ApiKeyRecord, secret=True),
    "api/v1/user/me": ServiceFacts(CurrentUser),
    "authentication": ServiceFacts(AuthenticationResult, secret=True),
    "authentication/refresh": ServiceFacts(AuthenticationResult, secret=True),
    "authentication/impersonate": ServiceFacts(AuthenticationResult, secret=True),
    "auth/launch": ServiceFacts(AuthenticationResult, secret=True),
    "session-streams": ServiceFacts(SessionStream),
    "health": ServiceFacts(Health),
    "config/resolve-api-key": ServiceFacts(secret=True),
}

SECRET_PATHS: Final = tuple(path for path, facts in SERVICE_TABLE.items() if facts.secret)

_ORDINARY: Final = ServiceFacts()


def facts_of(path: str) -> ServiceFacts:
    """The facts of a service by its path."""
    return SERVICE_TABLE.get(path, _ORDINARY)
