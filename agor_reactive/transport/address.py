"""The daemon's address, parsed in one way for REST and socket, and the warning about credentials over plain HTTP.

No IO, no DNS lookup.
"""

from __future__ import annotations

import ipaddress
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from agor_reactive.errors import UsageError

__all__ = ["DEFAULT_URL", "Address", "InsecureKeyWarning", "daemon_url", "get_api_key_from_env"]

DEFAULT_URL: Final = "http://localhost:3030"

_SCHEMES: Final = {"http": "http", "https": "https", "ws": "http", "wss": "https"}


class InsecureKeyWarning(UserWarning):
    """A key, token or password is about to be sent over a network unencrypted."""


def daemon_url(env: Mapping[str, str] | None = None) -> str:
    """The daemon's address from ``AGOR_DAEMON_URL``, else ``http://localhost:3030``. `env` defaults to `os.environ`."""
    return (os.environ if env is None else env).get("AGOR_DAEMON_URL", "").strip() or DEFAULT_URL


def get_api_key_from_env(env: Mapping[str, str] | None = None) -> str | None:
    """The personal key in ``AGOR_API_KEY``, or None. `env` defaults to `os.environ`."""
    return (os.environ if env is None else env).get("AGOR_API_KEY", "").strip() or None


@dataclass(frozen=True, slots=True)
class Address:
    """A daemon's address: `origin` (scheme, host, port) and `prefix`, the path it is mounted under, if any."""

    origin: str
    prefix: str
    host: str

    @classmethod
    def parse(cls, url: str) -> Address:
        """Parse an address. Raises `UsageError` unless it is http(s) or ws(s)."""
        try:
            parts = urlsplit(url.strip())
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port, parts = None, None, urlsplit("")
        scheme = _SCHEMES.get(parts.scheme.lower())
        if scheme is None or not host or not url.strip().isprintable() or " " in url.strip():
            raise UsageError(f"not a daemon's address; an example is {DEFAULT_URL}")
        if parts.username is not None or parts.password is not None:
            raise UsageError("leave user and password out of the address; use authenticate(strategy='local', …)")
        shown = f"[{host}]" if ":" in host else host
        origin = f"{scheme}://{shown}" + (f":{port}" if port is not None else "")
        return cls(origin, parts.path.rstrip("/"), host)

    @property
    def url(self) -> str:
        """The whole address, without a trailing slash."""
        return self.origin + self.prefix

    @property
    def is_tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.origin.startswith("https:")

    @property
    def is_loopback(self) -> bool:
        """Whether it is this machine."""
        if self.host == "localhost" or self.host.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def warn_if_exposed(self) -> None:
        """Warn once per process and host that credentials are sent unencrypted."""
        if self.origin.startswith("https:") or self.is_loopback or self.host in _warned:
            return
        _warned.add(self.host)
        warnings.warn(
            f"credentials for {self.host} are sent over plain http, unencrypted; use https",
            InsecureKeyWarning,
            stacklevel=3,
        )


_warned: set[str] = set()
