"""Cells of a notebook: which one is running, when one has ended, and which views each has made.

Re-running a cell replaces its output, but the kernel is not notified and widgets live until they are closed. So a view
made by a cell closes those that an earlier run of the same cell made.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from typing import Any, Protocol

__all__ = ["in_kernel", "on_cell_end", "replace_previous"]


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


def on_cell_end(method: Callable[[], None]) -> Callable[[], None]:
    """Call a bound method after each cell, as long as its object lives; returns the undo."""
    events = getattr(_shell(), "events", None)
    if events is None:
        return lambda: None
    weak = weakref.WeakMethod(method)

    def ended(_: Any = None) -> None:
        found = weak()
        if found is None:
            undo()
        else:
            found()

    def undo() -> None:
        if ended in events.callbacks["post_run_cell"]:
            events.unregister("post_run_cell", ended)

    events.register("post_run_cell", ended)
    return undo


def _running_cell() -> tuple[str, str] | None:
    """The ids of the running cell and of this execution, where the frontend sends them."""
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


def replace_previous(view: _Closable) -> None:
    """Close the views that an earlier run of the running cell made, and register this one."""
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
