"""The daemon's address and API key, from options and the environment. The key is never printed.

An access token can replace the key, because some daemons accept no key for a live connection.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import SecretStr

from agor_reactive.errors import AgorError, ApiKeyRestOnly, NotAuthenticated, UsageError
from agor_reactive.models.secrecy import hide
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
    key: SecretStr | None = None

    @classmethod
    def of(cls, url: str, key_env: str) -> Reach:
        """Create it from the options of a command. Raises `UsageError` for an invalid address."""
        address = Address.parse(url.strip() or DEFAULT_URL)
        return cls(address.url, key_env, hide(os.environ.get(key_env, "").strip() or None))

    @property
    def has_token(self) -> bool:
        """Whether the key is an access token: three parts with dots between them, as no API key has."""
        text = "" if self.key is None else self.key.get_secret_value()
        return text.count(".") == 2 and not text.startswith("agor_")

    @property
    def what(self) -> str:
        """The credential, in words."""
        return f"the {'access token' if self.has_token else 'key'} in {self.key_env}"

    @property
    def credentials(self) -> dict[str, Any]:
        """The arguments of a client that logs in with it."""
        if self.key is None:
            return {}
        return {"access_token" if self.has_token else "api_key": self.key}

    @property
    def renewal(self) -> str:
        """What to do about a credential that was refused."""
        if self.has_token:
            return f"access tokens live for minutes: get a new one, or set {self.key_env} to an API key"
        return f"create a new key in the daemon's settings and set {self.key_env} to it"

    def refused(self, error: NotAuthenticated) -> AgorError:
        """Convert a refused login to an error with advice. A missing key is an error only then."""
        if self.key is None:
            return UsageError(
                f"{self.url} requires a login, and no API key is set: set {self.key_env} to your key "
                "(run agor-reactive doctor for details)"
            )
        if isinstance(error, ApiKeyRestOnly):
            return ApiKeyRestOnly(
                f"{self.url} takes the key in {self.key_env} over REST but accepts no key for a live connection; "
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

        with create_rest_client(self.url, **self.credentials) as client:
            try:
                yield client
            except NotAuthenticated as error:
                raise self.refused(error) from None

    @asynccontextmanager
    async def live(self) -> AsyncIterator[Client]:
        """A live client, logged in if there is a key. Raises `CannotConnect`; a refused login is raised as `refused`
        puts it."""
        from agor_reactive import create_client

        client = create_client(self.url, **self.credentials)
        try:
            await client.open()
            yield client
        except NotAuthenticated as error:
            raise self.refused(error) from None
        finally:
            await client.close()
