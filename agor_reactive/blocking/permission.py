"""A permission request that is answered without `await`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from agor_reactive.blocking.portal import LoopThread, blocking
from agor_reactive.session.permissions import PendingPermission, Permission

__all__ = ["BlockingPermission"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BlockingPermission(Permission):
    """A pending permission request: `PendingPermission` without `await`.

    `approve` and `deny` raise `UsageError` on the loop's own thread.
    """

    live: PendingPermission = field(kw_only=True)
    _portal: LoopThread = field(kw_only=True)

    @classmethod
    def of(cls, asked: PendingPermission, portal: LoopThread) -> Self:
        return cls(asked.request, asked.session_id, asked.task_id, asked.message_id, live=asked, _portal=portal)

    approve = blocking(PendingPermission.approve)
    deny = blocking(PendingPermission.deny)

    def __repr__(self) -> str:
        return f"<BlockingPermission {self.request_id} {self.tool_name}>"
