"""The service methods, and which of them only read. Facts of the wire; no IO.

A read may be repeated after its answer was lost; a write is not, because its outcome is unknown. A few writes change
nothing that matters when they are carried out twice (`is_repeatable`).
"""

from __future__ import annotations

from typing import Final

from agor_reactive.errors import ConnectionLost, LinkError, OutcomeUnknown

__all__ = ["STANDARD_METHODS", "is_read", "is_repeatable", "lost_in_flight"]

STANDARD_METHODS: Final = frozenset({"find", "get", "create", "update", "patch", "remove"})

# Custom methods are named freely by the daemon; these prefixes and names only read on every version seen (findByTask,
# getDocument, listAcl, toBlob, …). Every other method counts as a write and is never repeated.
_READ_PREFIXES: Final = ("find", "get", "list")
_READ_NAMES: Final = frozenset({"toBlob", "toYaml"})


def is_read(method: str) -> bool:
    """Whether `method` only reads, so that calling it twice is harmless."""
    return method.startswith(_READ_PREFIXES) or method in _READ_NAMES


# Another login or another subscription to the same session changes nothing.
_REPEATABLE: Final = frozenset({"authentication", "session-streams"})


def is_repeatable(method: str, service: str) -> bool:
    """Whether the call may be carried out twice: it reads, logs in, or subscribes to a session."""
    return is_read(method) or (method == "create" and service.strip("/") in _REPEATABLE)


def lost_in_flight(method: str, service: str, reason: str) -> LinkError:
    """The error for a call that was sent and whose answer was lost."""
    if is_repeatable(method, service):
        return ConnectionLost(
            f"{method} {service}: the connection was lost before the answer came ({reason}). Try again"
        )
    return OutcomeUnknown(
        f"{method} {service}: sent, but the connection dropped before the answer came ({reason}); "
        "it may have been carried out. Check before you repeat it"
    )
