"""What a live link is at the moment, and who waits for it to change. Shared by the parts of one link."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from agor_reactive.models.wire import LinkPhase, LinkStatus
from agor_reactive.transport.connection import Connection
from agor_reactive.transport.seam import OnStatus

__all__ = ["LinkState"]

log = logging.getLogger(__name__)


class LinkState:
    """The state of one link, written by `socketio.SocketLink` and its `link_login.LinkLogin`.

    `connection` is the one in use, the `epoch`-th; `supervisor` is the task that keeps the link connected; `opened` is
    done once the link was opened, or could not be. `plan_changed` is set when something else than now should be done.
    """

    def __init__(self) -> None:
        self.status = LinkStatus("connecting")
        self.on_status: OnStatus | None = None
        self.connection: Connection | None = None
        self.epoch = 0
        self.supervisor: asyncio.Task[None] | None = None
        self.opened: asyncio.Future[None] | None = None
        self.plan_changed = asyncio.Event()
        self._going_live: set[asyncio.Future[None]] = set()

    def notify(
        self, phase: LinkPhase, *, attempt: int = 0, next_try_in: float | None = None, reason: str | None = None
    ) -> None:
        """Change the status, and notify the link's listener."""
        self.status = LinkStatus(phase, attempt, next_try_in, reason, self.epoch)
        if self.on_status is None:
            return
        try:
            self.on_status(self.status)
        except (Exception, asyncio.CancelledError, GeneratorExit):
            log.exception("the listener failed on status %s", phase)

    @property
    def down(self) -> LinkPhase:
        """The phase of a link without a connection."""
        return "reconnecting" if self.opened is not None and self.opened.done() else "connecting"

    @property
    def is_opening(self) -> bool:
        """Whether `open` still waits for the first connection."""
        return self.opened is not None and not self.opened.done()

    def be_open(self) -> None:
        """End the wait of `open`."""
        if self.opened is not None and not self.opened.done():
            self.opened.set_result(None)

    def next_live(self) -> asyncio.Future[None]:
        """Done when the next connection is live; fails with the reason why there is none."""
        live: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._going_live.add(live)
        return live

    def went_live(self) -> None:
        """End the waits for `next_live`."""
        for future in self._going_live:
            if not future.done():
                future.set_result(None)
        self._going_live.clear()

    def not_live(self, error: Exception) -> None:
        """Fail the waits for `next_live` with `error`."""
        for future in self._going_live:
            if not future.done():
                future.set_exception(error)
        self._going_live.clear()

    async def until(self, due: float | None, lost: asyncio.Future[str] | None) -> None:
        """Wait for a new plan, the end of the connection, or the time `due`."""
        loop = asyncio.get_running_loop()
        changed = asyncio.ensure_future(self.plan_changed.wait())
        watched: set[asyncio.Future[Any]] = {changed} if lost is None else {lost, changed}
        wait = None if due is None else max(0.0, due - loop.time())
        try:
            await asyncio.wait(watched, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
        finally:
            changed.cancel()
