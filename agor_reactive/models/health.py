"""What a daemon says of itself at ``/health``, to anyone: it needs no login."""

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
    """Whether logins come from elsewhere (``auth/launch``)."""

    enabled: bool | None = None


class HealthIdentity(CamelModel):
    """How accounts are kept (0.25 and later)."""

    contract_version: int | float | str | None = None
    user_lifecycle: str | None = None
    role_authority: str | None = None
    local_auth: Annotated[Any, Json] = None
    capabilities: Annotated[Any, Json] = None


class HealthAuth(CamelModel):
    """Whether the daemon wants a login, and what kinds it takes."""

    require_auth: bool | None = None
    external_launch: ExternalLaunch | None = None
    identity: HealthIdentity | None = None


class HealthDatabase(CamelModel):
    """Whether the daemon reaches its database (0.25 and later); `latency_ms` is in milliseconds."""

    ok: bool | None = None
    latency_ms: int | float | None = None


class HealthRealtime(CamelModel):
    """Whether live connections are wanted, and ready (0.25 and later)."""

    required: bool | None = None
    ready: bool | None = None


class HealthOnboarding(CamelModel):
    """How far the first steps have come. `system_credentials` says by variable whether the daemon itself has a key."""

    assistant_pending: bool | None = None
    system_credentials: FrozenMap[bool] | None = None


class BranchStorage(CamelModel):
    """How branches can be kept on disk: ``worktree`` or ``clone``."""

    default_mode: str | None = None
    allowed_modes: tuple[str, ...] = ()


class HealthFeatures(CamelModel):
    """What this daemon can do; daemons differ, and what is not known here is kept."""

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

    `status` is ``ok`` or ``degraded``. `version` is a constant of the daemon's package and tells nothing of its age;
    `service`, `deployment_id`, `db` and `realtime` come from daemons of August 2026 and later only. `instance` and
    `services` have no shape on record: JSON as it came.
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
        """Whether the daemon says that it is."""
        return self.status == "ok"
