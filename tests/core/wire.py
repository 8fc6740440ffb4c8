"""Between a simulated daemon and one mirror: events on their way, reads page by page, logins, and what is lost when the
link drops.

Reads are the product's own (`Hydrator`): each call of one is served from the rows of that moment and its answer arrives
later, whatever happens between. Events reach the mirror in order, but late.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Generator
from typing import Any

from agor_reactive.core import events as e
from agor_reactive.core.fetches import Fetch
from agor_reactive.errors import AgorError, NotAuthenticated, NotFound
from agor_reactive.models import LinkStatus, RawEvent
from agor_reactive.session.failures import failure_of
from agor_reactive.session.hydration import Hydrator
from tests.core.build import SID, Mirror
from tests.core.server import Server

__all__ = ["Reading", "Wire", "bootstrap"]

_WITHOUT_CALLS = ("join", "rejoin", "wait", "retry")
_MOST_TURNS = 5_000


class _Calling:
    """Awaited by the product's read: hands one call out to `Reading` and resumes with its answer."""

    def __init__(self, method: str, service: str, args: tuple[Any, ...]) -> None:
        self.method, self.service, self.args = method, service, args

    def __await__(self) -> Generator[_Calling, Any, Any]:
        answer = yield self
        return answer


class _Link:
    """The part of a link that reads use."""

    async def call(self, method: str, service: str, *args: Any, timeout: float | None = None) -> Any:
        return await _Calling(method, service, args)


class Reading:
    """One fetch being carried out: a call at a time is served, and later its answer arrives."""

    def __init__(self, fetch: Fetch, work: Awaitable[e.Rows]) -> None:
        self.fetch = fetch
        self.calls = 0
        self.served: Any = None
        self.on_its_way = False
        self.result: e.FetchAnswered | e.FetchFailed | None = None
        self._work: Any = work
        self._pending: _Calling | None = None
        self._go_on(lambda: self._work.send(None))

    def serve(self, answer: Callable[[str, str, tuple[Any, ...]], Any]) -> None:
        """The daemon reads its rows for the pending call now; the answer is on its way."""
        assert self._pending is not None
        self.calls += 1
        self.on_its_way = True
        try:
            self.served = answer(self._pending.method, self._pending.service, self._pending.args)
        except AgorError as error:
            self.served = error

    def refuse(self, error: AgorError) -> None:
        """The pending call fails; its answer is on its way."""
        self.served, self.on_its_way = error, True

    def arrive(self) -> None:
        """The answer is here: the read goes on to its next call, or ends with a result."""
        served, self.served, self.on_its_way = self.served, None, False
        if isinstance(served, AgorError):
            self._go_on(lambda: self._work.throw(served))
        else:
            self._go_on(lambda: self._work.send(served))

    def _go_on(self, step: Callable[[], _Calling]) -> None:
        fetch = self.fetch
        try:
            self._pending = step()
        except StopIteration as stop:
            self.result = e.FetchAnswered(fetch.fetch_id, stop.value, 1.0)
        except AgorError as error:
            failure = failure_of(error, optional=fetch.kind in ("join", "rejoin", "queue"))
            self.result = e.FetchFailed(fetch.fetch_id, failure, 1.0)

    def close(self) -> None:
        self._work.close()


