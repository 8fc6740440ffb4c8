"""How the commands show their help: grouped, every sentence whole, arguments as they are typed."""

from __future__ import annotations

import re
from typing import Any, Final

from typer.core import TyperCommand, TyperGroup

__all__ = ["CONTEXT", "Commands", "PlainCommand"]

CONTEXT: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
"""Settings of every command's context."""

_GROUPS: Final = {
    "Sessions": ("sessions", "create", "fork", "open", "watch", "logs", "ui", "web"),
    "Prompts": ("prompt", "queue", "cancel", "stop", "approve", "deny", "permissions"),
    "Recordings": ("record", "export", "replay", "report"),
    "Deliveries": ("pipe", "otel"),
    "Connection": ("login", "logout", "profiles", "doctor"),
    "Demo": ("demo", "serve"),
}
_CONNECTION: Final = ("url", "api_key_env", "profile")
"""The options of every command that connects to a daemon."""
_TYPES: Final = {"int": "N", "float": "N", "path": "FILE", "str": "TEXT"}
_TYPE: Final = re.compile(r"<(int|float|path|str)(?: range)?>")


class PlainCommand(TyperCommand):
    """A command: ``SESSION [TITLE]`` in its usage; its own options first, those of the connection below."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The arguments as one types them."""
        parameters: list[Any] = self.get_params(ctx)
        arguments = [one for one in parameters if one.param_type_name == "argument"]
        return ["[OPTIONS]", *(_typed(one) for one in arguments if not one.hidden)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, the options, and the options of the connection."""
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": [], "Connection": []}
        parameters: list[Any] = self.get_params(ctx)
        for one in parameters:
            record = one.get_help_record(ctx)
            if record is None:
                continue
            if one.param_type_name == "argument":
                sections["Arguments"].append((_typed(one), one.help or ""))
            else:
                connects = "url" in ctx.command.callback.__annotations__ and one.name in _CONNECTION
                name = _TYPE.sub(lambda found: _TYPES[found[1]], record[0])
                sections["Connection" if connects else "Options"].append((name, record[1]))
        for title, records in sections.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


def _typed(argument: Any) -> str:
    name = (argument.metavar or argument.name.upper()).strip("[].")
    name += "..." if argument.nargs == -1 else ""
    return name if argument.required else f"[{name}]"


class Commands(TyperGroup):
    """The commands by what they are for, each with its whole first sentence."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write one section for each group of commands, and one for those of no group."""
        shown = {
            name: one for name in self.list_commands(ctx) if (one := self.get_command(ctx, name)) and not one.hidden
        }
        left = tuple(name for name in shown if not any(name in names for names in _GROUPS.values()))
        # One width for all sections, so that the sentences begin in one column.
        width = max(len(name) for name in shown)
        for title, names in {**_GROUPS, "Commands": left}.items():
            records = [(name.ljust(width), shown[name].get_short_help_str(1_000)) for name in names if name in shown]
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)
