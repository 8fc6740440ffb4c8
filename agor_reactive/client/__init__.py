"""The clients: `RestClient` and `AsyncRestClient` over HTTP, `Client` over a live connection (see also `blocking`)."""

from __future__ import annotations

from agor_reactive.client.health import is_daemon_running, is_daemon_running_async
from agor_reactive.client.live import (
    Client,
    ClientOptions,
    Hydration,
    create_client,
    retain_reactive_session,
    retain_sessions,
)
from agor_reactive.client.rest import AsyncRestClient, RestClient, create_async_rest_client, create_rest_client

__all__ = [
    "AsyncRestClient",
    "Client",
    "ClientOptions",
    "Hydration",
    "RestClient",
    "create_async_rest_client",
    "create_client",
    "create_rest_client",
    "is_daemon_running",
    "is_daemon_running_async",
    "retain_reactive_session",
    "retain_sessions",
]
