"""`completed_turns` emits each turn once: live, over a lost connection, and from history on request only."""

from __future__ import annotations

from typing import Any

from reactivex.subject import Subject

from agor_reactive.core import SessionState
from agor_reactive.core.events import LoadRequested
from agor_reactive.models.base import instant
from agor_reactive.operators import Turn, completed_turns
from tests.core.build import Mirror, message_row, saved, stamp, task_row


class Watched:
    """A mirror whose every snapshot goes through the operator; `ids` are the emitted turns."""

    def __init__(self, hydration: str = "eager", since: float | None = None) -> None:
        self.mirror = Mirror(hydration)
        self.source = Subject[SessionState]()
        self.turns: list[Turn] = []
        self.source.pipe(completed_turns(since)).subscribe(self.turns.append)

    def show(self) -> list[str]:
        """Publish the snapshot twice, as a source may; what was emitted so far."""
        for _ in range(2):
            self.source.on_next(self.mirror.state)
        return [turn.id for turn in self.turns]


def ended(task_id: str, second: int, status: str = "completed") -> dict[str, Any]:
    return task_row(task_id, status, second=second, started_at=stamp(second), completed_at=stamp(second + 4))


def test_a_turn_is_emitted_once_it_has_ended_with_its_messages() -> None:
    watched = Watched()
    watched.mirror.up().land([ended("old", 0), task_row("t1", second=10)])
    assert watched.show() == []
    watched.mirror.feed(saved("messages", message_row("m1", "t1", 1)), saved("messages", message_row("m2", "t1", 2)))
    assert watched.show() == []
    watched.mirror.feed(saved("tasks", ended("t1", 10, "failed"), "patched"))
    assert watched.show() == ["t1"]
    watched.mirror.feed(saved("tasks", {**ended("t1", 10), "model": "x"}, "patched"))
    assert watched.show() == ["t1"]
    (turn,) = watched.turns
    assert (turn.text, turn.duration, turn.failed) == ("content of m1\n\ncontent of m2", 4.0, True)


def test_what_ended_while_the_connection_was_down_is_emitted_once_after_the_sync() -> None:
    watched = Watched()
    watched.mirror.up().land([ended("old", 0), task_row("t1", second=10)])
    watched.show()
    watched.mirror.down()
    watched.show()
    watched.mirror.up(epoch=2)
    assert watched.show() == []
    rows = [ended("old", 0), ended("t1", 10), ended("t2", 20), task_row("t3", second=30)]
    watched.mirror.land(rows, messages={"t2": [message_row("m2", "t2", 1)]})
    assert watched.show() == ["t1", "t2"]
    assert watched.turns[1].text == "content of m2"
    watched.mirror.down().up(epoch=3).land(rows)
    assert watched.show() == ["t1", "t2"]


def test_history_is_emitted_from_a_time_on_request() -> None:
    rows = [ended("t1", 0), ended("t2", 10), ended("t3", 20)]
    for since, wanted in ((None, []), (stamp(14), ["t2", "t3"]), (stamp(0), ["t1", "t2", "t3"])):
        watched = Watched(since=None if since is None else instant(since))
        watched.mirror.up().land(rows)
        assert watched.show() == wanted


def test_older_tasks_that_are_loaded_later_are_history() -> None:
    watched = Watched("lean")
    watched.mirror.up()
    watched.mirror.answer("session")
    watched.mirror.answer("tasks", tasks=[ended("t5", 50)])
    watched.mirror.answer("queue", tasks=[])
    while watched.mirror.state.loading:
        watched.mirror.answer(
            watched.mirror.state.fetches[0].kind, watched.mirror.state.fetches[0].task_id, messages=[]
        )
    watched.show()
    watched.mirror.feed(saved("tasks", ended("t1", 10)), saved("tasks", ended("t6", 60)))
    assert watched.show() == ["t6"]


def test_turns_come_in_order_while_the_messages_of_one_are_read() -> None:
    watched = Watched("none")
    watched.mirror.up().land([task_row("t1", second=10), task_row("t2", second=20)])
    watched.show()
    watched.mirror.feed(LoadRequested("t1"))
    watched.mirror.feed(saved("tasks", ended("t1", 10), "patched"), saved("tasks", ended("t2", 20), "patched"))
    assert watched.show() == []
    watched.mirror.answer("messages", "t1", messages=[message_row("m1", "t1", 1)])
    assert watched.show() == ["t1", "t2"]
    assert watched.turns[0].text == "content of m1"


def test_a_time_with_an_offset_is_compared_as_a_time() -> None:
    watched = Watched()
    watched.mirror.up().land([ended("old", 0)])
    watched.show()
    west = {**ended("t1", 20), "created_at": "2026-11-24T23:00:20.000-01:00"}
    watched.mirror.down().up(epoch=2).land([ended("old", 0), west])
    assert watched.show() == ["t1"]
