"""A session in a terminal: `SessionView` paints one snapshot with rich, `LiveView` and `LineView` follow a session.

::

    with LiveView(rich.console.Console()) as view:
        unsubscribe = handle.subscribe(view.show)

Paints the presentation of a snapshot: no clock is read, nothing is fetched. Received text is shown without control
codes and is never parsed as markup of rich.
"""

from agor_reactive.adapters.presentation.plain import one_line, plain
from agor_reactive.adapters.terminal.lines import LineView
from agor_reactive.adapters.terminal.live import LiveView, follow
from agor_reactive.adapters.terminal.view import SessionView

__all__ = ["LineView", "LiveView", "SessionView", "follow", "one_line", "plain"]
