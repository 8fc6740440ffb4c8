"""The files that paths, patterns and addresses name."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence

from agor_reactive.errors import UsageError
from agor_reactive.logs.remote import file_system, is_remote

__all__ = ["expanded"]


def expanded(paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[str]:
    """Every file, each once; those of a pattern in order of name, without the indexes beside logs.

    Raises `UsageError` for a pattern that fits no file, and for no file at all.
    """
    if isinstance(paths, (str, os.PathLike)):
        paths = [paths]
    found: dict[str, None] = {}
    for path in [os.fspath(path) for path in paths]:
        found.update(dict.fromkeys(_of_pattern(path) if _is_pattern(path) else [path]))
    if not found:
        raise UsageError("name at least one log file")
    return list(found)


def _is_pattern(path: str) -> bool:
    if is_remote(path):
        return "*" in path  # a ? begins the query of an address
    return glob.has_magic(path) and not os.path.exists(path)


def _of_pattern(pattern: str) -> list[str]:
    if is_remote(pattern):
        system, path = file_system(pattern)
        try:
            found = [system.unstrip_protocol(one) for one in system.glob(path)]
        except Exception as error:
            raise UsageError(f"{pattern} cannot be listed: {error or type(error).__name__}") from error
    else:
        found = [one for one in glob.glob(pattern, recursive=True) if os.path.isfile(one)]
    logs = sorted(one for one in found if not one.endswith(".index"))
    if not logs:
        raise UsageError(f"no file fits {pattern}")
    return logs
