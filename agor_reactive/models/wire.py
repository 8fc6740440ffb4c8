"""The types at the seam between transport and everything above: raw events and the link's status."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

__all__ = ["UNREADABLE", "CutText", "EventRun", "LinkPhase", "LinkStatus", "RawEvent"]

UNREADABLE: Final = "agor_reactive unreadable"
"""The topic of a `RawEvent` that stands for one that could not be read (broken JSON, nested too deep).

Its payload is ``{"session_ids": [...]}``: the sessions that the frame names. It may be about any of them.
"""


EventRun = Sequence[Sequence[Any]]
"""Events that arrived together, in their order: a pair of topic and payload each, as the frame was decoded. A
`RawEvent` is made of one only where somebody reads it."""


class CutText(str):
    """The text of a chunk that was cut inside a surrogate pair (an emoji): as a str it has U+FFFD there and can be
    encoded.

    `raw` has the lone surrogates, which the next chunk may complete.
    """

    __slots__ = ("raw",)
    raw: str

    def __new__(cls, text: str, raw: str) -> CutText:
        made = super().__new__(cls, text)
        made.raw = raw
        return made


class RawEvent:
    """One server event as it arrived: ``"messages streaming:chunk"`` is service ``messages``, name ``streaming:chunk``.

    `payload` is the decoded JSON, untouched; readers must not change it. `at` is the time of receipt in epoch seconds,
    stamped once by the transport. `topic` is the whole event name as the wire has it.
    """

    __slots__ = ("at", "payload", "topic")

    def __init__(self, topic: str, payload: Any, at: float = 0.0) -> None:
        self.topic = topic
        self.payload = payload
        self.at = at

    @property
    def service(self) -> str:
        """The service path, or ``""`` for an event without one (``server-info``, the bare ``created`` twins)."""
        return self.topic.rpartition(" ")[0]

    @property
    def name(self) -> str:
        """The event's own name: ``created``, ``streaming:chunk``."""
        return self.topic.rpartition(" ")[2]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RawEvent):
            return NotImplemented
        return (self.topic, self.payload, self.at) == (other.topic, other.payload, other.at)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        # Not shown, because the payload may hold prompts and secrets.
        return f"RawEvent({self.topic!r}, at={self.at!r})"


LinkPhase = Literal["connecting", "live", "degraded", "unauthenticated", "reconnecting", "closed"]


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """The status of the live link.

    `phase`: ``connecting`` the first time; ``live`` connected and logged in; ``unauthenticated`` not logged in (no
    credentials given yet, or refused: see `reason`), and on daemons with handshake authentication not connected either;
    ``reconnecting`` the link dropped and reconnects automatically; ``closed`` permanently. A session's state also says
    ``degraded``: live, but the daemon did not confirm that it sends this session's stream events (see `reason`); a link
    itself never does. `attempt` counts the attempts since the link was last up; `next_try_in` is in seconds. `epoch`
    counts connections made: it changes on every (re)connection and never otherwise.
    """

    phase: LinkPhase
    attempt: int = 0
    next_try_in: float | None = None
    reason: str | None = None
    epoch: int = 0

    @property
    def up(self) -> bool:
        """Whether calls can be sent."""
        return self.phase in ("live", "degraded", "unauthenticated")
