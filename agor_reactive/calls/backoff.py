"""Back-off: the wait before the next attempt, for reconnects, repeated reads and polling."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

__all__ = ["Backoff", "no_jitter"]


def no_jitter() -> float:
    """Replace the random number where the wait is exact."""
    return 0.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """The waits between attempts, in seconds: they grow by `factor` from `first` up to `most`, then get jitter.

    `jitter` is the range that a wait is multiplied with: (0, 1) is full jitter, (1, 1) none. Reconnects have full
    jitter, because daemons disconnect all sockets of a tenant at once (a changed password, role or board), and the
    clients must not all reconnect at once. A connection that lasted `steady` seconds resets the count. A shorter one
    does not, so a daemon that disconnects immediately is not flooded with attempts.
    """

    first: float = 0.5
    most: float = 30.0
    steady: float = 30.0
    factor: float = 2.0
    jitter: tuple[float, float] = (0.0, 1.0)

    def delay(self, attempt: int, random: Callable[[], float]) -> float:
        """The wait before attempt number `attempt` (from 1); `random` gives numbers in [0, 1)."""
        low, high = self.jitter
        grown = self.first * self.factor ** min(attempt - 1, 30)
        return min(self.most, grown) * (low + (high - low) * random())

    def delays(self, random: Callable[[], float] = no_jitter) -> Iterator[float]:
        """All waits, one after the other, without end."""
        return (self.delay(attempt, random) for attempt in count(1))
