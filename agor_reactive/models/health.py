"""The daemon's report at ``/health``, which needs no login."""

from __future__ import annotations

from typing import Annotated, Any

from agor_reactive.models.base import CamelModel, FrozenMap, Json

__all__ = [
    "BranchStorage",
    "ExternalLaunch",
    "Health",
    "HealthAuth",
    "HealthDatabase",
    "HealthFeatures",
    "HealthIdentity",
    "HealthOnboarding",
    "HealthRealtime",
]


class ExternalLaunch(CamelModel):
    """Whether logins come from another system (``auth/launch``)."""

    enabled: bool | None = None


class HealthIdentity(CamelModel):
    """The account settings (0.25 and later)."""

    contract_version: int | float | str | None = None
    user_lifecycle: str | None = None
    role_authority: str | None = None
    local_auth: Annotated[Any, Json] = None
    capabilities: Annotated[Any, Json] = None


class HealthAuth(CamelModel):
    """Whether the daemon requires a login, and the kinds it accepts."""

    require_auth: bool | None = None
    external_launch: ExternalLaunch | None = None
    identity: HealthIdentity | None = None


class HealthDatabase(CamelModel):
    """Whether the daemon reaches its database (0.25 and later); `latency_ms` is in milliseconds."""

    ok: bool | None = None
    latency_ms: int | float | None = None


class HealthRealtime(CamelModel):
    """Whether live connections are enabled, and ready (0.25 and later)."""

    required: bool | None = None
    ready: bool | None = None


class HealthOnboarding(CamelModel):
    """The progress of the onboarding. `system_credentials` says per variable whether the daemon itself has a key."""

    assistant_pending: bool | None = None
    system_credentials: FrozenMap[bool] | None = None


class BranchStorage(CamelModel):
    """The ways to store branches on disk: ``worktree`` or ``clone``."""

    default_mode: str | None = None
    allowed_modes: tuple[str, ...] = ()


class HealthFeatures(CamelModel):
    """The features of the daemon; unknown ones are kept."""

    web_terminal: bool | None = None
    web_terminal_capability: Annotated[Any, Json] = None
    branch_rbac: bool | None = None
    upload_policy: Annotated[Any, Json] = None
    managed_envs_minimum_role: str | None = None
    managed_envs_execution_mode: str | None = None
    multi_user: bool | None = None
    cursor_sdk: bool | None = None
    branch_storage: BranchStorage | None = None


class Health(CamelModel):
    """The answer to ``find health``. `timestamp` is epoch milliseconds, unlike every other time of the wire.

    `status` is ``ok`` or ``degraded``. `version` is a constant of the daemon's package and does not identify its
    release; `service`, `deployment_id`, `db` and `realtime` come from daemons of August 2026 and later only. `instance`
    and `services` are undocumented: JSON as it came.
    """

    status: str = ""
    service: str | None = None
    deployment_id: str | None = None
    db: HealthDatabase | None = None
    realtime: HealthRealtime | None = None
    timestamp: int | float | None = None
    version: str = ""
    build_sha: str | None = None
    built_at: str | None = None
    auth: HealthAuth | None = None
    instance: Annotated[Any, Json] = None
    onboarding: HealthOnboarding | None = None
    services: Annotated[Any, Json] = None
    features: HealthFeatures | None = None

    @property
    def well(self) -> bool:
        """Whether the daemon reports that it is healthy."""
        return self.status == "ok"
