"""What `verify` means, for every way to a daemon: as httpx2 users know it.

True verifies against the system's certificate store, False verifies nothing, a path is a file or directory of
authorities, and an `ssl.SSLContext` is used as it is.
"""

from __future__ import annotations

import ssl
from os import PathLike
from pathlib import Path

from agor_reactive.errors import UsageError

__all__ = ["Verify", "ssl_setting"]

Verify = bool | str | PathLike[str] | ssl.SSLContext


def ssl_setting(verify: Verify) -> bool | ssl.SSLContext:
    """True, False, or the context to use. Raises `UsageError` for authorities that cannot be read."""
    if isinstance(verify, bool | ssl.SSLContext):
        return verify
    path = Path(verify)
    try:
        if path.is_dir():
            return ssl.create_default_context(capath=str(path))
        return ssl.create_default_context(cafile=str(path))
    except OSError as error:  # ssl.SSLError is one
        raise UsageError(
            f"verify={str(path)!r}: no certificates could be read there ({error.strerror or error})"
        ) from None
