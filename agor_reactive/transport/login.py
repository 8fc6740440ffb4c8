"""A login: credentials with the tokens obtained so far, the ways to log in, their order, and when to renew.

Sans-IO: `Login` yields calls (`effects.Call`) and receives their answers. Time is an argument. No repr and no error
shows a key, a token or a password.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
from pydantic import SecretStr

from agor_reactive.calls.arguments import check_secret, is_sendable
from agor_reactive.calls.effects import Call, EffectGenerator, GetToken
from agor_reactive.errors import DaemonError, NotAuthenticated, ProtocolError, UsageError
from agor_reactive.models.secrecy import hide, hide_fields
from agor_reactive.transport.credentials import ApiKey, Credentials, Jwt, Local, Provider

__all__ = ["Login", "LoginStep", "Tokens", "renewal_due"]

AUTHENTICATION: Final = "authentication"
REFRESH: Final = "authentication/refresh"

_KEY_PREFIX: Final = "agor_sk_"

_RENEW_AT: Final = 0.8  # of a token's lifetime: 12 of its 15 minutes
_RENEW_AHEAD: Final = 10.0  # seconds left at that time, at least …
_RENEW_SOONEST: Final = 0.5  # … unless that is before the middle of a short lifetime


@dataclass(frozen=True, slots=True, repr=False)
class Tokens:
    """The tokens of a login. `expires_at` is on the clock given to `Login`; None when unknown."""

    access: SecretStr | None = None
    refresh: SecretStr | None = None
    expires_at: float | None = None
    renew_at: float | None = None

    def __repr__(self) -> str:
        return f"Tokens(expires_at={self.expires_at}, renew_at={self.renew_at})"


LoginStep = Call | GetToken


class Login:
    """Credentials with the tokens obtained so far. Only one of its operations may run at a time.

    `monotonic` measures token lifetimes; `wall` (epoch seconds) is only used for tokens that were issued earlier.
    """

    def __init__(self, given: Credentials, *, monotonic: Callable[[], float], wall: Callable[[], float]) -> None:
        self.credentials = given
        self.tokens = Tokens()
        self._monotonic = monotonic
        self._wall = wall
        if isinstance(given, Jwt):
            self.tokens = Tokens(given.access_token, given.refresh_token)

    @property
    def renewable(self) -> bool:
        """Whether a new login is possible without the user."""
        return self.tokens.refresh is not None or not isinstance(self.credentials, Jwt)

    @property
    def user_id(self) -> str | None:
        """The user of the access token; None without a token, or when it names no user."""
        subject = _claims(self.tokens.access).get("sub")
        return subject if isinstance(subject, str) else None

    @property
    def renew_at(self) -> float | None:
        """When to renew, on the monotonic clock; None when that is not needed or not possible."""
        return self.tokens.renew_at if self.renewable else None

    def log_in(self) -> EffectGenerator[LoginStep, Mapping[str, Any]]:
        """Log in a new connection, by the cheapest way first. Returns the daemon's answer.

        Raises `NotAuthenticated` when every way was refused; any other error is raised at once.
        """
        return (yield from self._first_that_works(self._ways(renewing=False)))

    def renew(self) -> EffectGenerator[LoginStep, Mapping[str, Any]]:
        """Extend the login with a newer token. Returns and raises as `log_in`."""
        return (yield from self._first_that_works(self._ways(renewing=True)))

    def token(self) -> EffectGenerator[LoginStep, SecretStr]:
        """Return an access token for a handshake: the current one, else a new one. Raises as `log_in`.

        The current token costs no call, so a link that reconnects often does not log in often (daemons allow 50 logins
        in 15 minutes for all callers of one address). A token provider is called each time.
        """
        if isinstance(self.credentials, Provider):
            yield from self._provided(self.credentials, present=False)
        elif self.tokens.access is None or (self.renewable and self._stale()):
            yield from self.earn()
        if self.tokens.access is None:
            raise ProtocolError("the daemon's answer to the login has no access token, which a live connection needs")
        return self.tokens.access

    def earn(self) -> EffectGenerator[LoginStep, Mapping[str, Any]]:
        """Obtain new tokens, by the refresh token, else by the credentials. Returns and raises as `log_in`."""
        return (yield from self._first_that_works(self._ways_to_earn()))

    def discard_access(self) -> None:
        """Discard the access token that the daemon refused, so that the next one is new."""
        self.tokens = Tokens(None, self.tokens.refresh)

    # ---- ways -------------------------------------------------------------------------------------------------------

    def _ways(self, *, renewing: bool) -> Iterator[Callable[[], EffectGenerator[LoginStep, Mapping[str, Any]]]]:
        given = self.credentials
        if isinstance(given, ApiKey):
            yield lambda: self._present({"strategy": "api-key", "apiKey": given.key})
            return
        if isinstance(given, Provider):
            yield lambda: self._provided(given, present=True)
            return
        if not renewing and self.tokens.access is not None and not self._expired():
            yield lambda: self._present({"strategy": "jwt", "accessToken": self.tokens.access})
        if self.tokens.refresh is not None:
            yield self._refreshed
        if isinstance(given, Local):
            yield lambda: self._present({"strategy": "local", "email": given.email, "password": given.password})

    def _ways_to_earn(self) -> Iterator[Callable[[], EffectGenerator[LoginStep, Mapping[str, Any]]]]:
        given = self.credentials
        if self.tokens.refresh is not None:
            yield self._refresh
        if isinstance(given, ApiKey):
            yield lambda: self._present({"strategy": "api-key", "apiKey": given.key})
        elif isinstance(given, Local):
            yield lambda: self._present({"strategy": "local", "email": given.email, "password": given.password})
        elif isinstance(given, Provider):
            yield lambda: self._provided(given, present=False)

    def _first_that_works(
        self, ways: Iterator[Callable[[], EffectGenerator[LoginStep, Mapping[str, Any]]]]
    ) -> EffectGenerator[LoginStep, Mapping[str, Any]]:
        refused: DaemonError | None = None
        for way in ways:
            try:
                return (yield from way())
            except NotAuthenticated as error:
                refused = error
        raise refused or NotAuthenticated("the access token has expired and cannot be renewed; authenticate again")

    def _present(self, body: Mapping[str, Any]) -> EffectGenerator[LoginStep, Mapping[str, Any]]:
        answer = hide_fields((yield Call("create", AUTHENTICATION, (dict(body),))))
        if not isinstance(answer, Mapping):
            raise ProtocolError("the daemon's answer to a login is not an object")
        self._keep(answer, sent=body.get("accessToken"))
        return answer

    def _refreshed(self) -> EffectGenerator[LoginStep, Mapping[str, Any]]:
        yield from self._refresh()
        # A refresh does not log in the connection: the new token has to be presented.
        return (yield from self._present({"strategy": "jwt", "accessToken": self.tokens.access}))

    def _refresh(self) -> EffectGenerator[LoginStep, Mapping[str, Any]]:
        spent = self.tokens.refresh
        try:
            answer = hide_fields((yield Call("create", REFRESH, ({"refreshToken": spent},))))
        except NotAuthenticated:
            # A refused refresh token stays refused: repeated attempts would only load the daemon.
            self.tokens = Tokens(self.tokens.access, None, self.tokens.expires_at)
            raise
        access = answer.get("accessToken") if isinstance(answer, Mapping) else None
        if not isinstance(access, SecretStr) or not is_sendable(access):
            raise ProtocolError("the daemon's answer to a refresh has no access token that can be sent")
        fresh = answer.get("refreshToken")
        self.tokens = self._timed(Tokens(access, fresh if isinstance(fresh, SecretStr) else spent), _life_of(access))
        refreshed: Mapping[str, Any] = answer
        return refreshed

    def _provided(self, given: Provider, *, present: bool) -> EffectGenerator[LoginStep, Mapping[str, Any]]:
        """Log in with the provider's answer. Unless `present`, only a key is exchanged; an access token is kept."""
        token = hide((yield GetToken(given.ask)))
        if not isinstance(token, SecretStr) or not token:
            raise UsageError("the token provider gave no token; it must return a non-empty string")
        token = check_secret(token, "the provider's token")
        if token.get_secret_value().startswith(_KEY_PREFIX):
            return (yield from self._present({"strategy": "api-key", "apiKey": token}))
        if present:
            return (yield from self._present({"strategy": "jwt", "accessToken": token}))
        self.tokens = Tokens(token)
        return {"accessToken": token}

    # ---- lives ------------------------------------------------------------------------------------------------------

    def _expired(self) -> bool:
        return self.tokens.expires_at is not None and self._monotonic() >= self.tokens.expires_at

    def _stale(self) -> bool:
        """Whether the token is expired, by our clock or by its own claims (a given token was not timed)."""
        expiry = _claims(self.tokens.access).get("exp")
        return self._expired() or (isinstance(expiry, (int, float)) and self._wall() >= expiry)

    def _keep(self, answer: Mapping[str, Any], *, sent: SecretStr | None) -> None:
        access = answer.get("accessToken")
        access = access if is_sendable(access) else sent
        refresh = answer.get("refreshToken")
        # An answer that repeats the access token has no new refresh token; the current one stays valid.
        tokens = Tokens(access, refresh if isinstance(refresh, SecretStr) else self.tokens.refresh)
        if access is not None and access == self.tokens.access and self.tokens.expires_at is not None:
            self.tokens = Tokens(tokens.access, tokens.refresh, self.tokens.expires_at, self.tokens.renew_at)
            return
        life = _life(_payload(answer)) or (_life_of(access) if access else None)
        if life is not None and access is not None and access == sent:
            life = self._left_of(access, life)
        self.tokens = self._timed(tokens, life)

    def _left_of(self, token: SecretStr, life: float) -> float:
        """The remaining seconds of a token issued earlier. Uses the wall clock; a wrong clock costs one renewal."""
        expiry = _claims(token).get("exp")
        if isinstance(expiry, (int, float)):
            return min(life, max(0.0, expiry - self._wall()))
        return life

    def _timed(self, tokens: Tokens, life: float | None) -> Tokens:
        if life is None:
            return tokens
        now = self._monotonic()
        return Tokens(tokens.access, tokens.refresh, now + life, now + renewal_due(life))


def renewal_due(life: float) -> float:
    """The age at which a token is renewed, in seconds: early enough for a slow answer."""
    return max(life * _RENEW_SOONEST, min(life * _RENEW_AT, life - _RENEW_AHEAD))


def _payload(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    authentication = answer.get("authentication")
    payload = authentication.get("payload") if isinstance(authentication, Mapping) else None
    return payload if isinstance(payload, Mapping) else {}


def _life(claims: Mapping[str, Any]) -> float | None:
    """The lifetime of a token, in seconds: the difference of the daemon's own times, because its clock may differ from
    ours."""
    expiry, minted = claims.get("exp"), claims.get("iat")
    if isinstance(expiry, (int, float)) and isinstance(minted, (int, float)) and expiry > minted:
        return float(expiry - minted)
    return None


def _life_of(token: SecretStr) -> float | None:
    return _life(_claims(token))


def _claims(token: SecretStr | None) -> Mapping[str, Any]:
    """Read the claims of a JWT, unverified: only used to plan renewals. Empty for other text."""
    parts = token.get_secret_value().split(".") if token is not None else ()
    if len(parts) != 3:
        return {}
    try:
        claims = orjson.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError):
        return {}
    return claims if isinstance(claims, dict) else {}
