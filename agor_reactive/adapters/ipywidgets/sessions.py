"""`SessionsView`: the sessions of a daemon as a live table; a click opens one below it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import traitlets

from agor_reactive.adapters.ipywidgets.cells import replace_previous
from agor_reactive.adapters.ipywidgets.page_view import PageView
from agor_reactive.adapters.page.pages import script
from agor_reactive.adapters.page.session_publisher import SessionPublisher
from agor_reactive.adapters.page.sessions_publisher import SessionsPublisher, table_text
from agor_reactive.adapters.page.throttle import Timers
from agor_reactive.adapters.presentation.transcript import script_safe
from agor_reactive.client import Client
from agor_reactive.errors import HandleDisposed, UsageError
from agor_reactive.session.collection import SessionCollection, SessionRows
from agor_reactive.session.handles import SessionHandle

__all__ = ["SessionsView"]


class SessionsView(PageView):
    """A live table of a daemon's sessions in a notebook, with a filter; a click opens a session below.

    `query` is as in `retain_sessions` (default: sessions that are not archived). `selected` is the id of the open
    session and `handle` its handle, which the view owns: it is released when another session is opened or the view is
    closed. `task_hydration` is how a session is opened. Create the view on the client's event loop; `close` it when
    done, or run its cell again.

    >>> view = SessionsView(client)      # doctest: +SKIP
    """

    _esm = traitlets.Unicode(script("sessions_widget")).tag(sync=True)
    selected = traitlets.Unicode("", read_only=True)
    _sessions: SessionCollection | None = None

    def __init__(
        self,
        client: Client,
        *,
        query: Mapping[str, Any] | None = None,
        task_hydration: str = "lazy",
        timers: Timers | None = None,
        **options: Any,
    ) -> None:
        client = _live(client)
        super().__init__("Sessions", **options)
        self._timers = timers
        self._hydration = task_hydration
        self._sessions = SessionCollection(client, {"archived": False} if query is None else query)
        self._table = SessionsPublisher(
            self._sessions, self.send, self.show, on_published=self._save_once, timers=timers
        )
        self._pane = 0
        self._publisher: SessionPublisher | None = None
        self.handle: SessionHandle | None = None
        replace_previous(self)

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._sessions is None

    async def ready(self) -> SessionRows:
        """Wait until the sessions are loaded."""
        return await self._use().ready()

    def show(self, session_id: str) -> SessionHandle:
        """Open a session below the table, replacing the open one. Returns its handle, which the view owns.

        Raises `HandleDisposed` once the view is closed.
        """
        handle = self._use().retain(session_id, task_hydration=self._hydration)
        self._release()
        self._pane += 1
        pane = self._pane
        self.handle = handle
        self._publisher = SessionPublisher(
            handle, lambda message: self._send_to_pane(pane, message), timers=self._timers
        )
        self.set_trait("selected", session_id)
        self.send({"op": "opened", "pane": pane, "session": session_id})
        return handle

    def _use(self) -> SessionCollection:
        if self._sessions is None:
            raise HandleDisposed("The view is closed. Create a new one.")
        return self._sessions

    def _send_to_pane(self, pane: int, message: dict[str, Any]) -> None:
        self.send({"op": "pane", "pane": pane, "message": message})

    def _release(self) -> None:
        publisher, self._publisher = self._publisher, None
        handle, self.handle = self.handle, None
        if publisher is not None:
            publisher.close()
        if handle is not None:
            handle.release()

    def receive(self, content: Any) -> None:
        """Handle a message of a page (see `publisher`); those of the open session name its pane."""
        if not isinstance(content, Mapping) or self._sessions is None:
            return
        if "pane" in content:
            if content["pane"] == self._pane and self._publisher is not None:
                self._publisher.receive(content.get("message"))
            return
        self._table.receive(content)
        if content.get("op") == "sync" and self._publisher is not None:
            self.send({"op": "opened", "pane": self._pane, "session": self.selected})

    def _save_once(self, rows: SessionRows) -> None:
        text = script_safe(table_text(rows))
        if rows.loading or self.text:
            return
        # Only the first table: repeating the text on every change would be most of the traffic.
        self._save_text(text)

    def close(self) -> None:
        """Remove the view from all pages, release the open session, free its resources. Idempotent."""
        sessions, self._sessions = self._sessions, None
        if sessions is None:
            return
        self._table.close()
        self._release()
        sessions.close()
        self._remove()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        if self._sessions is not None:
            self._save_text(script_safe(table_text(self._sessions.rows)))
        return super()._repr_mimebundle_(**options)

    def __repr__(self) -> str:
        return "<SessionsView closed>" if self._sessions is None else f"<SessionsView {len(self._sessions.rows)}>"


def _live(client: Any) -> Client:
    """The async client that `client` is or, if it is one of `connect`, has."""
    live = getattr(client, "live", client)
    if not hasattr(live, "registry"):
        raise UsageError(
            f"SessionsView takes a live client, not {type(client).__name__}. create_client or connect makes one"
        )
    found: Client = live
    return found
