"""The JavaScript and CSS of the pages, read from beside this file and put together: no build step, nothing fetched."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

__all__ = ["script", "style"]


@cache
def script(*names: str) -> str:
    """One module made of these, in order; the last one has the export."""
    folder = files(__package__) / "static"
    return "\n".join((folder / f"{name}.js").read_text(encoding="utf-8") for name in names)


@cache
def style() -> str:
    """The style sheet of all pages."""
    return (files(__package__) / "static" / "style.css").read_text(encoding="utf-8")
