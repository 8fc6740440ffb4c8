"""Refuses requests before anything else is done with them: of a foreign Host, of a foreign Origin, of a stranger.

A browser sends the name in its address bar as Host, so a foreign name that resolves to this server (DNS rebinding) is
noticed. It sends Origin with every WebSocket and every cross-origin read, so a page of another site is noticed. Knows
nothing of sessions but their place in a path.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from inspect import isawaitable
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from agor_reactive.errors import UsageError

__all__ = ["LOOPBACK", "Authorize", "Guard", "Scope", "header_of", "route_of"]

Scope = MutableMapping[str, Any]
Authorize = Callable[[Scope], bool | Awaitable[bool]]

LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")

_SESSION: Final = re.compile(r"/sessions/([^/]*)")


class Guard:
    """Decides on requests. Raises `UsageError` for an origin that is no ``scheme://host[:port]``."""

    def __init__(self, authorize: Authorize, hosts: Collection[str], origins: Collection[str]) -> None:
        if isinstance(hosts, str) or isinstance(origins, str):
            raise UsageError("allowed_hosts and allowed_origins are collections of texts")
        self._authorize = authorize
        self._hosts = frozenset(host.lower().strip("[]") for host in hosts)
        self.origins = tuple(sorted({_origin(origin) for origin in origins}))

    async def refusal(self, scope: Scope) -> str | None:
        """Why the request is refused, None if it is not. What the hook of the host raises is raised."""
        host = header_of(scope, b"host")
        if (_parsed(f"//{host}").hostname or "") not in self._hosts:
            return "This viewer does not answer to that host name. Add it to allowed_hosts."
        origin = header_of(scope, b"origin")
        if origin and not self.is_allowed(origin) and _parsed(origin).netloc.lower() != host.lower():
            return "This viewer does not answer pages of that origin. Add it to allowed_origins."
        return None if await self.authorized(scope) else "Access denied."

    async def authorized(self, scope: Scope) -> bool:
        """What the hook of the host answers."""
        session = _SESSION.match(route_of(scope))
        known = {"session_id": session[1]} if session is not None else {}
        answer = self._authorize({**scope, "path_params": {**scope.get("path_params", {}), **known}})
        return bool(await answer if isawaitable(answer) else answer)

    def is_allowed(self, origin: str) -> bool:
        """Whether it is one of the other origins whose pages are answered."""
        return origin.lower() in self.origins


def route_of(scope: Mapping[str, Any]) -> str:
    """The path below the place where the app is mounted."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path.removeprefix(root) if root and path.startswith(f"{root}/") else path


def header_of(scope: Mapping[str, Any], name: bytes) -> str:
    """A header's value; empty if it is missing, or there are several."""
    found = [value for key, value in scope["headers"] if key.lower() == name]
    return found[0].decode("latin-1").strip() if len(found) == 1 else "" if not found else "\0"


def _parsed(address: str) -> SplitResult:
    try:
        parsed = urlsplit(address)
        parsed.hostname, parsed.port  # noqa: B018 - raise for an address that is none
    except ValueError:
        return urlsplit("")
    return parsed


def _origin(given: str) -> str:
    parsed = _parsed(given)
    if parsed.scheme not in ("http", "https") or not parsed.hostname or parsed.path not in ("", "/") or parsed.query:
        raise UsageError(f"an allowed origin is like https://portal.example.com, not {given!r}")
    return f"{parsed.scheme}://{parsed.netloc}".lower()
