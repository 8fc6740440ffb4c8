"""A session on a scripted daemon, shown by a view; a page that takes what the view sends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from agor_reactive.adapters.ipywidgets import SessionView
from agor_reactive.session.handles import SessionHandle
from benchmarks.comms import Clock, Comms, Page
from tests.core.build import SID
from tests.session.world import World

__all__ = ["Shown", "shown"]


class Shown:
    """A view of a session of `world`. `page` is what a browser would show after `look`."""

    def __init__(self, world: World, handle: SessionHandle, view: SessionView, comms: Comms, clock: Clock) -> None:
        self.world, self.handle, self.view, self.comms, self.clock = world, handle, view, comms, clock
        self.page = Page()
        self.read = len(comms.customs())

    def say(self, op: str, page: str = "page", **more: Any) -> None:
        """The page says something."""
        self.view.receive({"op": op, "view": page, **more})

    def new(self) -> list[Any]:
        """What was sent to pages since this was asked last."""
        found = self.comms.customs()[self.read :]
        self.read += len(found)
        return found

    async def look(self, seconds: float = 1.0) -> Page:
        """Let time pass, and what came be seen."""
        await self.world.settle()
        self.clock.advance(seconds)
        await self.world.settle()
        for message in self.new():
            self.page.receive(message)
        return self.page


@asynccontextmanager
async def shown(comms: Comms, clock: Clock, world: World | None = None, **options: Any) -> AsyncIterator[Shown]:
    """A session that has been read, in a view that is in sight."""
    world = world or World()
    await world.link.open()
    async with world.registry.retain(SID, **options) as handle:
        await handle.ready()
        view = SessionView(handle, timers=clock)
        scene = Shown(world, handle, view, comms, clock)
        scene.say("sync")
        await scene.look()
        yield scene
        view.close()
    await world.registry.close()
