"""Sessions in a notebook: `SessionView` shows one, `SessionsView` lists them, `ReplayView` shows a recorded one with a
slider through its time, `observe` binds a widget to a value.

Needs the extra ``[notebook]``. Content of models, tools, titles and errors is shown as text; pages fetch nothing. Pages
get at most ten updates a second, only changes, and none while they are hidden.
"""

from __future__ import annotations

from agor_reactive.errors import MissingExtra

try:
    import anywidget  # noqa: F401
    import ipywidgets  # noqa: F401
except ImportError as missing:
    raise MissingExtra(f'the notebook view needs {missing.name}: pip install "agor-reactive[notebook]"') from missing

from agor_reactive.adapters.ipywidgets.observe import observe
from agor_reactive.adapters.ipywidgets.replay import ReplayView
from agor_reactive.adapters.ipywidgets.sessions import SessionsView
from agor_reactive.adapters.ipywidgets.view import SessionView

__all__ = ["ReplayView", "SessionView", "SessionsView", "observe"]
