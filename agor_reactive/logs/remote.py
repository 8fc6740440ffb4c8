"""Log files at an address: ``https://``, ``s3://``, ``gs://`` and whatever else fsspec opens.

A file is fetched as a whole, in one request, and read from a temporary copy: the reader goes back to the beginning of a
file and, after damage, searches it, which not every server allows.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from typing import IO, Any, Final

from agor_reactive.errors import MissingExtra

__all__ = ["fetched", "file_system", "is_remote"]

_IN_MEMORY: Final = 16 * 2**20
"""Bytes of a fetched file that are kept in memory; a larger one goes to the disk."""
_DELAYS: Final = (0.2, 1.0)
"""Seconds before another attempt, where the failure may pass."""


def is_remote(path: str | os.PathLike[str]) -> bool:
    """Whether it is an address and no path of this machine's file system."""
    return "://" in os.fspath(path)


def file_system(url: str) -> tuple[Any, str]:
    """The fsspec file system of an address, and the path in it. Raises `MissingExtra` if a package is missing.

    Credentials are those that fsspec finds in its configuration and the environment, on each machine.
    """
    try:
        import fsspec.core
    except ImportError:
        raise MissingExtra("Reading logs at an address needs fsspec: pip install 'agor-reactive[dask]'") from None
    try:
        system, path = fsspec.core.url_to_fs(url)
    except ImportError as error:  # fsspec names the package of that protocol
        raise MissingExtra(f"{url.partition('://')[0]}:// cannot be read: {error}") from None
    return system, path


def fetched(url: str) -> IO[bytes]:
    """A temporary copy of the file, at its beginning. Raises OSError, `MissingExtra`."""
    system, path = file_system(url)
    for delay in (*_DELAYS, None):
        copy = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - the caller closes it
        try:
            with system.open(path, "rb", **_WHOLE.get(url.partition("://")[0], {})) as file:
                shutil.copyfileobj(file, copy, 2**20)
        except (FileNotFoundError, PermissionError):
            copy.close()
            raise
        except Exception as error:
            copy.close()
            if delay is None:
                raise OSError(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__) from error
            time.sleep(delay)
        else:
            copy.seek(0)
            return copy
    raise AssertionError("the last attempt returns or raises")


_HTTP: Final = {"block_size": 0}
_WHOLE: Final = {"http": _HTTP, "https": _HTTP}
"""Arguments that make a file system read the file in one request."""
