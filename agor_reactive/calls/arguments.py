"""What callers hand over, looked at before anything is done with it. Raises `UsageError` and nothing else.

Knows no client, no transport. A header's or a key's text is never part of a message.
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
from agor_reactive.models.secrecy import hide

__all__ = ["callback", "check_secret", "check_timeout", "check_wait", "header_fields", "is_sendable", "proxy_address"]

F = TypeVar("F", bound=Callable[..., Any])

_PROXY_SCHEMES: Final = ("http", "https", "socks4", "socks5", "socks5h")
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e]*")


def check_timeout(seconds: Any, name: str = "timeout") -> None:
    """`seconds`, for one request, are more than none, and an end."""
    if not _is_number(seconds) or not 0 < seconds < math.inf:
        raise UsageError(f"{name} is in seconds, a number above 0, not {seconds!r}")


def check_wait(seconds: Any, name: str = "timeout") -> None:
    """`seconds`, to wait for something to happen, are none or more; for ever is None."""
    if seconds is not None and (not _is_number(seconds) or not seconds >= 0):
        raise UsageError(f"{name} is in seconds, a number or None, not {seconds!r}")


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def callback(function: F) -> F:
    """A plain function to call, itself. A coroutine function would make coroutines that nobody awaits."""
    if not callable(function):
        raise UsageError(f"a callback is a function, not {type(function).__name__}")
    if iscoroutinefunction(function) or iscoroutinefunction(getattr(function, "__call__", None)):  # noqa: B004
        raise UsageError(
            "a callback is a plain function, and nobody would await this one; begin a task in it "
            "(asyncio.create_task), or follow with `async for`"
        )
    return function


def is_sendable(text: Any) -> bool:
    """Whether a header can hold it as a key or token: printable ASCII without a gap."""
    text = text.get_secret_value() if isinstance(text, SecretStr) else text
    return isinstance(text, str) and text != "" and text.isascii() and text.isprintable() and " " not in text


def check_secret(secret: Any, name: str) -> SecretStr:
    """A key or token, without what a file or a paste has left around it."""
    secret = hide(secret)
    if not isinstance(secret, SecretStr):
        raise UsageError(f"{name} is text, not {type(secret).__name__}")
    bare: SecretStr = hide(secret.get_secret_value().strip())
    if not is_sendable(bare):
        raise UsageError(
            f"{name} is empty" if not bare else f"{name} holds characters that no key or token has; is it cut wrongly?"
        )
    return bare


def header_fields(headers: Any) -> None:
    """Headers are names and values that HTTP can carry."""
    if headers is None:
        return
    if not isinstance(headers, Mapping):
        raise UsageError(f"headers are a mapping of names to values, not {type(headers).__name__}")
    for name, value in headers.items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            raise UsageError(f"{name!r} is no name of a header")
        if not isinstance(value, str) or not _HEADER_VALUE.fullmatch(value):
            raise UsageError(f"the header {name} has a value that HTTP cannot carry; it is one line of ASCII text")


def proxy_address(proxy: Any) -> None:
    """A proxy is an address with a scheme and a host. It may hold a password: it is not shown."""
    if proxy is None:
        return
    try:
        parts = urlsplit(proxy) if isinstance(proxy, str) else None
        fits = parts is not None and parts.scheme in _PROXY_SCHEMES and bool(parts.hostname)
    except ValueError:
        fits = False
    if not fits:
        raise UsageError("proxy is the address of one, like http://127.0.0.1:3128")
