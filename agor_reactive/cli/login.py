"""`login`, `logout`, `profiles`: the stored profiles. A key is never an argument, and never printed."""

from __future__ import annotations

import os
import sys

import typer
from pydantic import SecretStr
from rich.table import Table
from rich.text import Text

from agor_reactive import create_rest_client
from agor_reactive.calls.arguments import check_secret
from agor_reactive.cli.endings import WELL
from agor_reactive.cli.output import console, json_line
from agor_reactive.errors import NotAuthenticated, UsageError
from agor_reactive.models.secrecy import hide
from agor_reactive.profiles import DEFAULT_PROFILE, PROFILE_ENV, config_folder, forget, save
from agor_reactive.profiles import profiles as stored
from agor_reactive.profiles.ambient import URL_ENV, as_credential
from agor_reactive.transport.address import DEFAULT_URL, Address

__all__ = ["list_profiles", "login", "logout"]


def login(url: str | None, name: str | None, *, key_env: str | None, check: bool) -> int:
    """Store a profile. The key is from a variable, from a prompt without echo, or from stdin."""
    name = name or os.environ.get(PROFILE_ENV, "").strip() or DEFAULT_PROFILE
    known = stored().get(name)
    given = url or os.environ.get(URL_ENV, "").strip() or (known.url if known else DEFAULT_URL)
    address = Address.parse(given)
    key = _key(address.url, key_env)
    if check:
        _try(address.url, key)
    profile = save(name, address.url, key)
    where = "the system's keyring" if profile.key_in == "keyring" else f"a file for you only in {config_folder()}"
    print(f"profile {name} is stored: {profile.url}, its key in {where}")
    return WELL


def _key(url: str, key_env: str | None) -> SecretStr:
    if key_env is not None:
        key = hide(os.environ.get(key_env, "").strip())
        source = key_env
    elif sys.stdin.isatty():
        key, source = hide(typer.prompt(f"API key for {url}", hide_input=True)), "the key"
    else:
        key, source = hide(sys.stdin.readline().strip()), "the key on stdin"
    return check_secret(key, source)


def _try(url: str, key: SecretStr) -> None:
    with create_rest_client(url, read_env=False, **as_credential(key)) as client:  # type: ignore[arg-type]
        try:
            client.service("sessions").find({"$limit": 1})
        except NotAuthenticated as error:
            raise NotAuthenticated(
                f"{url} refused this key ({error}); nothing was stored", name=error.name, code=error.code
            ) from None


def logout(name: str) -> int:
    """Remove a profile."""
    if not forget(name):
        raise UsageError(f"there is no profile {name!r}; agor-reactive profiles lists them")
    print(f"profile {name} is removed")
    return WELL


def list_profiles(*, json: bool) -> int:
    """Print name, address and the place of the key of each profile."""
    found = stored().values()
    if json:
        for profile in found:
            print(json_line({"name": profile.name, "url": profile.url, "key_in": profile.key_in}))
        return WELL
    out = console()
    if not found:
        out.print("No profiles yet. Store one: agor-reactive login")
        return WELL
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("profile", "daemon", "key"):
        table.add_column(column, no_wrap=True)
    for profile in found:
        table.add_row(Text(profile.name), Text(profile.url), Text(f"in the {profile.key_in}", style="dim"))
    out.print(table)
    return WELL
