"""Network settings of the environment: the proxy to use, and the variable that caused an error. No IO.

Both kinds of client read ``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY`` (upper or lower case). A value
may hold a password: messages name variables, never their values.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from pydantic import SecretStr

from agor_reactive.errors import UsageError
from agor_reactive.models.secrecy import hide
from agor_reactive.transport.address import Address

__all__ = ["UNUSABLE", "live_proxy", "unusable"]

UNUSABLE: Final = (ImportError, ValueError, OSError)
"""The exceptions raised by an HTTP client's constructor for unusable environment variables."""

_PROXIES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_FILES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")


def live_proxy(
    given: SecretStr | None, address: Address, *, from_env: bool, env: Mapping[str, str] | None = None
) -> SecretStr | None:
    """The HTTP proxy for a live connection, or None: the given one, else the environment's; None for this machine.

    Raises `UsageError` for a SOCKS proxy, which a live connection cannot use, and for an invalid address. `env`
    defaults to `os.environ`.
    """
    if given is not None:
        return _http_proxy(given, "proxy=")
    if not from_env or address.is_loopback:
        return None
    found = _of_environment(address, os.environ if env is None else env)
    return None if found is None else _http_proxy(*found)


def _of_environment(address: Address, env: Mapping[str, str]) -> tuple[SecretStr, str] | None:
    """The value and the name of the variable that holds the proxy for this address. Raises nothing: its variables
    hold the whole environment."""
    for name in ("HTTPS_PROXY" if address.is_tls else "HTTP_PROXY", "ALL_PROXY"):
        value = (env.get(name.lower()) or env.get(name) or "").strip()
        if value:
            return None if _is_excepted(address, env) else (SecretStr(value), name)
    return None


def _http_proxy(value: SecretStr, name: str) -> SecretStr:
    scheme, whole = _parts(value)
    if not whole:
        raise UsageError(f"{name} is not a proxy address; an example is http://127.0.0.1:3128")
    if scheme not in ("http", "https"):
        raise UsageError(
            f"{name} names a {scheme} proxy; a live connection goes through HTTP proxies only. Use an http:// "
            "proxy, or except this host with NO_PROXY"
        )
    return whole


def _parts(value: SecretStr) -> tuple[str, SecretStr | None]:
    """The scheme and the whole address; None for one without a host."""
    text = value.get_secret_value()
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        is_whole = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return "", None
    return parts.scheme, hide(parts.geturl()) if is_whole else None


def _is_excepted(address: Address, env: Mapping[str, str]) -> bool:
    """Whether ``NO_PROXY`` covers the host: by name, parent domain, network, or ``*``."""
    host = address.host.lower()
    for entry in (env.get("no_proxy") or env.get("NO_PROXY") or "").split(","):
        name = entry.strip().lower()
        if name == "*":
            return True
        bare = name.removeprefix("[").partition("]")[0] if name.startswith("[") else name
        if _in_network(host, bare):
            return True
        domain = name.partition(":")[0].lstrip(".") if name.count(":") == 1 else bare.lstrip(".")
        if domain and (host == domain or host.endswith(f".{domain}")):
            return True
    return False


def _in_network(host: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def unusable(error: Exception, env: Mapping[str, str] | None = None) -> UsageError:
    """The error for an HTTP client that could not be created; it names the variables that may be the cause.

    `error`: an ImportError for a SOCKS proxy without its package, an OSError for files of certificates, else a proxy's
    address.
    """
    read = os.environ if env is None else env
    names = _FILES if isinstance(error, OSError) else _PROXIES
    found = [name for name in names if read.get(name) or read.get(name.lower())]
    blamed = " or ".join(found) or ("verify=" if isinstance(error, OSError) else "proxy=")
    if isinstance(error, ImportError):
        return UsageError(f"{blamed} names a SOCKS proxy, which needs one more package: pip install 'httpx2[socks]'")
    if isinstance(error, OSError):
        return UsageError(f"{blamed} names an unusable file ({error.strerror or type(error).__name__})")
    return UsageError(f"{blamed} is not a usable proxy address; an example is http://127.0.0.1:3128")
