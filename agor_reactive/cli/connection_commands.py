"""The commands about the connection, with their options. Each imports its implementation when it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from agor_reactive.cli.endings import run
from agor_reactive.cli.reach import KEY_ENV, ApiKeyEnv, Reach, Url, chosen_profile

__all__ = ["doctor", "login", "logout", "profiles"]


def doctor(
    session: Annotated[
        str | None, typer.Argument(metavar="[SESSION]", help="Session id (default: the newest).")
    ] = None,
    url: Url = None,
    api_key_env: ApiKeyEnv = KEY_ENV,
    fix: Annotated[
        bool, typer.Option("--fix", help="First find a daemon, log in (asks for your key), and store a profile.")
    ] = False,
) -> int:
    """Diagnose the connection and suggest fixes."""
    from agor_reactive.cli.doctor import doctor as work

    if fix:
        from agor_reactive.cli.doctor_fix import fix as work_first

        fixed = work_first(url, api_key_env)
        return 1 if fixed is None else run(lambda stop: work(fixed, session))
    reach = Reach.of(url, api_key_env)
    return run(lambda stop: work(reach, session))


def login(
    url: Url = None,
    api_key_env: Annotated[
        str | None, typer.Option("--api-key-env", help="Take the key from this variable.", metavar="NAME")
    ] = None,
    check: Annotated[bool, typer.Option("--check/--no-check", help="Try the key before it is stored.")] = True,
) -> int:
    """Store a daemon's address and your key as a profile. Asks for the key, or reads it from stdin."""
    from agor_reactive.cli.login import login as work

    return work(url, chosen_profile.get(), key_env=api_key_env, check=check)


def logout(
    name: Annotated[str, typer.Argument(metavar="[PROFILE]", help="The profile to remove.")] = "default",
) -> int:
    """Remove a profile and its key. The daemon keeps the key valid until you revoke it there."""
    from agor_reactive.cli.login import logout as work

    return work(name)


def profiles(json: Annotated[bool, typer.Option("--json", help="Write one JSON row per line.")] = False) -> int:
    """List the stored profiles, without their keys."""
    from agor_reactive.cli.login import list_profiles

    return list_profiles(json=json)
