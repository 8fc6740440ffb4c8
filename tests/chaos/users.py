"""Users of the live client: they hold handles, load, unload, resync, prompt, release and retain again. One of them is
a subscriber that fails.

Every failed call is counted by its error's name; an error that is not an `AgorError` is a problem.
"""

from __future__ import annotations

import asyncio
import weakref
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import agor_reactive as agor
from agor_reactive.core import SessionState
from agor_reactive.errors import AgorError
from agor_reactive.session.handles import SessionHandle
from agor_reactive.session.observers import Subscription
from tests.chaos.problems import Problems, Unruly

__all__ = ["Seat", "Users", "seats"]


@dataclass(frozen=True, slots=True)
class Seat:
    """A user's handle: its session, its hydration, and the form of its id."""

    session_id: str
    hydration: str
    short: bool = False

    @property
    def asked_by(self) -> str:
        """Fact of the wire: the daemon's own short form is 24 hex digits."""
        return self.session_id.replace("-", "")[:24] if self.short else self.session_id


def seats(session_ids: list[str]) -> list[Seat]:
    """One seat per session, of mixed kinds; some share a session, with the same or another hydration."""
    kinds = ("lazy", "eager", "lean", "lazy", "none")
    found = [Seat(one, kinds[n % len(kinds)], short=n % 3 == 2) for n, one in enumerate(session_ids)]
    twice = [Seat(seat.session_id, seat.hydration) for seat in found[2:4]]
    otherwise = [Seat(found[0].session_id, "eager", short=True), Seat(found[1].session_id, "preview")]
    return [*found, *twice, *otherwise]


class Users:
    """`held` are the current handles by seat. `made` are weak references to every handle and mirror ever created."""

    def __init__(self, client: agor.Client, taken: list[Seat], problems: Problems, seed: int) -> None:
        self._client = client
        self._problems = problems
        self._chance = Random(f"users/{seed}")
        self._seats = taken
        self._asides: set[asyncio.Task[None]] = set()
        self.held: dict[int, SessionHandle] = {}
        self.made: list[weakref.ref[Any]] = []
        self.did: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.backwards = 0
        self.calm = False
        self.syncs: set[tuple[str, str, float]] = set()

    # ---- retaining and releasing ----

    def sit(self, number: int) -> None:
        """Retain the seat's session, and subscribe."""
        seat = self._seats[number]
        handle = self._client.registry.retain(seat.asked_by, task_hydration=seat.hydration)
        self.held[number] = handle
        self.made += [weakref.ref(handle), weakref.ref(handle.entry)]
        handle.subscribe(self._watcher())
        if number % 3 == 0:
            self._misbehave(handle)

    def leave(self, number: int) -> None:
        """Release it."""
        self.held.pop(number).release()

    def _watcher(self) -> Callable[[SessionState], None]:
        notified = -1
        session = ""

        def watch(state: SessionState) -> None:
            nonlocal notified, session
            # Only a short id that resolves to a retained session restarts a count.
            if state.session_id == session and state.revision <= notified:
                self.backwards += 1
            notified, session = state.revision, state.session_id
            if state.last_synced_at is not None:
                self.syncs.add((state.session_id, state.task_hydration, state.last_synced_at))

        return watch

    def _misbehave(self, handle: SessionHandle) -> None:
        """Subscribe a callback that raises, loads, unsubscribes and subscribes again."""
        subscription: Subscription[SessionState] | None = None
        clock = asyncio.get_running_loop().time
        began = last = clock()

        def unruly(state: SessionState) -> None:
            nonlocal subscription, last
            # Its loads change the state, which calls it again, so the number of loads is limited.
            if self.calm or handle.released or clock() - last < 0.3:
                raise Unruly("on purpose")
            last = clock()
            if state.tasks:
                task_id = state.tasks[-1].task_id
                handle.unload_task_messages(task_id)
                self._aside(self._called(handle.load_task_messages(task_id)))
            if subscription is not None and int(last - began) % 3 == 0:
                subscription()
                subscription = handle.subscribe(unruly)
            raise Unruly("on purpose")

        subscription = handle.subscribe(unruly)

    # ---- acting ----

    async def be(self) -> None:
        """Act at random until cancelled."""
        deeds = (
            (self._load, 6),
            (self._unload, 3),
            (self._resync, 2),
            (self._older, 2),
            (self._prompt, 2),
            (self._find, 2),
        )
        ways, weights = [deed for deed, _ in deeds], [weight for _, weight in deeds]
        while True:
            await asyncio.sleep(self._chance.uniform(0.02, 0.2))
            number = self._chance.randrange(len(self._seats))
            handle = self.held.get(number)
            if handle is None:
                self.did["retain"] += 1
                self.sit(number)
            elif self._chance.random() < 0.12:
                self.did["release"] += 1
                self.leave(number)
                if self._chance.random() < 0.5:
                    self.sit(number)
            else:
                deed = self._chance.choices(ways, weights)[0]
                self.did[deed.__name__.lstrip("_")] += 1
                self._aside(self._called(deed(handle)))

    def _aside(self, what: Awaitable[None]) -> None:
        task = asyncio.ensure_future(what)
        self._asides.add(task)
        task.add_done_callback(self._asides.discard)

    async def _called(self, call: Awaitable[Any]) -> None:
        try:
            await call
        except AgorError as error:
            self.failed[type(error).__name__] += 1
        except Exception as error:  # noqa: BLE001 - whatever else reaches a user is to be reported
            self._problems.unnamed_error(error)

    def _some_task(self, handle: SessionHandle) -> str | None:
        tasks = handle.state.tasks
        return tasks[self._chance.randrange(len(tasks))].task_id if len(tasks) else None

    async def _load(self, handle: SessionHandle) -> None:
        if task_id := self._some_task(handle):
            await handle.load_task_messages(task_id)

    async def _unload(self, handle: SessionHandle) -> None:
        if task_id := self._some_task(handle):
            handle.unload_task_messages(task_id)

    async def _resync(self, handle: SessionHandle) -> None:
        await handle.resync()

    async def _older(self, handle: SessionHandle) -> None:
        await handle.load_older_tasks()

    async def _prompt(self, handle: SessionHandle) -> None:
        await handle.prompt("From a user, in passing. [tools:0] [say:As you say.]")

    async def _find(self, handle: SessionHandle) -> None:
        await self._client.service("messages").find(query={"session_id": handle.session_id, "$limit": 5})

    # ---- the end ----

    async def settle(self) -> None:
        """Retain all seats again, without faulty subscribers, and wait until all calls have ended."""
        self.calm = True
        for number in range(len(self._seats)):
            if number not in self.held:
                self.sit(number)
        while self._asides:
            await asyncio.wait(tuple(self._asides))

    def leave_all(self) -> None:
        """Release every handle."""
        for number in tuple(self.held):
            self.leave(number)
