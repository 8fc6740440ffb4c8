"""A session in a terminal: `SessionView` draws one snapshot with rich, `LiveView` and `LineView` follow a session.

::

    with LiveView(rich.console.Console()) as view:
        unsubscribe = handle.subscribe(view.show)

Draws only what a snapshot holds: no clock is read, nothing is fetched. Text of others is shown without its control
codes, and never taken for markup.
"""

from agor_reactive.adapters.terminal.lines import LineView
from agor_reactive.adapters.terminal.live import LiveView, follow
from agor_reactive.adapters.terminal.plain import one_line, plain
from agor_reactive.adapters.terminal.view import SessionView

__all__ = ["LineView", "LiveView", "SessionView", "follow", "one_line", "plain"]
