"""Checks whether an Agor daemon runs at an address, with ``/health``, which needs no login."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from agor_reactive.errors import UsageError
from agor_reactive.transport.address import Address, daemon_url
from agor_reactive.transport.environment import UNUSABLE
from agor_reactive.transport.user_agent import with_user_agent

__all__ = ["is_daemon_running", "is_daemon_running_async"]


def is_daemon_running(url: str | None = None, *, timeout: float = 2.0) -> bool:
    """Whether an Agor daemon answers within `timeout` seconds. Never raises.

    `url` defaults to ``AGOR_DAEMON_URL``, else ``http://localhost:3030``.
    """
    import httpx2  # imported late to keep `import agor_reactive` fast

    try:
        address = Address.parse(url or daemon_url())
        answer = httpx2.get(f"{address.url}/health", **_options(address, timeout))
    except (httpx2.HTTPError, httpx2.InvalidURL, UsageError, *UNUSABLE):
        return False
    return _is_ours(answer.status_code, answer.content)


async def is_daemon_running_async(url: str | None = None, *, timeout: float = 2.0) -> bool:
    """`is_daemon_running`, without blocking the loop."""
    import httpx2

    try:
        address = Address.parse(url or daemon_url())
        async with httpx2.AsyncClient(**_options(address, timeout)) as client:
            answer = await client.get(f"{address.url}/health")
    except (httpx2.HTTPError, httpx2.InvalidURL, UsageError, *UNUSABLE):
        return False
    return _is_ours(answer.status_code, answer.content)


def _options(address: Address, timeout: float) -> dict[str, Any]:
    return {
        "timeout": timeout,
        "trust_env": not address.is_loopback,
        "verify": address.is_tls,
        "headers": with_user_agent({}),
    }


def _is_ours(status: int, body: bytes) -> bool:
    """Whether an answer is the daemon's: its ``/health`` has a time and a version, unlike other servers'."""
    if status != 200:
        return False
    try:
        health: Any = orjson.loads(body)
    except ValueError:
        return False
    return (
        isinstance(health, Mapping)
        and health.get("status") in ("ok", "degraded")  # newer daemons report a slow database
        and isinstance(health.get("timestamp"), (int, float))
        and isinstance(health.get("version"), str)
    )
