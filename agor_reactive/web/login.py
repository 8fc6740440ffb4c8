"""Lets one person in by a link: its token becomes a cookie. For a viewer on a machine that others use, too."""

from __future__ import annotations

import secrets
from hmac import compare_digest
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse

from agor_reactive.web.guard import Scope, route_of

__all__ = ["LoginLink"]


class LoginLink:
    """An ASGI app around a viewer. `authorized` is the viewer's hook; `link` is the address for the browser.

    Pages of other sites cannot use the cookie (``SameSite=Lax``: the link itself may be followed from anywhere), and
    scripts cannot read it. Its name has the port, because browsers send cookies to all ports of a host.
    """

    def __init__(self) -> None:
        self._token = secrets.token_urlsafe(32)
        self._secret = secrets.token_urlsafe(32)
        self.app: Any = None

    def link(self, url: str, path: str = "/") -> str:
        """The address that lets in, below `url`."""
        return f"{url}{path}?token={self._token}"

    def authorized(self, scope: Scope) -> bool:
        """Whether the request has the cookie."""
        given = HTTPConnection(scope).cookies.get(_name(scope), "")
        return compare_digest(given.encode(), self._secret.encode())

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token") if scope["type"] == "http" else None
        if given is None or not compare_digest(given[0].encode(), self._token.encode()):
            await self.app(scope, receive, send)
            return
        # The redirect removes the token from the address bar and from the history.
        answer = RedirectResponse(route_of(scope), 303)
        answer.set_cookie(_name(scope), self._secret, httponly=True, samesite="lax")
        await answer(scope, receive, send)


def _name(scope: Scope) -> str:
    return f"agor-reactive-{(scope.get('server') or ('', 0))[1]}"
