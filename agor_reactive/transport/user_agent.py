"""The ``User-Agent`` of every request and handshake."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from agor_reactive._version import __version__

__all__ = ["USER_AGENT", "with_user_agent"]

V = TypeVar("V")

USER_AGENT: Final = f"agor-reactive/{__version__} python/{platform.python_version()}"


def with_user_agent(headers: Mapping[str, V]) -> dict[str, V | str]:
    """The headers, with our ``User-Agent`` unless they have one, whatever its spelling."""
    given: dict[str, Any] = dict(headers)
    if any(name.lower() == "user-agent" for name in given):
        return given
    return {"user-agent": USER_AGENT, **given}
