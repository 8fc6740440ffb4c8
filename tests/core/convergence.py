"""The random runs of the convergence law: one server, one mirror, and everything that can happen between them."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from agor_reactive.core import events as e
from agor_reactive.errors import AgorError, CallTimeout, Forbidden, NotFound, ServerError
from tests.core.agreement import Agreement
from tests.core.server import Server
from tests.core.wire import Reading, Wire

__all__ = ["COVERAGE", "Convergence"]

COVERAGE: Counter[str] = Counter()
"""In how many runs each kind of thing happened; `events` and `steps` are counted over all runs."""

some = st.integers(0, 1_000_000)

_FAILURES: dict[str, AgorError] = {
    "server": ServerError("disk full", name="GeneralError", code=500),
    "timeout": CallTimeout("not answered in time"),
    "forbidden": Forbidden("you may not", name="Forbidden", code=403),
    "not found": NotFound("there is no such thing", name="NotFound", code=404),
}
FINAL = ("forbidden", "not found")


class Convergence(RuleBasedStateMachine):
    """Rules of the server's side, of the wire, of the user; and now and then all is quiet and must agree."""

    @initialize(
        hydration=st.sampled_from(["none", "lazy", "eager", "lean", "lean", "preview"]),
        tasks=st.sampled_from([0, 1, 2, 4, 9, 12, 15]),
        modern=st.booleans(),
        page=st.sampled_from([2, 3, 100]),
        has_queue=st.sampled_from([True, True, True, False]),
        logged_in=st.sampled_from([True, True, True, False]),
    )
    def begin(self, hydration: str, tasks: int, modern: bool, page: int, has_queue: bool, logged_in: bool) -> None:
        self.hydration = hydration
        self.server = Server(modern=modern, page=page, has_queue=has_queue)
        for _ in range(tasks):
            self.server.new_task("completed")
            self.server.new_message(self.server.order[-1], "tool with result")
            self.server.new_message(self.server.order[-1], "text")
        self.seen: Counter[str] = Counter()
        self.seen[f"runs {hydration}"] = 1
        self.seen["runs with windows"] = int(hydration in ("lean", "preview"))
        self.wire = Wire(self.server, hydration, self.seen)
        self.wire.logged_in = logged_in
        self.agreement = Agreement(self.wire)
        self.wire.connect()

    def pick(self, n: int, ids: Any) -> Any:
        listed = sorted(ids)
        return listed[n % len(listed)] if listed else None

    def count(self, what: str) -> None:
        self.seen[what] += 1

    # ------------------------------------------------------------------------------------------------- the server

    @rule(status=st.sampled_from(["created", "running", "queued", "queued", "dispatching"]))
    def a_task_is_made(self, status: str) -> None:
        self.wire.emit(self.server.new_task(status))

    @rule(n=some, status=st.sampled_from(["running", "stopping", "completed", "failed", "stopped", "zz_new"]))
    def a_task_moves_on(self, n: int, status: str) -> None:
        if task_id := self.pick(n, self.server.tasks):
            self.wire.emit(self.server.set_status(task_id, status))

    @rule(n=some, position=st.one_of(st.none(), st.integers(0, 4)))
    def the_queue_is_reordered(self, n: int, position: int | None) -> None:
        waiting = [t for t, row in self.server.tasks.items() if row["status"] == "queued"]
        if task_id := self.pick(n, waiting):
            self.wire.emit(self.server.move_in_queue(task_id, position))

    @rule(n=some)
    def a_task_is_removed(self, n: int) -> None:
        if task_id := self.pick(n, self.server.tasks):
            self.count("removed tasks")
            self.agreement.removed(task_id)
            self.wire.emit(self.server.remove_task(task_id))

    @rule(n=some, status=st.sampled_from(["running", "queued", "completed"]))
    @precondition(lambda self: self.server.removed)
    def a_removed_task_is_made_again(self, n: int, status: str) -> None:
        self.count("tasks made again")
        self.wire.emit(self.server.task_again(self.pick(n, self.server.removed), status))

    @rule(n=some, shape=st.sampled_from(["text", "tool", "tool with result"]))
    def a_message_is_saved(self, n: int, shape: str) -> None:
        if task_id := self.pick(n, [row["task_id"] for row in self.server.unqueued()]):
            self.wire.emit(self.server.new_message(task_id, shape))

    @rule(n=some)
    def a_tool_starts_whose_message_is_never_saved(self, n: int) -> None:
        if task_id := self.pick(n, [t for t, row in self.server.tasks.items() if row["status"] == "running"]):
            self.wire.emit(self.server.tool_without_message(task_id))

    @rule(n=some)
    def a_message_is_edited(self, n: int) -> None:
        if message_id := self.pick(n, self.server.messages):
            self.wire.emit(self.server.edit_message(message_id))

    @rule(n=some, m=some)
    def a_message_becomes_another_tasks(self, n: int, m: int) -> None:
        begun = [row["task_id"] for row in self.server.unqueued()]
        message_id, task_id = self.pick(n, self.server.messages), self.pick(m, begun)
        if message_id and task_id and self.server.messages[message_id]["task_id"] != task_id:
            self.count("moved messages")
            self.wire.emit(self.server.move_message(message_id, task_id))

    @rule(n=some)
    def a_message_is_removed(self, n: int) -> None:
        if message_id := self.pick(n, self.server.messages):
            self.wire.emit(self.server.remove_message(message_id))

    @rule(n=some, chunks=st.integers(0, 4), numbered=st.booleans(), save=st.booleans())
    def a_reply_is_streamed(self, n: int, chunks: int, numbered: bool, save: bool) -> None:
        if task_id := self.pick(n, [t for t, row in self.server.tasks.items() if row["status"] == "running"]):
            self.wire.emit(self.server.stream(task_id, chunks, numbered=numbered, save=save))

    @rule()
    def the_session_is_patched(self) -> None:
        self.wire.emit(self.server.reorder())

    # --------------------------------------------------------------------------------------------------- the wire

    @rule(count=st.integers(1, 12))
    def events_arrive(self, count: int) -> None:
        if self.wire.on_their_way() and self.wire.events:
            self.count("answers older than events")
        self.wire.deliver(count)

    @rule()
    @precondition(lambda self: self.wire.events)
    def an_event_arrives_twice(self) -> None:
        event = self.wire.events[0]
        if "chunk" in event.topic and "sequence" not in event.payload:
            return  # unnumbered text repeated is text
        self.wire.feed(event)

    @rule()
    @precondition(lambda self: self.wire.events)
    def an_event_cannot_be_read(self) -> None:
        self.count("unreadable events")
        self.wire.events.pop(0)
        self.wire.feed(e.EventUnreadable())

    @rule(n=some, more=st.integers(0, 3))
    @precondition(lambda self: self.wire.unserved())
    def the_daemon_reads_pages(self, n: int, more: int) -> None:
        """Its rows for one call now; with `more` the answer arrives and so many more calls are served."""
        readings = self.wire.unserved()
        reading = readings[n % len(readings)]
        self.wire.serve(reading)
        for _ in range(more):
            if self.arrive(reading):
                return
            self.wire.serve(reading)

    @rule(n=some, kind=st.sampled_from(["server", "timeout", "server", "timeout", "server", "timeout", *FINAL]))
    @precondition(lambda self: any(reading.fetch.kind not in ("wait", "retry") for reading in self.wire.unserved()))
    def a_fetch_fails(self, n: int, kind: str) -> None:
        readings = [reading for reading in self.wire.unserved() if reading.fetch.kind not in ("wait", "retry")]
        reading = readings[n % len(readings)]
        if kind == "not found" and reading.fetch.kind in ("join", "rejoin", "queue"):
            kind = "server"  # that means that the daemon has no such service, for good
        self.count("final failures" if kind in FINAL else "failures")
        reading.refuse(_FAILURES[kind])
        if n % 2:
            self.arrive(reading)

    @rule(n=some)
    @precondition(lambda self: self.wire.on_their_way())
    def an_answer_arrives(self, n: int) -> None:
        readings = self.wire.on_their_way()
        self.arrive(readings[n % len(readings)])

    def arrive(self, reading: Reading) -> bool:
        """An answer arrives; whether the fetch is over."""
        result = self.wire.arrive(reading)
        if result is not None:
            self.agreement.landed(reading.fetch, result)
        return result is not None or reading.fetch.fetch_id not in self.wire.readings

    @rule()
    def the_link_drops(self) -> None:
        self.count("drops")
        self.wire.drop()

    @rule()
    @precondition(lambda self: not self.wire.up)
    def the_link_returns(self) -> None:
        self.wire.connect()

    @rule()
    def the_user_logs_out(self) -> None:
        self.wire.log_out()

    @rule()
    @precondition(lambda self: not self.wire.logged_in)
    def the_user_logs_in(self) -> None:
        self.count("logins")
        self.wire.log_in()

    @rule()
    def the_login_expires(self) -> None:
        self.count("expired logins")
        self.wire.expire()

    @rule(n=some, status=st.sampled_from(["running", "running", "completed"]), said=st.integers(0, 2), read=some)
    def a_prompt_leaves_the_queue_while_no_event_arrives(self, n: int, status: str, said: int, read: int) -> None:
        """The way to a bug that a run of loose rules seldom finds: waiting, begun unseen, seen mid-round."""
        waiting = [t for t, row in self.server.tasks.items() if row["status"] == "queued"]
        if not waiting:
            self.wire.emit(self.server.new_task("queued"))
            waiting = [self.server.order[-1]]
        self.wire.deliver(len(self.wire.events))
        task_id = self.pick(n, waiting)
        assert task_id is not None
        self.wire.drop()
        self.server.set_status(task_id, status)
        for _ in range(said):
            self.server.new_message(task_id, "text")
        self.wire.connect()
        for reading in self.wire.unserved():  # the room
            self.wire.serve(reading)
            self.arrive(reading)
        readings = self.wire.unserved()
        for reading in readings[: read % (len(readings) + 1)]:
            self.wire.serve(reading)
        self.wire.emit(self.server.new_message(task_id, "text"))
        self.wire.emit(self.server.set_status(task_id, status))
        self.wire.deliver(1 + n % 2)

    # --------------------------------------------------------------------------------------------------- the user

    @rule(n=some)
    def the_user_loads(self, n: int) -> None:
        if task_id := self.pick(n, self.wire.mirror.ids()):
            self.agreement.loads(task_id)
            self.wire.feed(e.LoadRequested(task_id))

    @rule(n=some)
    def the_user_unloads(self, n: int) -> None:
        if task_id := self.pick(n, self.wire.mirror.ids()):
            self.count("unloads")
            self.agreement.unloads(task_id)
            self.wire.feed(e.UnloadRequested(task_id))

    @rule()
    @precondition(lambda self: self.wire.mirror.state.has_older_tasks)
    def the_user_wants_older_tasks(self) -> None:
        self.count("older pages")
        self.wire.feed(e.OlderTasksRequested())

    @rule()
    def the_user_resyncs(self) -> None:
        self.wire.feed(e.ResyncRequested())

    # -------------------------------------------------------------------------------------------------------- quiet

    @rule()
    def all_is_quiet(self) -> None:
        self.converged()

    def converged(self) -> None:
        self.count("quiet moments")
        self.wire.quiesce(self.agreement.landed)
        self.agreement.check()
        self.wire.feed(e.ResyncRequested())
        self.wire.quiesce(self.agreement.landed)
        self.agreement.check_resynced()

    def teardown(self) -> None:
        if hasattr(self, "agreement"):
            self.converged()
            over_all = ("events", "quiet moments")
            COVERAGE.update({name: count if name in over_all else 1 for name, count in self.seen.items() if count})
            COVERAGE["runs"] += 1
