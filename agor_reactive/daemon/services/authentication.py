"""Logging in and out, and fresh tokens for a refresh token."""

from __future__ import annotations

from typing import Any, ClassVar

from agor_reactive.daemon.accounts import Accounts
from agor_reactive.daemon.faults import not_authenticated
from agor_reactive.daemon.services.base import Call, Service

__all__ = ["Authentication", "AuthenticationRefresh"]


class Authentication(Service):
    path = "authentication"
    open: ClassVar[bool] = True

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def create(self, data: dict[str, Any], call: Call) -> dict[str, Any]:
        admission = await self._accounts.login(data)
        if call.connection is not None:
            call.connection.login(admission.user["user_id"], admission.result, expires_at=admission.expires_at)
        return admission.result

    def remove(self, ref: object, call: Call) -> dict[str, Any]:
        """Log the socket out. Revokes nothing: the token works on elsewhere."""
        if call.user is None:
            raise not_authenticated()
        result = call.connection.auth_result if call.connection is not None else None
        if call.connection is not None:
            call.connection.logout()
        return result or {"accessToken": None, "authentication": {"strategy": "jwt"}, "user": call.user}


class AuthenticationRefresh(Service):
    path = "authentication/refresh"
    open: ClassVar[bool] = True
    # Told to everybody, tokens and all: so does the real one. Clients must redact it.
    announces: ClassVar[bool] = True

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    def create(self, data: dict[str, Any], call: Call) -> dict[str, Any]:
        return self._accounts.refresh(data.get("refreshToken"))
