"""Users and groups, their settings and keys, and the answer to a login."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from agor_reactive.models.base import CamelModel, FrozenMap, Json, MadeRow, WireModel
from agor_reactive.models.settings import AgentSettings

__all__ = [
    "ApiKeyRecord",
    "AudioPreferences",
    "Authentication",
    "AuthenticationResult",
    "CurrentUser",
    "EnvVar",
    "EventStreamPreferences",
    "Group",
    "GroupMembership",
    "NewApiKey",
    "Onboarding",
    "User",
    "UserPreferences",
]


class AudioPreferences(CamelModel):
    """The chime at the end of a task; `volume` is 0 to 1."""

    enabled: bool = False
    chime: str = ""
    volume: int | float = 0
    min_duration_seconds: int | float = 0


class EventStreamPreferences(WireModel):
    """Whether the event stream is shown."""

    enabled: bool = False


class Onboarding(CamelModel):
    """The progress of the onboarding; `path` is ``assistant own-repo persisted-agent``. Newer daemons say teammate
    instead of assistant."""

    path: str | None = None
    repo_id: str | None = None
    branch_id: str | None = None
    board_id: str | None = None
    assistant_display_name: str | None = None
    assistant_emoji: str | None = None
    teammate_display_name: str | None = None
    teammate_emoji: str | None = None


class UserPreferences(CamelModel):
    """The user's preferences; other keys are kept as they came."""

    audio: AudioPreferences | None = None
    event_stream: EventStreamPreferences | None = None
    main_board_id: str | None = None
    onboarding: Onboarding | None = None


class EnvVar(WireModel):
    """An environment variable that is set, without its value; `scope` is its scope."""

    set: bool = False
    scope: str = ""
    resource_id: str | None = None


class User(WireModel):
    """A user or service with an account. Daemons of June 2026 refuse every credential for it over REST.

    `role` is ``superadmin admin member viewer``. `agentic_tools` lists the set keys per agent,
    `agentic_tools_public_values` the values that are not secret; `default_agentic_config` is per agent, too.
    """

    user_id: str
    email: str = ""
    name: str | None = None
    emoji: str | None = None
    avatar: str | None = None
    role: str = ""
    unix_username: str | None = None
    preferences: UserPreferences | None = None
    agentic_tools: Annotated[Any, Json] = None
    agentic_tools_public_values: Annotated[Any, Json] = None
    default_agentic_config: FrozenMap[AgentSettings] | None = None
    env_vars: FrozenMap[EnvVar] | None = None
    onboarding_completed: bool | None = None
    must_change_password: bool | None = None
    access_disabled: bool | None = None
    created_at: str = ""
    updated_at: str | None = None
    is_service_account: bool | None = Field(default=None, alias="_isServiceAccount")


class Group(MadeRow):
    """A named group of users."""

    group_id: str
    name: str = ""
    slug: str = ""
    description: str | None = None
    archived: bool | None = None


class GroupMembership(WireModel):
    """The membership of a user in a group."""

    group_id: str = ""
    user_id: str = ""
    added_by: str | None = None
    created_at: str = ""


class ApiKeyRecord(WireModel):
    """The record of an API key: never the key itself, only its `prefix`."""

    id: str
    name: str = ""
    prefix: str = ""
    created_at: str = ""
    last_used_at: str | None = None


class NewApiKey(WireModel):
    """The answer to creating a key: `raw_key` is returned only this once, and never shown in a repr."""

    raw_key: str = Field(default="", alias="rawKey", repr=False)
    key: ApiKeyRecord | None = None


class CurrentUser(WireModel):
    """The user of a credential, the answer of ``api/v1/user/me`` (0.26 and later).

    `auth_strategy` is how the request was authenticated; `key_id` is the API key's id, if a key was used. The answer is
    partly undocumented: the fields here are read if present, all others are kept (`model_extra`).
    """

    user: User | None = None
    role: str = ""
    tenant_id: str | None = None
    auth_strategy: str | None = None
    key_id: str | None = None


class Authentication(WireModel):
    """The strategy of the login. `payload` holds the access token's claims; `exp` and `iat` are epoch seconds."""

    strategy: str = ""
    payload: Annotated[Any, Json] = None
    access_token: str | None = Field(default=None, alias="accessToken", repr=False)


class AuthenticationResult(WireModel):
    """The answer to a login. An API key also gets a 15-minute access token and a 30-day refresh token."""

    access_token: str = Field(default="", alias="accessToken", repr=False)
    refresh_token: str | None = Field(default=None, alias="refreshToken", repr=False)
    authentication: Authentication | None = None
    user: User | None = None
