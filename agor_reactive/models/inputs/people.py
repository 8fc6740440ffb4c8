"""What goes into users, groups and keys. See `agor_reactive.models.inputs`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Required, TypedDict

from agor_reactive.models import words
from agor_reactive.models.inputs.workspaces import AgentModelInput

__all__ = [
    "AgentSettingsInput",
    "ApiKeyCreate",
    "ApiKeyPatch",
    "GroupCreate",
    "GroupMembershipCreate",
    "GroupPatch",
    "LoginCreate",
    "RefreshCreate",
    "UserCreate",
    "UserPatch",
]


class AgentSettingsInput(TypedDict, total=False):
    """How an agent is started unless said otherwise."""

    permissionMode: words.PermissionMode | str
    modelConfig: AgentModelInput
    mcpServerIds: Sequence[str]
    codexApprovalPolicy: words.CodexApprovalPolicy | str
    codexNetworkAccess: bool
    codexSandboxMode: words.CodexSandboxMode | str


class UserPatch(TypedDict, total=False):
    """What may change of a user. `env_vars` maps names to values (None takes one away); they are never shown again."""

    email: str
    password: str
    name: str
    emoji: str
    avatar: str
    role: words.UserRole | str
    unix_username: str
    preferences: Mapping[str, Any]
    agentic_tools: Mapping[str, Any]
    default_agentic_config: Mapping[str, AgentSettingsInput]
    env_vars: Mapping[str, Any]
    onboarding_completed: bool
    must_change_password: bool


class _UserMade(TypedDict):
    email: str
    password: str


class UserCreate(_UserMade, total=False):
    """A user to make (for administrators)."""

    name: str
    emoji: str
    role: words.UserRole | str
    unix_username: str
    must_change_password: bool


class GroupPatch(TypedDict, total=False):
    """What may change of a group."""

    name: str
    slug: str
    description: str
    archived: bool


class GroupCreate(GroupPatch):
    """A group to make."""


class GroupMembershipCreate(TypedDict):
    """A user to put into a group."""

    group_id: str
    user_id: str


class ApiKeyCreate(TypedDict):
    """A key to make."""

    name: str


class ApiKeyPatch(TypedDict, total=False):
    """What may change of a key."""

    name: str


class LoginCreate(TypedDict, total=False):
    """A login: `strategy` is ``local`` (`email`, `password`), ``jwt`` (`accessToken`) or ``api-key`` (`apiKey`)."""

    strategy: Required[str]
    email: str
    password: str
    accessToken: str
    apiKey: str


class RefreshCreate(TypedDict):
    """What a new pair of tokens is made from."""

    refreshToken: str
