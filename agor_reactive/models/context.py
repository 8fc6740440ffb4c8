"""Context files: notes in the daemon's directory that can be added to sessions."""

from __future__ import annotations

from pydantic import Field

from agor_reactive.models.base import CamelModel

__all__ = ["ContextFile"]


class ContextFile(CamelModel):
    """One file, by its `path`; `content` comes with `get` only. `size` is in bytes."""

    path: str
    title: str = ""
    size: int | float = 0
    last_modified: str = ""
    content: str | None = Field(default=None, repr=False)
