"""Checks callers' arguments before anything is done with them. Raises `UsageError` and nothing else.

Knows no client, no transport. A message never contains the text of a header or key.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from inspect import iscoroutinefunction
from numbers import Real
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from pydantic import SecretStr

from agor_reactive.errors import UsageError
from agor_reactive.models.secrecy import hide, hide_values

__all__ = ["callback", "check_secret", "check_timeout", "check_wait", "header_fields", "is_sendable", "proxy_address"]

F = TypeVar("F", bound=Callable[..., Any])

_PROXY_SCHEMES: Final = ("http", "https", "socks4", "socks5", "socks5h")
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e]*")


def check_timeout(seconds: Any, name: str = "timeout") -> None:
    """Check a timeout of one request, in seconds: finite and above 0."""
    if not _is_number(seconds) or not 0 < seconds < math.inf:
        raise UsageError(f"{name} is a number of seconds above 0, not {seconds!r}")


def check_wait(seconds: Any, name: str = "timeout") -> None:
    """Check a time limit for waiting, in seconds: 0 or more, or None for no limit."""
    if seconds is not None and (not _is_number(seconds) or not seconds >= 0):
        raise UsageError(f"{name} is a number of seconds or None, not {seconds!r}")


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def callback(function: F) -> F:
    """Return `function` if it is a plain function. The coroutines of a coroutine function would never be awaited."""
    if not callable(function):
        raise UsageError(f"a callback is a function, not {type(function).__name__}")
    if iscoroutinefunction(function) or iscoroutinefunction(getattr(function, "__call__", None)):  # noqa: B004
        raise UsageError(
            "a callback is a plain function, and coroutines are not awaited here; start a task in it "
            "(asyncio.create_task), or follow with `async for`"
        )
    return function


def is_sendable(text: Any) -> bool:
    """Whether a header can hold this key or token: printable ASCII without spaces."""
    text = text.get_secret_value() if isinstance(text, SecretStr) else text
    return isinstance(text, str) and text != "" and text.isascii() and text.isprintable() and " " not in text


def check_secret(secret: Any, name: str) -> SecretStr:
    """Check a key or token and strip the whitespace around it."""
    secret = hide(secret)
    if not isinstance(secret, SecretStr):
        raise UsageError(f"{name} is text, not {type(secret).__name__}")
    bare: SecretStr = hide(secret.get_secret_value().strip())
    if not is_sendable(bare):
        raise UsageError(
            f"{name} is empty"
            if not bare
            else f"{name} contains characters that are invalid in a key or token; check how it was copied"
        )
    return bare


def header_fields(headers: Any) -> None:
    """Check that headers are names and values that HTTP can carry."""
    if headers is None:
        return
    if not isinstance(headers, Mapping):
        raise UsageError(f"headers are a mapping of names to values, not {type(headers).__name__}")
    for name, value in hide_values(headers).items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            raise UsageError(f"Invalid header name: {name!r}")
        if not isinstance(value, SecretStr) or not _HEADER_VALUE.fullmatch(value.get_secret_value()):
            raise UsageError(f"Invalid value of header {name}: use one line of ASCII text")


def proxy_address(proxy: Any) -> None:
    """Check the address of a proxy: a scheme and a host. Messages do not show it, because it may hold a password."""
    if proxy is None:
        return
    proxy = hide(proxy)
    if not isinstance(proxy, SecretStr) or not _is_proxy(proxy):
        raise UsageError("proxy is an address such as http://127.0.0.1:3128")


def _is_proxy(proxy: SecretStr) -> bool:
    try:
        parts = urlsplit(proxy.get_secret_value())
        return parts.scheme in _PROXY_SCHEMES and bool(parts.hostname)
    except ValueError:
        return False
