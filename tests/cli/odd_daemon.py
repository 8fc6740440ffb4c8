"""`agor-reactive serve`, but odd: ``open`` wants no login, ``closed-to-viewers`` lets nobody in who is known to it.

The first word says which; the rest are the words of the command.
"""

from __future__ import annotations

import sys
from typing import Any

from agor_reactive.cli import main
from agor_reactive.daemon.faults import forbidden
from agor_reactive.daemon.logins import Logins
from agor_reactive.daemon.services.base import Service


async def _nobody(self: Logins, data: dict[str, Any], address: str = "") -> Any:
    raise forbidden("You need member access to view users")


if __name__ == "__main__":
    kind = sys.argv.pop(1)
    if kind == "open":
        Service.open = True
    else:
        Logins.login = _nobody  # type: ignore[method-assign]
    main()
