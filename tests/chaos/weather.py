"""What the network does and when: decided by a seed, carried out on a `Proxy`.

The decisions are a pure stream of `Spell`s, the same for the same seed; only their timing is real.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Literal

from tests.chaos.proxy import Proxy

__all__ = ["DROPS", "Spell", "Weather", "spells"]

Kind = Literal["drop", "cut to client", "cut to daemon", "stall", "stall then drop", "delay", "throttle", "refuse"]

DROPS = ("drop", "cut to client", "cut to daemon", "stall then drop")
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
}


@dataclass(frozen=True, slots=True)
class Spell:
    """One deed: what, after how many seconds of calm, for how long, and how badly (a share from 0 to 1)."""

    kind: Kind
    after: float
    lasting: float
    degree: float


def spells(seed: int) -> Iterator[Spell]:
    """The weather of that seed, without end."""
    chance = Random(f"weather/{seed}")
    kinds, weights = list(_WEIGHTS), list(_WEIGHTS.values())
    while True:
        kind = chance.choices(kinds, weights)[0]
        yield Spell(kind, chance.uniform(0.2, 1.8), chance.uniform(0.3, 1.8), chance.random())


PACE = 0.3
"""Drops a second that the weather tries to keep: on a slow machine the calms between spells are cut short."""


class Weather:
    """`hit` counts, by kind, the connections that were hit."""

    def __init__(self, proxy: Proxy, seed: int) -> None:
        self._proxy = proxy
        self._spells = spells(seed)
        self.hit: Counter[str] = Counter()

    @property
    def drops(self) -> int:
        """Connections that were ended."""
        return sum(self.hit[kind] for kind in DROPS)

    async def blow(self) -> None:
        """Go on until cancelled; then it is calm again."""
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            for spell in self._spells:
                behind = self.drops < PACE * (clock() - began)
                await asyncio.sleep(spell.after / 3 if behind else spell.after)
                await self._do(spell)
        finally:
            self._proxy.calm()

    async def _do(self, spell: Spell) -> None:
        proxy = self._proxy
        if spell.kind in DROPS:
            await self._until_there_is_something_to_end()
        hit = proxy.open_count
        if spell.kind == "drop":
            hit = proxy.drop()
        elif spell.kind in ("cut to client", "cut to daemon"):
            hit = proxy.cut_mid_frame(towards_client=spell.kind == "cut to client")
        elif spell.kind in ("stall", "stall then drop"):
            proxy.stall()
            await asyncio.sleep(spell.lasting * (1 + 2 * spell.degree))  # the worst outlast a call's patience
            hit = proxy.drop() if spell.kind == "stall then drop" else hit
            proxy.go_on()
        elif spell.kind == "delay":
            proxy.delay(0.01 + 0.2 * spell.degree)
            await asyncio.sleep(spell.lasting)
            proxy.delay(0.0)
        elif spell.kind == "throttle":
            proxy.throttle(20_000 + 200_000 * spell.degree)
            await asyncio.sleep(spell.lasting)
            proxy.throttle(None)
        else:
            proxy.refuse(refusing=True)
            await asyncio.sleep(spell.lasting / 2)
            proxy.refuse(refusing=False)
            hit = 1
        self.hit[spell.kind] += hit

    async def _until_there_is_something_to_end(self) -> None:
        for _ in range(200):
            if self._proxy.open_count:
                return
            await asyncio.sleep(0.01)
