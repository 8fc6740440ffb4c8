"""The daemon's address and API key, from options, the environment and stored profiles. The key is never printed.

An access token can replace the key, because some daemons accept no key for a live connection.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import SecretStr

from agor_reactive.errors import AgorError, ApiKeyRestOnly, NotAuthenticated, UsageError
from agor_reactive.profiles.ambient import KEY_ENV, as_credential, is_token, resolve
from agor_reactive.transport.address import Address

if TYPE_CHECKING:
    from agor_reactive import Client, RestClient

__all__ = ["KEY_ENV", "ApiKeyEnv", "ProfileName", "Reach", "Url", "chosen_profile"]

Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        help="The daemon's address (default: AGOR_DAEMON_URL, a profile, http://localhost:3030).",
        metavar="URL",
        show_default=False,
    ),
]
ProfileName = Annotated[
    str | None,
    typer.Option(
        "--profile",
        help="The stored profile to use (default: AGOR_PROFILE); see login.",
        metavar="NAME",
        show_default=False,
    ),
]
chosen_profile: ContextVar[str | None] = ContextVar("chosen_profile", default=None)
"""The profile that the running command was given."""

ApiKeyEnv = Annotated[
    str,
    typer.Option("--api-key-env", help="The environment variable that holds your API key.", metavar="NAME"),
]


@dataclass(frozen=True, slots=True)
class Reach:
    """The address and key of one daemon.

    `key_env` is the name of the key's environment variable, `profile` the stored profile that has the key, if one does.
    """

    url: str
    key_env: str = KEY_ENV
    key: SecretStr | None = None
    profile: str | None = None

    @classmethod
    def of(cls, url: str | None, key_env: str = KEY_ENV) -> Reach:
        """Create it from the options of a command. Raises `UsageError` for an invalid address."""
        target = resolve((url or "").strip() or None, profile=chosen_profile.get(), key_env=key_env)
        key = next(iter(target.credentials.values()), None)
        return cls(Address.parse(target.url).url, key_env, key, target.profile)

    @property
    def has_token(self) -> bool:
        """Whether the key is an access token."""
        return self.key is not None and is_token(self.key)

    @property
    def what(self) -> str:
        """The credential, in words."""
        where = f"in {self.key_env}" if self.profile is None else f"of profile {self.profile}"
        return f"the {'access token' if self.has_token else 'key'} {where}"

    @property
    def credentials(self) -> dict[str, Any]:
        """The arguments of a client that logs in with it."""
        return {} if self.key is None else as_credential(self.key)

    @property
    def renewal(self) -> str:
        """What to do about a credential that was refused."""
        if self.profile is not None:
            return f"run agor-reactive login --profile {self.profile} with a new key"
        if self.has_token:
            return f"access tokens live for minutes: get a new one, or set {self.key_env} to an API key"
        return f"create a new key in the daemon's settings and set {self.key_env} to it"

    def refused(self, error: NotAuthenticated) -> AgorError:
        """Convert a refused login to an error with advice. A missing key is an error only then."""
        if self.key is None:
            return UsageError(
                f"{self.url} requires a login, and no API key is set: run agor-reactive login, or set {self.key_env} "
                "to your key (run agor-reactive doctor for details)"
            )
        if isinstance(error, ApiKeyRestOnly):
            return ApiKeyRestOnly(
                f"{self.url} takes {self.what} over REST but accepts no key for a live connection; "
                "sessions, new, stop and prompt without --follow work, watch does not "
                "(run agor-reactive doctor for details)",
                name=error.name,
                code=error.code,
            )
        return NotAuthenticated(
            f"{self.url} refused {self.what} ({error}); {self.renewal}",
            name=error.name,
            code=error.code,
        )

    @contextmanager
    def rest(self) -> Iterator[RestClient]:
        """A REST client. A refused login is raised as the error of `refused`."""
        from agor_reactive import create_rest_client

        with create_rest_client(self.url, read_env=False, **self.credentials) as client:
            try:
                yield client
            except NotAuthenticated as error:
                raise self.refused(error) from None

    @asynccontextmanager
    async def live(self) -> AsyncIterator[Client]:
        """A live client, logged in if there is a key. Raises `CannotConnect`; a refused login is raised as `refused`
        puts it."""
        from agor_reactive import create_client

        client = create_client(self.url, read_env=False, **self.credentials)
        try:
            await client.open()
            yield client
        except NotAuthenticated as error:
            raise self.refused(error) from None
        finally:
            await client.close()
