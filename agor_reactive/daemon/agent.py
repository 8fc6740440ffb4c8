"""The scripted agent: plays a plan on the event bus, at a pace, as an executor would.

It uses the daemon only through `TaskRunner`; its replies come from `script`. With `handshake`, thinking has a separate
message, and a tool call is saved before the tool runs; in older versions one message holds both and follows the tool.
"""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

from agor_reactive.daemon.script import Plan, ToolCall, plan
from agor_reactive.daemon.store import Row
from agor_reactive.daemon.task_runner import TaskRunner

__all__ = ["play"]

_MODEL = "scripted-agent"
_CHUNK = 0.022
_THOUGHT = 0.03
_TOOL = 0.15
_START = 0.1
_DENIED = "Permission denied: the user refused this tool, so it did not run."
_SLOW = 0.25
# A slow reply stays slow at any speed, or it would flood its subscribers.
_SLOW_LEAST = 0.05


class _Crash(Exception):
    """Raised by the `[crash]` directive; simulates a lost executor."""


async def play(task_runner: TaskRunner, task: Row) -> None:
    """Answer one task, from the first heartbeat to its end."""
    agent = _Agent(task_runner, task)
    try:
        await agent.run()
    except _Crash:
        return


class _Agent:
    def __init__(self, task_runner: TaskRunner, task: Row) -> None:
        self._task_runner = task_runner
        self._context = task_runner.context
        self._task = task
        self._session_id: str = task["session_id"]
        self._task_id: str = task["task_id"]
        self._rng: Random = self._context.rng(f"{task['message_range']['start_index']}/{task['full_prompt']}")
        self._plan: Plan = plan(task["full_prompt"], self._rng)
        self._handshake = self._context.api.handshake
        self._used = 0

    async def run(self) -> None:
        script = self._plan
        await self._pause(_START)
        self._task_runner.connect_executor(self._task)
        if script.holds:
            await asyncio.Event().wait()
        first = self._context.ids.stream()
        await self._think(self._context.ids.stream() if self._handshake else first)
        closing = first
        if script.tools:
            await self._stream(first, [*enumerate(script.opening)], len(script.opening))
            said: list[Row] = [{"type": "text", "text": "".join(script.opening)}]
            for number, tool in enumerate(script.tools):
                await self._use(tool, message_id=first if number == 0 else None, before=said if number == 0 else [])
            closing = self._context.ids.stream()
        await self._answer(closing)
        self._task_runner.finish(self._task, "completed", model=_MODEL, tool_use_count=self._used)

    async def _think(self, message_id: str) -> None:
        self._message("thinking:start", message_id, timestamp=self._context.now(), task_id=self._task_id)
        for chunk in self._plan.thinking:
            await self._pause(_THOUGHT)
            self._message("thinking:chunk", message_id, chunk=chunk, task_id=self._task_id)
        self._message("thinking:end", message_id, task_id=self._task_id)
        if self._handshake:
            self._save(message_id, [{"type": "thinking", "thinking": "".join(self._plan.thinking)}])

    async def _stream(self, message_id: str, sending: list[tuple[int, str]], count: int) -> None:
        self._open(message_id)
        for sequence, chunk in sending:
            await self._pause(_CHUNK)
            self._chunk(message_id, sequence, chunk)
        self._close(message_id, count)

    async def _answer(self, message_id: str) -> None:
        script = self._plan
        if script.slow:
            await self._drone(message_id)
        sending = list(script.sending)
        if script.ending == "complete":
            await self._stream(message_id, sending, len(script.closing))
            self._save(message_id, [{"type": "text", "text": "".join(script.closing)}])
            return
        self._open(message_id)
        for sequence, chunk in sending[: max(1, len(sending) // 2)]:
            await self._pause(_CHUNK)
            self._chunk(message_id, sequence, chunk)
        if script.ending == "crash":
            raise _Crash
        why = "The scripted model broke off, as the prompt asked it to."
        named = {"task_id": self._task_id} if self._handshake else {}
        self._message("streaming:error", message_id, error=why, **named)
        self._task_runner.finish(self._task, "failed", error_message=why, model=_MODEL, tool_use_count=self._used)
        raise _Crash

    async def _drone(self, message_id: str) -> None:
        self._open(message_id)
        sequence = 0
        while True:
            await self._context.clock.sleep(max(_SLOW / self._context.speed, _SLOW_LEAST))
            self._chunk(message_id, sequence, f"Still working, step {sequence + 1}. ")
            sequence += 1

    async def _use(self, tool: ToolCall, *, message_id: str | None, before: list[Row]) -> None:
        tool_use_id = f"toolu_{self._rng.getrandbits(80):020x}"
        use: Row = {"type": "tool_use", "id": tool_use_id, "name": tool.name, "input": tool.input}
        asks = self._plan.asks and self._used == 0
        self._used += 1
        if self._handshake:
            # `tool:complete` says that the call is written, not that the tool has run.
            self._tool_event("tool:start", tool_use_id, tool_name=tool.name)
            self._tool_event("tool:complete", tool_use_id)
            self._save_call(use, message_id, before)
        allowed = await self._permitted(tool, tool_use_id) if asks else True
        if allowed:
            await self._run_tool(tool, tool_use_id)
        if not self._handshake:
            self._save_call(use, message_id, before)
        result: Row = {"type": "tool_result", "tool_use_id": tool_use_id}
        outcome = {"content": tool.output} if allowed else {"content": _DENIED, "is_error": True}
        self._save(None, [{**result, **outcome}], role="user")

    async def _run_tool(self, tool: ToolCall, tool_use_id: str) -> None:
        if not self._handshake:
            self._tool_event("tool:start", tool_use_id, tool_name=tool.name)
        await self._pause(_TOOL)
        if not self._handshake:
            self._tool_event("tool:complete", tool_use_id)

    async def _permitted(self, tool: ToolCall, tool_use_id: str) -> bool:
        asked = {"tool_name": tool.name, "tool_input": tool.input, "tool_use_id": tool_use_id}
        return await self._task_runner.permissions.ask(self._task, asked, lossy=self._plan.lossy)

    def _save_call(self, use: Row, message_id: str | None, before: list[Row]) -> None:
        self._save(message_id, [*before, use], tool_uses=[{name: use[name] for name in ("id", "name", "input")}])

    def _tool_event(self, event: str, tool_use_id: str, **fields: Any) -> None:
        named = {"task_id": self._task_id, "session_id": self._session_id, "tool_use_id": tool_use_id}
        self._publish("tasks", event, {**named, **fields})

    def _save(self, message_id: str | None, content: list[Row], *, role: str = "assistant", **more: Any) -> None:
        self._context.new_message(
            session_id=self._session_id,
            task_id=self._task_id,
            role=role,
            content=content,
            message_id=message_id,
            **more,
        )

    def _open(self, message_id: str) -> None:
        self._message(
            "streaming:start", message_id, task_id=self._task_id, role="assistant", timestamp=self._context.now()
        )

    def _chunk(self, message_id: str, sequence: int, chunk: str) -> None:
        numbered = {"sequence": sequence} if self._plan.numbered else {}
        self._message("streaming:chunk", message_id, chunk=chunk, **numbered, task_id=self._task_id)

    def _close(self, message_id: str, count: int) -> None:
        numbered = {"sequence": count} if self._plan.numbered else {}
        self._message("streaming:end", message_id, **numbered, task_id=self._task_id)

    def _message(self, event: str, message_id: str, **fields: Any) -> None:
        self._publish("messages", event, {"message_id": message_id, "session_id": self._session_id, **fields})

    def _publish(self, service: str, event: str, payload: Row) -> None:
        self._context.bus.publish(f"{service} {event}", payload)
        # An executor posts every one of these to a route.
        self._context.bus.route(f"{service}/streaming", {"success": True})

    async def _pause(self, seconds: float) -> None:
        jitter = 0.6 + 0.8 * self._rng.random()
        await self._context.clock.sleep(seconds * jitter / self._context.speed)
