"""The daemons that the suite runs against, how each is started, and what a test may do to it.

Uses public routes, processes and pipes; no internals of a daemon.

A daemon of your own is added by `AGOR_CONTRACT_URL`. It needs `AGOR_CONTRACT_WORKSPACE_ID` (a branch or worktree) and
`AGOR_CONTRACT_API_KEY`, and `AGOR_CONTRACT_EMAIL` and `AGOR_CONTRACT_PASSWORD` where it takes API keys over REST only.
`AGOR_CONTRACT_TOKEN_LIFE` tells the life of its access tokens in seconds, `AGOR_CONTRACT_RESTART` is a command that
restarts it at the same address.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NoReturn

import httpx2
import pytest

from agor_reactive.errors import BadRequest, Forbidden, MethodNotAllowed, NotFound, UsageError
from tests.feathers_peer.process import Access, JsonLineProcess, PeerUnavailable, peer_command

__all__ = ["BARE", "DAEMONS", "HANDSHAKE", "Daemon", "absent_since", "running"]

HANDSHAKE: Final = "handshake"
BARE: Final = ("worktrees", "branches")
"""The versions that take sockets without a login, and have the rules of June 2026 and before."""

LIVE = "live"
DAEMONS = [
    *(f"{kind}-{version}" for kind in ("embedded", "peer") for version in (*BARE, HANDSHAKE)),
    *([LIVE] if os.environ.get("AGOR_CONTRACT_URL") else []),
]
EMBEDDED = Path(__file__).with_name("embedded_process.py")
ROOT = Path(__file__).parents[2]
KEY, PASSWORD = "AGOR_CONTRACT_EMBEDDED_KEY", "AGOR_CONTRACT_EMBEDDED_PASSWORD"

LIVE_TOKEN_LIFE = (6.0, 60.0)
"""Seconds: shorter lives are shorter than a real daemon's own delays, longer ones than anybody waits for ten of."""

RESTART_SECONDS = 120.0


