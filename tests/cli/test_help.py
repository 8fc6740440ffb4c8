"""Help texts: they fit, nothing is cut, and nothing shows how the parser names its types."""

from __future__ import annotations

import re

import pytest
import typer
from typer.testing import CliRunner

from agor_reactive.cli.app import app

COMMANDS = {name: one for name, one in typer.main.get_command(app).commands.items() if not one.hidden}  # type: ignore[attr-defined]


def help_of(*words: str, width: int) -> str:
    result = CliRunner().invoke(app, [*words, "--help"], prog_name="agor-reactive", terminal_width=width)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("width", [60, 100])
@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_fits_the_terminal_and_shows_whole_sentences(command: str, width: int) -> None:
    text = help_of(*command.split(), width=width)
    assert [line for line in text.splitlines() if len(line) > width] == []
    assert width < 100 or max(len(line) for line in text.splitlines() if not line.startswith("Usage:")) > 40
    usage, _, body = text.partition("\n")
    assert not re.search(r"<(int|str|path|float|list)|\[\[|\.\.\.$", body), text
    assert not re.search(r"[{<]|\[\[", usage)
    assert "Show this message and exit." in " ".join(text.split())


def test_every_command_is_in_the_list_once_below_what_it_is_for() -> None:
    text = help_of(width=100)
    listed = re.findall(r"^  ([a-z]+) {2,}\S", text, re.MULTILINE)
    assert sorted(listed) == sorted(COMMANDS)
    assert "\nCommands:" not in text


@pytest.mark.parametrize("command", ["sessions", "prompt", "watch", "record"])
def test_options_of_the_connection_are_below_those_of_the_command(command: str) -> None:
    own, _, connection = help_of(command, width=100).partition("\nConnection:\n")
    assert {"--url", "--api-key-env", "--profile"} <= set(re.findall(r"--[a-z-]+", connection))
    assert "--url" not in own
