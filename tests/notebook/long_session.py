"""A session of any length on a scripted daemon, for notebooks that tests write. Runs in their kernels."""

from __future__ import annotations

import asyncio
from typing import Any

from agor_reactive.session.handles import SessionHandle
from tests.core.build import SID, message_row, session_row, task_row
from tests.session.world import World

__all__ = ["LongSession", "long_session"]

TEXT = """### What I found

The wanted amount was compared with the **whole** stock, `reserve()` forgot what others hold.

- held items count as taken, in one place
- an error names the item and what is left

```python
def available(stock, sku):
    return stock.have(sku) - stock.held(sku)  # held items are not ours
```

| before | after |
| --- | --- |
| three look-ups | one |
"""


class LongSession:
    """`handle` has read it all. A prompt ``stream 2000 6`` writes a reply of 2,000 chunks in six seconds."""

    def __init__(self, world: World, handle: SessionHandle) -> None:
        self.world, self.handle = world, handle
        self._streaming: asyncio.Task[None] | None = None
        self._streams = 0
        world.registry.prompt = self._prompted  # type: ignore[assignment]

    def stream(self, chunks: int, seconds: float) -> None:
        """Write a reply in the last task, in the background."""
        self._streaming = asyncio.get_running_loop().create_task(self._stream(chunks, seconds))

    async def _prompted(self, session_id: str, text: str) -> None:
        _, chunks, seconds = text.split()
        self.stream(int(chunks), float(seconds))

    async def _stream(self, chunks: int, seconds: float) -> None:
        task_id = self.handle.state.tasks[-1].task_id
        self._streams += 1
        message_id = f"live{self._streams}"
        for number in range(chunks):
            end = "\n\n" if number % 60 == 59 else " "
            notified = {"message_id": message_id, "task_id": task_id, "sequence": number, "chunk": f"word{number}{end}"}
            self.world.emit("messages streaming:chunk", **notified)
            await asyncio.sleep(seconds / chunks)


async def long_session(
    *,
    tasks: int,
    messages: int,
    title: str = "A long session",
    prompt: str = "Look again",
    text: str = TEXT,
    tool: str = "Bash",
) -> LongSession:
    """So many tasks with so many messages each, every second one a tool; all of it loaded."""
    world = World()
    world.tasks, world.messages = [], []
    for number in range(tasks):
        last = number == tasks - 1
        row = task_row(
            f"t{number}", "running" if last else "completed", second=number, full_prompt=f"{prompt} {number}"
        )
        world.tasks.append({**row, "duration_ms": 2500} if not last else row)
        for at in range(messages):
            use: list[Any] = [{"type": "tool_use", "id": f"u{number}.{at}", "name": tool, "input": {"command": text}}]
            content = use if at % 2 else [{"type": "text", "text": text}]
            world.messages.append(message_row(f"m{number}.{at}", f"t{number}", at, content=content))
    world.link.on_call("get", "sessions", lambda args: session_row(title=title, status="running"))
    await world.link.open()
    handle = world.registry.retain(SID, task_hydration="eager")
    await handle.ready()
    return LongSession(world, handle)
