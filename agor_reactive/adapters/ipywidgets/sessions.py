"""`SessionsView`: the sessions of a daemon as a live table; a click opens one below it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anywidget
import traitlets

from agor_reactive.adapters.ipywidgets.cells import took_place
from agor_reactive.adapters.ipywidgets.feed import Feed
from agor_reactive.adapters.ipywidgets.pace import Timers
from agor_reactive.adapters.ipywidgets.pages import script, style
from agor_reactive.adapters.ipywidgets.record import Record
from agor_reactive.adapters.ipywidgets.rows import RowsFeed, table_text
from agor_reactive.adapters.presentation.transcript import script_safe
from agor_reactive.client import Client
from agor_reactive.errors import HandleDisposed
from agor_reactive.session.collection import SessionCollection, SessionRows
from agor_reactive.session.handles import SessionHandle

__all__ = ["SessionsView"]


class SessionsView(anywidget.AnyWidget):
    """The sessions of a client's daemon in a notebook: filter them, see them change, click one to open it.

    `query` is what `retain_sessions` takes (default: those not archived). `selected` is the id of the open session and
    `handle` a handle of it, which belongs to the view: it is released when another is opened or the view closed.
    `task_hydration` is how a session is opened. Make it on the client's event loop; `close` it when done, or run its
    cell again.

    >>> view = SessionsView(client)      # doctest: +SKIP
    """

    _esm = traitlets.Unicode(script("sessions_widget")).tag(sync=True)
    _css = traitlets.Unicode(style()).tag(sync=True)
    text = traitlets.Unicode("", read_only=True).tag(sync=True)
    _record_name = traitlets.Unicode("", read_only=True).tag(sync=True)
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
        super().__init__(**options)
        self._record = Record("The sessions as text")
        self.set_trait("_record_name", self._record.name)
        self._timers = timers
        self._hydration = task_hydration
        self._sessions = SessionCollection(client, {"archived": False} if query is None else query)
        self._rows: RowsFeed = RowsFeed(self._sessions, self.send, self.show, settled=self._settled, timers=timers)
        self._pane = 0
        self._feed: Feed | None = None
        self.handle: SessionHandle | None = None
        self.on_msg(self._heard)
        took_place(self)

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._sessions is None

    async def ready(self) -> SessionRows:
        """Wait until the sessions have been read."""
        return await self._use().ready()

    def show(self, session_id: str) -> SessionHandle:
        """Open a session below the table, in place of the one that is open. Returns its handle, which stays ours.

        Raises `HandleDisposed` once the view is closed.
        """
        handle = self._use().retain(session_id, task_hydration=self._hydration)
        self._let_go()
        self._pane += 1
        pane = self._pane
        self.handle = handle
        self._feed = Feed(handle, lambda message: self._say(pane, message), timers=self._timers)
        self.set_trait("selected", session_id)
        self.send({"op": "opened", "pane": pane, "session": session_id})
        return handle

    def _use(self) -> SessionCollection:
        if self._sessions is None:
            raise HandleDisposed("The view was closed; make a new one.")
        return self._sessions

    def _say(self, pane: int, message: dict[str, Any]) -> None:
        self.send({"op": "pane", "pane": pane, "message": message})

    def _let_go(self) -> None:
        feed, self._feed = self._feed, None
        handle, self.handle = self.handle, None
        if feed is not None:
            feed.close()
        if handle is not None:
            handle.release()

    def _heard(self, _: Any, content: Any, buffers: Any) -> None:
        self.hear(content)

    def hear(self, content: Any) -> None:
        """A page said something (see `conversation`)."""
        if not isinstance(content, Mapping) or self._sessions is None:
            return
        if "pane" in content:
            if content["pane"] == self._pane and self._feed is not None:
                self._feed.hear(content.get("message"))
            return
        self._rows.hear(content)
        if content.get("op") == "sync" and self._feed is not None:
            self.send({"op": "opened", "pane": self._pane, "session": self.selected})

    def _settled(self, rows: SessionRows) -> None:
        text = script_safe(table_text(rows))
        if rows.loading or self.text:
            return
        # Once: the table of a saved notebook is that of its beginning; each change again would be most of the traffic.
        self.set_trait("text", text)
        self._record.keep(text)

    def close(self) -> None:
        """Take it off every page, release the open session, leave nothing behind. Idempotent."""
        sessions, self._sessions = self._sessions, None
        if sessions is None:
            return
        self._rows.close()
        self._let_go()
        sessions.close()
        layout = self.layout
        self.on_msg(self._heard, remove=True)
        super().close()
        layout.close()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        if self._sessions is not None:
            self.set_trait("text", script_safe(table_text(self._sessions.rows)))
        bundle = super()._repr_mimebundle_(**options)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        if isinstance(data, dict):
            data["text/plain"] = self.text.partition("\n")[0] if self._record.show(self.text) else self.text
        return bundle

    def __repr__(self) -> str:
        return "<SessionsView closed>" if self._sessions is None else f"<SessionsView {len(self._sessions.rows)}>"
