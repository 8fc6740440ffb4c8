"""``AGOR_LOG``: writes this package's log to stderr, without keys and tokens."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Final

from agor_reactive.models.secrecy import scrub_text

__all__ = ["LOG_ENV", "set_up_logging"]

LOG_ENV: Final = "AGOR_LOG"
_LEVELS: Final = ("debug", "info", "warning", "error")
_handler: logging.Handler | None = None


class _Scrubbed(logging.Formatter):
    """Replaces keys and tokens in a record, its traceback included."""

    def format(self, record: logging.LogRecord) -> str:
        return scrub_text(super().format(record))


def set_up_logging(env: Mapping[str, str] | None = None) -> None:
    """Write records of `AGOR_LOG`'s level and above to stderr; without that variable, nothing changes.

    A second call replaces what the first set up. Records do not reach the root logger then, which would repeat them.
    """
    global _handler
    level = (os.environ if env is None else env).get(LOG_ENV, "").strip().lower()
    if not level:
        return
    log = logging.getLogger("agor_reactive")
    if _handler is not None:
        log.removeHandler(_handler)
    _handler = logging.StreamHandler()
    _handler.setFormatter(_Scrubbed("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    log.addHandler(_handler)
    log.propagate = False
    log.setLevel(level.upper() if level in _LEVELS else logging.INFO)
    if level not in _LEVELS:
        log.warning("%s is none of %s; info is used", LOG_ENV, ", ".join(_LEVELS))
