"""Where the daemon is and how to log in there, from options and the environment. A key is read, never shown."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer

from agor_reactive.errors import NotAuthenticated, UsageError
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
    """The way to one daemon. `key_env` names the variable that the key came from, or is missing from."""

    url: str
    key_env: str = KEY_ENV
    key: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, url: str, key_env: str) -> Reach:
        """From the options of a command. Raises `UsageError` for what is no address."""
        address = Address.parse(url.strip() or DEFAULT_URL)
        return cls(address.url, key_env, os.environ.get(key_env, "").strip() or None)

    def wanted_key(self) -> str:
        """The key. Raises `UsageError` when there is none."""
        if self.key is None:
            raise UsageError(f"no API key: set {self.key_env} to yours (agor-reactive doctor says more)")
        return self.key

    def refused(self, error: NotAuthenticated) -> NotAuthenticated:
        """The same refusal, with what to do about it."""
        return NotAuthenticated(
            f"{self.url} refused the key in {self.key_env} ({error}); make a new one in the daemon's settings",
            name=error.name,
            code=error.code,
        )

    @contextmanager
    def rest(self) -> Iterator[RestClient]:
        """A REST client. Raises `UsageError` without a key; what is asked of it may raise `NotAuthenticated`."""
        from agor_reactive import create_rest_client

        with create_rest_client(self.url, api_key=self.wanted_key()) as client:
            try:
                yield client
            except NotAuthenticated as error:
                raise self.refused(error) from None

    @asynccontextmanager
    async def live(self) -> AsyncIterator[Client]:
        """A live client, logged in. Raises `CannotConnect`, `NotAuthenticated`, and `UsageError` without a key."""
        from agor_reactive import create_client

        client = create_client(self.url, api_key=self.wanted_key())
        try:
            try:
                await client.open()
            except NotAuthenticated as error:
                raise self.refused(error) from None
            yield client
        finally:
            await client.close()
