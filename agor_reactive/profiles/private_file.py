"""Files for their owner only, written whole or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

__all__ = ["replace_private"]


def replace_private(path: Path, content: bytes) -> None:
    """Replace a file, with mode 600; its folder is made if it is missing. A reader sees the old content or the new.

    Raises OSError, and leaves the old file as it was.
    """
    import tempfile  # imported late to keep `import agor_reactive` fast

    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # A file of `mkstemp` has mode 600 from its first byte on.
    number, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(content)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
