"""Completion in the shell, as the scripts that --show-completion prints call it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agor_reactive.cli import completion
from tests.cli.conftest import Cli, Served

SHELLS = ("bash", "zsh", "fish", "powershell", "pwsh")


def completed(shell: str, line: str, env: dict[str, str]) -> tuple[str, str]:
    """What a shell gets for a line with the cursor at its end, on stdout and on stderr."""
    words = line.split(" ")
    given = {
        "_AGOR_REACTIVE_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
        "_TYPER_COMPLETE_ARGS": line,
        "_TYPER_COMPLETE_WORD_TO_COMPLETE": words[-1],
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    command = [sys.executable, "-m", "agor_reactive"]
    done = subprocess.run(command, env={**os.environ, **env, **given}, capture_output=True, text=True, timeout=30)
    return done.stdout, done.stderr


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_gets_the_commands(shell: str, served: Served) -> None:
    out, err = completed(shell, "agor-reactive ca", served.env)
    assert "cancel" in out
    assert "watch" not in out
    assert err == ""


def test_session_ids_complete_as_they_were_typed(cli: Cli, served: Served, session_id: str) -> None:
    digits = session_id.replace("-", "")
    assert completed("bash", f"agor-reactive watch {digits[:22]}", served.env) == (f"{digits}\n", "")
    assert completed("bash", f"agor-reactive stop {session_id[:25]}", served.env) == (f"{session_id}\n", "")
    out, _ = completed("zsh", f"agor-reactive prompt {digits[:22]}", served.env)
    assert "A session of one test" in out


@pytest.mark.parametrize(
    "env",
    [
        {"AGOR_DAEMON_URL": "http://127.0.0.1:1"},
        {"AGOR_DAEMON_URL": "not a url"},
        {"AGOR_API_KEY": "agor_sk_" + "0" * 48},
        {"AGOR_API_KEY": ""},
        {"AGOR_PROFILE": "nosuch", "AGOR_DAEMON_URL": "", "AGOR_API_KEY": ""},
    ],
)
def test_without_a_daemon_nothing_is_printed(served: Served, env: dict[str, str], tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "APPDATA": str(tmp_path)}
    out, err = completed("bash", "agor-reactive watch ", {**served.env, **home, **env})
    assert (out.strip(), err) == ("", "")


def test_a_daemon_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    import typer

    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AGOR_DAEMON_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("AGOR_API_KEY", "agor_sk_" + "0" * 48)
        context = typer.Context(typer.main.get_command(typer.Typer(callback=lambda: None)))
        began = time.monotonic()
        assert completion.complete_session(context, "") == []
        assert time.monotonic() - began < 3 * completion.TIMEOUT


def test_completion_is_installed_for_the_shell_that_runs(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    line = f"{sys.executable} -m agor_reactive --install-completion; true"
    env = {**os.environ, "HOME": str(tmp_path), "SHELL": bash}
    done = subprocess.run([bash, "-c", line], env=env, capture_output=True, text=True, timeout=30)
    assert re.search("bash completion installed in", done.stdout), done.stdout + done.stderr
    assert "agor-reactive" in (tmp_path / ".bashrc").read_text()
