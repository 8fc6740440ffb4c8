"""Signed tokens (JWT, HS256) and the hashing of passwords and keys.

Knows no users and no transports.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Any

import jwt

__all__ = ["TokenExpired", "TokenInvalid", "Tokens", "hash_key", "hash_password", "new_api_key", "password_matches"]

KEY_PREFIX = "agor_sk_"
_ALGORITHM = "HS256"
_SCRYPT = {"n": 2**12, "r": 8, "p": 1}


class TokenInvalid(Exception):
    """A token that this daemon did not sign; the message is that of the wire."""


class TokenExpired(Exception):
    """An expired token; `expired_at` is in epoch seconds."""

    def __init__(self, expired_at: float) -> None:
        super().__init__("jwt expired")
        self.expired_at = expired_at


class Tokens:
    """Signs and reads tokens with one secret."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def sign(self, claims: dict[str, Any]) -> str:
        return jwt.encode(claims, self._secret, algorithm=_ALGORITHM)

    def read(self, token: object, *, now: float) -> dict[str, Any]:
        """Verify a token and return its claims. Raises TokenInvalid, TokenExpired."""
        if not isinstance(token, str) or token.count(".") != 2:
            raise TokenInvalid("jwt malformed")
        # PyJWT would compare times with the system's clock; the daemon has its own. No audience is expected either.
        unchecked: Any = {"verify_exp": False, "verify_iat": False, "verify_aud": False}
        try:
            claims: dict[str, Any] = jwt.decode(token, self._secret, algorithms=[_ALGORITHM], options=unchecked)
        except jwt.InvalidTokenError:
            raise TokenInvalid("invalid token") from None
        expires = claims.get("exp")
        if isinstance(expires, int | float) and expires <= now:
            raise TokenExpired(float(expires))
        return claims


def new_api_key() -> str:
    return KEY_PREFIX + secrets.token_hex(24)


def hash_key(key: str) -> str:
    """Hash a key. Keys are long and random, so one round of a plain hash is enough."""
    return hashlib.sha256(key.encode()).hexdigest()


def hash_password(password: str) -> str:
    salt = secrets.token_bytes(16)
    return f"{salt.hex()}${hashlib.scrypt(password.encode(), salt=salt, **_SCRYPT).hex()}"


def password_matches(password: str, hashed: str) -> bool:
    salt, _, wanted = hashed.partition("$")
    found = hashlib.scrypt(password.encode(), salt=bytes.fromhex(salt), **_SCRYPT).hex()
    return hmac.compare_digest(found, wanted)
