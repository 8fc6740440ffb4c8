"""Agent settings: a user's defaults, those of a schedule, those of a gateway channel."""

from __future__ import annotations

from pydantic import Field

from agor_reactive.models.base import CamelModel

__all__ = ["AgentModel", "AgentSettings", "GatewayAgent", "GatewayEnvVar"]


class AgentModel(CamelModel):
    """The model: `mode` is ``alias`` or ``exact``, `effort` ``low medium high xhigh max``."""

    mode: str | None = None
    model: str | None = None
    effort: str | None = None
    advisor_model: str | None = None
    provider: str | None = None


class AgentSettings(CamelModel):
    """The default settings of an agent."""

    permission_mode: str | None = None
    model_settings: AgentModel | None = Field(default=None, alias="modelConfig")
    mcp_server_ids: tuple[str, ...] = ()
    codex_approval_policy: str | None = None
    codex_network_access: bool | None = None
    codex_sandbox_mode: str | None = None


class GatewayEnvVar(CamelModel):
    """A variable set for sessions of a gateway channel."""

    key: str = ""
    value: str = ""
    force_override: bool = False


class GatewayAgent(AgentSettings):
    """The agent that answers on a gateway channel."""

    agent: str = ""
    env_vars: tuple[GatewayEnvVar, ...] = ()
