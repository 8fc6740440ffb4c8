"""The daemon's address and API key, from options and the environment. The key is never printed."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer

from agor_reactive.errors import AgorError, ApiKeyRestOnly, NotAuthenticated, UsageError
from agor_reactive.transport.address import DEFAULT_URL, Address

if TYPE_CHECKING:
    from agor_reactive import Client, RestClient

__all__ = ["KEY_ENV", "ApiKeyEnv", "Reach", "Url"]

KEY_ENV = "AGOR_API_KEY"

Url = Annotated[
    str,
    typer.Option("--url", envvar="AGOR_DAEMON_URL", help="The daemon's address.", metavar="URL"),
]
ApiKeyEnv = Annotated[
    str,
    typer.Option("--api-key-env", help="The environment variable that holds your API key.", metavar="NAME"),
]


@dataclass(frozen=True, slots=True)
class Reach:
    """The address and key of one daemon. `key_env` is the name of the key's environment variable."""

    url: str
    key_env: str = KEY_ENV
    key: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, url: str, key_env: str) -> Reach:
        """Create it from the options of a command. Raises `UsageError` for an invalid address."""
        address = Address.parse(url.strip() or DEFAULT_URL)
        return cls(address.url, key_env, os.environ.get(key_env, "").strip() or None)

    def refused(self, error: NotAuthenticated) -> AgorError:
        """Convert a refused login to an error with advice. A missing key is an error only then."""
        if self.key is None:
            return UsageError(
                f"{self.url} requires a login, and no API key is set: set {self.key_env} to your key "
                "(run agor-reactive doctor for details)"
            )
        if isinstance(error, ApiKeyRestOnly):
            return ApiKeyRestOnly(
                f"{self.url} takes the key in {self.key_env} over REST but gives no live connection for a key; "
                "sessions, new, stop and prompt without --follow work, watching does not "
                "(run agor-reactive doctor for details)",
                name=error.name,
                code=error.code,
            )
        return NotAuthenticated(
            f"{self.url} refused the key in {self.key_env} ({error}); make a new one in the daemon's settings",
            name=error.name,
            code=error.code,
        )

    @contextmanager
    def rest(self) -> Iterator[RestClient]:
        """A REST client. A refused login is raised as the error of `refused`."""
        from agor_reactive import create_rest_client

        with create_rest_client(self.url, api_key=self.key) as client:
            try:
                yield client
            except NotAuthenticated as error:
                raise self.refused(error) from None

    @asynccontextmanager
    async def live(self) -> AsyncIterator[Client]:
        """A live client, logged in if there is a key. Raises `CannotConnect`; a refused login is raised as `refused`
        puts it."""
        from agor_reactive import create_client

        client = create_client(self.url, api_key=self.key)
        try:
            await client.open()
            yield client
        except NotAuthenticated as error:
            raise self.refused(error) from None
        finally:
            await client.close()
