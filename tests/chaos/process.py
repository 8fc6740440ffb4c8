"""The embedded daemon as a process of its own, to be killed and started again on the same port and rows."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path

__all__ = ["DaemonProcess", "Settings"]

_ROOT = Path(__file__).parents[2]
_START = 20.0
_STOP = 5.0


@dataclass(frozen=True, slots=True)
class Settings:
    """How to start it. `token_life` in seconds."""

    db: Path
    era: str
    speed: float
    seed: int
    token_life: float


class DaemonProcess:
    """One daemon over all its lives. `kills` and `restarts` count the ends that were not and were in order."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # A database keeps hashes only: every start must be given the key of the first.
        self.api_key = f"agor_sk_{secrets.token_hex(24)}"
        self.url = ""
        self.workspace_id = ""
        self.kills = 0
        self.restarts = 0
        self._process: asyncio.subprocess.Process | None = None
        self._restarting: asyncio.Future[None] | None = None

    async def start(self) -> None:
        """Listen: on a port of its own the first time, on the same one from then on."""
        port = self.url.rpartition(":")[2] or "0"
        settings = self._settings
        # Secrets go by environment: arguments can be read by others.
        env = {**os.environ, "AGOR_DAEMON_API_KEY": self.api_key, "PYTHONPATH": str(_ROOT)}
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "agor_reactive.daemon", "--quiet",
            "--port", port, "--db", str(settings.db), "--era", settings.era, "--speed", str(settings.speed),
            "--seed", str(settings.seed), "--token-life", str(settings.token_life),
            cwd=_ROOT, env=env, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert self._process.stdout is not None
        async with asyncio.timeout(_START):
            line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the daemon ended while it started: exit {await self._process.wait()}")
        greeting = json.loads(line)
        self.url, self.workspace_id = greeting["url"], greeting["workspace_id"]

    async def kill(self) -> None:
        """End it without a word (SIGKILL)."""
        self.kills += 1
        await self._end(lambda process: process.kill())

    async def stop(self) -> None:
        """End it in order (SIGTERM): every socket is kicked first."""
        self.restarts += 1
        await self._end(lambda process: process.terminate())

    async def restart(self, *, down: float, in_order: bool) -> None:
        """Kill or stop it and start it again after `down` seconds. Once begun it is done, whoever is cancelled."""
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
        await self._end(lambda process: process.terminate())

    async def _end(self, how: object) -> None:
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        assert callable(how)
        how(process)
        try:
            async with asyncio.timeout(_STOP):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
