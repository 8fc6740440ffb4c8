"""The meaning of `verify`, the same for REST and socket: as in httpx2.

True verifies against the system's certificate store, False does not verify, a path is a file or directory of
certificate authorities, and an `ssl.SSLContext` is used as it is.
"""

from __future__ import annotations

import ssl
from os import PathLike
from pathlib import Path

from agor_reactive.errors import UsageError

__all__ = ["Verify", "ssl_setting"]

Verify = bool | str | PathLike[str] | ssl.SSLContext


def ssl_setting(verify: Verify) -> bool | ssl.SSLContext:
    """Convert `verify` to True, False, or a context. Raises `UsageError` for certificates that cannot be read."""
    if isinstance(verify, bool | ssl.SSLContext):
        return verify
    path = Path(verify)
    try:
        if path.is_dir():
            return ssl.create_default_context(capath=str(path))
        return ssl.create_default_context(cafile=str(path))
    except OSError as error:  # ssl.SSLError is an OSError
        raise UsageError(
            f"verify={str(path)!r}: no certificates could be read there ({error.strerror or error})"
        ) from None
