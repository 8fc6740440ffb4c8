"""A permission request that is answered without `await`."""

from __future__ import annotations

from typing import Any

from agor_reactive.blocking.portal import LoopThread
from agor_reactive.models import DecisionTaken, PermissionAsked
from agor_reactive.models.words import PermissionScope
from agor_reactive.session.permissions import PendingPermission

__all__ = ["BlockingPermission"]


class BlockingPermission:
    """A pending permission request: `PendingPermission` without `await`."""

    def __init__(self, asked: PendingPermission, portal: LoopThread) -> None:
        self._asked = asked
        self._portal = portal

    @property
    def request(self) -> PermissionAsked:
        """The permission request."""
        return self._asked.request

    @property
    def request_id(self) -> str:
        """The request's id."""
        return self._asked.request_id

    @property
    def session_id(self) -> str:
        """The id of the request's session."""
        return self._asked.session_id

    @property
    def task_id(self) -> str | None:
        """The id of the waiting task."""
        return self._asked.task_id

    @property
    def tool_name(self) -> str:
        """The name of the tool that the agent wants to use."""
        return self._asked.tool_name

    @property
    def tool_input(self) -> Any:
        """The input of the tool."""
        return self._asked.tool_input

    def approve(
        self,
        *,
        scope: PermissionScope | str | None = None,
        remember: bool = False,
        reason: str | None = None,
        decided_by: str | None = None,
    ) -> DecisionTaken:
        """Approve the request; see `PendingPermission.approve`. Raises `UsageError` on the loop's own thread."""
        return self._portal.run(
            self._asked.approve(scope=scope, remember=remember, reason=reason, decided_by=decided_by)
        )

    def deny(self, reason: str | None = None, *, decided_by: str | None = None) -> DecisionTaken:
        """Deny the request; see `PendingPermission.deny`. Raises `UsageError` on the loop's own thread."""
        return self._portal.run(self._asked.deny(reason=reason, decided_by=decided_by))

    def __repr__(self) -> str:
        return f"<BlockingPermission {self.request_id} {self.tool_name}>"
