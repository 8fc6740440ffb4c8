"""Who may come in: passwords, API keys, tokens, and how many wrong guesses are allowed.

Keys and passwords are kept as hashes and compared in constant time; nothing here is ever logged.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections import deque
from dataclasses import dataclass
from typing import Any

from agor_reactive.daemon.clock import iso
from agor_reactive.daemon.faults import DomainFault, Fault, forbidden, not_authenticated, too_many_requests
from agor_reactive.daemon.kernel import Kernel
from agor_reactive.daemon.store import Row
from agor_reactive.daemon.tokens import (
    KEY_PREFIX,
    TokenExpired,
    TokenInvalid,
    hash_key,
    hash_password,
    new_api_key,
    password_matches,
)

__all__ = ["Accounts", "Admission", "public_user"]

REFRESH_LIFE = 30 * 24 * 3600.0
_WINDOW = 15 * 60.0
_AUDIENCE = "https://agor.dev"
_ISSUER = "agor"
_ACCESS_TYPES = (None, "access", "service")


@dataclass(frozen=True, slots=True)
class Admission:
    """A login that worked: the answer for the caller, and when the daemon will cut it."""

    user: Row
    result: dict[str, Any]
    expires_at: float


def public_user(row: Row) -> Row:
    """A user as anybody may see them."""
    return {name: value for name, value in row.items() if name != "password_hash"}


class Accounts:
    """Checks credentials and hands out tokens. `login_limit`: failed logins allowed in 15 minutes."""

    def __init__(self, kernel: Kernel, *, login_limit: int) -> None:
        self._kernel = kernel
        self._limit = login_limit
        self._failures: deque[float] = deque()

    async def login(self, data: dict[str, Any]) -> Admission:
        """Check one `authentication` request. Raises the faults of the wire."""
        now = self._kernel.clock.time()
        while self._failures and self._failures[0] <= now - _WINDOW:
            self._failures.popleft()
        if len(self._failures) >= self._limit:
            raise too_many_requests("Too many authentication attempts, please try again later")
        try:
            return await self._login(data)
        except Fault:
            self._failures.append(now)
            raise

    def identify(self, credential: str) -> Row:
        """The user behind an API key or an access token, for one request."""
        if credential.startswith(KEY_PREFIX):
            return self._user(self._key(credential)["user_id"])
        return self._user(self._claims(credential)["sub"])

    def refresh(self, token: object) -> dict[str, Any]:
        """Two new tokens for a refresh token."""
        try:
            claims = self._kernel.tokens.read(token, now=self._kernel.clock.time())
        except (TokenInvalid, TokenExpired) as error:
            raise not_authenticated("Invalid or expired refresh token") from error
        user = self._kernel.users.find(claims.get("sub"))
        if claims.get("type") != "refresh" or user is None:
            raise not_authenticated("Invalid or expired refresh token")
        access, _ = self._access_token(user, kind="access")
        return {"accessToken": access, "refreshToken": self._refresh_token(user), "user": public_user(user)}

    def handshake_user(self, token: object) -> Row | None:
        """The user of a token offered while connecting, or None when it is not good."""
        try:
            return self._user(self._claims(token)["sub"])
        except Fault:
            return None

    def add_user(self, *, email: str, password: str, role: str, name: str, **more: Any) -> Row:
        now = self._kernel.now()
        row: Row = {
            "user_id": self._kernel.ids.row(),
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
        self._kernel.users.insert(row)
        return row

    def add_key(self, user_id: str, name: str, *, key: str | None = None) -> tuple[str, Row]:
        """A new key; the raw one is seen here and never again."""
        raw = key or new_api_key()
        row: Row = {
            "id": self._kernel.ids.row(),
            "user_id": user_id,
            "name": name,
            "prefix": raw[: len(KEY_PREFIX) + 4],
            "hash": hash_key(raw),
            "created_at": self._kernel.now(),
        }
        self._kernel.store.insert("api-keys", row["id"], row)
        return raw, row

    def find_key(self, raw: str) -> Row | None:
        wanted = hash_key(raw)
        found = None
        for row in self._kernel.store.all("api-keys"):
            if hmac.compare_digest(row["hash"], wanted):
                found = row
        return found

    async def _login(self, data: dict[str, Any]) -> Admission:
        strategy = data.get("strategy")
        if not strategy:
            raise not_authenticated("Invalid authentication information (no `strategy` set)")
        if strategy == "local":
            return await self._local(data)
        if strategy == "jwt":
            return self._jwt(data)
        if strategy == "api-key":
            raw = data.get("apiKey")
            user = self._user(self._key(raw if isinstance(raw, str) else "")["user_id"])
            # A real daemon looks the key up asynchronously: a call sent right behind this one comes too early.
            await self._kernel.clock.sleep(0.002)
            return self._admit(user, "api-key")
        raise not_authenticated("Invalid authentication information (strategy not allowed in authStrategies)")

    async def _local(self, data: dict[str, Any]) -> Admission:
        email, password = data.get("email"), data.get("password")
        user = next((row for row in self._kernel.users.all() if row["email"] == email), None)
        if user is None or not isinstance(password, str) or not password:
            raise not_authenticated("Invalid login")
        if not await asyncio.to_thread(password_matches, password, user["password_hash"]):
            raise not_authenticated("Invalid login")
        if user["role"] == "viewer":
            raise forbidden("You need member access to view users")
        return self._admit(user, "local")

    def _jwt(self, data: dict[str, Any]) -> Admission:
        token = data.get("accessToken")
        claims = self._claims(token)
        user = self._user(claims["sub"])
        result = {
            "accessToken": token,
            "authentication": {"strategy": "jwt", "accessToken": token, "payload": claims},
            "user": public_user(user),
            "refreshToken": self._refresh_token(user),
        }
        return Admission(user, result, float(claims["exp"]))

    def _admit(self, user: Row, strategy: str) -> Admission:
        token, claims = self._access_token(user)
        result = {
            "accessToken": token,
            "authentication": {"strategy": strategy, "payload": claims},
            "user": public_user(user),
            "refreshToken": self._refresh_token(user),
        }
        return Admission(user, result, float(claims["exp"]))

    def _key(self, raw: str) -> Row:
        if not raw.startswith(KEY_PREFIX):
            raise not_authenticated("Invalid API key format")
        found = self.find_key(raw)
        if found is None:
            raise not_authenticated("Invalid API key")
        self._kernel.store.replace("api-keys", found["id"], {**found, "last_used_at": self._kernel.now()})
        return found

    def _claims(self, token: object) -> dict[str, Any]:
        try:
            claims = self._kernel.tokens.read(token, now=self._kernel.clock.time())
        except TokenExpired as error:
            raise not_authenticated(
                "jwt expired", {"name": "TokenExpiredError", "expiredAt": iso(error.expired_at)}
            ) from error
        except TokenInvalid as error:
            raise not_authenticated(str(error), {"name": "JsonWebTokenError"}) from error
        if claims.get("type") not in _ACCESS_TYPES:
            raise DomainFault("JWT type is not valid for daemon API authentication")
        return claims

    def _user(self, user_id: object) -> Row:
        user = self._kernel.users.find(user_id)
        if user is None:
            raise not_authenticated("Invalid login")
        return user

    def _access_token(self, user: Row, *, kind: str | None = None) -> tuple[str, dict[str, Any]]:
        life = self._kernel.access_token_life
        now = self._kernel.clock.time()
        # Whole seconds as everywhere, unless the life is so short that rounding would eat it.
        issued: float = int(now) if life >= 60 and life == int(life) else now
        expires = issued + (int(life) if isinstance(issued, int) else life)
        claims = {**({"type": kind} if kind else {}), **self._common(user, issued, expires)}
        return self._kernel.tokens.sign(claims), claims

    def _refresh_token(self, user: Row) -> str:
        now = int(self._kernel.clock.time())
        return self._kernel.tokens.sign({"type": "refresh", **self._common(user, now, now + int(REFRESH_LIFE))})

    def _common(self, user: Row, issued: float, expires: float) -> dict[str, Any]:
        return {
            "iat": issued,
            "exp": expires,
            "aud": _AUDIENCE,
            "iss": _ISSUER,
            "sub": user["user_id"],
            "jti": secrets.token_hex(16),
        }
