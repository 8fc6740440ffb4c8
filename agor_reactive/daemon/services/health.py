"""The one page that needs no login."""

from __future__ import annotations

from agor_reactive.daemon.kernel import Kernel
from agor_reactive.daemon.services.base import Call, Service
from agor_reactive.daemon.store import Row

__all__ = ["Health"]


class Health(Service):
    path = "health"
    open = True

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def find(self, call: Call) -> Row:
        return {
            "status": "ok",
            "timestamp": int(self._kernel.clock.time() * 1000),
            "version": "0.1.0",
            "buildSha": "embedded",
            "builtAt": None,
            "auth": {"requireAuth": True, "externalLaunch": {"enabled": False}},
            "instance": {},
            "onboarding": {"assistantPending": False, "systemCredentials": {"ANTHROPIC_API_KEY": False}},
            "services": {},
            "features": {"webTerminal": False, "multiUser": False},
        }
