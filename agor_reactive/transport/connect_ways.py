"""How a daemon authenticates a connection, which depends on its version; detected by trying, remembered per address.

* ``bare`` (until August 2026): connect unauthenticated, log in with ``create authentication``, wait for the answer.
* ``handshake`` (since late August 2026): a bare connection is refused with 401; log in over REST, then connect with the
  access token on the request. The socket outlives the token and cannot log in again.

Bare is tried first at an unknown address, which costs one refusal on today's daemons. ``/health`` could hint at them,
but looks the same on daemons of 22 August 2026 (0.25.2), where bare is better: there a connection with a token on the
request ends with that token, even after later logins, and its calls skip the checks for members.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any, Final, Literal

__all__ = ["ConnectWay", "DetectedWay"]

ConnectWay = Literal["bare", "handshake"]
"""How a daemon authenticates a connection; see the top of this module."""

_WAYS: Final[dict[str, ConnectWay]] = {}
"""The detected way to connect per address, for every link of this process."""


class DetectedWay:
    """The way to connect to one address as far as it is known. `known` remembers it; by default the whole process
    shares one."""

    def __init__(self, url: str, known: MutableMapping[str, ConnectWay] | None = None) -> None:
        self._url = url
        self._known = _WAYS if known is None else known
        self._sure = False  # a bare connection was refused, so no doubt is left
        self.greeting: Any = None
        """The daemon's greeting on the present connection."""

    @property
    def way(self) -> ConnectWay | None:
        """None while unknown."""
        return self._known.get(self._url)

    @way.setter
    def way(self, way: ConnectWay) -> None:
        self._known[self._url] = way

    def bare_refused(self) -> None:
        """The daemon refused an unauthenticated connection."""
        self.way = "handshake"
        self._sure = True

    @property
    def sends_no_events(self) -> bool:
        """Whether a connection with a token will never receive events: daemons of June accept one in the handshake,
        too.

        Newer ones name themselves with a ``bootId`` when they greet a connection. Without it a bare connection is tried
        next; if that is refused, the daemon is known to be newer.
        """
        greeting = self.greeting
        newer = greeting is None or (isinstance(greeting, Mapping) and "bootId" in greeting)
        return not newer and not self._sure and self.way == "handshake"
