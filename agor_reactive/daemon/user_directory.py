"""Users, their passwords and API keys, and the lookup of credentials.

Keys and passwords are stored as hashes and compared in constant time; nothing here is logged.
"""

from __future__ import annotations

import asyncio
import hmac
from dataclasses import dataclass
from typing import Any, Literal

from agor_reactive.daemon.context import DaemonContext
from agor_reactive.daemon.faults import forbidden, not_authenticated
from agor_reactive.daemon.issuer import Issuer
from agor_reactive.daemon.store import Row
from agor_reactive.daemon.tokens import KEY_PREFIX, hash_key, hash_password, new_api_key, password_matches

__all__ = ["Identity", "UserDirectory", "public_user"]

_PRIVATE = ("password_hash", "token_generation")


@dataclass(frozen=True, slots=True)
class Identity:
    """The user that a credential identifies.

    `user` is the public row. `service`: a service token, with the rights of executors. `key_id` is the id of the API
    key, if one was used. `expires_at` in seconds since the epoch; None for a key.
    """

    user: Row
    strategy: Literal["api-key", "jwt"]
    service: bool = False
    key_id: str | None = None
    expires_at: float | None = None


def public_user(row: Row) -> Row:
    """The public fields of a user."""
    return {name: value for name, value in row.items() if name not in _PRIVATE}


class UserDirectory:
    """Keeps users and keys, and identifies credentials."""

    def __init__(self, context: DaemonContext, issuer: Issuer) -> None:
        self._context = context
        self._issuer = issuer

    def identify(self, credential: str) -> Identity:
        """Identify the user of an API key or access token, for one request. Raises `Fault`."""
        if credential.startswith(KEY_PREFIX):
            key = self.key(credential)
            return Identity(public_user(self.user(key["user_id"])), "api-key", key_id=key["id"])
        return self.identify_token(credential)

    def identify_token(self, token: object) -> Identity:
        """Identify the user of an access or service token. API keys and refresh tokens are refused."""
        claims = self._issuer.access_claims(token)
        user = public_user(self.user(claims["sub"]))
        return Identity(user, "jwt", service=claims.get("type") == "service", expires_at=float(claims["exp"]))

    def identify_handshake(self, header: str, auth: object) -> Identity | None:
        """Identify the user of a Socket.IO handshake; None without a token.

        `header` is the Authorization header of the upgrade or polling request, `auth` the payload of the CONNECT
        packet. With today's rules both must name the same token if both are given.
        """
        scheme, _, value = header.partition(" ")
        in_header = value.strip() if scheme.lower() == "bearer" else None
        in_auth = auth.get("token") if isinstance(auth, dict) else None
        if in_auth is not None and in_header is not None and in_auth != in_header and self._context.api.handshake:
            raise not_authenticated("Ambiguous credentials")
        token = in_auth if in_auth is not None else in_header
        return None if token is None else self.identify_token(token)

    def user(self, user_id: object) -> Row:
        """The user's complete row. Raises NotAuthenticated."""
        user = self._context.users.find(user_id)
        if user is None:
            raise not_authenticated("Invalid login")
        return user

    async def user_by_password(self, email: object, password: object) -> Row:
        """The user with this e-mail and password. Raises the faults of a failed login."""
        user = next((row for row in self._context.users.all() if row["email"] == email), None)
        if user is None or not isinstance(password, str) or not password:
            raise not_authenticated("Invalid login")
        if not await asyncio.to_thread(password_matches, password, user["password_hash"]):
            raise not_authenticated("Invalid login")
        if user["role"] == "viewer":
            raise forbidden("You need member access to view users")
        return user

    def add_user(self, *, email: str, password: str, role: str, name: str, **more: Any) -> Row:
        now = self._context.now()
        row: Row = {
            "user_id": self._context.ids.row(),
            "email": email,
            "name": name,
            "emoji": "🙂",
            "role": role,
            "preferences": {},
            "onboarding_completed": False,
            "must_change_password": False,
            "created_at": now,
            "updated_at": now,
            **more,
            "password_hash": hash_password(password),
        }
        self._context.users.insert(row)
        return row

    def new_password(self, user: Row, password: str) -> Row:
        """Make the row with a new password. With today's rules the user's earlier tokens become invalid."""
        changed = {**user, "password_hash": hash_password(password), "must_change_password": False}
        if self._context.api.handshake:
            changed["token_generation"] = int(user.get("token_generation", 0)) + 1
        return changed

    def add_key(self, user_id: str, name: str, *, key: str | None = None) -> tuple[str, Row]:
        """Create a key. Only this call returns the raw key."""
        raw = key or new_api_key()
        row: Row = {
            "id": self._context.ids.row(),
            "user_id": user_id,
            "name": name,
            "prefix": raw[: len(KEY_PREFIX) + 4],
            "hash": hash_key(raw),
            "created_at": self._context.now(),
        }
        self._context.store.insert("api-keys", row["id"], row)
        return raw, row

    def find_key(self, raw: str) -> Row | None:
        wanted = hash_key(raw)
        found = None
        for row in self._context.store.all("api-keys"):
            if hmac.compare_digest(row["hash"], wanted):
                found = row
        return found

    def key(self, raw: str) -> Row:
        """Look up a key and record its use. Raises NotAuthenticated."""
        if not raw.startswith(KEY_PREFIX):
            raise not_authenticated("Invalid API key format")
        found = self.find_key(raw)
        if found is None:
            raise not_authenticated("Invalid API key")
        self._context.store.replace("api-keys", found["id"], {**found, "last_used_at": self._context.now()})
        return found
