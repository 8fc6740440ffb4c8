"""The table of sessions: rows as they change, one of them open, nothing left behind."""

from __future__ import annotations

import gc
from typing import Any

import ipywidgets
import pytest

from agor_reactive.adapters.ipywidgets import SessionsView
from agor_reactive.errors import HandleDisposed
from benchmarks.comms import Clock, Comms, Page
from tests.core.build import SID, session_row, stamp
from tests.session.world import OTHER, World


def world_of_two() -> World:
    world = World()
    rows = [
        {**session_row(["t0", "t1"], title="<b>One</b>", last_updated=stamp(10)), "archived": False},
        {
            **session_row(title="Other", status="running", last_updated=stamp(20)),
            "archived": False,
            "session_id": OTHER,
        },
    ]
    world.link.on_call("find", "sessions", lambda args: world.page(None, rows, args[0]))
    return world


class Table:
    """What a page would show of the table."""

    def __init__(self, comms: Comms) -> None:
        self.comms, self.read, self.rows, self.note = comms, 0, {}, ""
        self.opened: list[Any] = []
        self.panes: dict[int, Page] = {}

    def look(self) -> dict[str, Any]:
        """Take what came since."""
        for message in self.comms.customs()[self.read :]:
            self.read += 1
            if message["op"] == "opened":
                self.opened.append(message)
                self.panes.setdefault(message["pane"], Page())
            elif message["op"] == "pane":
                self.panes[message["pane"]].receive(message["message"])
            else:
                kept = {} if message["op"] == "snapshot" else self.rows
                self.rows = {key: row for key, row in kept.items() if key not in message.get("gone", ())}
                self.rows.update(message.get("put", ()))
                self.note = message.get("note", self.note)
        return self.rows


async def shown(comms: Comms, clock: Clock) -> tuple[World, SessionsView, Table]:
    """A view of two sessions, and what a page shows of it."""
    world = world_of_two()
    await world.link.open()
    view = SessionsView(world, timers=clock)  # type: ignore[arg-type]
    await view.ready()
    table = Table(comms)
    view.receive({"op": "sync", "view": "page"})
    return world, view, table


async def test_rows_come_change_and_go_and_only_what_changed_is_sent(comms: Comms, clock: Clock) -> None:
    world, view, table = await shown(comms, clock)
    rows = table.look()
    assert {row["title"] for row in rows.values()} == {"<b>One</b>", "Other"}
    assert rows[SID]["tasks"] == 2
    before = len(comms.sent)
    world.link.emit("sessions patched", session_row(title="Renamed", last_updated=stamp(30), archived=False))
    await world.settle()
    clock.advance(1)
    assert len(comms.sent) - before <= 2
    assert table.look()[SID]["title"] == "Renamed"
    world.link.emit("sessions removed", {"session_id": OTHER})
    await world.settle()
    clock.advance(1)
    assert list(table.look()) == [SID]
    view.close()
    await world.registry.close()


async def test_a_click_opens_a_session_and_another_click_another(comms: Comms, clock: Clock) -> None:
    world, view, table = await shown(comms, clock)
    view.receive({"op": "pick", "session": SID, "view": "page"})
    assert view.selected == SID
    table.look()
    view.receive({"pane": 1, "message": {"op": "sync", "view": "pane"}})
    assert view.handle is not None
    await view.handle.ready()
    clock.advance(1)
    table.look()
    assert table.panes[1].text() == "content of m1"
    first = view.handle
    view.receive({"op": "pick", "session": OTHER, "view": "page"})
    assert first.released
    assert view.selected == OTHER
    view.receive({"pane": 1, "message": {"op": "sync", "view": "pane"}})
    view.receive({"op": "pick", "session": "unknown", "view": "page"})
    table.look()
    assert [opened["pane"] for opened in table.opened] == [1, 2]
    view.receive({"op": "sync", "view": "late"})
    table.look()
    assert table.opened[-1] == {"op": "opened", "pane": 2, "session": OTHER}
    view.close()
    with pytest.raises(HandleDisposed):
        view.show(SID)
    await world.registry.close()


async def test_a_saved_table_reads_well_and_closing_leaves_nothing(comms: Comms, clock: Clock) -> None:
    world = world_of_two()
    await world.link.open()
    before = (len(ipywidgets.widgets.widget._instances), len(comms.open), world.counts)
    for _ in range(20):
        view = SessionsView(world, timers=clock)  # type: ignore[arg-type]
        await view.ready()
        view.receive({"op": "sync", "view": "page"})
        view.show(SID)
        bundle = view._repr_mimebundle_()
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        assert "2 sessions" in data["text/plain"]
        assert "Other" in data["text/plain"]
        view.close()
        view.close()
    await world.settle()
    gc.collect()
    assert (len(ipywidgets.widgets.widget._instances), len(comms.open), world.counts) == before
    await world.registry.close()


async def test_a_session_whose_last_task_failed_is_not_a_green_idle(comms: Comms, clock: Clock) -> None:
    world, view, table = await shown(comms, clock)
    assert (table.look()[SID]["status"], table.look()[SID]["tone"]) == ("idle", "ok")
    world.link.emit("tasks patched", {"task_id": "t1", "session_id": SID, "status": "failed"})
    await world.settle()
    clock.advance(1)
    assert (table.look()[SID]["status"], table.look()[SID]["tone"]) == ("failed", "bad")
    world.link.emit("tasks patched", {"task_id": "t2", "session_id": SID, "status": "running"})
    await world.settle()
    clock.advance(1)
    assert (table.look()[SID]["status"], table.look()[SID]["tone"]) == ("idle", "ok")
    view.close()
    await world.registry.close()


async def test_what_happens_while_every_page_is_hidden_needs_attention(comms: Comms, clock: Clock) -> None:
    world, view, table = await shown(comms, clock)
    assert [row["needs"] for row in table.look().values()] == [(), ()]
    view.receive({"op": "rest", "view": "page"})
    for status in ("running", "idle"):
        world.link.emit("sessions patched", session_row(status=status, last_updated=stamp(30), archived=False))
        await world.settle()
    view.receive({"op": "wake", "view": "page"})
    clock.advance(1)
    assert [reason for reason, _ in table.look()[SID]["needs"]] == ["finished"]
    view.close()
    await world.registry.close()
