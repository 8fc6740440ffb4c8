"""The API versions of the embedded daemon: the names and rules that changed between real daemons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["API_VERSIONS", "DEFAULT_API_VERSION", "ApiVersion", "ApiVersionName"]

ApiVersionName = Literal["worktrees", "branches", "handshake"]


@dataclass(frozen=True, slots=True)
class ApiVersion:
    """One API version.

    `place` is the singular name of a session's workspace. `handshake`: today's rules, from authentication in the
    Socket.IO handshake to paged messages; without it, the rules of June 2026 and before. `prompt_answers_task`: False
    for the old envelope (see `agor_reactive.daemon.services.session_routes`). `login_limit`: logins per 15 minutes,
    failed ones only before `handshake`.
    """

    name: ApiVersionName
    place: str
    places: str
    handshake: bool
    prompt_answers_task: bool
    login_limit: int

    @property
    def place_id(self) -> str:
        return f"{self.place}_id"

    @property
    def place_title(self) -> str:
        return self.place.capitalize()


API_VERSIONS: dict[ApiVersionName, ApiVersion] = {
    "worktrees": ApiVersion("worktrees", "worktree", "worktrees", False, False, 200),
    "branches": ApiVersion("branches", "branch", "branches", False, True, 200),
    "handshake": ApiVersion("handshake", "branch", "branches", True, True, 50),
}
DEFAULT_API_VERSION: ApiVersionName = "handshake"
