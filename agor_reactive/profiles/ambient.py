"""The address and the credential that a client uses where no argument gives them.

An argument comes first, then the profile that an argument names, then ``AGOR_DAEMON_URL`` and ``AGOR_API_KEY``, then
the profile that ``AGOR_PROFILE`` names, or the one called ``default``. The key of a profile goes to that profile's
address and to no other.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import SecretStr

from agor_reactive.calls.arguments import check_secret
from agor_reactive.errors import UsageError
from agor_reactive.models.secrecy import hide
from agor_reactive.profiles.store import Profile, key_of, profiles
from agor_reactive.transport.address import DEFAULT_URL, Address

__all__ = ["DEFAULT_PROFILE", "KEY_ENV", "PROFILE_ENV", "URL_ENV", "Target", "as_credential", "is_token", "resolve"]

URL_ENV: Final = "AGOR_DAEMON_URL"
KEY_ENV: Final = "AGOR_API_KEY"
PROFILE_ENV: Final = "AGOR_PROFILE"
DEFAULT_PROFILE: Final = "default"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a client connects to, and how it logs in: arguments of `credentials`, empty for none.

    `profile` is the name of the profile that the credential is from, None for another source.
    """

    url: str
    credentials: Mapping[str, SecretStr] = field(default_factory=dict, repr=False)
    profile: str | None = None


def is_token(key: SecretStr) -> bool:
    """Whether a key is an access token: three parts with dots between them, as no API key has."""
    text = key.get_secret_value()
    return text.count(".") == 2 and not text.startswith("agor_")


def as_credential(key: SecretStr) -> dict[str, SecretStr]:
    """The argument that logs in with a key, which may be an access token: daemons of 0.25 take no key live."""
    return {"access_token" if is_token(key) else "api_key": key}


def resolve(
    url: str | None = None,
    *,
    profile: str | None = None,
    has_credentials: bool = False,
    read_env: bool = True,
    key_env: str = KEY_ENV,
    env: Mapping[str, str] | None = None,
) -> Target:
    """What a client uses. With `has_credentials` no key is looked for. Without `read_env` arguments alone count.

    Raises `UsageError` for a profile that does not exist, and for a key that cannot be one.
    """
    found: Mapping[str, str] = (os.environ if env is None else env) if read_env else {}
    named = None if profile is None else _named(profile)
    stated_url = (None if url is None else str(url)) or (named.url if named else None)
    stated_url = stated_url or found.get(URL_ENV, "").strip() or None
    key: SecretStr | None = None
    if not has_credentials and named is None and (text := hide(found.get(key_env, "").strip() or None)) is not None:
        key = check_secret(text, key_env)
    if named is None and read_env and (stated_url is None or not (has_credentials or key)):
        named = _ambient(found)
    address = stated_url or (named.url if named else DEFAULT_URL)
    # Another variable was named: a key from elsewhere is not what was meant.
    has_key = key is not None or has_credentials or key_env != KEY_ENV
    if named is not None and not has_key and _same(address, named.url) and (stored := key_of(named)) is not None:
        return Target(address, as_credential(stored), named.name)
    return Target(address, {} if key is None else as_credential(key))


def _named(name: str) -> Profile:
    known = profiles()
    if name not in known:
        have = f" There are: {', '.join(known)}." if known else ""
        raise UsageError(f"there is no profile {name!r}.{have} agor-reactive login --profile {name} makes it")
    return known[name]


def _ambient(env: Mapping[str, str]) -> Profile | None:
    """The profile of the environment, or the default one."""
    name = env.get(PROFILE_ENV, "").strip()
    return _named(name) if name else profiles().get(DEFAULT_PROFILE)


def _same(one: Any, other: str) -> bool:
    """Whether two addresses are the same daemon's."""
    try:
        return Address.parse(one).url == Address.parse(other).url
    except UsageError:
        return False
