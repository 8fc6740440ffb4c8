"""The JavaScript and CSS of the pages, joined from the files in ``static/``: no build step, nothing fetched.

The scripts are ES modules that import each other, but anywidget loads a widget's script from a blob address, where
imports cannot be resolved. So a widget's module and all that it imports are joined into one.
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files

__all__ = ["element", "script", "style"]

_STYLES = ("base", "conversation", "prose", "sessions", "narrow", "replay")
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+)\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=class|const|function)", re.MULTILINE)


@cache
def script(name: str) -> str:
    """Return the module of that name with all its imports, each once and before its first use.

    The top-level names of all modules share one scope, so they must differ.
    """
    joined: dict[str, str] = {}
    _join(name, joined)
    return "\n".join(joined.values())


def _join(name: str, joined: dict[str, str]) -> None:
    source = _read(f"{name}.js")
    for other in _IMPORT.findall(source):
        if other not in joined:
            _join(other, joined)
    joined[name] = _EXPORT.sub("", _IMPORT.sub("", source))


@cache
def style(*more: str) -> str:
    """Return the style sheet of all pages, and those of that name after it."""
    return "\n".join(_read(f"{name}.css") for name in (*_STYLES, *more))


@cache
def element() -> str:
    """Return the script that defines ``<agor-session>``, with its style in it: a classic script, or a module."""
    looks = json.dumps(style("standalone", "element")).replace("<", "\\u003c")
    return f'(() => {{\n"use strict";\nconst AGOR_STYLE = {looks};\n{script("element")}}})();\n'


def _read(name: str) -> str:
    return (files(__package__) / "static" / name).read_text(encoding="utf-8")
