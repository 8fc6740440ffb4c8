"""Sinks by name: ``slack://NAME``, ``webhook://NAME``, ``jsonl:FILE``, ``terminal:``.

Secrets come from the environment or from files: arguments are visible to every process and stay in a shell's history.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs

from pydantic import SecretStr

from agor_reactive.errors import UsageError
from agor_reactive.models.secrecy import hide
from agor_reactive.sinks.jsonl import JsonLines
from agor_reactive.sinks.protocol import Sink
from agor_reactive.sinks.slack import Slack, SlackBot
from agor_reactive.sinks.terminal import Terminal
from agor_reactive.sinks.webhook import Webhook

__all__ = ["sink_of"]

_DEFAULTS: Final = {"slack": "AGOR_SLACK_WEBHOOK", "webhook": "AGOR_WEBHOOK_URL"}
_SIGNING: Final = "AGOR_WEBHOOK_SECRET"
_NAME: Final = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_KINDS: Final = "slack://NAME, webhook://NAME, jsonl:FILE or terminal:"


def sink_of(
    target: str,
    *,
    template: str | None = None,
    thread: str | None = None,
    threads: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Sink:
    """The sink of a target.

    - ``slack://NAME``: the incoming webhook whose URL is in the environment variable NAME (default AGOR_SLACK_WEBHOOK).
      With ``?channel=C0123`` it holds a bot token, and `thread` makes threads, which the file `threads` keeps.
    - ``webhook://NAME``: the URL in the variable NAME (default AGOR_WEBHOOK_URL); AGOR_WEBHOOK_SECRET, if set, signs
    - ``jsonl:FILE``, ``jsonl:-`` for stdout; ``terminal:``

    A path in place of NAME (``slack:///run/secrets/slack``) names a file that holds the secret. `env` defaults to
    `os.environ`. Raises `UsageError`, without repeating the target where it may be a secret.
    """
    kind, _, rest = target.partition(":")
    rest = rest.removeprefix("//")
    if thread is not None and kind != "slack":
        raise UsageError("--thread goes with slack:// only")
    if kind in _DEFAULTS:
        name, _, query = rest.partition("?")
        secret = _secret(kind, name, os.environ if env is None else env)
        if kind == "webhook":
            if template is not None:
                raise UsageError("a webhook gets the whole record; --template goes with slack:// and terminal:")
            signing = (os.environ if env is None else env).get(_SIGNING) or None
            return Webhook(secret, secret=hide(signing))
        channel = parse_qs(query).get("channel", [""])[0]
        if channel:
            return SlackBot(secret, channel, template=template, thread=thread, threads=threads)
        if secret.get_secret_value().startswith("xox"):
            raise UsageError("a bot token needs a channel: slack://NAME?channel=C0123")
        return Slack(secret, template=template, thread=thread)
    if kind == "jsonl" and rest:
        if template is not None:
            raise UsageError("JSON Lines hold the whole record; --template goes with slack:// and terminal:")
        return JsonLines(sys.stdout if rest == "-" else rest)
    if kind == "terminal" and not rest:
        return Terminal(template=template)
    if kind in ("http", "https"):
        raise UsageError(
            "the address of a webhook is a secret, and arguments are visible to others: put it into AGOR_WEBHOOK_URL "
            "and say webhook:// (for Slack: AGOR_SLACK_WEBHOOK and slack://)"
        )
    raise UsageError(f"unknown target; it is {_KINDS}")


def _secret(kind: str, name: str, env: Mapping[str, str]) -> SecretStr:
    """The secret in a variable or in a file."""
    if name.startswith(("/", "./", "~")):
        try:
            text = Path(name).expanduser().read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not text"
            raise UsageError(f"{name} cannot be read: {why}") from None
        return _given(text, f"{name} is empty")
    variable = name or _DEFAULTS[kind]
    if _NAME.fullmatch(variable) is None or variable.startswith("xox"):
        raise UsageError(
            f"{kind}:// takes the name of an environment variable, or the path of a file, that holds the secret: an "
            "argument is visible to others"
        )
    return _given(env.get(variable, "").strip(), f"{variable} is not set: put the secret of {kind}:// into it")


def _given(text: str, otherwise: str) -> SecretStr:
    if not text:
        raise UsageError(otherwise)
    return SecretStr(text)
