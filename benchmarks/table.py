"""The result table, also as JSON: each case with its time, base, ratio and bound."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

__all__ = ["Row", "Skipped", "as_json", "better_python", "machine", "print_rows"]


@dataclass(frozen=True, slots=True)
class Row:
    """One line. `ns` is per event, row, message or byte, as `unit` says. `bound` is an upper or lower bound of `ratio`;
    without one the line is for information."""

    work: str
    ns: float
    base: str = ""
    base_ns: float | None = None
    ratio: float | None = None
    bound: float | None = None
    sense: Literal["<=", ">="] = "<="
    unit: str = "event"
    note: str = ""

    @property
    def passed(self) -> bool | None:
        """Whether the bound holds; None without a bound."""
        if self.bound is None or self.ratio is None:
            return None
        return self.ratio <= self.bound if self.sense == "<=" else self.ratio >= self.bound


@dataclass(frozen=True, slots=True)
class Skipped:
    """A case that could not be measured here, with its reason."""

    work: str
    why: str


Line = Row | Skipped

_HEAD = ("work", "per s", "ns each", "beside", "its ns", "ratio", "bound", "")


def _cells(row: Row) -> Sequence[str]:
    verdict = {True: "pass", False: "FAIL", None: ""}[row.passed]
    return (
        row.work,
        f"{1e9 / row.ns:,.0f}" if row.ns and row.unit != "byte" else "",
        f"{row.ns:,.0f}" if row.unit != "byte" else f"{row.ns:,.0f} B",
        row.base,
        "" if row.base_ns is None else f"{row.base_ns:,.0f}" + (" B" if row.unit == "byte" else ""),
        "" if row.ratio is None else f"{row.ratio:.2f}",
        "" if row.bound is None else f"{'≤' if row.sense == '<=' else '≥'} {row.bound:g}",
        verdict + (f"  ({row.note})" if row.note else ""),
    )


def print_rows(lines: Iterable[Line]) -> None:
    """Print the table, the skipped cases, and how many bounds hold."""
    all_lines = list(lines)
    rows = [line for line in all_lines if isinstance(line, Row)]
    cells = [_HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEAD) - 1)]
    for texts in cells:
        parts = [
            text.ljust(width) if column in (0, 3) else text.rjust(width)
            for column, (text, width) in enumerate(zip(texts, widths, strict=False))
        ]
        print("  ".join([*parts, texts[-1]]).rstrip())
    for line in all_lines:
        if isinstance(line, Skipped):
            print(f"skipped: {line.work}: {line.why}")
    held = [row.passed for row in rows if row.passed is not None]
    skipped = sum(isinstance(line, Skipped) for line in all_lines)
    print(f"{sum(held)} of {len(held)} bounds hold, {skipped} skipped")


def machine() -> dict[str, str]:
    """The processor and the relevant versions."""
    names = (
        "agor-reactive",
        "python-socketio",
        "python-engineio",
        "aiohttp",
        "orjson",
        "pydantic",
        "reactivex",
        "httpx2",
    )
    python = f"{sys.version.split()[0]} ({_build()})"
    found = {"processor": _processor(), "system": platform.platform(), "python": python}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


OF_DISTRIBUTION = Path("/usr/bin/python3")


def _build() -> str:
    """How this Python was built. One without profile-guided optimisation is up to two times slower.

    Distributions build with it without naming it in the arguments of configure.
    """
    arguments = sysconfig.get_config_var("CONFIG_ARGS") or ""
    if "--enable-optimizations" in arguments:
        return "optimised build"
    return "build of the distribution" if sys.base_prefix == "/usr" else "build without optimisation"


def better_python() -> str | None:
    """What to say if this Python is not optimised and the machine has one of its distribution. None if all is well."""
    if _build() != "build without optimisation" or not OF_DISTRIBUTION.exists():
        return None
    ask = [
        str(OF_DISTRIBUTION),
        "-c",
        "import sys; print(*sys.version_info[:3], sep='.'); exit(sys.version_info < (3, 11))",
    ]
    done = subprocess.run(ask, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return None
    return (
        f"this Python was built without optimisation; {OF_DISTRIBUTION} ({done.stdout.strip()}) is faster."
        " docs/performance.md says how to measure with it"
    )


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def as_json(lines: Iterable[Line]) -> dict[str, Any]:
    """The table as data."""
    return {
        "machine": machine(),
        "rows": [{**asdict(row), "passed": row.passed} for row in lines if isinstance(row, Row)],
        "skipped": [asdict(line) for line in lines if isinstance(line, Skipped)],
    }
