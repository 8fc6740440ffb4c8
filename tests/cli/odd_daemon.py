"""`agor-reactive serve`, but odd: ``open`` wants no login, ``closed-to-viewers`` refuses every user that it knows,
``many-logins`` allows as many logins as a run of all tests needs (a daemon allows 50 in 15 minutes).

The first word says which; the rest are the words of the command.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

from agor_reactive.cli import main
from agor_reactive.daemon.api_versions import API_VERSIONS
from agor_reactive.daemon.faults import forbidden
from agor_reactive.daemon.logins import Logins
from agor_reactive.daemon.services.base import Service


async def _nobody(self: Logins, data: dict[str, Any], address: str = "") -> Any:
    raise forbidden("You need member access to view users")


if __name__ == "__main__":
    kind = sys.argv.pop(1)
    if kind == "open":
        Service.open = True
    elif kind == "many-logins":
        API_VERSIONS.update({name: replace(version, login_limit=10_000) for name, version in API_VERSIONS.items()})
    else:
        Logins.login = _nobody  # type: ignore[method-assign]
    main()
