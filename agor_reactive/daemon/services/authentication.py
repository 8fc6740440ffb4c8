"""The authentication service: login, logout, refresh."""

from __future__ import annotations

from typing import Any, ClassVar

from agor_reactive.daemon.context import DaemonContext
from agor_reactive.daemon.faults import immutable_socket, not_authenticated
from agor_reactive.daemon.logins import Logins
from agor_reactive.daemon.services.base import Call, Service
from agor_reactive.daemon.user_directory import Identity, public_user

__all__ = ["Authentication", "AuthenticationRefresh"]


class Authentication(Service):
    """Login and logout; with today's rules over REST only, because a socket is authenticated in its handshake."""

    path = "authentication"
    open: ClassVar[bool] = True

    def __init__(self, context: DaemonContext, logins: Logins) -> None:
        self._handshake = context.api.handshake
        self._logins = logins

    async def create(self, data: dict[str, Any], call: Call) -> dict[str, Any]:
        if self._handshake and call.connection is not None:
            raise immutable_socket()
        admission = await self._logins.login(data, call.address)
        if call.connection is not None:
            identity = Identity(public_user(admission.user), "jwt", expires_at=admission.expires_at)
            call.connection.login(identity, admission.result)
        return admission.result

    def remove(self, ref: object, call: Call) -> dict[str, Any]:
        """Log out the socket. Revokes nothing: the token stays valid for other connections."""
        if self._handshake and call.connection is not None:
            raise immutable_socket()
        if call.user is None:
            raise not_authenticated()
        result = call.connection.auth_result if call.connection is not None else None
        if call.connection is not None:
            call.connection.logout()
        return result or {"accessToken": None, "authentication": {"strategy": "jwt"}, "user": call.user}


class AuthenticationRefresh(Service):
    path = "authentication/refresh"
    open: ClassVar[bool] = True
    # Before today's rules the event goes to all sockets, with tokens, as on the real daemon. Clients must redact it.
    announces = True

    def __init__(self, context: DaemonContext, logins: Logins) -> None:
        self._handshake = context.api.handshake
        self._logins = logins

    def create(self, data: dict[str, Any], call: Call) -> dict[str, Any]:
        if self._handshake and call.connection is not None:
            raise immutable_socket()
        return self._logins.refresh(data.get("refreshToken"), call.address)
