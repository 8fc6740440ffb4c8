"""Whatever happens between a daemon and a mirror (drops, logins, reads that fail, removals, loads): each turn and each
tool call that finishes is emitted once, never twice, and history is not emitted.

The runs are those of the convergence law. What must be emitted is worked out from whole snapshots, without shortcuts.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reactivex.subject import Subject

from agor_reactive.core import SessionState
from agor_reactive.core.tables import AT_REST
from agor_reactive.core.tools import Tool
from agor_reactive.models.base import instant
from agor_reactive.operators import ToolCall, Turn, completed_turns, tool_calls
from tests.core.convergence import Convergence
from tests.core.random_runs import _BEGIN, _POSSIBLE, _STEPS

Key = tuple[str, str]

_OFTEN = {
    "events_arrive": 8.0,
    "the_daemon_reads_pages": 6.0,
    "an_answer_arrives": 6.0,
    "a_message_is_saved": 9.0,
    "a_task_is_made": 3.0,
    "a_task_moves_on": 4.0,
    "all_is_quiet": 2.0,
    "the_user_logs_in": 3.0,
    "the_link_returns": 3.0,
}
_SELDOM = {"the_user_logs_out": 0.2, "the_login_expires": 0.2, "a_task_is_removed": 0.4, "a_fetch_fails": 0.4}
_SELDOM["a_message_becomes_another_tasks"] = 0.0  # a call would be of another task, and another call


def drawn(seed: int, count: int) -> tuple[dict[str, Any], list[tuple[str, dict[str, Any]]]]:
    """A run of the convergence law in which much happens that is seen."""
    source = random.Random(seed)
    begin = {name: draw(source) for name, draw in _BEGIN.items()}
    weights = [_OFTEN.get(name, _SELDOM.get(name, 1.0)) for name in _STEPS]
    names = source.choices(list(_STEPS), weights, k=count)
    return begin, [(name, {key: draw(source) for key, draw in _STEPS[name].items()}) for name in names]


def made(state: SessionState, task_id: str) -> float:
    return instant(state.tasks.entries[task_id].created_at) or 0.0


class Expected:
    """What must have been emitted, from every snapshot, whole."""

    def __init__(self) -> None:
        self.turns: set[str] = set()
        self.calls: dict[Key, Tool] = {}
        self.history_turns: set[str] | None = None
        self.executing: dict[Key, Tool] = {}
        self.history_calls: set[Key] = set()
        self.history_tasks: set[str] = set()
        self.seen_open: set[str] = set()
        self.oldest = 0.0

    def take(self, state: SessionState) -> None:
        if state.last_synced_at is None or state.loading:
            return
        ended = {task_id for task_id, entry in state.tasks.entries.items() if entry.ended}
        is_first = self.history_turns is None
        if self.history_turns is None:
            self.history_turns = set(ended)
            self.history_tasks = set(ended)
            self.oldest = min((made(state, task_id) for task_id in state.tasks.entries), default=float("-inf"))
        for task_id in state.tasks.entries:
            if task_id not in ended:
                self.seen_open.add(task_id)
            elif task_id not in self.seen_open and made(state, task_id) < self.oldest:
                self.history_tasks.add(task_id)
        reading = {fetch.task_id for fetch in state.fetches if fetch.kind in ("messages", "history")}
        everything = any(fetch.kind == "all_messages" for fetch in state.fetches)
        for task_id, tools in state.tools_by_task.items():
            if everything or task_id in reading or task_id in self.history_tasks:
                continue
            if task_id not in state.messages_by_task and task_id not in state.tasks.entries:
                continue  # outside of the window
            for tool in tools:
                key = (task_id, tool.tool_use_id)
                if tool.status == "executing":
                    if tool.message_id is not None:
                        self.executing[key] = tool
                elif key not in self.history_calls:
                    if is_first:
                        self.history_calls.add(key)
                    else:
                        # Unloaded messages: what they were is known no more, but was seen.
                        self.calls.setdefault(key, tool if tool.message_id else self.executing.get(key, tool))
        for task_id, tool_use_id in tuple(self.executing):
            key = (task_id, tool_use_id)
            if everything or task_id in reading:
                continue
            if task_id in state.messages_by_task and all(
                tool.tool_use_id != tool_use_id for tool in state.tools_by_task.get(task_id, ())
            ):
                del self.executing[key]  # its message was removed, or its task was made again without it
                continue
            if task_id in ended and task_id not in state.messages_by_task and key not in self.calls:
                # Its messages were unloaded before its task ended.
                self.calls[key] = self.executing[key]
        for task_id in ended - self.history_turns - self.history_tasks:
            if not everything and task_id not in reading:
                self.turns.add(task_id)


class Watched:
    """A run of the convergence law whose every snapshot goes through the operators."""

    def __init__(self, begin: dict[str, Any], since: float | None = None) -> None:
        self.expected = Expected()
        self.turns: list[Turn] = []
        self.calls: list[ToolCall] = []
        source = Subject[SessionState]()
        source.pipe(completed_turns(since)).subscribe(self.turns.append)
        source.pipe(tool_calls(since)).subscribe(self.calls.append)
        self.machine = Convergence.__new__(Convergence)
        self.machine.begin(**begin)
        mirror = self.machine.wire.mirror
        feed = mirror.feed

        def watch(*items: Any) -> SessionState:
            state = feed(*items)
            source.on_next(state)
            self.expected.take(state)
            return state

        mirror.feed = watch  # type: ignore[method-assign]

    def play(self, steps: list[tuple[str, dict[str, Any]]]) -> None:
        for name, arguments in steps:
            if name == "a_message_is_saved":
                begun = [row["task_id"] for row in self.machine.server.unqueued()]
                task_id = self.machine.pick(arguments["n"], begun)
                if task_id and self.machine.server.tasks[task_id]["status"] in AT_REST:
                    arguments = {**arguments, "shape": "text"}  # only tasks that run use tools
            if all(possible(self.machine) for possible in _POSSIBLE[name]):
                getattr(self.machine, name)(**arguments)
        self.machine.wire.quiesce()


@settings(max_examples=max(settings().max_examples // 3, 20))
@given(st.integers(0, 2**32), st.integers(10, 120))
def test_each_turn_and_each_tool_call_is_emitted_once_over_random_runs(seed: int, count: int) -> None:
    begin, steps = drawn(seed, count)
    watched = Watched(begin)
    watched.play(steps)
    turns = Counter(turn.id for turn in watched.turns)
    assert set(turns.values()) <= {1}
    assert set(turns) == watched.expected.turns
    calls = Counter((call.task_id, call.id) for call in watched.calls)
    assert set(calls.values()) <= {1}
    assert set(calls) == set(watched.expected.calls)
    for call in watched.calls:
        tool = watched.expected.calls[call.task_id, call.id]
        assert (call.result, call.input) == (tool.result, tool.input)
        assert (call.status == "denied") == tool.denied
        assert (call.status == "failed") == (tool.failed and not tool.denied)


COVERED = ("turns", "calls", "calls over a drop")


def test_the_runs_have_much_to_emit() -> None:
    """Else the property above would hold for operators that emit nothing."""
    found: Counter[str] = Counter()
    for seed in range(40):
        begin, steps = drawn(seed, 120)
        watched = Watched(begin)
        watched.play(steps)
        found["turns"] += len(watched.turns)
        found["calls"] += len(watched.calls)
        found["calls over a drop"] += len(watched.calls) if watched.machine.seen["drops"] else 0
        if all(found[name] > 15 for name in COVERED):
            break  # more runs only add to these
    assert all(found[name] > 15 for name in COVERED), found


@pytest.mark.parametrize("hydration", ["eager", "lazy", "lean"])
def test_a_daemon_that_works_on_while_the_link_is_down_loses_nothing(hydration: str) -> None:
    begin = {"hydration": hydration, "tasks": 2, "modern": True, "page": 3, "has_queue": True, "logged_in": True}
    watched = Watched(begin)
    machine, server = watched.machine, watched.machine.server
    machine.wire.quiesce()
    wanted_turns, wanted_calls = [], []
    for number in range(6):
        machine.wire.emit(server.new_task("running"))
        task_id = server.order[-1]
        machine.wire.deliver(1)
        if number % 2:
            machine.wire.drop()
        for shape in ("tool", "tool with result"):
            machine.wire.emit(server.new_message(task_id, shape))
            wanted_calls.append((task_id, f"use-m{server.made:04}"))
        machine.wire.emit(server.set_status(task_id, "completed"))
        wanted_turns.append(task_id)
        machine.wire.quiesce()
    assert [turn.id for turn in watched.turns] == wanted_turns
    assert sorted((call.task_id, call.id) for call in watched.calls) == sorted(wanted_calls)
    assert Counter(call.status for call in watched.calls) == {"completed": 6, "interrupted": 6}


@pytest.mark.parametrize("status", ["queued", "created"])
def test_a_call_of_a_task_that_is_not_known_to_run_is_emitted(status: str) -> None:
    """That it runs was missed with the connection, which drops again before the tasks have been read."""
    begin = {"hydration": "none", "tasks": 1, "modern": True, "page": 3, "has_queue": True, "logged_in": True}
    watched = Watched(begin)
    wire, server = watched.machine.wire, watched.machine.server
    wire.quiesce()
    wire.emit(server.new_task(status))
    task_id = server.order[-1]
    wire.deliver(1)
    wire.drop()
    wire.emit(server.set_status(task_id, "running"))
    wire.connect()
    for shape in ("tool", "tool with result"):
        wire.emit(server.new_message(task_id, shape))
    wire.deliver(len(wire.events))
    wire.drop()
    assert wire.mirror.state.tasks[-1].status == status
    calls = [(call.task_id, call.id) for call in watched.calls]
    assert calls == [(task_id, f"use-m{server.made:04}")]
    assert set(calls) == set(watched.expected.calls)
