"""MCP servers: the tools, resources and prompts that agents may use beyond their own."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from agor_reactive.models.base import FrozenMap, Json, WireModel

__all__ = ["McpArgument", "McpAuth", "McpPrompt", "McpResource", "McpServer", "McpTool"]


class McpAuth(WireModel):
    """The login of a server: `type` is ``none bearer jwt oauth``. Secrets never show in a repr.

    `oauth_mode` is ``per_user`` or ``shared``; `oauth_token_expires_at` is epoch milliseconds.
    """

    type: str = ""
    token: str | None = Field(default=None, repr=False)
    insecure: bool | None = None
    api_url: str | None = None
    api_token: str | None = Field(default=None, repr=False)
    api_secret: str | None = Field(default=None, repr=False)
    oauth_mode: str | None = None
    oauth_client_id: str | None = None
    oauth_client_secret: str | None = Field(default=None, repr=False)
    oauth_grant_type: str | None = None
    oauth_scope: str | None = None
    oauth_authorization_url: str | None = None
    oauth_token_url: str | None = None
    oauth_access_token: str | None = Field(default=None, repr=False)
    oauth_refresh_token: str | None = Field(default=None, repr=False)
    oauth_token_expires_at: int | float | None = None


class McpTool(WireModel):
    """A tool of a server; `input_schema` is the JSON Schema of its input."""

    name: str = ""
    description: str = ""
    input_schema: Annotated[Any, Json] = None


class McpResource(WireModel):
    """A resource of a server."""

    name: str = ""
    uri: str = ""
    mime_type: str | None = Field(default=None, alias="mimeType")


class McpArgument(WireModel):
    """An argument of a prompt."""

    name: str = ""
    description: str = ""
    required: bool | None = None


class McpPrompt(WireModel):
    """A prompt of a server."""

    name: str = ""
    description: str = ""
    arguments: tuple[McpArgument, ...] = ()


class McpServer(WireModel):
    """One server: `transport` is ``stdio http sse``, `scope` ``global session``, `source` ``user imported agor``.

    `env` and `headers` may hold secrets: they never show in a repr. `tool_permissions` maps tools to ``ask allow
    deny``.
    """

    mcp_server_id: str
    name: str = ""
    display_name: str | None = None
    description: str | None = None
    transport: str | None = None
    scope: str | None = None
    source: str | None = None
    enabled: bool | None = None
    url: str | None = None
    command: str | None = None
    args: tuple[str, ...] = ()
    env: FrozenMap[str] | None = Field(default=None, repr=False)
    headers: FrozenMap[str] | None = Field(default=None, repr=False)
    auth: McpAuth | None = None
    tools: tuple[McpTool, ...] = ()
    resources: tuple[McpResource, ...] = ()
    prompts: tuple[McpPrompt, ...] = ()
    tool_permissions: FrozenMap[str] | None = None
    import_path: str | None = None
    owner_user_id: str | None = None
    created_at: str = ""
    updated_at: str | None = None
