"""What must agree once all is quiet: the mirror with the daemon's rows, and with a mirror that has just begun.

`Agreement` follows what the user did, so that it knows which tasks have to be loaded and which errors may show.
"""

from __future__ import annotations

from typing import Any

from agor_reactive.core import SessionState
from agor_reactive.core import events as e
from agor_reactive.core.fetches import Fetch
from agor_reactive.core.snapshot import WINDOWS
from agor_reactive.core.tables import is_active
from tests.core.wire import Wire, bootstrap

__all__ = ["Agreement"]

_FINAL = ("forbidden", "not_found")
_WINDOWED = ("lean", "preview")


class Agreement:
    """The rules of agreement for one mirror."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.hydration = wire.mirror.state.task_hydration
        self.wanted: set[str] = set()
        """Tasks that the user loaded, whose messages came, and that were not unloaded since."""
        self.asked: set[str] = set()
        """Tasks that the user loads right now."""
        self.unwanted: set[str] = set()
        """Tasks that the user unloaded since everything was last read again."""
        self.gone: set[str] = set()
        """Tasks that were removed at some time; they may have been made again."""
        self.over = False
        """The session or its tasks were refused for good."""
        self.refused = False
        """Something else was."""
        self.users_read_failed = False
        self.shrunk = False
        """A task was removed since everything was last read again: a window may show less than a fresh one."""

    # -------------------------------------------------------------------------------------------- what has happened

    def loads(self, task_id: str) -> None:
        """The user loads what the mirror shows: perhaps a task before its removal, which the mirror missed."""
        on_its_way = [event.payload["task_id"] for event in self.wire.events if event.topic == "tasks removed"]
        row, shown = self.wire.server.tasks.get(task_id), self.wire.mirror.state.get_task(task_id)
        if row is None or shown is None or task_id in on_its_way:
            return
        if shown.created_at == row["created_at"]:
            self.asked.add(task_id)

    def unloads(self, task_id: str) -> None:
        self.asked.discard(task_id)
        self.wanted.discard(task_id)
        self.unwanted.add(task_id)

    def removed(self, task_id: str) -> None:
        self.asked.discard(task_id)
        self.wanted.discard(task_id)
        self.gone.add(task_id)
        self.shrunk = True

    def landed(self, fetch: Fetch, result: e.FetchAnswered | e.FetchFailed) -> None:
        if isinstance(result, e.FetchFailed):
            final = result.failure.kind in _FINAL
            if fetch.kind in ("session", "tasks"):
                self.over = self.over or final
                if final and fetch.kind == "session" and result.failure.kind == "not_found":
                    self.wanted.clear()  # the state was emptied
            else:
                self.refused = self.refused or final
                self.users_read_failed = self.users_read_failed or fetch.kind in ("messages", "older")
        elif fetch.kind == "messages" and not fetch.of_round and fetch.task_id in self.asked:
            self.wanted.add(fetch.task_id)
            self.unwanted.discard(fetch.task_id)

    # ------------------------------------------------------------------------------------------------- what must be

    def check(self) -> None:
        """All is quiet. What was refused for good may be missing, if `error` says so."""
        state = self.wire.mirror.state
        assert not state.loading
        assert not state.books.fetches
        assert not state.books.journal_tasks
        assert not state.books.journal_messages
        assert not [task.task_id for task in state.tasks if task.task_id in state.books.gone_tasks], "gone, yet shown"
        if state.terminal:
            assert self.over, "terminal, though nothing was refused for good"
            assert state.error
            return
        if state.error is None or not self.refused:
            assert state.error is None or self.users_read_failed, state.error
            self._agrees(state, resynced=False)

    def check_resynced(self) -> None:
        """All is quiet, and everything has been read again: nothing is missing."""
        state = self.wire.mirror.state
        self.over = self.refused = self.users_read_failed = self.shrunk = False
        self.unwanted.clear()
        assert not state.loading
        assert (state.terminal, state.error) == (False, None)
        assert not state.books.fetches
        self._agrees(state, resynced=True)

    def _agrees(self, state: SessionState, *, resynced: bool) -> None:
        shown = {task.task_id for task in state.tasks}
        fresh = bootstrap(self.wire.server, self.hydration, loaded=set(state.loaded_task_ids), shown=shown).state
        assert state.dump()["session"] == fresh.dump()["session"]
        self._queues_agree(state, fresh)
        self._tasks_agree(state, resynced=resynced)
        self._messages_agree(state, fresh)
        self._loads_agree(state)
        self._tools_agree(state, fresh, resynced=resynced)
        self._streams_agree(state)

    def _queues_agree(self, state: SessionState, fresh: SessionState) -> None:
        queue, of_fresh = state.dump()["queued_tasks"], fresh.dump()["queued_tasks"]
        if self.wire.server.has_queue:
            assert queue == of_fresh
            return
        if self.hydration not in _WINDOWED:  # made of tasks: positions that are equal, or missing, order nothing
            assert _by_id(queue) == _by_id(of_fresh)
            return
        # Without a route for the queue, a window knows only those that it has seen or that are among the newest.
        assert all(row in queue for row in of_fresh)
        assert all(row == self.wire.server.tasks.get(row["task_id"]) for row in queue)
        assert all(row["status"] == "queued" for row in queue)

    def _tasks_agree(self, state: SessionState, *, resynced: bool) -> None:
        server = self.wire.server
        assert [task.to_wire() for task in state.tasks] == [
            server.tasks[task_id] for task_id in server.order if state.get_task(task_id) is not None
        ]
        if self.hydration not in _WINDOWED:
            assert len(state.tasks) == len(server.tasks)
            assert not state.has_older_tasks
            return
        unqueued = server.unqueued()
        shown = [row for row in unqueued if state.get_task(row["task_id"]) is not None]
        assert bool(shown) == bool(unqueued)
        if not state.has_older_tasks:
            assert shown == unqueued, "tasks are hidden, and there seem to be none"
        if resynced or not self.shrunk:
            assert all(row in shown for row in unqueued[-WINDOWS[self.hydration] :]), "not all of the newest are shown"
        if self.hydration == "lean" and resynced:
            assert shown == unqueued[len(unqueued) - len(shown) :], "the window has a hole"
        if self.hydration == "preview":
            assert all(row is unqueued[-1] or _is_active(state, row["task_id"]) for row in shown)

    def _messages_agree(self, state: SessionState, fresh: SessionState) -> None:
        server = self.wire.server
        held = {task_id: [row.to_wire() for row in rows] for task_id, rows in state.messages_by_task.items()}
        for task_id in state.loaded_task_ids:
            assert held.pop(task_id) == server.messages_of(task_id)
        if self.hydration != "lean":
            assert not held, "messages of tasks that are not loaded"
        for rows in held.values():  # history, fuller perhaps than what is read of it
            assert all(row == server.messages.get(row["message_id"]) for row in rows)
        for task_id, messages in fresh.messages_by_task.items() if state.books.projects else ():
            if task_id not in fresh.loaded_task_ids and task_id not in state.loaded_task_ids | self.unwanted:
                if state.get_task(task_id) is None:
                    continue
                here = {row["message_id"] for row in held[task_id]}
                assert {row.message_id for row in messages} <= here

    def _loads_agree(self, state: SessionState) -> None:
        shown = {task.task_id for task in state.tasks}
        loaded = set(state.loaded_task_ids)
        assert loaded <= shown
        assert self.wanted & shown <= loaded, "what the user loaded is not loaded"
        if self.hydration == "none":
            assert loaded - self.gone == self.wanted - self.gone
        elif self.hydration == "eager":
            assert {row["task_id"] for row in self.wire.server.unqueued()} <= loaded | self.unwanted
        unqueued = [row for row in self.wire.server.unqueued() if row["task_id"] in shown]
        if unqueued and self.hydration != "none":
            assert unqueued[-1]["task_id"] in loaded | self.unwanted, "the newest task is not loaded"
        if self.hydration in _WINDOWED:
            assert all(_is_loaded(state, row["task_id"]) for row in unqueued if row["task_id"] not in self.unwanted)

    def _tools_agree(self, state: SessionState, fresh: SessionState, *, resynced: bool) -> None:
        """A tool that only live events brought is like text not yet saved, until everything is read again."""
        both = set(state.loaded_task_ids) & set(fresh.loaded_task_ids)
        if resynced and self.hydration not in _WINDOWED:
            assert state.dump()["tools_by_task"] == fresh.dump()["tools_by_task"]
        for task_id in both:
            assert _saved_tools(state, task_id) == _saved_tools(fresh, task_id)

    def _streams_agree(self, state: SessionState) -> None:
        for stream in state.streaming_messages.values():
            saved = state.messages_by_task.entries.get(stream.message_id)
            assert saved is None or saved.task_id != stream.task_id, "a saved message still streams"
            assert stream.task_id in self.wire.server.tasks, "a removed task still streams"
            if self.wire.server.tasks[stream.task_id]["status"] in ("completed", "failed", "stopped"):
                assert stream.settled
                assert stream.text


def _by_id(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: str(row["task_id"]))


def _is_active(state: SessionState, task_id: str) -> bool:
    task = state.get_task(task_id)
    return task is not None and is_active(task)


def _is_loaded(state: SessionState, task_id: str) -> bool:
    """Whether a task at work in a window is whole, as it must be."""
    return not _is_active(state, task_id) or task_id in state.loaded_task_ids


def _saved_tools(state: SessionState, task_id: str) -> list[Any]:
    return [tool for tool in state.dump()["tools_by_task"].get(task_id, []) if tool["message_id"]]