@dataclass
class Daemon:
    """One running daemon, as seen by a test.

    `api_version` is None for a live daemon: there a test tries, and accepts the answers of any version. `token_life` is
    in seconds, None where it is long or not known. `boards` are ids of boards to remove when all tests are over: newer
    daemons disconnect every socket then.
    """

    name: str
    access: Access
    api_version: str | None = None
    token_life: float | None = None
    process: JsonLineProcess | None = None
    starter: Callable[[int], JsonLineProcess] | None = None
    boards: list[str] = field(default_factory=list)
    _tokens: dict[str, str] = field(default_factory=dict, repr=False)
    _tokens_from: float = field(default=0.0, repr=False)

    @property
    def url(self) -> str:
        return self.access.url

    @property
    def api_key(self) -> str:
        return self.access.api_key

    @property
    def bare(self) -> bool:
        """Whether it is known to be an older version, whose rules are then checked exactly."""
        return self.api_version in BARE

    @cached_property
    def handshake(self) -> bool:
        """Whether sockets have to log in to connect: known, or tried once by a connection without a login."""
        return self.api_version == HANDSHAKE or (self.api_version is None and _refuses_bare_sockets(self.url))

    def not_offered(self, what: str) -> NoReturn:
        """Skip the test: counted and explained in the summary."""
        pytest.skip(f"{what}: not offered by {self.name}")

    # ---- logging in ----

    def credentials(self) -> dict[str, str]:
        """The arguments of `create_client` (or `authenticate`) for a live client.

        The test daemons accept their API key. A live one counts logins (50 in 15 minutes for one address) and may
        refuse API keys for them: there one login serves the whole run, and its tokens are refreshed.
        """
        if self.api_version is not None:
            return {"api_key": self.api_key}
        life = self.token_life or 900.0
        if not self._tokens:
            self._tokens, self._tokens_from = self._log_in(), time.monotonic()
        elif time.monotonic() - self._tokens_from > life / 2:
            body = {"refreshToken": self._tokens["refresh_token"]}
            self._tokens, self._tokens_from = _tokens(self._post("authentication/refresh", body)), time.monotonic()
        return dict(self._tokens)

    def key_login(self) -> dict[str, str]:
        """The arguments of `authenticate` for a login with the API key; skips where keys are for REST only."""
        if not self._key_logs_in:
            self.not_offered("a login with an API key")
        return {"strategy": "api-key", "api_key": self.api_key}

    def any_login(self) -> dict[str, str]:
        """The arguments of `authenticate` for a login: the API key where it makes one, else e-mail and password."""
        if not self._key_logs_in and self.access.email and self.access.password:
            return {"strategy": "local", "email": self.access.email, "password": self.access.password}
        return self.key_login()

    @cached_property
    def _key_logs_in(self) -> bool:
        if self.api_version is not None:
            return True
        return self._post("authentication", {"strategy": "api-key", "apiKey": self.api_key}).is_success

    def _log_in(self) -> dict[str, str]:
        if self._key_logs_in:
            body = {"strategy": "api-key", "apiKey": self.api_key}
        elif self.access.email and self.access.password:
            body = {"strategy": "local", "email": self.access.email, "password": self.access.password}
        else:
            pytest.fail(
                "this daemon takes API keys over REST only: AGOR_CONTRACT_EMAIL and AGOR_CONTRACT_PASSWORD are needed"
            )
        return _tokens(self._post("authentication", body))

    def _post(self, path: str, body: dict[str, str]) -> httpx2.Response:
        return httpx2.post(f"{self.url}/{path}", json=body, trust_env=False, timeout=20)

    # ---- orders to the process ----

    @property
    def restartable(self) -> bool:
        return self.process is not None or bool(os.environ.get("AGOR_CONTRACT_RESTART"))

    def order(self, order: str) -> None:
        """Send an order to the daemon process: ``kick`` every socket, ``cut`` every connection, ``revoke`` every
        token."""
        self._ask(order)

    def revoke(self) -> None:
        """Revoke all tokens issued so far, and disconnect every socket."""
        self._ask("revoke")

    def logins(self) -> int:
        """The number of successful ``POST /authentication`` since the start, without refreshes."""
        return int(self._ask("logins")["count"])

    def _ask(self, order: str) -> dict[str, Any]:
        if self.process is None:
            self.not_offered("control of the daemon")
        answer = self.process.ask(order)
        if "done" not in answer:
            self.not_offered(f"the order to {order}")
        return answer

    def stop(self) -> None:
        """Stop it; `restart` starts it again."""
        if self.process is None:
            self.not_offered("control of the daemon")
        self.process.stop()

    def restart(self, *, graceful: bool = True) -> None:
        """Stop it and start it again at the same address with the same rows."""
        if self.process is None or self.starter is None:
            self._restart_by_command()
            return
        port = int(self.url.rpartition(":")[2])
        if graceful:
            self.process.stop()
        else:
            self.process.kill()
        self.process = self.starter(port)
        self.access = _access(self.process.greeting)

    def _restart_by_command(self) -> None:
        command = os.environ.get("AGOR_CONTRACT_RESTART")
        if not command:
            self.not_offered("control of the daemon")
        subprocess.run(command, shell=True, check=True, timeout=RESTART_SECONDS)
        ends = time.monotonic() + RESTART_SECONDS
        while not _answers(self.url):
            assert time.monotonic() < ends, f"the daemon does not answer {RESTART_SECONDS:g} s after its restart"
            time.sleep(0.1)


@contextlib.contextmanager
def absent_since(daemon: Daemon, what: str) -> Iterator[None]:
    """Handle a call that newer daemons removed: a refusal there skips the test with a reason. Where the call is known
    to exist, a refusal is a failure."""
    try:
        yield
    except (NotFound, MethodNotAllowed, BadRequest, Forbidden, UsageError):
        if daemon.bare:
            raise
        daemon.not_offered(what)


def _tokens(answer: httpx2.Response) -> dict[str, str]:
    answer.raise_for_status()
    body = answer.json()
    return {"access_token": body["accessToken"], "refresh_token": body["refreshToken"]}


