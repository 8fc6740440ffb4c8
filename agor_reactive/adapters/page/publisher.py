"""The Python end of the protocol with pages that all show the same document.

A page sends ``sync`` when it starts or has missed a message, ``wake`` and ``rest`` when it becomes visible and hidden,
``seen`` while it keeps up, ``bye`` when it closes. The answer is a snapshot, then numbered patches, at
most ten a second; the last state is always sent. While no page is visible nothing is subscribed to and nothing is sent.
Knows no widget and no session: a subclass supplies the documents.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from agor_reactive.adapters.page.throttle import INTERVAL, Throttle, Timers

__all__ = ["Publisher", "Send", "run_on_loop"]

Send = Callable[[dict[str, Any]], None]
"""Sends a JSON message to all pages."""

D = TypeVar("D")

UNSEEN_SLOW, UNSEEN_LIMIT, SLOW_INTERVAL = 20, 100, 2.0
"""Without ``seen``, patches slow down to one in two seconds after 20, and stop after 100: the page may be gone without
``bye`` (a closed browser) or wait behind a running cell. The next message of a page resumes them."""


def run_on_loop(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    """Call `callback` on the loop: now if this runs there, else soon."""
    try:
        here = asyncio.get_running_loop() is loop
    except RuntimeError:
        here = False
    if here:
        callback()
    elif not loop.is_closed():
        loop.call_soon_threadsafe(callback)


class Publisher(Generic[D]):
    """Publishes documents `D` to pages, starting from `empty`.

    `receive` and `close` may be called from any thread; everything else runs on `loop`.
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
        self._throttle = Throttle(self._flush, timers or loop, interval=interval)
        self._empty = self._sent = empty
        self._seq = 0
        self._unseen = 0
        self._pages: dict[str, bool] = {}
        self._undo: Callable[[], None] | None = None
        self._closed = False

    # ------------------------------------------------------------------------------------------ for subclasses

    def _subscribe(self) -> Callable[[], None] | None:
        """Call `_changed` now and on every change, until the returned undo is called."""
        raise NotImplementedError

    def _build(self) -> D | None:
        """Return the current document, None if it is the one built last."""
        raise NotImplementedError

    def _difference(self, old: D, new: D) -> dict[str, Any]:
        """Return the patch from one document to the other, empty if they show the same."""
        raise NotImplementedError

    def _on_request(self, op: str, message: Mapping[str, Any]) -> None:
        """Handle any other message of a page; its ``view`` names the page, for `_answer`."""
        raise NotImplementedError

    def _on_published(self) -> None:
        """Called after the newest document was sent."""

    def _on_close(self) -> None:
        """Called once, at the end."""

    # ------------------------------------------------------------------------------------------ from pages

    @property
    def displayed(self) -> bool:
        """Whether a page is visible."""
        return any(self._pages.values())

    def receive(self, message: Any) -> None:
        """Handle a message of a page. Malformed ones are ignored."""
        if isinstance(message, Mapping) and not self._closed:
            run_on_loop(self._loop, lambda: self._on_message(message))

    def _on_message(self, message: Mapping[str, Any]) -> None:
        if self._closed:
            return
        op, page = message.get("op"), str(message.get("view", ""))
        self._unseen = 0
        self._throttle.interval = self._interval
        if op == "sync":
            self._send_snapshot(page)
        elif op == "wake":
            self._pages[page] = True
            self._start()
            self._throttle.request()
        elif op in ("rest", "bye"):
            if op == "rest":
                self._pages[page] = False
            else:
                self._pages.pop(page, None)
            if not self.displayed:
                self._pause()
        elif op == "seen":
            self._throttle.request()
        else:
            self._on_request(str(op), message)

    def _send_snapshot(self, page: str) -> None:
        """Send the whole document, after the pages that have one got the newest patch."""
        alone = not self.displayed
        self._start()
        self._pages[page] = True
        if alone:
            # Hidden pages miss this number, and ask for a snapshot when they become visible.
            self._sent = self._build() or self._sent
            self._seq += 1
            self._throttle.cancel()
        else:
            self._flush()
        self._send({"op": "snapshot", **self._stamp(), **self._difference(self._empty, self._sent)})
        if alone:
            self._on_published()

    def _stamp(self) -> dict[str, int]:
        return {"seq": self._seq, "now": round(self._clock() * 1000)}

    # ------------------------------------------------------------------------------------------ to pages

    def _send(self, message: dict[str, Any]) -> None:
        if not self._closed:
            self._sender(message)

    def _answer(self, page: str, message: dict[str, Any]) -> None:
        """Send a message that one page asked for. Here all pages get it: only that one waits for it."""
        self._send(message)

    def _start(self) -> None:
        if self._undo is None:
            self._undo = self._subscribe()

    def _pause(self) -> None:
        self._throttle.cancel()
        undo, self._undo = self._undo, None
        if undo is not None:
            undo()

    def _changed(self) -> None:
        self._throttle.request()

    def _flush(self) -> None:
        if self._unseen >= UNSEEN_LIMIT or not self.displayed:
            return
        document = self._build()
        if document is None:
            return
        changed = self._difference(self._sent, document)
        self._sent = document
        if changed:
            self._seq += 1
            self._unseen += 1
            if self._unseen >= UNSEEN_SLOW:
                self._throttle.interval = max(SLOW_INTERVAL, self._interval)
            self._send({"op": "patch", **self._stamp(), **changed})
        self._on_published()

    def close(self) -> None:
        """Stop sending and unsubscribe. Idempotent."""
        if not self._closed:
            self._closed = True
            self._pages.clear()
            run_on_loop(self._loop, self._end)

    def _end(self) -> None:
        self._pause()
        self._on_close()
