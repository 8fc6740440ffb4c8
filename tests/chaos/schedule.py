"""The schedule of faults: decided by a seed, applied to a `Proxy` and to the daemon.

The decisions are a pure stream of `Fault`s, the same for the same seed; only their timing is real.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Literal, Protocol

from tests.chaos.proxy import Proxy

__all__ = ["DROPS", "Fault", "FaultSchedule", "Ordered", "faults"]

Kind = Literal[
    "drop",
    "cut to client",
    "cut to daemon",
    "stall",
    "stall then drop",
    "delay",
    "throttle",
    "refuse",
    "kick",
    "revoke",
]

DROPS = ("drop", "cut to client", "cut to daemon", "stall then drop", "kick", "revoke")
"""What ends connections."""

_WEIGHTS: dict[Kind, int] = {
    "drop": 5,
    "cut to client": 3,
    "cut to daemon": 2,
    "stall": 2,
    "stall then drop": 2,
    "delay": 2,
    "throttle": 2,
    "refuse": 1,
    "kick": 3,
    "revoke": 2,
}

PACE = 0.3
"""Drops a second that the schedule tries to keep: on a slow machine the pauses between faults are cut short."""


class Ordered(Protocol):
    """A daemon that accepts orders; False when it is down."""

    async def order(self, what: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault: its kind, the seconds before it, its duration, and its severity (0 to 1)."""

    kind: Kind
    after: float
    lasting: float
    degree: float


def faults(seed: int) -> Iterator[Fault]:
    """Generate the faults of a seed, without end."""
    chance = Random(f"faults/{seed}")
    kinds, weights = list(_WEIGHTS), list(_WEIGHTS.values())
    while True:
        kind = chance.choices(kinds, weights)[0]
        yield Fault(kind, chance.uniform(0.2, 1.8), chance.uniform(0.3, 1.8), chance.random())


class FaultSchedule:
    """`hit` counts, by kind, the connections that were hit."""

    def __init__(self, proxy: Proxy, daemon: Ordered, seed: int) -> None:
        self._proxy = proxy
        self._daemon = daemon
        self._faults = faults(seed)
        self.hit: Counter[str] = Counter()

    @property
    def drops(self) -> int:
        """The number of ended connections."""
        return sum(self.hit[kind] for kind in DROPS)

    async def run(self) -> None:
        """Run until cancelled; then all faults end."""
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            for fault in self._faults:
                behind = self.drops < PACE * (clock() - began)
                await asyncio.sleep(fault.after / 3 if behind else fault.after)
                await self._do(fault)
        finally:
            self._proxy.calm()

    async def _do(self, fault: Fault) -> None:
        proxy = self._proxy
        if fault.kind in DROPS:
            await self._until_there_is_something_to_end()
        hit = proxy.open_count
        if fault.kind == "drop":
            hit = proxy.drop()
        elif fault.kind in ("cut to client", "cut to daemon"):
            hit = proxy.cut_mid_frame(towards_client=fault.kind == "cut to client")
        elif fault.kind in ("kick", "revoke"):
            hit = hit if await self._daemon.order(fault.kind) else 0
        elif fault.kind in ("stall", "stall then drop"):
            proxy.stall()
            await asyncio.sleep(fault.lasting * (1 + 2 * fault.degree))  # the worst outlast the timeout of a call
            hit = proxy.drop() if fault.kind == "stall then drop" else hit
            proxy.go_on()
        elif fault.kind == "delay":
            proxy.delay(0.01 + 0.2 * fault.degree)
            await asyncio.sleep(fault.lasting)
            proxy.delay(0.0)
        elif fault.kind == "throttle":
            proxy.throttle(20_000 + 200_000 * fault.degree)
            await asyncio.sleep(fault.lasting)
            proxy.throttle(None)
        else:
            proxy.refuse(refusing=True)
            await asyncio.sleep(fault.lasting / 2)
            proxy.refuse(refusing=False)
            hit = 1
        self.hit[fault.kind] += hit

    async def _until_there_is_something_to_end(self) -> None:
        for _ in range(200):
            if self._proxy.open_count:
                return
            await asyncio.sleep(0.01)
