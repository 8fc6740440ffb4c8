"""The kernel's end of a conversation with pages that all show the same thing.

A page says ``sync`` when it begins or has missed something, ``wake`` and ``rest`` as it comes into and goes out of
sight, ``seen`` as it keeps up, ``bye`` at its end. It is answered with a snapshot, then told numbered patches, at most
ten a second, the last one always. While no page is in sight nothing is subscribed to and nothing sent. Knows no widget
and no session: a subclass says what there is to tell.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from agor_reactive.adapters.ipywidgets.pace import INTERVAL, Pace, Timers

__all__ = ["Conversation", "Send"]

Send = Callable[[dict[str, Any]], None]
"""Takes a JSON message for all pages."""

D = TypeVar("D")

UNSEEN_SLOW, UNSEEN_MOST, SLOW = 20, 100, 2.0
"""A page that does not say it keeps up is told every two seconds after 20 patches, and nothing more after 100: it may
be gone without a word (a closed browser), or kept waiting behind a cell that runs. Its next word mends that."""


class Conversation(Generic[D]):
    """Tells pages of documents `D`, from `empty` on.

    `hear` and `close` may be called from any thread; everything else belongs to `loop`.
    """

    def __init__(
        self,
        send: Send,
        empty: D,
        loop: asyncio.AbstractEventLoop,
        *,
        timers: Timers | None = None,
        clock: Callable[[], float] = time.time,
        interval: float = INTERVAL,
    ) -> None:
        self._loop = loop
        self._sender = send
        self._clock = clock
        self._interval = interval
        self._pace = Pace(self._flush, timers or loop, interval=interval)
        self._empty = self._sent = empty
        self._seq = 0
        self._unseen = 0
        self._pages: dict[str, bool] = {}
        self._undo: Callable[[], None] | None = None
        self._closed = False

    # ----------------------------------------------------------------------------------------- what a subclass knows

    def _follow(self) -> Callable[[], None] | None:
        """Begin to be told of changes (call `_changed` on each, the first at once); returns the undo."""
        raise NotImplementedError

    def _write(self) -> D | None:
        """The document of now; None if it is the one that was written last."""
        raise NotImplementedError

    def _differs(self, old: D, new: D) -> dict[str, Any]:
        """The patch from one to the other, empty if they show the same."""
        raise NotImplementedError

    def _asked(self, op: str, message: Mapping[str, Any]) -> None:
        """A page wants something."""
        raise NotImplementedError

    def _told(self) -> None:
        """The newest document has been told."""

    def _end(self) -> None:
        """It is over."""

    # ------------------------------------------------------------------------------------------------- what is heard

    @property
    def displayed(self) -> bool:
        """Whether a page is in sight."""
        return any(self._pages.values())

    def hear(self, message: Any) -> None:
        """A page said something. What makes no sense changes nothing."""
        if isinstance(message, Mapping) and not self._closed:
            self._on_loop(lambda: self._heard(message))

    def _on_loop(self, deed: Callable[[], None]) -> None:
        try:
            here = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            here = False
        if here:
            deed()
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(deed)

    def _heard(self, message: Mapping[str, Any]) -> None:
        if self._closed:
            return
        op, page = message.get("op"), str(message.get("view", ""))
        self._unseen = 0
        self._pace.interval = self._interval
        if op == "sync":
            self._begin(page)
        elif op == "wake":
            self._pages[page] = True
            self._watch()
            self._pace.ask()
        elif op in ("rest", "bye"):
            if op == "rest":
                self._pages[page] = False
            else:
                self._pages.pop(page, None)
            if not self.displayed:
                self._look_away()
        elif op == "seen":
            self._pace.ask()
        else:
            self._asked(str(op), message)

    def _begin(self, page: str) -> None:
        """A page has nothing yet: all of it, after those that have something were told what is new."""
        alone = not self.displayed
        self._watch()
        self._pages[page] = True
        if alone:
            # Whoever is out of sight cannot follow what is not sent, and asks for a snapshot in its turn.
            self._sent = self._write() or self._sent
            self._seq += 1
            self._pace.stop()
        else:
            self._flush()
        self._send({"op": "snapshot", **self._stamp(), **self._differs(self._empty, self._sent)})
        if alone:
            self._told()

    def _stamp(self) -> dict[str, int]:
        return {"seq": self._seq, "now": round(self._clock() * 1000)}

    # -------------------------------------------------------------------------------------------------- what is told

    def _send(self, message: dict[str, Any]) -> None:
        if not self._closed:
            self._sender(message)

    def _watch(self) -> None:
        if self._undo is None:
            self._undo = self._follow()

    def _look_away(self) -> None:
        self._pace.stop()
        undo, self._undo = self._undo, None
        if undo is not None:
            undo()

    def _changed(self) -> None:
        self._pace.ask()

    def _flush(self) -> None:
        if self._unseen >= UNSEEN_MOST or not self.displayed:
            return
        document = self._write()
        if document is None:
            return
        changed = self._differs(self._sent, document)
        self._sent = document
        if changed:
            self._seq += 1
            self._unseen += 1
            if self._unseen >= UNSEEN_SLOW:
                self._pace.interval = max(SLOW, self._interval)
            self._send({"op": "patch", **self._stamp(), **changed})
        self._told()

    def close(self) -> None:
        """Tell nobody any more, and let go of what was followed. Idempotent."""
        if not self._closed:
            self._closed = True
            self._pages.clear()
            self._on_loop(self._over)

    def _over(self) -> None:
        self._look_away()
        self._end()
