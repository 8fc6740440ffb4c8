"""Users, and what a login answers."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from agor_reactive.models.base import Json, WireModel

__all__ = ["Authentication", "AuthenticationResult", "User"]


class User(WireModel):
    """A person or service with an account. Read and written over the socket only: REST refuses every credential."""

    id_field: ClassVar[str] = "user_id"

    user_id: str
    email: str = ""
    name: str | None = None
    emoji: str | None = None
    avatar: str | None = None
    role: str = ""
    unix_username: str | None = None
    preferences: Annotated[Any, Json] = None
    agentic_tools: Annotated[Any, Json] = None
    agentic_tools_public_values: Annotated[Any, Json] = None
    default_agentic_config: Annotated[Any, Json] = None
    env_vars: Annotated[Any, Json] = None
    onboarding_completed: bool | None = None
    must_change_password: bool | None = None
    created_at: str = ""
    updated_at: str | None = None


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
