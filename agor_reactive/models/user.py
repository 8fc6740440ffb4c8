"""Users and groups, their settings and keys, and what a login answers."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from agor_reactive.models.base import CamelModel, FrozenMap, Json, WireModel
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
    """How far the first steps have come; `path` is ``assistant own-repo persisted-agent``. Newer daemons say teammate
    for assistant."""

    path: str | None = None
    repo_id: str | None = None
    branch_id: str | None = None
    board_id: str | None = None
    assistant_display_name: str | None = None
    assistant_emoji: str | None = None
    teammate_display_name: str | None = None
    teammate_emoji: str | None = None


class UserPreferences(CamelModel):
    """What a user has set; other keys are kept as they came."""

    audio: AudioPreferences | None = None
    event_stream: EventStreamPreferences | None = None
    main_board_id: str | None = None
    onboarding: Onboarding | None = None


class EnvVar(WireModel):
    """That an environment variable is set, never its value; `scope` is where it is seen."""

    set: bool = False
    scope: str = ""
    resource_id: str | None = None


class User(WireModel):
    """A person or service with an account. Daemons of June 2026 refuse every credential for it over REST.

    `role` is ``superadmin admin member viewer``. `agentic_tools` says per agent which keys are set,
    `agentic_tools_public_values` the values that are no secrets; `default_agentic_config` is by agent too.
    """

    id_field: ClassVar[str] = "user_id"

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


class Group(WireModel):
    """A named set of users."""

    id_field: ClassVar[str] = "group_id"

    group_id: str
    name: str = ""
    slug: str = ""
    description: str | None = None
    archived: bool | None = None
    created_by: str | None = None
    created_at: str = ""
    updated_at: str | None = None


class GroupMembership(WireModel):
    """That a user is in a group."""

    group_id: str = ""
    user_id: str = ""
    added_by: str | None = None
    created_at: str = ""


class ApiKeyRecord(WireModel):
    """What is known of an API key: never the key itself, only its `prefix`."""

    id_field: ClassVar[str] = "id"

    id: str
    name: str = ""
    prefix: str = ""
    created_at: str = ""
    last_used_at: str | None = None


class NewApiKey(WireModel):
    """The answer to making a key: `raw_key` is shown this once, and never in a repr."""

    raw_key: str = Field(default="", alias="rawKey", repr=False)
    key: ApiKeyRecord | None = None


class CurrentUser(WireModel):
    """Who a credential belongs to, as ``api/v1/user/me`` answers (0.26 and later).

    `auth_strategy` is how the request was authenticated; `key_id` is the API key's id where it was made with one. The
    shape is not fully on record: what is named here is read if it comes, all else is kept (`model_extra`).
    """

    user: User | None = None
    role: str = ""
    tenant_id: str | None = None
    auth_strategy: str | None = None
    key_id: str | None = None


class Authentication(WireModel):
    """How the login was made. `payload` holds the access token's claims; `exp` and `iat` are epoch seconds."""

    strategy: str = ""
    payload: Annotated[Any, Json] = None
    access_token: str | None = Field(default=None, alias="accessToken", repr=False)


class AuthenticationResult(WireModel):
    """What a login answers. An API key, too, gets a 15-minute access token and a 30-day refresh token."""

    access_token: str = Field(default="", alias="accessToken", repr=False)
    refresh_token: str | None = Field(default=None, alias="refreshToken", repr=False)
    authentication: Authentication | None = None
    user: User | None = None
