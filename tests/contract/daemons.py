"""The daemons that the suite runs against, how each is started, and what each lets us do to it.

Public routes, processes and pipes; nothing of a daemon's inside.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.feathers_peer.process import Access, JsonLineProcess, PeerUnavailable, peer_command

__all__ = ["DAEMONS", "Daemon", "running"]

ERAS = ("worktrees", "branches", "session-streams")
LIVE = "live"
DAEMONS = [*(f"embedded-{era}" for era in ERAS), "peer", *([LIVE] if os.environ.get("AGOR_CONTRACT_URL") else [])]
EMBEDDED = Path(__file__).with_name("embedded_process.py")
ROOT = Path(__file__).parents[2]
KEY, PASSWORD = "AGOR_CONTRACT_EMBEDDED_KEY", "AGOR_CONTRACT_EMBEDDED_PASSWORD"


@dataclass
class Daemon:
    """One running daemon, as a test may know it. `restart` is None where we have no power over the process."""

    name: str
    access: Access
    process: JsonLineProcess | None = None
    starter: Callable[[int], JsonLineProcess] | None = None
    routes: dict[str, bool] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.access.url

    @property
    def api_key(self) -> str:
        return self.access.api_key

    def not_offered(self, what: str) -> NoReturn:
        """Skip the test: counted and explained in the summary."""
        pytest.skip(f"{what}: not offered by {self.name}")

    def order(self, deed: str) -> None:
        """Do something to the daemon from its inside: ``kick`` every socket, ``cut`` every connection."""
        if self.process is None:
            self.not_offered("control of the daemon")
        if not self.process.order(deed):
            self.not_offered(f"the order to {deed}")

    def restart(self, *, graceful: bool = True) -> None:
        """Stop it and start it again at the same address with the same rows."""
        if self.process is None or self.starter is None:
            self.not_offered("control of the daemon")
        port = int(self.url.rpartition(":")[2])
        if graceful:
            self.process.stop()
        else:
            self.process.kill()
        self.process = self.starter(port)


def _access(greeting: dict[str, Any]) -> Access:
    workspace = greeting.get("branch_id") or greeting.get("worktree_id") or greeting["workspace_id"]
    optional = {key: greeting.get(key) for key in ("email", "password")}
    return Access(url=greeting["url"], api_key=greeting["api_key"], workspace_id=workspace, **optional)


def _live() -> Daemon:
    needed = ("AGOR_CONTRACT_API_KEY", "AGOR_CONTRACT_WORKSPACE_ID")
    if missing := [name for name in needed if not os.environ.get(name)]:
        pytest.fail(f"AGOR_CONTRACT_URL is set, so {' and '.join(missing)} must be too")
    key, workspace = (os.environ[name] for name in needed)
    url = os.environ["AGOR_CONTRACT_URL"].rstrip("/")
    return Daemon(LIVE, Access(url=url, api_key=key, workspace_id=workspace))


def _command(name: str, flags: list[str]) -> list[str]:
    if name != "peer":
        return [sys.executable, str(EMBEDDED), "--era", name.removeprefix("embedded-"), *flags]
    try:
        return peer_command(*flags)
    except PeerUnavailable as reason:
        pytest.skip(f"the whole daemon ({reason}): not offered by peer")


@contextlib.contextmanager
def running(name: str, state: Path, *, token_life: int | None = None) -> Iterator[Daemon]:
    """The daemon of that name for as long as the context lasts. `state`: where it may keep its rows."""
    if name == LIVE:
        if token_life is not None:
            pytest.skip(f"setting the life of access tokens: not offered by {LIVE}")
        yield _live()
        return
    flags = ["--state", str(state), *(["--token-life", str(token_life)] if token_life else [])]
    command = _command(name, flags)
    # A restart must know the key that the first start was given: the embedded daemon keeps hashes only.
    ways_in = {KEY: f"agor_sk_{secrets.token_hex(24)}", PASSWORD: secrets.token_urlsafe(12)}

    def start(port: int) -> JsonLineProcess:
        return JsonLineProcess([*command, "--port", str(port)], cwd=ROOT, env={**ways_in, "PYTHONPATH": str(ROOT)})

    process = start(0)
    daemon = Daemon(name, _access(process.greeting), process, start)
    try:
        yield daemon
    finally:
        assert daemon.process is not None
        daemon.process.stop()
