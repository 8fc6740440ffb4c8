"""The display of a handle at the end of a cell or line: a live view in a notebook, a summary in a terminal."""

from __future__ import annotations

import io
import weakref
from typing import TYPE_CHECKING, Any

from rich.console import Console

from agor_reactive.adapters.terminal.view import SessionView as Summary
from agor_reactive.errors import MissingExtra
from agor_reactive.session.handles import SessionHandle

if TYPE_CHECKING:
    from agor_reactive.adapters.ipywidgets import SessionView

__all__ = ["displayed", "mimebundle", "summary"]

_shown: weakref.WeakKeyDictionary[SessionHandle, weakref.ref[SessionView]] = weakref.WeakKeyDictionary()


def mimebundle(handle: SessionHandle) -> Any:
    """Return the MIME bundle of a handle for IPython. A handle shown twice has one view."""
    try:
        from agor_reactive.adapters.ipywidgets import SessionView
        from agor_reactive.adapters.ipywidgets.cells import in_kernel
    except MissingExtra:
        return {"text/plain": summary(handle)}
    if not in_kernel():
        return {"text/plain": summary(handle, colours=True)}
    return _view_of(handle, SessionView)._repr_mimebundle_()


def displayed(handle: SessionHandle) -> Any:
    """Return what marimo shows instead of a handle: its live view, or without the extra its summary as text."""
    try:
        from agor_reactive.adapters.ipywidgets import SessionView
    except MissingExtra:
        return _Plain(summary(handle))
    return _view_of(handle, SessionView)


class _Plain:
    """Text that marimo shows as it is."""

    def __init__(self, text: str) -> None:
        self._text = text

    def _mime_(self) -> tuple[str, str]:
        return "text/plain", self._text


def _view_of(handle: SessionHandle, made: type[SessionView]) -> SessionView:
    known = _shown.get(handle)
    view = known() if known is not None else None
    if view is None or view.closed:
        view = made(handle)
        _shown[handle] = weakref.ref(view)
    return view


def summary(handle: SessionHandle, *, colours: bool = False, width: int = 100, height: int = 40) -> str:
    """Return the newest lines of the session as text."""
    console = Console(file=io.StringIO(), force_terminal=colours, width=width, legacy_windows=False)
    if not colours:
        console.no_color = True
    with console.capture() as capture:
        console.print(Summary(handle.state), end="")
    lines = capture.get().rstrip().splitlines()
    return "\n".join(lines if len(lines) <= height else [*lines[:2], "…", *lines[-(height - 3) :]])
