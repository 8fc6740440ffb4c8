"""The command line, ``agor-reactive``. Its modules are read when a command runs, not before."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the command given on the command line, and exit: 0 well, 1 their fault (daemon, network), 2 wrong use."""
    from agor_reactive.cli.app import run_app

    run_app()
