"""The `authentication` requests: strategies, refreshes, and the rate limit."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from typing import Any

from agor_reactive.daemon.context import DaemonContext
from agor_reactive.daemon.faults import Fault, RateLimited, not_authenticated
from agor_reactive.daemon.issuer import Issuer
from agor_reactive.daemon.store import Row
from agor_reactive.daemon.user_directory import UserDirectory, public_user

__all__ = ["Admission", "Logins"]

_WINDOW = 15 * 60.0
_REFRESHES = "refresh"
_UNKNOWN = "unknown"
_MOST_BUCKETS = 10_000


@dataclass(frozen=True, slots=True)
class Admission:
    """A successful login: its answer and, before `handshake`, when a socket with it is disconnected."""

    user: Row
    result: dict[str, Any]
    expires_at: float


class Logins:
    """Answers logins. `limit`: the attempts allowed in 15 minutes.

    Tries are counted by the address they come from and the account they name: an e-mail address, or the user whose key
    or token it is; bad keys and tokens of an address share one count, and refreshes have their own. So bad logins of
    one client do not lock out others. With today's rules every try counts, before only failures did. `succeeded` counts
    logins, not refreshes.
    """

    def __init__(self, context: DaemonContext, user_directory: UserDirectory, issuer: Issuer, *, limit: int) -> None:
        self._context = context
        self._user_directory = user_directory
        self._issuer = issuer
        self._limit = limit
        self._tries: defaultdict[tuple[str, str], deque[float]] = defaultdict(deque)
        self.succeeded = 0

    async def login(self, data: dict[str, Any], address: str = "") -> Admission:
        """Check one `authentication` request. Raises the faults of the wire."""
        handshake = self._context.api.handshake
        bucket = self._bucket(address, self._account(data))
        if handshake:
            bucket.append(self._context.clock.time())
        try:
            admission = await self._login(data)
        except Fault:
            if not handshake:
                bucket.append(self._context.clock.time())
            raise
        self.succeeded += 1
        return admission

    def refresh(self, token: object, address: str = "") -> dict[str, Any]:
        """Issue two new tokens for a refresh token."""
        if self._context.api.handshake:
            self._bucket(address, _REFRESHES).append(self._context.clock.time())
        user = self._context.users.find(self._issuer.refresh_claims(token).get("sub"))
        if user is None:
            raise not_authenticated("Invalid or expired refresh token")
        access, _ = self._issuer.access(user)
        return {"accessToken": access, "refreshToken": self._issuer.refresh(user), "user": public_user(user)}

    def _account(self, data: dict[str, Any]) -> str:
        """Which account a login is for, before it is checked."""
        email, key = data.get("email"), data.get("apiKey")
        if isinstance(email, str):
            # An address that no user has shares a count: names are the caller's to choose.
            known = any(row["email"] == email for row in self._context.users.all())
            return f"email {email}" if known else _UNKNOWN
        if isinstance(key, str):
            found = self._user_directory.find_key(key)
            return _UNKNOWN if found is None else f"user {found['user_id']}"
        try:
            return f"user {self._issuer.access_claims(data.get('accessToken'))['sub']}"
        except Fault:
            return _UNKNOWN

    def _bucket(self, address: str, account: str) -> deque[float]:
        """The tries of the last 15 minutes. Raises when there were too many."""
        now = self._context.clock.time()
        if len(self._tries) >= _MOST_BUCKETS:
            for idle in [key for key, times in self._tries.items() if not times or times[-1] <= now - _WINDOW]:
                del self._tries[idle]
        tries = self._tries[address, account]
        while tries and tries[0] <= now - _WINDOW:
            tries.popleft()
        if len(tries) >= self._limit:
            wait = max(1, round(tries[0] + _WINDOW - now))
            raise RateLimited("Too many authentication attempts, please try again later", limit=self._limit, wait=wait)
        return tries

    async def _login(self, data: dict[str, Any]) -> Admission:
        strategy = data.get("strategy")
        if not strategy:
            raise not_authenticated("Invalid authentication information (no `strategy` set)")
        if strategy == "local":
            user = await self._user_directory.user_by_password(data.get("email"), data.get("password"))
            return self._admit(user, "local")
        if strategy == "jwt":
            return self._jwt(data.get("accessToken"))
        if strategy == "api-key":
            raw = data.get("apiKey")
            user = self._user_directory.user(self._user_directory.key(raw if isinstance(raw, str) else "")["user_id"])
            # A real daemon looks up the key asynchronously: a call sent directly after this one comes too early.
            await self._context.clock.sleep(0.002)
            return self._admit(user, "api-key")
        raise not_authenticated("Invalid authentication information (strategy not allowed in authStrategies)")

    def _jwt(self, token: object) -> Admission:
        claims = self._issuer.access_claims(token)
        user = self._user_directory.user(claims["sub"])
        if self._context.api.handshake:
            return self._admit(user, "jwt")
        # Before, the presented token was returned, and its expiry ended the socket.
        authentication = {"strategy": "jwt", "accessToken": token, "payload": claims}
        return self._admission(user, token, authentication, float(claims["exp"]))

    def _admit(self, user: Row, strategy: str) -> Admission:
        token, claims = self._issuer.access(user)
        return self._admission(user, token, {"strategy": strategy, "payload": claims}, float(claims["exp"]))

    def _admission(self, user: Row, token: object, authentication: Row, expires_at: float) -> Admission:
        result = {
            "accessToken": token,
            "authentication": authentication,
            "user": public_user(user),
            "refreshToken": self._issuer.refresh(user),
        }
        return Admission(user, result, expires_at)
