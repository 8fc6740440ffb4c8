"""Leak checks: tasks, sockets, listeners, memberships, handles, memory."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import weakref
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import engineio

import agor_reactive as agor

__all__ = ["Process", "client_counts", "still_alive"]

_FDS = Path("/proc/self/fd")
_BLOCKS_LEFT = 40_000
"""Blocks of memory that may stay behind: caches of the libraries, the report itself. A leaked session has more."""


@dataclass(frozen=True, slots=True)
class Process:
    """The counts of the process at one time. `sockets` is None where the system does not report them."""

    tasks: frozenset[str]
    sockets: int | None
    engines: int
    web_sessions: int
    blocks: int
    resident: int | None

    @classmethod
    def now(cls) -> Process:
        """Count after a garbage collection."""
        for _ in range(3):
            gc.collect()
        current = asyncio.current_task()
        return cls(
            frozenset(f"{task.get_name()} {task.get_coro()!r:.120}" for task in asyncio.all_tasks() - {current}),
            _sockets(),
            len(engineio.base_client.connected_clients),
            sum(isinstance(thing, aiohttp.ClientSession) for thing in gc.get_objects()),
            sys.getallocatedblocks(),
            _resident(),
        )

    def grown_since(self, before: Process) -> list[str]:
        """Describe the counts that have increased."""
        found = [f"task {task}" for task in self.tasks - before.tasks]
        if self.sockets is not None and before.sockets is not None and self.sockets > before.sockets:
            found.append(f"{self.sockets - before.sockets} sockets")
        if self.engines > before.engines:
            found.append(f"{self.engines - before.engines} clients of python-engineio")
        if self.web_sessions > before.web_sessions:
            found.append(f"{self.web_sessions - before.web_sessions} sessions of aiohttp")
        if self.blocks > before.blocks + _BLOCKS_LEFT:
            found.append(f"{self.blocks - before.blocks} blocks of memory")
        return found


def _sockets() -> int | None:
    if not _FDS.is_dir():
        return None
    count = 0
    for entry in _FDS.iterdir():
        try:
            count += os.readlink(entry).startswith("socket:")
        except OSError:
            continue
    return count


def _resident() -> int | None:
    """The used memory in bytes, where the system reports it."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return None


def client_counts(client: agor.Client) -> dict[str, int]:
    """The counts of a client's entries for handles and calls; all zero when there are none."""
    connection: Any = getattr(client.link, "_connection", None)
    waiting = dict(connection._sio.callbacks.get("/", {})) if connection is not None else {}
    waiting.pop(0, None)  # python-socketio's own counter
    return {
        "router sinks": client.router.sink_count,
        "router listeners": client.router.listener_count,
        "mirrors": len(client.registry.sessions),
        "rooms": client.registry.rooms.count,
        "calls in flight": len(connection._in_flight) if connection is not None else 0,
        "callbacks of python-socketio": len(waiting),
    }


def still_alive(made: Sequence[weakref.ref[Any]]) -> Counter[str]:
    """The weak references to live objects, by type."""
    gc.collect()
    return Counter(type(thing).__name__ for ref in made if (thing := ref()) is not None)
