"""Payloads for users, groups and keys. See `agor_reactive.models.inputs`."""

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
    """The default settings of an agent."""

    permissionMode: words.PermissionMode | str
    modelConfig: AgentModelInput
    mcpServerIds: Sequence[str]
    codexApprovalPolicy: words.CodexApprovalPolicy | str
    codexNetworkAccess: bool
    codexSandboxMode: words.CodexSandboxMode | str


class UserPatch(TypedDict, total=False):
    """The changeable fields of a user. `env_vars` maps names to values (None removes one); values are never
    returned."""

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
    """A new user (for administrators)."""

    name: str
    emoji: str
    role: words.UserRole | str
    unix_username: str
    must_change_password: bool


class GroupPatch(TypedDict, total=False):
    """The changeable fields of a group."""

    name: str
    slug: str
    description: str
    archived: bool


class GroupCreate(GroupPatch):
    """A new group."""


class GroupMembershipCreate(TypedDict):
    """A user to add to a group."""

    group_id: str
    user_id: str


class ApiKeyCreate(TypedDict):
    """A new key."""

    name: str


class ApiKeyPatch(TypedDict, total=False):
    """The changeable fields of a key."""

    name: str


class LoginCreate(TypedDict, total=False):
    """A login: `strategy` is ``local`` (`email`, `password`), ``jwt`` (`accessToken`) or ``api-key`` (`apiKey`)."""

    strategy: Required[str]
    email: str
    password: str
    accessToken: str
    apiKey: str


class RefreshCreate(TypedDict):
    """The refresh token for a new pair of tokens."""

    refreshToken: str
