"""What messages and tasks share: executors create many at once, and send events of the rows they are at work on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agor_reactive.calls import operations as op
from agor_reactive.calls.effects import Operation
from agor_reactive.calls.surface import Kind, operation
from agor_reactive.services.base import C, R, Service, U
from agor_reactive.services.known import check_fields

__all__ = ["ExecutorRows"]


class ExecutorRows(Service[Kind, R, C, U]):
    """A service of rows that executors write."""

    @operation
    def create_many(
        self, rows: Sequence[C | Mapping[str, Any]], *, timeout: float | None = None, max_retries: int | None = None
    ) -> Operation[tuple[R, ...]]:
        """Create many rows in one call; each task needs `created_by`. Only ``messages/bulk created`` or ``tasks/bulk
        created`` announces them.

        Raises `UsageError` on daemons since 13 August 2026, which have no such route.
        """
        check_fields("create", self.path, rows)
        made: tuple[R, ...] = yield from op.create_many(f"{self.path}/bulk", rows)
        return made

    @operation
    def tell(
        self, event: str, data: Mapping[str, Any], *, timeout: float | None = None, max_retries: int | None = None
    ) -> Operation[Any]:
        """Send an event to all listeners, as executors do: ``tool:start`` of a task, ``streaming:chunk`` of a message.

        Daemons of 0.26 and later accept it from executors and services only (`Forbidden`).
        """
        return (yield from op.request("create", f"{self.path}/streaming", ({"event": event, "data": dict(data)},)))
