"""Sessions in a notebook: `SessionView` shows one, `SessionsView` lists them, `observe` binds any widget to any slice.

Needs the extra ``[notebook]``. Everything that comes from models, tools, titles and errors is shown as text; nothing is
fetched by a page itself. Updates are at most ten a second, only what changed, and none while nobody looks.
"""

from __future__ import annotations

from agor_reactive.errors import MissingExtra

try:
    import anywidget  # noqa: F401
    import ipywidgets  # noqa: F401
except ImportError as missing:
    raise MissingExtra(f'the notebook view needs {missing.name}: pip install "agor-reactive[notebook]"') from missing

from agor_reactive.adapters.ipywidgets.observe import observe
from agor_reactive.adapters.ipywidgets.sessions import SessionsView
from agor_reactive.adapters.ipywidgets.view import SessionView

__all__ = ["SessionView", "SessionsView", "observe"]
