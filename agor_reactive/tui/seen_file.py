"""The file of what was seen: one for each daemon, in the platform's folder for state. `AGOR_STATE_DIR` replaces it.

Any number of apps may write it: each writes only what it changed, into what is there.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from agor_reactive.errors import UsageError
from agor_reactive.profiles.private_file import replace_private
from agor_reactive.transport.address import Address
from agor_reactive.tui.seen import Seen, SeenSessions

__all__ = ["SeenFile", "state_folder"]

FOLDER_ENV: Final = "AGOR_STATE_DIR"

VERSION: Final = 1
"""Of the file's format. A file of another version is not read and not replaced."""

MOST_SESSIONS: Final = 2_000
MOST_DAEMONS: Final = 50
"""What is kept. Of more, those that did not change for the longest time are dropped."""

_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}


def state_folder(env: Mapping[str, str] | None = None) -> Path:
    """Return the folder: ``AGOR_STATE_DIR``, else that of the platform for a user's state."""
    given = (os.environ if env is None else env).get(FOLDER_ENV, "").strip()
    if given:
        return Path(given)
    import platformdirs  # imported late: only the app without that variable needs it

    return platformdirs.user_state_path("agor-reactive", appauthor=False)


class SeenFile:
    """The file of one daemon. `path` has no character that a file system of Windows refuses."""

    def __init__(self, url: str, folder: Path | None = None) -> None:
        self.daemon = _normal(url)
        name = re.sub(r"[^a-z0-9.]+", "-", self.daemon.partition("://")[2].lower()).strip("-.")[:60]
        digest = hashlib.sha256(self.daemon.encode()).hexdigest()[:12]
        self.path = (folder or state_folder()) / f"seen-{name}-{digest}.json"

    def read(self) -> SeenSessions:
        """Return what was seen, nothing if there is no file. Raises `UsageError` if it cannot be read."""
        content = self._content()
        rows, until = content.get("sessions"), content.get("until")
        found = {key: _seen(row) for key, row in rows.items()} if isinstance(rows, dict) else {}
        return SeenSessions(found, float(until) if isinstance(until, int | float) else None)

    def write(self, seen: SeenSessions) -> bool:
        """Write what changed, and clear `seen.changed`. False if another app writes just now: try again.

        A broken file is replaced. Raises `UsageError` if it cannot be written.
        """
        try:
            with _locked(self.path.with_suffix(".lock")) as mine:
                if mine:
                    self._merge(seen)
            return mine
        except OSError as error:
            raise UsageError(f"{self.path} cannot be written ({error.strerror})") from None

    def _merge(self, seen: SeenSessions) -> None:
        content: dict[str, Any] = {}
        with contextlib.suppress(_Broken):
            content = self._content()
        is_new = not content
        known = content.get("sessions")
        sessions = dict(known) if isinstance(known, dict) else {}
        for session_id, row in seen.changed.items():
            sessions.pop(session_id, None)  # what changed last comes last
            sessions[session_id] = {name: value for name, value in row._asdict().items() if value}
        while len(sessions) > MOST_SESSIONS:
            del sessions[next(iter(sessions))]
        before = content.get("until")
        until = max(seen.until or 0.0, before if isinstance(before, int | float) else 0.0)
        fresh = {"version": VERSION, "daemon": self.daemon, "until": until, "sessions": sessions}
        replace_private(self.path, orjson.dumps(fresh, option=orjson.OPT_INDENT_2))
        seen.changed.clear()
        if is_new:
            self._drop_old_daemons()

    def _drop_old_daemons(self) -> None:
        with contextlib.suppress(OSError):  # another app drops the same ones
            files = sorted(self.path.parent.glob("seen-*.json"), key=lambda file: file.stat().st_mtime, reverse=True)
            for file in files[MOST_DAEMONS:]:
                file.unlink()
                file.with_suffix(".lock").unlink(missing_ok=True)

    def _content(self) -> dict[str, Any]:
        try:
            found = orjson.loads(self.path.read_bytes())
        except FileNotFoundError:
            return {}
        except ValueError:
            found = None
        except OSError as error:
            raise UsageError(f"{self.path} cannot be read ({error.strerror})") from None
        if not isinstance(found, dict) or "version" not in found:
            raise _Broken(f"{self.path} was damaged, and is written anew")
        if found["version"] != VERSION:
            raise UsageError(f"{self.path} was written by another version of agor-reactive, and is left as it is")
        return found


class _Broken(UsageError):
    """The file has no content that could be kept."""


def _seen(row: Any) -> Seen:
    texts = {name: row.get(name) for name in Seen._fields} if isinstance(row, dict) else {}
    return Seen(**{"status": "", **{name: text for name, text in texts.items() if isinstance(text, str)}})


def _normal(url: str) -> str:
    address = Address.parse(url)
    scheme, _, place = address.origin.partition("://")
    return f"{scheme}://{place.removesuffix(_DEFAULT_PORTS[scheme])}{address.prefix}"


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[bool]:
    """Whether this process alone has the lock within the block. It ends with the process, also after a crash."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    number = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield _lock(number)
    finally:
        os.close(number)


def _lock(number: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(number, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
