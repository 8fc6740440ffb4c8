"""Cells of a notebook: which one runs, and when one has run.

A view that a cell makes again takes the place of the one it made before: re-running a cell replaces its output, but
nobody tells the kernel, and widgets live until they are closed.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from typing import Any, Protocol

__all__ = ["after_each", "in_kernel", "took_place"]


class _Closable(Protocol):
    def close(self) -> None: ...


_made: dict[str, tuple[str, weakref.WeakSet[Any]]] = {}


def in_kernel() -> bool:
    """Whether this runs in a Jupyter kernel, where widgets can be shown."""
    shell = _shell()
    return shell is not None and getattr(shell, "kernel", None) is not None


def _shell() -> Any:
    ipython = sys.modules.get("IPython")
    get = getattr(ipython, "get_ipython", None)
    return get() if get is not None else None


def after_each(deed: Callable[[], None]) -> Callable[[], None]:
    """Have a bound method called when a cell has run, as long as its object lives; returns the undo."""
    events = getattr(_shell(), "events", None)
    if events is None:
        return lambda: None
    held = weakref.WeakMethod(deed)

    def ran(_: Any = None) -> None:
        found = held()
        if found is None:
            undo()
        else:
            found()

    def undo() -> None:
        if ran in events.callbacks["post_run_cell"]:
            events.unregister("post_run_cell", ran)

    events.register("post_run_cell", ran)
    return undo


def _running_cell() -> tuple[str, str] | None:
    """The cell's id and this execution's, where the frontend tells them."""
    kernel = getattr(_shell(), "kernel", None)
    get_parent = getattr(kernel, "get_parent", None)
    if get_parent is None:
        return None
    parent = get_parent()
    if not isinstance(parent, dict):
        return None
    cell = (parent.get("metadata") or {}).get("cellId")
    execution = (parent.get("header") or {}).get("msg_id")
    return (cell, execution) if isinstance(cell, str) and isinstance(execution, str) else None


def took_place(view: _Closable) -> None:
    """The running cell made this view: what an earlier run of the same cell made is closed."""
    running = _running_cell()
    if running is None:
        return
    cell, execution = running
    known = _made.get(cell)
    if known is None or known[0] != execution:
        for old in tuple(known[1]) if known is not None else ():
            old.close()
        known = _made[cell] = (execution, weakref.WeakSet())
    known[1].add(view)
