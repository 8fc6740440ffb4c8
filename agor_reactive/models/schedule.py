"""Schedules: prompts that start a session at set times."""

from __future__ import annotations

from pydantic import Field

from agor_reactive.models.base import MadeRow, WireModel
from agor_reactive.models.settings import AgentModel

__all__ = ["Schedule", "ScheduleAgent"]


class ScheduleAgent(WireModel):
    """The agent of a schedule, its model, permissions and tools."""

    agentic_tool: str = ""
    permission_mode: str | None = None
    model_settings: AgentModel | None = Field(default=None, alias="model_config")
    codex_approval_policy: str | None = None
    codex_network_access: bool | None = None
    codex_sandbox_mode: str | None = None
    context_files: tuple[str, ...] = ()
    mcp_server_ids: tuple[str, ...] = ()


class Schedule(MadeRow):
    """One schedule of a branch. `last_run_at` and `next_run_at` are epoch milliseconds; `timezone_mode` is ``local`` or
    ``utc``; `retention` is how many sessions of it are kept."""

    schedule_id: str
    branch_id: str = ""
    name: str = ""
    description: str | None = None
    prompt: str = Field(default="", repr=False)
    cron_expression: str = ""
    timezone: str | None = None
    timezone_mode: str | None = None
    enabled: bool | None = None
    allow_concurrent_runs: bool | None = None
    retention: int | float | None = None
    agentic_tool_config: ScheduleAgent | None = None
    last_run_at: int | float | None = None
    last_run_session_id: str | None = None
    next_run_at: int | float | None = None
