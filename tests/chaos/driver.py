"""Drives the daemon: prompts, stops, edits and removals over plain REST, without the bad network.

It is not under test: when the daemon is down it waits and continues.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from random import Random
from typing import Any

import agor_reactive as agor
from agor_reactive.errors import AgorError, NotFound

__all__ = ["Driver"]

_PROMPTS = (
    "Why is the stock wrong? [tools:1]",
    "Look again, please. [tools:2] [chunks:40]",
    "Only a word. [tools:0] [say:Yes, it is done.]",
    "All at once. [shuffle] [chunks:30]",
    "Without numbers. [unnumbered] [tools:0]",
    "This will break. [fail]",
    "This will vanish. [crash] [tools:1]",
    "Ask me first. [permission]",
    "Take your time. [slow]",
    "A long one. [tools:3] [chunks:120]",
)
_OPEN = ("queued", "created", "dispatching", "running", "stopping", "awaiting_permission", "awaiting_input")


class Driver:
    """`sessions` are full ids. `done` counts successful actions, `failed` the others.

    `executor` acts where members may not on newer daemons: changes messages, posts stream events.
    """

    def __init__(
        self, rest: agor.AsyncRestClient, executor: agor.AsyncRestClient, place: dict[str, str], seed: int
    ) -> None:
        self._rest = rest
        self._executor = executor
        self._place = place
        self._chance = Random(f"driver/{seed}")
        self.sessions: list[str] = []
        self._doomed = ""
        self.done: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()

    async def make_sessions(self, count: int) -> None:
        """Create sessions, each with an ended task."""
        for number in range(count):
            row = await self._rest.service("sessions").create(
                {**self._place, "agentic_tool": "claude-code", "title": f"session {number}"}
            )
            self.sessions.append(row.session_id)
            await self._rest.sessions.prompt(row.session_id, f"Begin. [say:I have begun, number {number}.]")

    def doom_one(self) -> str:
        """Exclude one of the sessions, for `remove_doomed`. Returns its id."""
        self._doomed = self.sessions.pop()
        return self._doomed

    async def remove_doomed(self, *, after: float) -> None:
        """Remove that session after `seconds`, with retries."""
        await asyncio.sleep(after)
        while True:
            try:
                await self._rest.service("sessions").remove(self._doomed)
            except NotFound:
                return
            except AgorError as error:
                self.failed[type(error).__name__] += 1
                await asyncio.sleep(0.1)
            else:
                return

    async def drive(self) -> None:
        """Run until cancelled."""
        deeds = (
            (self._prompt, 10),
            (self._stop, 4),
            (self._rename, 2),
            (self._edit_message, 1),
            (self._remove_message, 1),
            (self._remove_task, 1),
            (self._say_by_hand, 2),
        )
        ways, weights = [deed for deed, _ in deeds], [weight for _, weight in deeds]
        while True:
            await asyncio.sleep(self._chance.uniform(0.02, 0.15))
            deed = self._chance.choices(ways, weights)[0]
            try:
                await deed(self._chance.choice(self.sessions))
                self.done[deed.__name__.lstrip("_")] += 1
            except AgorError as error:
                self.failed[type(error).__name__] += 1

    async def _prompt(self, session_id: str) -> None:
        await self._rest.sessions.prompt(session_id, self._chance.choice(_PROMPTS))

    async def _stop(self, session_id: str) -> None:
        await self._rest.sessions.stop(session_id)

    async def _rename(self, session_id: str) -> None:
        title = f"title {self._chance.randrange(1000)}"
        await self._rest.service("sessions").patch(session_id, {"title": title})

    async def _some_message(self, session_id: str) -> Any:
        page = await self._rest.service("messages").find(query={"session_id": session_id})
        return self._chance.choice(page.data) if page.data else None

    async def _edit_message(self, session_id: str) -> None:
        if message := await self._some_message(session_id):
            changes = {"content": f"edited {self._chance.randrange(1000)}"}
            await self._executor.service("messages").patch(message.message_id, changes)

    async def _remove_message(self, session_id: str) -> None:
        if message := await self._some_message(session_id):
            await self._rest.service("messages").remove(message.message_id)

    async def _remove_task(self, session_id: str) -> None:
        page = await self._rest.service("tasks").find(query={"session_id": session_id})
        # Newer daemons remove queued tasks only.
        only_queued = self._executor is not self._rest
        fit = [task for task in page.data if task.status == "queued" or (task.status not in _OPEN and not only_queued)]
        if len(fit) > 1:
            await self._rest.service("tasks").remove(self._chance.choice(fit).task_id)

    async def _say_by_hand(self, session_id: str) -> None:
        """Post stream events without an agent: thinking and text of a task that may have ended."""
        page = await self._rest.service("tasks").find(query={"session_id": session_id})
        if not page.data:
            return
        ids = {
            "session_id": session_id,
            "task_id": self._chance.choice(page.data).task_id,
            "message_id": f"by-hand-{self._chance.randrange(10_000)}",
        }
        for event, more in (
            ("thinking:start", {}),
            ("thinking:chunk", {"chunk": "hm "}),
            ("streaming:start", {}),
            ("streaming:chunk", {"chunk": "by hand ", "sequence": 0}),
            ("streaming:chunk", {"chunk": "by hand ", "sequence": 2}),
        ):
            await self._executor.service("messages/streaming").create({"event": event, "data": {**ids, **more}})

    async def prompt_all(self, text: str) -> None:
        """Send the same prompt to every session."""
        for session_id in self.sessions:
            await self._rest.sessions.prompt(session_id, text)

    # ---- the end ----

    async def until_idle(self, *, within: float) -> None:
        """Stop endless tasks and wait until all tasks of all sessions have ended. Raises TimeoutError."""
        async with asyncio.timeout(within):
            for session_id in self.sessions:
                while await self._busy(session_id):  # noqa: ASYNC110 - it is another process that is waited for
                    await asyncio.sleep(0.1)

    async def _busy(self, session_id: str) -> bool:
        page = await self._rest.service("tasks").find(query={"session_id": session_id})
        open_now = [task for task in page.data if task.status in _OPEN]
        for task in open_now:
            if task.status != "queued" and any(word in task.full_prompt for word in ("[slow]", "[permission]")):
                await self._rest.sessions.stop(session_id)
        return bool(open_now)
