"""``python -m benchmarks`` prints one table; see ``--help``."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import orjson

from benchmarks.cases import APART, CASES, Plan, case
from benchmarks.measure import Timing
from benchmarks.table import Line, as_json, better_python, machine, print_rows
from benchmarks.workloads import Scale, dump

__all__ = ["main"]

DESCRIPTION = """Print the cost of the fold, the pipeline, the socket and hydration, as ratios to bases in this tree,
with their bounds. Exits with 0 even if a bound fails, because the machine may be loaded."""


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=DESCRIPTION)
    parser.add_argument("--quick", action="store_true", help="small workloads: checks that it runs, not its cost")
    parser.add_argument("--only", action="append", choices=list(CASES), metavar="NAME", help=", ".join(CASES))
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the table as JSON")
    parser.add_argument(
        "--rounds", type=int, default=None, help="rounds per ratio (default and minimum 5; with --quick 2)"
    )
    parser.add_argument("--gc", action="store_true", help="leave the garbage collector on while timing")
    commands = parser.add_subparsers(dest="command")
    workloads = commands.add_parser("workloads", help="write the events of every workload as JSON lines")
    workloads.add_argument("--dump", type=Path, metavar="DIR", required=True)
    workloads.add_argument("--quick", action="store_true", dest="quick_dump")
    plot = commands.add_parser("plot", help="draw how costs grow (needs matplotlib)")
    plot.add_argument("--svg", type=Path, metavar="FILE", required=True)
    return parser.parse_args(argv)


def run(names: list[str], plan: Plan) -> list[Line]:
    """Run the cases, and print each line as it is measured."""
    lines: list[Line] = []
    for name in names:
        begun = time.perf_counter()
        lines.extend(case(name)(plan))
        print(f"{name}: {time.perf_counter() - begun:.1f} s", file=sys.stderr, flush=True)
    return lines


def main(argv: list[str] | None = None) -> None:
    arguments = _arguments(argv)
    if arguments.command == "workloads":
        for path in dump(arguments.dump, Scale(arguments.quick or arguments.quick_dump)):
            print(path)
        return
    if arguments.command == "plot":
        from benchmarks.plot import draw

        draw(arguments.svg, quick=arguments.quick)
        return
    names = arguments.only or [name for name in CASES if arguments.quick or name not in APART]
    rounds = arguments.rounds or (2 if arguments.quick else 5)
    timing = Timing(rounds if arguments.quick else max(rounds, 5), arguments.gc)
    lines = run(names, Plan(Scale(arguments.quick), timing))
    print(" · ".join(f"{name} {version}" for name, version in machine().items()))
    if (hint := better_python()) is not None:
        print(hint)
    print_rows(lines)
    if arguments.json is not None:
        arguments.json.write_bytes(orjson.dumps(as_json(lines), option=orjson.OPT_INDENT_2))


if __name__ == "__main__":
    main()
