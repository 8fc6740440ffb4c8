"""A task that leaves the queue at any moment of a sync round is read, with what was said of it while nothing arrived.

L5 for one path that random runs seldom take: queued before the link dropped, begun unseen, or seen to begin only after
the round had planned which messages it reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import pytest

from agor_reactive.core import events as e
from tests.core.build import Mirror, hydrated, message_row, saved, task_row
from tests.core.convergence import Convergence

MOMENTS = range(1, 7)
"""How many calls of the round are answered before the event arrives."""


def run(hydration: str, *, waiting: int, statuses: Sequence[str], unseen: bool, moment: int, has_queue: bool) -> None:
    """One run; the daemon and the mirror have to agree at its end."""
    machine = Convergence()
    machine.begin(hydration, tasks=12, modern=True, page=100, has_queue=has_queue, logged_in=True)
    wire, server = machine.wire, machine.server
    wire.quiesce(machine.agreement.landed)
    for _ in range(waiting):
        wire.emit(server.new_task("queued"))
    wire.deliver(len(wire.events))
    wire.quiesce(machine.agreement.landed)
    task_id = next(task for task, row in server.tasks.items() if row["status"] == "queued")
    wire.drop()
    if unseen:
        server.set_status(task_id, statuses[0])
        server.new_message(task_id, "text")
    wire.connect()
    for _ in range(moment):
        if readings := wire.unserved():
            wire.serve(readings[0])
            machine.arrive(readings[0])
    for status in statuses:
        wire.emit(server.set_status(task_id, status))
    wire.emit(server.new_message(task_id, "text"))
    wire.deliver(len(wire.events))
    wire.quiesce(machine.agreement.landed)
    machine.agreement.check()
    assert task_id in wire.mirror.state.loaded_task_ids or hydration == "none"
    machine.converged()


@pytest.mark.parametrize("hydration", ["none", "lazy", "eager", "lean", "preview"])
@pytest.mark.parametrize("statuses", [["running"], ["completed"], ["failed"], ["running", "completed"]], ids="-".join)
def test_a_task_that_leaves_the_queue_during_a_round_is_whole(hydration: str, statuses: list[str]) -> None:
    queues = ((1, True), (14, True), (14, False))
    for (waiting, has_queue), unseen, moment in product(queues, (False, True), MOMENTS):
        run(hydration, waiting=waiting, statuses=statuses, unseen=unseen, moment=moment, has_queue=has_queue)


@pytest.mark.parametrize("hydration", ["lazy", "eager", "lean", "preview"])
@pytest.mark.parametrize("reading", [False, True], ids=["at rest", "while everything is read again"])
def test_a_task_whose_beginning_could_not_be_read_is_whole(hydration: str, reading: bool) -> None:
    done, waiting = task_row("t1", "completed", second=1), task_row("t2", "queued", second=2)
    over = task_row("t2", "completed", second=2)
    mirror: Mirror = hydrated(hydration, tasks=[done, waiting])
    if reading:
        mirror.feed(e.ResyncRequested())
    mirror.feed(e.EventUnreadable(), e.EventUnreadable())  # t2 runs; its message m1
    if reading:
        mirror.land([done, waiting])  # read before t2 ran
    mirror.feed(saved("tasks", over, "patched"))
    mirror.land([done, over], messages={"t2": [message_row("m1", "t2")]})
    rows = {"t2": [message_row("m1", "t2")]}
    for fetch in mirror.state.fetches:
        if fetch.kind == "messages":
            mirror.answer("messages", fetch.task_id, messages=rows.get(fetch.task_id or "", []))
    assert mirror.message_ids("t2") == ["m1"]