def _answers(url: str) -> bool:
    with contextlib.suppress(httpx2.HTTPError):
        return httpx2.get(f"{url}/health", trust_env=False, timeout=2).is_success
    return False


def _refuses_bare_sockets(url: str) -> bool:
    """Connect to the default namespace without a login, over polling: accepted is ``40``, refused is ``44``."""
    path = "/socket.io/?EIO=4&transport=polling"
    with httpx2.Client(base_url=url, trust_env=False, timeout=10) as http:
        opened = http.get(path)
        if not opened.is_success:
            return True
        sid = httpx2.Response(200, content=opened.content[1:]).json()["sid"]
        http.post(f"{path}&sid={sid}", content="40")
        return http.get(f"{path}&sid={sid}").text.startswith("44")


def _access(greeting: dict[str, Any]) -> Access:
    workspace = greeting.get("branch_id") or greeting.get("worktree_id") or greeting["workspace_id"]
    optional = {key: greeting.get(key) for key in ("email", "password", "service_token")}
    return Access(url=greeting["url"], api_key=greeting["api_key"], workspace_id=workspace, **optional)


def _live() -> Daemon:
    needed = ("AGOR_CONTRACT_API_KEY", "AGOR_CONTRACT_WORKSPACE_ID")
    if missing := [name for name in needed if not os.environ.get(name)]:
        pytest.fail(f"AGOR_CONTRACT_URL is set, so {' and '.join(missing)} must be too")
    access = Access(
        url=os.environ["AGOR_CONTRACT_URL"].rstrip("/"),
        api_key=os.environ["AGOR_CONTRACT_API_KEY"],
        workspace_id=os.environ["AGOR_CONTRACT_WORKSPACE_ID"],
        email=os.environ.get("AGOR_CONTRACT_EMAIL"),
        password=os.environ.get("AGOR_CONTRACT_PASSWORD"),
    )
    life = os.environ.get("AGOR_CONTRACT_TOKEN_LIFE")
    return Daemon(LIVE, access, token_life=float(life) if life else None)


def _live_with_short_tokens() -> Daemon:
    daemon = _live()
    shortest, longest = LIVE_TOKEN_LIFE
    if daemon.token_life is None or not shortest <= daemon.token_life <= longest:
        pytest.skip(f"access tokens that live {shortest:g} to {longest:g} s: not offered by {LIVE}")
    return daemon


def _command(name: str, flags: list[str]) -> list[str]:
    kind, _, version = name.partition("-")
    flags = ["--api-version", version, *flags]
    if kind == "embedded":
        return [sys.executable, str(EMBEDDED), *flags]
    try:
        return peer_command(*flags)
    except PeerUnavailable as reason:
        pytest.skip(f"the whole daemon ({reason}): not offered by {name}")


@contextlib.contextmanager
def running(
    name: str, state: Path, *, token_life: float | None = None, page_limit: int | None = None
) -> Iterator[Daemon]:
    """Run the daemon of that name during the context. `state`: the folder for its rows.

    `token_life`: seconds that its access tokens live; a live daemon has its own, and is skipped where that is not known
    or not short. `page_limit`: most rows of one answer to a find of messages, for the test daemons.
    """
    if name == LIVE:
        yield _live() if token_life is None else _live_with_short_tokens()
        return
    flags = ["--state", str(state)]
    if token_life is not None:
        flags += ["--token-life", f"{token_life:g}"]
    if page_limit is not None:
        flags += ["--page-limit", str(page_limit)]
    command = _command(name, flags)
    # A restart needs the key of the first start, because the embedded daemon stores hashes only.
    environment = {KEY: f"agor_sk_{secrets.token_hex(24)}", PASSWORD: secrets.token_urlsafe(12)}

    def start(port: int) -> JsonLineProcess:
        return JsonLineProcess([*command, "--port", str(port)], cwd=ROOT, env={**environment, "PYTHONPATH": str(ROOT)})

    process = start(0)
    daemon = Daemon(name, _access(process.greeting), name.partition("-")[2], token_life, process, start)
    try:
        yield daemon
    finally:
        assert daemon.process is not None
        daemon.process.stop()
