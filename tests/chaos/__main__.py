"""`python -m tests.chaos --seconds N --seed S`: sessions mirrored over a deliberately bad network.

Prints progress and a report; exits with 1 on any problem.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time

from tests.chaos.scenario import Options, run_scenario


class _Progress:
    """One line, rewritten on a terminal; elsewhere a line every ten seconds."""

    def __init__(self) -> None:
        self._last = 0.0
        self._shown = False

    def __call__(self, line: str) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{line}")
            sys.stderr.flush()
            self._shown = True
        elif time.monotonic() - self._last >= 10 or not line[:4].strip().isdigit():
            self._last = time.monotonic()
            print(line, file=sys.stderr, flush=True)

    def end(self) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="how long it is broken")
    parser.add_argument("--seed", type=int, default=1, help="decides everything but the timing")
    parser.add_argument("--api-version", choices=("branches", "handshake"), default="handshake")
    parser.add_argument("--speed", type=float, default=6.0, help="pace of the daemon's agent")
    parser.add_argument("--token-life", type=float, default=2.5, help="seconds that an access token lives")
    given = parser.parse_args()
    progress = _Progress()
    options = Options(given.seconds, given.seed, given.api_version, given.speed, given.token_life, progress)
    report = asyncio.run(run_scenario(options))
    progress.end()
    print("\n".join(report.lines()))
    return 0 if report.good else 1


if __name__ == "__main__":
    sys.exit(main())
