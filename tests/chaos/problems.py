"""Collects problems that Python reports during a run: unhandled task errors, unclosed resources, logged errors.

A listener that fails on purpose raises `Unruly`; those reports are counted separately.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
import warnings
from collections import Counter
from typing import Any, TextIO

__all__ = ["Problems", "Unruly"]


class Unruly(Exception):
    """Raised on purpose by a listener."""


class _LogHandler(logging.Handler):
    def __init__(self, problems: Problems) -> None:
        super().__init__(logging.WARNING)
        self._problems = problems

    def emit(self, record: logging.LogRecord) -> None:
        self._problems.logged(record)


class Problems:
    """A context manager: listens to the loop's exception handler, to warnings and to logging.

    `never_retrieved`, `unclosed`, `unnamed` and `other` are counts by text; each of them must be empty. `warned` counts
    the package's own log warnings, which are allowed.
    """

    def __init__(self) -> None:
        self.never_retrieved: Counter[str] = Counter()
        self.unclosed: Counter[str] = Counter()
        self.unnamed: Counter[str] = Counter()
        self.other: Counter[str] = Counter()
        self.warned: Counter[str] = Counter()
        self.unruly = 0
        self._handler = _LogHandler(self)

    def __enter__(self) -> Problems:
        self._before = warnings.catch_warnings()
        self._before.__enter__()
        warnings.simplefilter("always")
        warnings.showwarning = self._warn
        logging.getLogger().addHandler(self._handler)
        asyncio.get_running_loop().set_exception_handler(self._loop_complains)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.get_running_loop().set_exception_handler(None)
        logging.getLogger().removeHandler(self._handler)
        self._before.__exit__(None, None, None)

    @property
    def clean(self) -> bool:
        """Whether there are no problems."""
        return not (self.never_retrieved or self.unclosed or self.unnamed or self.other)

    def unnamed_error(self, error: BaseException) -> None:
        """Record an error that reached a user and is not an `AgorError`."""
        where = traceback.extract_tb(error.__traceback__)
        at = f" at {where[-1].filename}:{where[-1].lineno}" if where else ""
        self.unnamed[f"{type(error).__name__}: {str(error)[:200]}{at}"] += 1

    def logged(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        text = f"{record.name}: {record.getMessage()[:200]}" + (f" ({error!r:.200})" if error is not None else "")
        if isinstance(error, Unruly):
            self.unruly += 1
        elif record.levelno < logging.ERROR and record.name.startswith("agor_reactive"):
            self.warned[_without_particulars(record)] += 1
        elif "nclosed" in text:
            self.unclosed[text] += 1
        else:
            self.other[text] += 1

    def _loop_complains(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        message, error = context.get("message", ""), context.get("exception")
        text = f"{message} {error!r:.300} {context.get('task') or context.get('future') or ''!r:.200}"
        if "never retrieved" in message:
            self.never_retrieved[text] += 1
        elif "nclosed" in message:
            self.unclosed[text] += 1
        else:
            self.other[text] += 1

    def _warn(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        text = f"{category.__name__}: {message} ({filename}:{lineno})"
        (self.unclosed if "nclosed" in text else self.other)[text] += 1


def _without_particulars(record: logging.LogRecord) -> str:
    return f"{record.name}: {record.msg}"
