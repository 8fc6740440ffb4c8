"""The health service, the only one without a login."""

from __future__ import annotations

from agor_reactive.daemon.context import DaemonContext
from agor_reactive.daemon.services.base import Call, Service
from agor_reactive.daemon.store import Row

__all__ = ["Health"]


class Health(Service):
    """Report that the daemon runs. Today's version adds fields that identify it."""

    path = "health"
    open = True

    def __init__(self, context: DaemonContext) -> None:
        self._context = context

    def find(self, call: Call) -> Row:
        answer: Row = {
            "status": "ok",
            "timestamp": int(self._context.clock.time() * 1000),
            "version": "0.1.0",
            "buildSha": "embedded",
            "builtAt": None,
            "auth": {"requireAuth": True, "externalLaunch": {"enabled": False}},
            "instance": {},
            "onboarding": {"assistantPending": False, "systemCredentials": {"ANTHROPIC_API_KEY": False}},
            "services": {},
            "features": {"webTerminal": False, "multiUser": False},
        }
        return {**answer, **_newer(answer)} if self._context.api.handshake else answer


def _newer(answer: Row) -> Row:
    identity = {
        "contractVersion": 1,
        "userLifecycle": "local",
        "roleAuthority": "local",
        "localAuth": True,
        "capabilities": [],
    }
    return {
        "service": "agor-daemon",
        "deploymentId": "embedded",
        "db": {"ok": True, "latencyMs": 0},
        "realtime": {"required": False, "ready": True},
        "auth": {**answer["auth"], "identity": identity},
        "features": {
            **answer["features"],
            "branchRbac": True,
            "uploadPolicy": {"enabled": False},
            "webTerminalCapability": "disabled",
        },
    }
