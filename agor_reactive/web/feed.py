"""One stream of a session, or of the list of sessions, for all browsers that show it.

Each browser remembers the document that it has. Those that keep up have the same one, so the patch to the newest is
encoded once and sent to all. One that was slow or hidden gets a single patch from what it has: never a backlog. Knows
no WebSocket.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from agor_reactive.adapters.page.document import Document
from agor_reactive.adapters.page.publisher import Publisher
from agor_reactive.adapters.page.session_publisher import SessionPublisher
from agor_reactive.adapters.page.sessions_publisher import Listing, SessionsPublisher
from agor_reactive.adapters.page.throttle import Timers
from agor_reactive.adapters.presentation.heading import notes_of
from agor_reactive.models.json_text import json_bytes
from agor_reactive.session.collection import SessionCollection
from agor_reactive.session.handles import SessionHandle

__all__ = ["AnyFeed", "Browser", "Feed", "SessionFeed", "SessionsFeed"]

D = TypeVar("D")


class Browser(Protocol):
    """A browser as a feed sees it. The feed writes `seq` and `document`: what was sent last, None before a snapshot."""

    view: str
    seq: int | None
    document: Any

    def due(self) -> None:
        """Something newer may be there: call `Feed.next_message` when it can be sent."""

    def answer(self, message: bytes) -> None:
        """Send what this browser asked for."""


class Feed(Publisher[D]):
    """A publisher whose pages are browsers, each with its own connection; `join` and `leave` count them."""

    _encoded: dict[int | None, bytes]
    _browsers: dict[str, Browser]

    def _begin(self) -> None:
        self._encoded = {}
        self._browsers = {}

    def join(self, browser: Browser) -> None:
        """Take part. The browser is sent nothing before its message ``sync``."""
        self._browsers[browser.view] = browser

    def leave(self, browser: Browser) -> bool:
        """End taking part; returns whether it was the last one."""
        self._browsers.pop(browser.view, None)
        self._on_message({"op": "bye", "view": browser.view})
        return not self._browsers

    def next_message(self, browser: Browser) -> str | None:
        """The patch (at first the snapshot) from what the browser has to the newest document; None if there is none.

        The browser counts as having it.
        """
        if browser.seq == self._seq or not self._pages.get(browser.view):
            return None
        after = browser.seq
        known = self._encoded.get(after)
        if known is None:
            old = self._empty if after is None else browser.document
            known = self._encoded[after] = self._encode(after, self._difference(old, self._sent))
        browser.seq, browser.document = self._seq, self._sent
        # The time is not part of what is kept: a page derives the offset of its clock from it.
        return f'{{"now":{self._stamp()["now"]},{known[1:].decode()}'

    def _encode(self, after: int | None, changes: dict[str, Any]) -> bytes:
        op = {"op": "snapshot"} if after is None else {"op": "patch", "after": after}
        return json_bytes({**op, "seq": self._seq, **changes})

    # -------------------------------------------------------------------------------------------------- of a publisher

    def _on_message(self, message: Mapping[str, Any]) -> None:
        op, browser = message.get("op"), self._browsers.get(str(message.get("view", "")))
        if op == "seen" or (browser is None and op != "bye"):
            return
        super()._on_message(message)
        if op == "wake" and browser is not None:
            browser.due()

    def _send_snapshot(self, page: str) -> None:
        browser = self._browsers[page]
        browser.seq = browser.document = None
        self._pages[page] = True
        self._start()
        self._throttle.cancel()
        self._flush()
        if not self._seq:
            self._seq = 1  # the empty document is a document, too
        browser.due()

    def _flush(self) -> None:
        document = self._build() if self.displayed else None
        if document is None:
            return
        changes = self._difference(self._sent, document)
        self._sent = document
        if changes:
            self._seq += 1
            self._encoded = {self._seq - 1: self._encode(self._seq - 1, changes)}
            for view, browser in self._browsers.items():
                if browser.seq is not None and self._pages.get(view):
                    browser.due()

    def _answer(self, page: str, message: dict[str, Any]) -> None:
        browser = self._browsers.get(page)
        if browser is not None:
            browser.answer(json_bytes(message))


def _not_sent(message: dict[str, Any]) -> None:
    raise AssertionError("a feed answers browsers one by one")


class SessionFeed(Feed[Document], SessionPublisher):
    """One session. It owns the handle; `changeable`: whether its pages offer to prompt, stop and answer."""

    def __init__(self, handle: SessionHandle, *, changeable: bool, timers: Timers | None = None) -> None:
        super().__init__(handle, _not_sent, timers=timers)
        self._changeable = changeable
        self._begin()

    def _build(self) -> Document | None:
        document = super()._build()
        if document is None:
            return None
        # The remedies of notes are calls in Python.
        notes = [(note.tone, note.text) for note in notes_of(self._state)]
        opened = bool(document.head["open"]) and self._changeable
        return replace(document, head={**document.head, "notes": notes, "open": opened})

    def _unfolded(self) -> set[str]:
        return self._followed  # what one person opens does not open for others

    def _user_id(self) -> None:
        return None  # many people look

    def _on_close(self) -> None:
        super()._on_close()
        self._handle.release()


class SessionsFeed(Feed[Listing], SessionsPublisher):
    """The list of sessions. It owns the collection."""

    def __init__(self, sessions: SessionCollection) -> None:
        super().__init__(sessions, _not_sent, lambda session_id: None, on_published=lambda rows: None)
        self._begin()

    def _on_close(self) -> None:
        super()._on_close()
        self._sessions.close()


AnyFeed = SessionFeed | SessionsFeed
