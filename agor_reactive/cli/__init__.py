"""The command line, ``agor-reactive``. Each command imports its modules when it runs."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the command given on the command line, and exit with its code (see `endings`)."""
    import gc

    # What the package's import made stays until the end. Without this, the first full collection looks at all of it
    # while the command starts, which takes as long as importing typer does.
    gc.freeze()
    from agor_reactive.cli.app import run_app

    run_app()
