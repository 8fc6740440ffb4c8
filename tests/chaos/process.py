"""The embedded daemon as a process of its own, to be ordered about, killed and started again on the same port and rows.

It is started as the contract suite starts it: JSON orders on its standard input, JSON answers on its standard output.
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
    """How to start it. `token_life` in seconds."""

    db: Path
    api_version: str
    speed: float
    seed: int
    token_life: float


class DaemonProcess:
    """One daemon over all its lives. `kills` and `restarts` count the ends that were not and were in order.

    `service_token` is for what executors do; None where members may do it.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # A database keeps hashes only: every start must be given the key of the first.
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
        """Listen: on a port of its own the first time, on the same one from then on."""
        port = self.url.rpartition(":")[2] or "0"
        settings = self._settings
        # Secrets go by environment: arguments can be read by others.
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
        """``kick`` every socket, ``revoke`` every token; False when the daemon is down, or goes down over it."""
        return await self._ask(what) is not None

    async def logins(self) -> int:
        """How many logins succeeded over REST since the last start."""
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
        """End it without a word (SIGKILL)."""
        self.kills += 1
        await self._end(lambda process: process.kill())

    async def stop(self) -> None:
        """End it in order: every socket is kicked first."""
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
        """A restart under way has come to its end."""
        if self._restarting is not None:
            await self._restarting

    async def end(self) -> None:
        """End it for good, uncounted."""
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
