"""How long to wait before the next try: one rule for reconnects, repeated reads and polling."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

__all__ = ["Backoff", "no_jitter"]


def no_jitter() -> float:
    """Stands in for a random number where the wait is exact."""
    return 0.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits between tries, in seconds: they grow by `factor` from `first` up to `most`, then get jitter.

    `jitter` is the range that a wait is multiplied with: (0, 1) is full jitter, (1, 1) none. Reconnects have full
    jitter, because daemons disconnect all sockets of a tenant at once (a changed password, role or board), and the
    clients must not come back at once too. A connection that held for `steady` seconds starts the count anew; one that
    is cut sooner does not, so a daemon that disconnects on sight is not hammered.
    """

    first: float = 0.5
    most: float = 30.0
    steady: float = 30.0
    factor: float = 2.0
    jitter: tuple[float, float] = (0.0, 1.0)

    def delay(self, attempt: int, random: Callable[[], float]) -> float:
        """The wait before try number `attempt` (from 1); `random` gives numbers in [0, 1)."""
        low, high = self.jitter
        grown = self.first * self.factor ** min(attempt - 1, 30)
        return min(self.most, grown) * (low + (high - low) * random())

    def delays(self, random: Callable[[], float] = no_jitter) -> Iterator[float]:
        """The waits one after the other, without an end."""
        return (self.delay(attempt, random) for attempt in count(1))
