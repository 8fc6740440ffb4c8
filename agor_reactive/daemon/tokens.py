"""Signed tokens (JWT, HS256) and the hashing of passwords and keys.

Only what the daemon needs: it reads no algorithm from a token, so none can be chosen for it. Knows no users and no
transports.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from typing import Any

__all__ = ["TokenExpired", "TokenInvalid", "Tokens", "hash_key", "hash_password", "new_api_key", "password_matches"]

KEY_PREFIX = "agor_sk_"
_SCRYPT = {"n": 2**12, "r": 8, "p": 1}


class TokenInvalid(Exception):
    """Not a token of ours; the message is the wire's."""


class TokenExpired(Exception):
    """A token of ours whose time is over; `expired_at` in seconds since the epoch."""

    def __init__(self, expired_at: float) -> None:
        super().__init__("jwt expired")
        self.expired_at = expired_at


class Tokens:
    """Signs and reads tokens with one secret."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def sign(self, claims: dict[str, Any]) -> str:
        head = _encode(json.dumps({"alg": "HS256", "typ": "JWT"}, separators=(",", ":")).encode())
        body = _encode(json.dumps(claims, separators=(",", ":")).encode())
        return f"{head}.{body}.{self._seal(f'{head}.{body}')}"

    def read(self, token: object, *, now: float) -> dict[str, Any]:
        """The claims of a token that is ours and still good. Raises TokenInvalid, TokenExpired."""
        parts = token.split(".") if isinstance(token, str) else []
        if len(parts) != 3:
            raise TokenInvalid("jwt malformed")
        head, body, seal = parts
        if not hmac.compare_digest(seal.encode(), self._seal(f"{head}.{body}").encode()):
            raise TokenInvalid("invalid token")
        claims = json.loads(_decode(body))
        if not isinstance(claims, dict):
            raise TokenInvalid("invalid token")
        expires = claims.get("exp")
        if isinstance(expires, int | float) and expires <= now:
            raise TokenExpired(float(expires))
        return claims

    def _seal(self, text: str) -> str:
        return _encode(hmac.new(self._secret, text.encode(), hashlib.sha256).digest())


def new_api_key() -> str:
    return KEY_PREFIX + secrets.token_hex(24)


def hash_key(key: str) -> str:
    """Keys are long and random, so one round of a plain hash is enough to keep them out of the file."""
    return hashlib.sha256(key.encode()).hexdigest()


def hash_password(password: str) -> str:
    salt = secrets.token_bytes(16)
    return f"{salt.hex()}${hashlib.scrypt(password.encode(), salt=salt, **_SCRYPT).hex()}"


def password_matches(password: str, hashed: str) -> bool:
    salt, _, wanted = hashed.partition("$")
    found = hashlib.scrypt(password.encode(), salt=bytes.fromhex(salt), **_SCRYPT).hex()
    return hmac.compare_digest(found, wanted)


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
