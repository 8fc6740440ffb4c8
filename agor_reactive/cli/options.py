"""Arguments and options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from agor_reactive.cli.completion import complete_session
from agor_reactive.cli.help import PlainCommand
from agor_reactive.errors import UsageError

__all__ = [
    "ALL_FIELDS",
    "ApiVersion",
    "Hydration",
    "Jq",
    "Json",
    "JsonFields",
    "LogFiles",
    "Record",
    "RedactText",
    "RowsCommand",
    "Seed",
    "SessionId",
    "Speed",
    "check_json",
]

ALL_FIELDS = "*"
"""The value of ``--json`` without fields."""

SessionId = Annotated[
    str,
    typer.Argument(
        metavar="SESSION", help="Session id; any unambiguous prefix works.", autocompletion=complete_session
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Write JSON lines.")]
Hydration = Annotated[Literal["none", "lazy", "eager", "lean"], typer.Option(help="Which tasks load their messages.")]
LogFiles = Annotated[list[Path], typer.Argument(metavar="FILE", help="A log, or the parts of one.")]
Speed = Annotated[float, typer.Option(min=0.01, max=1000.0, help="Speed of the scripted agent.")]
Seed = Annotated[int, typer.Option(help="Random seed of the scripted agent.")]
Record = Annotated[
    Path | None, typer.Option("--record", metavar="FILE", help="Write a log into this new file (.jsonl, .zst or .gz).")
]
RedactText = Annotated[bool, typer.Option("--redact-text", help="Blank prompts and replies; keep their lengths.")]
ApiVersion = Annotated[
    Literal["handshake", "branches", "worktrees"], typer.Option("--api-version", help="API version of the daemon.")
]
JsonFields = Annotated[
    str | None,
    typer.Option(
        "--json",
        metavar="[FIELDS]",
        help="Write one JSON row per line: all fields, or those named, as session_id,status.",
    ),
]
Jq = Annotated[
    str | None,
    typer.Option("--jq", "-q", metavar="EXPR", help="Run a jq expression over the list of JSON rows."),
]


class RowsCommand(PlainCommand):
    """A command whose option ``--json`` may be given without a value."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Add the value that stands for all fields where ``--json`` has none."""
        options = args[: args.index("--")] if "--" in args else args
        for at, word in enumerate(options):
            if word == "--json" and (at + 1 == len(options) or options[at + 1].startswith("-")):
                args = [*args[:at], f"--json={ALL_FIELDS}", *args[at + 1 :]]
        return super().parse_args(ctx, args)


def check_json(fields: str | None, jq: str | None) -> tuple[str, ...] | None:
    """The fields wanted as JSON: None for text, empty for all. Raises `UsageError` if it names none."""
    if fields is None and jq is None:
        return None
    if fields is None or fields == ALL_FIELDS:
        return ()
    names = tuple(dict.fromkeys(name.strip() for name in fields.split(",") if name.strip()))
    if not names:
        raise UsageError("--json names no field; write --json for all of them")
    return names
