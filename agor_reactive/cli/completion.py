"""Completion of session ids in the shell: asks the daemon, quickly, and never prints an error."""

from __future__ import annotations

import logging
import warnings
from typing import Final

import typer

__all__ = ["complete_session"]

TIMEOUT: Final = 1.5
"""Seconds to wait for the daemon."""
LIMIT: Final = 50

log = logging.getLogger(__name__)


def complete_session(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """The ids that begin with what was typed, newest first, each with its title.

    An id without dashes is completed to one without dashes. Without a daemon or a login there is none.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a warning would be printed into the line being typed
            return _sessions(context, incomplete)
    except Exception as error:  # noqa: BLE001 - a traceback would be printed into the line being typed
        log.debug("no session ids to complete: %s", type(error).__name__)
        return []


def _sessions(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    from agor_reactive import create_rest_client
    from agor_reactive.adapters.presentation.plain import one_line
    from agor_reactive.adapters.presentation.status import status_label
    from agor_reactive.cli.reach import KEY_ENV, Reach, chosen_profile
    from agor_reactive.cli.sessions import newest_first
    from agor_reactive.models.ids import format_short_id

    chosen_profile.set(context.params.get("profile"))
    reach = Reach.of(context.params.get("url"), context.params.get("api_key_env") or KEY_ENV)
    options = {"read_env": False, "timeout": TIMEOUT, "max_retries": 0, **reach.credentials}
    with create_rest_client(reach.url, **options) as client:
        page = client.service("sessions").find({"$limit": 500, "$sort": {"last_updated": -1}})
    found = []
    for row in newest_first(page):
        digits = format_short_id(row.session_id, 32)
        shown = row.session_id if "-" in incomplete else digits
        if shown.startswith(incomplete):
            found.append((shown, f"{status_label(row.status)}: {one_line(row.title or row.description or '', 60)}"))
    return found[:LIMIT]
