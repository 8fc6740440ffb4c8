"""The embedded daemon as a separate process that can be killed and restarted with the same port and rows.

It is started as in the contract suite: JSON orders on its standard input, JSON answers on its standard output.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.contract.embedded_process import KEY, PASSWORD

__all__ = ["DaemonProcess", "Settings"]

_ROOT = Path(__file__).parents[2]
_PROGRAM = _ROOT / "tests" / "contract" / "embedded_process.py"
_START = 20.0
_STOP = 5.0
_ANSWER = 5.0


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a start. `token_life` in seconds."""

    db: Path
    api_version: str
    speed: float
    seed: int
    token_life: float


class DaemonProcess:
    """One daemon across restarts. `kills` counts the ungraceful ends, `restarts` the graceful ones.

    `service_token` has the rights of executors; None where members have them.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # A database stores hashes only, so every start needs the key of the first.
        self.api_key = f"agor_sk_{secrets.token_hex(24)}"
        self._password = secrets.token_urlsafe(12)
        self.url = ""
        self.workspace_id = ""
        self.service_token: str | None = None
        self.kills = 0
        self.restarts = 0
        self._process: asyncio.subprocess.Process | None = None
        self._restarting: asyncio.Future[None] | None = None
        self._one_order = asyncio.Lock()

    async def start(self) -> None:
        """Start: on a free port the first time, on the same port later."""
        port = self.url.rpartition(":")[2] or "0"
        settings = self._settings
        # Secrets are passed in the environment, because arguments are visible to others.
        env = {**os.environ, KEY: self.api_key, PASSWORD: self._password, "PYTHONPATH": str(_ROOT)}
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(_PROGRAM),
            "--port", port, "--state", str(settings.db), "--api-version", settings.api_version,
            "--speed", str(settings.speed), "--seed", str(settings.seed), "--token-life", str(settings.token_life),
            cwd=_ROOT, env=env, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        async with asyncio.timeout(_START):
            line = await process.stdout.readline()
        if not line:
            raise RuntimeError(f"the daemon ended while it started: exit {await process.wait()}")
        greeting = json.loads(line)
        self.url, self.workspace_id = greeting["url"], greeting["workspace_id"]
        self.service_token = greeting.get("service_token")
        self._process = process

    async def order(self, what: str) -> bool:
        """Send an order (``kick`` every socket, ``revoke`` every token); False when the daemon is or goes down."""
        return await self._ask(what) is not None

    async def logins(self) -> int:
        """The number of successful REST logins since the last start."""
        answer = await self._ask("logins")
        return int(answer["count"]) if answer else 0

    async def _ask(self, what: str) -> dict[str, Any] | None:
        async with self._one_order:
            process = self._process
            if process is None or process.stdin is None or process.stdout is None:
                return None
            with contextlib.suppress(OSError):
                process.stdin.write(json.dumps({"do": what}).encode() + b"\n")
                await process.stdin.drain()
                async with asyncio.timeout(_ANSWER):
                    line = await process.stdout.readline()
                if line:
                    answer: dict[str, Any] = json.loads(line)
                    assert "done" in answer, answer
                    return answer
            return None

    async def kill(self) -> None:
        """Kill the process (SIGKILL)."""
        self.kills += 1
        await self._end(lambda process: process.kill())

    async def stop(self) -> None:
        """Stop it gracefully: every socket is disconnected first."""
        self.restarts += 1
        await self._end(_close_stdin)

    async def restart(self, *, down: float, in_order: bool) -> None:
        """Kill or stop it, then start it after `down` seconds. Completes even if the caller is cancelled."""
        self._restarting = asyncio.ensure_future(self._restart(down, in_order))
        await asyncio.shield(self._restarting)

    async def _restart(self, down: float, in_order: bool) -> None:
        await (self.stop() if in_order else self.kill())
        await asyncio.sleep(down)
        await self.start()

    async def settled(self) -> None:
        """Wait for the end of a current restart."""
        if self._restarting is not None:
            await self._restarting

    async def end(self) -> None:
        """Stop it finally, without counting."""
        await self.settled()
        await self._end(_close_stdin)

    async def _end(self, how: Callable[[asyncio.subprocess.Process], None]) -> None:
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        how(process)
        try:
            async with asyncio.timeout(_STOP):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


def _close_stdin(process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None
    process.stdin.close()
