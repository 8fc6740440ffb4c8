"""agor_reactive: the Agor daemon's API in Python, with a reactive mirror of a session's live state."""

from agor_reactive._version import __version__

__all__ = ["__version__"]
