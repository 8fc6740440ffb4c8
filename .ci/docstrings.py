"""A griffe extension: shows the examples of docstrings (``>>>``) and their drawings (``::``) as blocks of code."""

import re
from typing import Any

import griffe

_EXAMPLE = re.compile(r"^>>> .*(?:\n.+)*", re.MULTILINE)
_DRAWING = re.compile(r"^::\n\n((?: {4}.*\n?|\n)+)", re.MULTILINE)


class Docstrings(griffe.Extension):
    """Rewrites every docstring as Markdown."""

    def on_instance(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Called for every object that griffe has read."""
        if obj.docstring is not None:
            obj.docstring.value = as_markdown(obj.docstring.value)


def as_markdown(text: str) -> str:
    """The docstring as Markdown."""
    text = _EXAMPLE.sub(lambda found: f"```pycon\n{re.sub(r' *# doctest:.*', '', found.group())}\n```", text)
    return _DRAWING.sub(lambda found: f"```text\n{_dedented(found.group(1))}\n```\n", text)


def _dedented(block: str) -> str:
    return "\n".join(line[4:] for line in block.rstrip().splitlines())
