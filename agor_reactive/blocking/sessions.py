"""A live collection of session rows for plain threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from agor_reactive.blocking.handle import BlockingHandle
from agor_reactive.blocking.portal import LoopThread, Newest
from agor_reactive.client import Hydration
from agor_reactive.services import Deliver
from agor_reactive.session.collection import SessionCollection, SessionRows

__all__ = ["BlockingSessions"]


class BlockingSessions:
    """The sessions that match a query, live: `SessionCollection` without `await`.

    >>> with client.retain_sessions(query={"archived": False}) as sessions:     # doctest: +SKIP
    ...     for row in sessions.ready().ordered:
    ...         print(row.title, row.status)
    """

    def __init__(self, collection: SessionCollection, portal: LoopThread) -> None:
        self._collection = collection
        self._portal = portal

    @property
    def live(self) -> SessionCollection:
        """The async collection behind this one, for views and operators."""
        return self._collection

    @property
    def rows(self) -> SessionRows:
        """The newest rows; readable from any thread, because they are immutable."""
        return self._collection.rows

    def ready(self, timeout: float | None = None) -> SessionRows:
        """Wait for the first read to end, also with an `error`. Raises `CallTimeout`."""
        return self._portal.run(self._collection.ready(), timeout)

    def subscribe(
        self, callback: Callable[[SessionRows], Any], *, deliver: Deliver | None = None
    ) -> Callable[[], None]:
        """Call `callback` with the current rows, then with newer ones. Returns the undo.

        It is called on the loop's thread, or by `deliver`, with at most one call pending there.
        """
        notify = callback if deliver is None else Newest(callback, deliver)
        undo = self._portal.call(self._collection.listen, notify)
        return lambda: self._portal.let_go(undo)

    def retain(self, session_id: str, *, task_hydration: Hydration = "preview") -> BlockingHandle:
        """Retain a handle of one of them, or of any session."""
        handle = self._portal.call(lambda: self._collection.retain(session_id, task_hydration=task_hydration))
        return BlockingHandle(handle, self._portal)

    def close(self) -> None:
        """Close the collection. Handles made by `retain` stay open until released. Idempotent."""
        self._portal.let_go(self._collection.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<BlockingSessions {len(self.rows)}>"
