"""Access, refresh and service tokens: their claims, lifetimes and revocation.

Uses the signatures of `tokens`; knows users as rows and no credentials except tokens.
"""

from __future__ import annotations

import secrets
from typing import Any

from agor_reactive.daemon.clock import iso
from agor_reactive.daemon.context import DaemonContext
from agor_reactive.daemon.faults import DomainFault, not_authenticated
from agor_reactive.daemon.store import Row
from agor_reactive.daemon.tokens import TokenExpired, TokenInvalid

__all__ = ["REFRESH_LIFE", "Issuer"]

REFRESH_LIFE = 30 * 24 * 3600.0
_SERVICE_LIFE = 365 * 24 * 3600.0
_AUDIENCE = "https://agor.dev"
_ISSUER = "agor"
_ACCESS_TYPES = (None, "access", "service")
_GENERATION = "token_generation"


class Issuer:
    """Issues and verifies users' tokens.

    Each token carries its `generation`. `revoke` starts a new generation for all users, a new password one for its
    user; tokens of an older generation are invalid. Service tokens have no generation.
    """

    def __init__(self, context: DaemonContext) -> None:
        self._context = context

    def access(self, user: Row) -> tuple[str, dict[str, Any]]:
        """Issue an access token; returns it with its claims."""
        life = self._context.access_token_life
        now = self._context.clock.time()
        # Whole seconds as everywhere, except for lifetimes so short that rounding would matter.
        issued: float = int(now) if life >= 60 and life == int(life) else now
        expires = issued + (int(life) if isinstance(issued, int) else life)
        kind = {"type": "access"} if self._context.api.handshake else {}
        claims = {**kind, **self._common(user, issued, expires), "generation": self._generation(user)}
        return self._context.tokens.sign(claims), claims

    def refresh(self, user: Row) -> str:
        now = int(self._context.clock.time())
        common = self._common(user, now, now + int(REFRESH_LIFE))
        return self._context.tokens.sign({"type": "refresh", **common, "generation": self._generation(user)})

    def service(self, user: Row) -> str:
        """Issue a service token that acts for `user`; it is valid for a year."""
        now = int(self._context.clock.time())
        return self._context.tokens.sign({"type": "service", **self._common(user, now, now + int(_SERVICE_LIFE))})

    def access_claims(self, token: object) -> dict[str, Any]:
        """Verify an access or service token and return its claims. Raises the faults of the wire."""
        try:
            claims = self._context.tokens.read(token, now=self._context.clock.time())
        except TokenExpired as error:
            raise not_authenticated(
                "jwt expired", {"name": "TokenExpiredError", "expiredAt": iso(error.expired_at)}
            ) from error
        except TokenInvalid as error:
            raise not_authenticated(str(error), {"name": "JsonWebTokenError"}) from error
        if claims.get("type") not in _ACCESS_TYPES:
            raise DomainFault("JWT type is not valid for daemon API authentication")
        if not isinstance(claims.get("exp"), int | float):
            raise not_authenticated("jwt without an expiry", {"name": "JsonWebTokenError"})
        if self._void(claims):
            raise not_authenticated("Session expired, please login again")
        return claims

    def refresh_claims(self, token: object) -> dict[str, Any]:
        """Verify a refresh token and return its claims. Raises the same fault for every reason."""
        try:
            claims = self._context.tokens.read(token, now=self._context.clock.time())
        except (TokenInvalid, TokenExpired) as error:
            raise not_authenticated("Invalid or expired refresh token") from error
        if claims.get("type") != "refresh" or self._void(claims):
            raise not_authenticated("Invalid or expired refresh token")
        return claims

    def revoke(self) -> None:
        """Revoke all access and refresh tokens issued so far. Service tokens stay valid."""
        self._context.store.set_setting(_GENERATION, str(self._general() + 1))

    def _void(self, claims: dict[str, Any]) -> bool:
        user = self._context.users.find(claims.get("sub"))
        if user is None or claims.get("type") == "service":
            return user is None
        return bool(claims.get("generation", 0) != self._generation(user))

    def _generation(self, user: Row) -> int:
        # Both numbers only increase, so their sum never repeats.
        return self._general() + int(user.get(_GENERATION, 0))

    def _general(self) -> int:
        return int(self._context.store.setting(_GENERATION) or 0)

    def _common(self, user: Row, issued: float, expires: float) -> dict[str, Any]:
        return {
            "iat": issued,
            "exp": expires,
            "aud": _AUDIENCE,
            "iss": _ISSUER,
            "sub": user["user_id"],
            "jti": secrets.token_hex(16),
        }
