"""The report of a run, with its verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Mirror", "Report"]


@dataclass(frozen=True, slots=True)
class Mirror:
    """One mirror at the end. `differs`: the first difference from a fresh load when all was idle, and `after_resync`:
    the same after a resync. `stale`: its own report of a failed load."""

    name: str
    size: str
    differs: str | None
    stale: str | None
    after_resync: str | None
    recorded: str | None = None
    """How the fold of its recording differs from the mirror's own state; None: in nothing."""

    @property
    def equal(self) -> bool:
        """Whether the mirror is equal in the end, and was equal or reported as stale before; its recording, too."""
        live = self.after_resync is None and (self.differs is None or self.stale is not None)
        return live and self.recorded is None


@dataclass
class Report:
    """`leaks`, `problems` and `faults` must be empty, every mirror equal, and the number of faults sufficient."""

    seconds: float
    seed: int
    api_version: str
    facts: dict[str, object] = field(default_factory=dict)
    failed_calls: Counter[str] = field(default_factory=Counter)
    mirrors: list[Mirror] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)
    problems: dict[str, Mapping[str, int]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    looked_for: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Whether the run has no problems."""
        return not (self.leaks or self.faults or any(self.problems.values())) and all(m.equal for m in self.mirrors)

    def lines(self) -> list[str]:
        """The report, ready to print."""
        found = [f"chaos: {self.seconds:g} s, seed {self.seed}, API version {self.api_version}", ""]
        width = max(map(len, self.facts), default=0)
        found += [f"  {name:<{width}}  {_shown(value)}" for name, value in self.facts.items()]
        found += ["", f"  calls that failed, by named error: {_counted(self.failed_calls)}", ""]
        found += [f"  {len(self.mirrors)} mirrors against a fresh read, and their recordings folded offline"]
        for mirror in self.mirrors:
            offline = "recording equal" if mirror.recorded is None else "RECORDING DIFFERS"
            sign = "equal    " if mirror.equal else "DIFFERENT"
            found.append(f"    {sign} {mirror.name:<28} {offline}  {mirror.size}")
            if mirror.recorded is not None:
                found.append(f"              its recording: {mirror.recorded}")
            if mirror.differs is not None and mirror.stale is not None:
                found.append(f"              until read again it said: {mirror.stale}")
            if mirror.differs is not None and mirror.stale is None:
                found.append(f"              when all was quiet: {mirror.differs}")
            if mirror.after_resync is not None:
                found.append(f"              after a resync: {mirror.after_resync}")
        found += ["", f"  leaks ({', '.join(self.looked_for)}): {len(self.leaks) or 'none'}"]
        found += [f"    {leak}" for leak in self.leaks]
        for kind, texts in self.problems.items():
            found.append(f"  {kind}: {sum(texts.values())}")
            found += [f"    {count} × {text}" for text, count in list(texts.items())[:10]]
        found += [f"  FAULT: {fault}" for fault in self.faults]
        found += ["", f"  {'all good' if self.good else 'SOMETHING IS OFF'}"]
        return found


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"


def _shown(value: object) -> str:
    return _counted(value) if isinstance(value, Mapping) else str(value)
