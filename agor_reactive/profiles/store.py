"""The store of profiles: addresses in a file of the platform's configuration folder, keys in the system's keyring.

Without a keyring (the package `keyring` is an extra, and a server often has no service behind it) keys are in a second
file, which only its owner may read (mode 600). `AGOR_CONFIG_DIR` replaces the folder.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import orjson
from pydantic import SecretStr

from agor_reactive.errors import UsageError
from agor_reactive.models.secrecy import hide
from agor_reactive.profiles.private_file import replace_private

__all__ = ["Profile", "config_folder", "forget", "key_of", "profiles", "save"]

FOLDER_ENV: Final = "AGOR_CONFIG_DIR"
_SERVICE: Final = "agor-reactive"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

KeyPlace = Literal["keyring", "file", "none"]


@dataclass(frozen=True, slots=True)
class Profile:
    """A stored profile: its name, the daemon's address, and where its key is."""

    name: str
    url: str
    key_in: KeyPlace = "none"


def config_folder(env: Mapping[str, str] | None = None) -> Path:
    """The folder of the files: ``AGOR_CONFIG_DIR``, else that of the platform for user configuration."""
    given = (os.environ if env is None else env).get(FOLDER_ENV, "").strip()
    if given:
        return Path(given)
    import platformdirs  # imported late to keep `import agor_reactive` fast

    return platformdirs.user_config_path(_SERVICE, appauthor=False)


def profiles() -> dict[str, Profile]:
    """All profiles by name. Raises `UsageError` when the file cannot be read."""
    found = _read(_profiles_file())
    return {
        name: Profile(name, row["url"], row.get("key_in", "none"))
        for name, row in sorted(found.items())
        if isinstance(row, Mapping) and isinstance(row.get("url"), str)
    }


def save(name: str, url: str, key: str | SecretStr | None) -> Profile:
    """Store a profile, replacing one of that name; returns it. Raises `UsageError` for a name that is none."""
    key = hide(key)
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name of a profile. Use letters, digits, dots, dashes and underscores")
    forget(name)
    place: KeyPlace = "none"
    if isinstance(key, SecretStr):
        place = "keyring" if _to_keyring(name, key) else "file"
        if place == "file":
            _write(_keys_file(), {**_read(_keys_file()), name: key.get_secret_value()})
    _write(_profiles_file(), {**_read(_profiles_file()), name: {"url": url, "key_in": place}})
    return Profile(name, url, place)


def forget(name: str) -> bool:
    """Remove a profile and its key; whether there was one."""
    known = _read(_profiles_file())
    if name not in known:
        return False
    if isinstance(known[name], Mapping) and known[name].get("key_in") == "keyring":
        _out_of_keyring(name)
    keys = _read(_keys_file())
    if keys.pop(name, None) is not None:
        _write(_keys_file(), keys)
    del known[name]
    _write(_profiles_file(), known)
    return True


def key_of(profile: Profile) -> SecretStr | None:
    """The key of a profile; None without one. Raises `UsageError` when it is not where it was stored."""
    if profile.key_in == "none":
        return None
    if profile.key_in == "file":
        _check_mode(_keys_file())
        key = hide(_read(_keys_file()).get(profile.name))
    else:
        key = _from_keyring(profile.name)
    if not isinstance(key, SecretStr):
        raise UsageError(
            f"the key of profile {profile.name!r} is not in the {profile.key_in} any more. "
            f"Run agor-reactive login --profile {profile.name}"
        )
    return key


# ---- files ----


def _profiles_file() -> Path:
    return config_folder() / "profiles.json"


def _keys_file() -> Path:
    return config_folder() / "keys.json"


def _read(path: Path) -> dict[str, Any]:
    try:
        found = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not JSON"
        raise UsageError(f"{path} cannot be read ({why}). Remove it and log in again") from None
    return found if isinstance(found, dict) else {}


def _write(path: Path, content: Mapping[str, Any]) -> None:
    """Write a file whole or not at all, for its owner only."""
    try:
        replace_private(path, orjson.dumps(content, option=orjson.OPT_INDENT_2))
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror})") from None


def _check_mode(path: Path) -> None:
    with contextlib.suppress(OSError):
        if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise UsageError(f"{path} can be read by others. Run: chmod 600 '{path}'")


# ---- keyring ----


def _to_keyring(name: str, key: SecretStr) -> bool:
    """Whether the keyring took the key."""
    try:
        import keyring

        keyring.set_password(_SERVICE, name, key.get_secret_value())
        return keyring.get_password(_SERVICE, name) == key.get_secret_value()
    except Exception:  # noqa: BLE001 - not installed, no backend, locked: backends raise whatever their system does
        return False


def _from_keyring(name: str) -> SecretStr | None:
    try:
        import keyring

        key: SecretStr | None = hide(keyring.get_password(_SERVICE, name))
        return key
    except ImportError:
        raise UsageError('the key is in the keyring, which needs: pip install "agor-reactive[keyring]"') from None
    except Exception as error:  # noqa: BLE001 - as above
        raise UsageError(f"the keyring cannot be read ({type(error).__name__}). Set AGOR_API_KEY instead") from None


def _out_of_keyring(name: str) -> None:
    try:
        import keyring

        keyring.delete_password(_SERVICE, name)
    except Exception:  # noqa: BLE001 - as above; what is gone is gone
        return
