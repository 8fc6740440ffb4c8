"""Payloads for MCP servers, gateways and the knowledge base. See `agor_reactive.models.inputs`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from agor_reactive.models import words

__all__ = [
    "GatewayChannelCreate",
    "GatewayChannelPatch",
    "KnowledgeDocumentCreate",
    "KnowledgeDocumentPatch",
    "KnowledgeNamespaceCreate",
    "KnowledgeNamespacePatch",
    "McpServerCreate",
    "McpServerPatch",
    "ThreadSessionCreate",
    "ThreadSessionPatch",
]


class McpServerPatch(TypedDict, total=False):
    """The changeable fields of an MCP server."""

    name: str
    display_name: str
    description: str
    transport: words.McpTransport | str
    scope: words.McpScope | str
    enabled: bool
    url: str
    command: str
    args: Sequence[str]
    env: Mapping[str, str]
    headers: Mapping[str, str]
    auth: Mapping[str, Any]
    tool_permissions: Mapping[str, words.ToolPermission | str]


class McpServerCreate(McpServerPatch, total=False):
    """A new MCP server."""

    source: words.McpSource | str
    import_path: str


class GatewayChannelPatch(TypedDict, total=False):
    """The changeable fields of a channel."""

    name: str
    enabled: bool
    config: Mapping[str, Any]
    agor_user_id: str
    target_branch_id: str
    agentic_config: Mapping[str, Any] | None


class GatewayChannelCreate(GatewayChannelPatch, total=False):
    """A new channel."""

    channel_type: words.ChannelType | str


class ThreadSessionPatch(TypedDict, total=False):
    """The changeable fields of the link between a thread and its session."""

    session_id: str
    status: str
    metadata: Mapping[str, Any]


class ThreadSessionCreate(ThreadSessionPatch, total=False):
    """A new link between a thread and its session. The payload is undocumented: any other mapping is accepted, too."""

    channel_id: str
    thread_id: str
    branch_id: str


class KnowledgeDocumentPatch(TypedDict, total=False):
    """The changeable fields of a document; its text is changed by `putDocument`."""

    title: str
    path: str
    icon_emoji: str | None
    kind: words.KnowledgeKind | str
    status: words.KnowledgeStatus | str
    visibility: words.KnowledgeVisibility | str
    edit_policy: words.KnowledgeEditPolicy | str
    metadata: Mapping[str, Any]
    archived: bool


class KnowledgeDocumentCreate(KnowledgeDocumentPatch, total=False):
    """A new document."""

    namespace_id: str
    content_text: str


class KnowledgeNamespacePatch(TypedDict, total=False):
    """The changeable fields of a namespace."""

    display_name: str
    description: str
    visibility_default: words.KnowledgeVisibility | str
    others_can: words.FilesystemAccess | str
    metadata: Mapping[str, Any]
    archived: bool


class KnowledgeNamespaceCreate(KnowledgeNamespacePatch, total=False):
    """A new namespace."""

    slug: str
    kind: words.KnowledgeNamespaceKind | str
    repo_id: str
    branch_id: str
