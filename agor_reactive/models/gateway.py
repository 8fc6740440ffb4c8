"""The gateway: external channels (Slack, GitHub, …) whose threads are sessions."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from agor_reactive.models.base import Json, MadeRow, WireModel
from agor_reactive.models.settings import GatewayAgent

__all__ = ["GatewayChannel", "ThreadSession"]


class GatewayChannel(MadeRow):
    """One channel: `channel_type` is ``slack discord whatsapp telegram github teams``.

    `channel_key` and `config` hold secrets: they never show in a repr.
    """

    id: str
    name: str = ""
    channel_type: str = ""
    channel_key: str | None = Field(default=None, repr=False)
    config: Annotated[Any, Json] = Field(default=None, repr=False)
    enabled: bool | None = None
    agor_user_id: str | None = None
    target_branch_id: str | None = None
    target_worktree_id: str | None = None
    agentic_config: GatewayAgent | None = None
    last_message_at: str | None = None


class ThreadSession(WireModel):
    """The session that answers a thread of a channel.

    The row is undocumented: the fields here are read if present, all others are kept (`model_extra`).
    """

    id: str
    channel_id: str = ""
    thread_id: str = ""
    session_id: str = ""
    branch_id: str | None = None
    worktree_id: str | None = None
    status: str | None = None
    metadata: Annotated[Any, Json] = None
    created_at: str = ""
    last_message_at: str | None = None
