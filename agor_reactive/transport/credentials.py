"""Credentials: what a user logs in with. No repr shows a key, a token or a password. `login` logs in with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypedDict

from pydantic import SecretStr

from agor_reactive.calls.arguments import check_secret
from agor_reactive.calls.effects import TokenProvider
from agor_reactive.errors import UsageError
from agor_reactive.models.secrecy import hide

__all__ = [
    "ApiKey",
    "Credentials",
    "Jwt",
    "LiveLoginOptions",
    "Local",
    "LoginOptions",
    "Provider",
    "Secret",
    "Strategy",
    "credentials",
]

Strategy = Literal["api-key", "jwt", "local"]

Secret = str | SecretStr
"""A key, token or password as users may give it. A `SecretStr` stays hidden in their own tracebacks, too."""


class _Secret:
    __slots__ = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"


@dataclass(frozen=True, slots=True, repr=False)
class ApiKey(_Secret):
    """A personal key (``agor_sk_…``). It does not expire; the socket session that it opens does."""

    key: SecretStr

    def __init__(self, key: Secret) -> None:
        object.__setattr__(self, "key", hide(key))


@dataclass(frozen=True, slots=True, repr=False)
class Jwt:
    """An access token, and optionally the refresh token that renews it."""

    access_token: SecretStr
    refresh_token: SecretStr | None = None

    def __init__(self, access_token: Secret, refresh_token: Secret | None = None) -> None:
        object.__setattr__(self, "access_token", hide(access_token))
        object.__setattr__(self, "refresh_token", hide(refresh_token))

    def __repr__(self) -> str:
        return f"Jwt(…{', refreshable' if self.refresh_token else ''})"


@dataclass(frozen=True, slots=True, repr=False)
class Local(_Secret):
    """E-mail and password."""

    email: str
    password: SecretStr

    def __init__(self, email: str, password: Secret) -> None:
        object.__setattr__(self, "email", email)
        object.__setattr__(self, "password", hide(password))


@dataclass(frozen=True, slots=True, repr=False)
class Provider(_Secret):
    """A user's function that returns an access token (or an API key); called once per connection."""

    ask: TokenProvider


Credentials = ApiKey | Jwt | Local | Provider


class LoginOptions(TypedDict, total=False):
    """The credentials that `RestClient.authenticate` takes."""

    api_key: Secret | None
    access_token: Secret | None
    refresh_token: Secret | None
    email: str | None
    password: Secret | None


class LiveLoginOptions(LoginOptions, total=False):
    """The credentials that `Client.authenticate` takes."""

    token_provider: TokenProvider | None


def credentials(
    strategy: str | None = None,
    *,
    api_key: Secret | None = None,
    access_token: Secret | None = None,
    refresh_token: Secret | None = None,
    email: str | None = None,
    password: Secret | None = None,
    token_provider: TokenProvider | None = None,
) -> Credentials:
    """Make credentials from arguments. Raises `UsageError` if arguments are missing, conflict, or are no key or
    token."""
    api_key, access_token, refresh_token, password = hide(api_key, access_token, refresh_token, password)
    api_key = api_key and check_secret(api_key, "api_key")
    access_token = access_token and check_secret(access_token, "access_token")
    refresh_token = refresh_token and check_secret(refresh_token, "refresh_token")
    given = strategy or _guess(api_key, access_token, email, token_provider)
    if given == "api-key" and api_key:
        return ApiKey(api_key)
    if given == "jwt" and access_token:
        return Jwt(access_token, refresh_token)
    if given == "local" and email and password:
        return Local(email, password)
    if given == "provider" and token_provider is not None:
        return Provider(token_provider)
    needs = {
        "api-key": "api_key (get_api_key_from_env() reads it from AGOR_API_KEY)",
        "jwt": "access_token",
        "local": "email and password",
        "provider": "token_provider",
    }.get(given)
    if needs is None:
        raise UsageError("there is no such strategy; use 'api-key', 'jwt' or 'local'")
    raise UsageError(f"strategy {given!r} needs {needs}")


def _guess(
    api_key: Secret | None, access_token: Secret | None, email: str | None, provider: TokenProvider | None
) -> str:
    if api_key:
        return "api-key"
    if access_token:
        return "jwt"
    if email:
        return "local"
    if provider is not None:
        return "provider"
    raise UsageError("no credentials: give api_key=, access_token=, email= and password=, or token_provider=")
