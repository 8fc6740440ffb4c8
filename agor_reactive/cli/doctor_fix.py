"""`doctor --fix`: finds a daemon, logs in and stores a profile. Asks for a key only if none that is known works."""

from __future__ import annotations

import os

from agor_reactive.cli.endings import complain
from agor_reactive.cli.login import login
from agor_reactive.cli.reach import Reach, chosen_profile
from agor_reactive.client.health import is_daemon_running
from agor_reactive.errors import AgorError, NotAuthenticated, UsageError
from agor_reactive.profiles import DEFAULT_PROFILE, profiles
from agor_reactive.profiles.ambient import PROFILE_ENV, URL_ENV
from agor_reactive.transport.address import DEFAULT_URL, Address

__all__ = ["fix"]


def fix(url: str | None, key_env: str) -> Reach | None:
    """Store a profile that works, unless what is used already does. Returns what doctor checks then, None if no daemon
    was found."""
    name = chosen_profile.get() or os.environ.get(PROFILE_ENV, "").strip() or DEFAULT_PROFILE
    if name not in profiles():
        chosen_profile.set(None)  # it is made below
    stated = url or os.environ.get(URL_ENV, "").strip() or None
    found = _daemon(stated, name)
    if found is None:
        complain("no Agor daemon answers; start it (agor-reactive serve runs a demo daemon), or name it with --url")
        return None
    print(f"found an Agor daemon at {found}", flush=True)
    elsewhere = stated is not None and Address.parse(stated).url != found
    has_key = bool(os.environ.get(key_env, "").strip())
    # The key of the environment is for the address that was stated: another daemon must not get it.
    reach = None if elsewhere and has_key else Reach.of(found, key_env)
    if reach is not None and _works(reach):
        if reach.profile is None and reach.key is not None:
            login(found, name, key_env=key_env, check=False)
        else:
            print("the login works; nothing to fix")
    else:
        login(found, name, key_env=None, check=True)
        if has_key:
            complain(f"{key_env} is set and comes before the profile: unset it")
        chosen_profile.set(name)
        reach = Reach.of(found, key_env)
    if elsewhere and url is None:
        complain(f"{URL_ENV} is set and comes before the profile: unset it")
    return reach


def _daemon(stated: str | None, name: str) -> str | None:
    """The first address with a daemon: the one stated, those of profiles, the default one."""
    known = profiles()
    first = [known[name].url] if name in known else []
    candidates = [*([stated] if stated else []), *first, *(one.url for one in known.values()), DEFAULT_URL]
    for candidate in dict.fromkeys(Address.parse(one).url for one in candidates):
        if is_daemon_running(candidate):
            return candidate
        complain(f"no daemon at {candidate}")
    return None


def _works(reach: Reach) -> bool:
    try:
        with reach.rest() as client:
            client.service("sessions").find({"$limit": 1})
    except (NotAuthenticated, UsageError):
        return False
    except AgorError as error:
        complain(f"{reach.url} does not let this login read sessions: {error}")
    return True
