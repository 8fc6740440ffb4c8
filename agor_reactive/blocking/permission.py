"""A permission request that is answered without `await`."""

from __future__ import annotations

from agor_reactive.blocking.portal import LoopThread, blocking
from agor_reactive.session.permissions import PendingPermission, Permission

__all__ = ["BlockingPermission"]


class BlockingPermission(Permission):
    """A pending permission request: `PendingPermission` without `await`.

    `approve` and `deny` raise `UsageError` on the loop's own thread.
    """

    def __init__(self, asked: PendingPermission, portal: LoopThread) -> None:
        super().__init__(asked.request, asked.session_id, asked.task_id, asked.message_id)
        self.live = asked
        self._portal = portal

    approve = blocking(PendingPermission.approve)
    deny = blocking(PendingPermission.deny)

    def __repr__(self) -> str:
        return f"<BlockingPermission {self.request_id} {self.tool_name}>"
