"""Which daemon of history is being played: the words and habits that changed between versions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["ERAS", "Era", "EraName"]

EraName = Literal["branches", "worktrees", "session-streams"]


@dataclass(frozen=True, slots=True)
class Era:
    """One generation of daemons.

    `place` is the singular word for where a session works. `rooms`: stream events go only to sockets that joined the
    session. `first_status`: what a prompt's task is born as. `prompt_answers_task`: False for the old envelope
    (see `agor_reactive.daemon.services.sessions`).
    """

    name: EraName
    place: str
    places: str
    rooms: bool
    first_status: str
    prompt_answers_task: bool

    @property
    def place_id(self) -> str:
        return f"{self.place}_id"

    @property
    def place_title(self) -> str:
        return self.place.capitalize()


ERAS: dict[EraName, Era] = {
    "worktrees": Era("worktrees", "worktree", "worktrees", False, "created", False),
    "branches": Era("branches", "branch", "branches", False, "created", True),
    "session-streams": Era("session-streams", "branch", "branches", True, "dispatching", True),
}