class Wire:
    """One connection after the other between the server and one mirror. `seen` counts what happened on it."""

    def __init__(self, server: Server, hydration: str, seen: Counter[str] | None = None) -> None:
        self.server = server
        self.mirror = Mirror(hydration)
        self.seen: Counter[str] = Counter() if seen is None else seen
        self.events: list[RawEvent] = []
        self.readings: dict[int, Reading] = {}
        self.epoch = 0
        self.up = False
        self.logged_in = True
        self.expired = False
        self._hydrator = Hydrator(  # only its reads are used: they need a link and nothing else
            SID,
            _Link(),
            None,
            limiter=None,
            emit=None,
            clock=None,
            sleep=None,  # type: ignore[arg-type]
        )

    # ------------------------------------------------------------------------------------------------------ events

    @property
    def listens(self) -> bool:
        """Whether the daemon sends this connection events."""
        return self.up and self.logged_in and not self.expired

    def emit(self, events: list[RawEvent]) -> None:
        if self.listens:
            self.events += events

    def deliver(self, count: int) -> None:
        for _ in range(min(count, len(self.events))):
            self.feed(self.events.pop(0))

    def feed(self, event: Any) -> None:
        self.mirror.feed(event)
        self.seen["events"] += 1
        wanted = {fetch.fetch_id: fetch for fetch in self.mirror.state.fetches}
        for fetch_id in [known for known in self.readings if known not in wanted]:
            self.readings.pop(fetch_id).close()
        for fetch_id, fetch in wanted.items():
            if fetch_id not in self.readings:
                work = self._nothing(fetch) if fetch.kind in _WITHOUT_CALLS else self._hydrator._read(fetch)
                self.readings[fetch_id] = Reading(fetch, work)

    async def _nothing(self, fetch: Fetch) -> e.Rows:
        await _Calling(fetch.kind, "", ())
        return e.Rows()

    # ------------------------------------------------------------------------------------------------------- reads

    def unserved(self) -> list[Reading]:
        return [reading for reading in self.readings.values() if not reading.on_its_way]

    def on_their_way(self) -> list[Reading]:
        return [reading for reading in self.readings.values() if reading.on_its_way]

    def serve(self, reading: Reading) -> None:
        reading.serve(self._answer)

    def _answer(self, method: str, service: str, args: tuple[Any, ...]) -> Any:
        if method in ("wait", "retry"):
            return None
        if not self.logged_in or self.expired:
            raise NotAuthenticated("Not authenticated", name="NotAuthenticated", code=401)
        if method in ("join", "rejoin"):
            if not self.server.modern:
                raise NotFound("Service not found", name="NotFound", code=404)
            return None
        return self.server.call(method, service, args)

    def arrive(self, reading: Reading) -> e.FetchAnswered | e.FetchFailed | None:
        """An answer arrives; the result of the fetch if it was the last."""
        reading.arrive()
        if reading.result is None:
            return None
        del self.readings[reading.fetch.fetch_id]
        self.seen["fetches of several pages"] += reading.calls > 1
        self.feed(reading.result)
        return reading.result

    # -------------------------------------------------------------------------------------------------------- link

    def _tell(self, phase: str) -> None:
        self.feed(e.LinkChanged(LinkStatus(phase, epoch=self.epoch)))  # type: ignore[arg-type]

    def drop(self) -> None:
        if self.up:
            self.up = False
            self.events.clear()
            self._tell("reconnecting")

    def connect(self) -> None:
        if not self.up:
            self.up = True
            self.expired = False
            self.epoch += 1
            self._tell("live" if self.logged_in else "unauthenticated")

    def log_out(self) -> None:
        """On this connection: what was sent before the answer to it arrives before; then no events, no reads."""
        if self.up and self.logged_in:
            self.deliver(len(self.events))
            self._tell("unauthenticated")
        self.logged_in = False

    def log_in(self) -> None:
        if not self.logged_in:
            self.logged_in = True
            if self.up and not self.expired:
                self._tell("live")

    def expire(self) -> None:
        """The daemon takes the login back; the link learns of it when it is cut."""
        self.expired = self.expired or self.up

    # ------------------------------------------------------------------------------------------------------- quiet

    def quiesce(self, landed: Callable[[Fetch, e.FetchAnswered | e.FetchFailed], None] | None = None) -> None:
        """Log in, deliver and answer everything until nothing is on its way; `landed` sees the result of each fetch."""
        if self.expired:
            self.drop()
        self.connect()
        self.log_in()
        for _ in range(_MOST_TURNS):
            self.deliver(len(self.events))
            for reading in self.unserved():
                self.serve(reading)
            if not self.readings:
                return
            for reading in self.on_their_way():
                if reading.fetch.fetch_id in self.readings:
                    result = self.arrive(reading)
                    if result is not None and landed is not None:
                        landed(reading.fetch, result)
        raise AssertionError(f"never quiet: {self.mirror.asked()}")


def bootstrap(server: Server, hydration: str, *, loaded: set[str], shown: set[str]) -> Mirror:
    """A mirror that has just read the same server, with the same tasks loaded and the same older pages read."""
    wire = Wire(server, hydration)
    wire.quiesce()
    while hydration == "lean" and wire.mirror.state.has_older_tasks and shown - set(wire.mirror.ids()):
        wire.feed(e.OlderTasksRequested())
        wire.quiesce()
    for task_id in sorted((loaded & set(wire.mirror.ids())) - set(wire.mirror.state.loaded_task_ids)):
        wire.feed(e.LoadRequested(task_id))
    wire.quiesce()
    return wire.mirror
