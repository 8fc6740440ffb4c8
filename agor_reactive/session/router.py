"""Routes every event of the link: by session id to that session, by name to listeners, redacted to `client.events`.

One listener on the link per client, one dictionary look-up per event whatever the number of handles. Facts of the wire:
the events of all users reach every socket, some with secrets; the bare ``created`` twins carry null; routes emit events
of their own names. None of that reaches a session it does not belong to.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from reactivex import Observable

from agor_reactive.calls.own_loop import OwnLoop
from agor_reactive.models.base import copied
from agor_reactive.models.wire import UNREADABLE, EventRun, LinkStatus, RawEvent
from agor_reactive.session.observers import EventSubject, OnListenerFailure, log_failure
from agor_reactive.transport.redaction import redact
from agor_reactive.transport.seam import Link

__all__ = ["Router", "Tap", "shown", "unshared"]

_log = logging.getLogger("agor_reactive")


class Sink(Protocol):
    """Receives events of one session. It owns their payloads: listeners get copies (`unshared`)."""

    def receive(self, events: EventRun, at: float) -> None: ...


class Tap(Protocol):
    """Sees everything that the folds of a client take, in their order: what a recording needs.

    It must not raise, block or change anything. `entry` is the `SessionEntry` that folds.
    """

    def received(self, raw: RawEvent) -> None:
        """An event of the wire, before any session folds it."""

    def started(self, entry: Any) -> None:
        """A session begins to be mirrored, before its first event."""

    def applied(self, entry: Any, event: Any) -> None:
        """A session folds an event of this process next."""

    def ended(self, entry: Any) -> None:
        """A session was released by its last handle; its state is emptied next."""


class _Sinks:
    """Several sinks of one session's events."""

    def __init__(self, sinks: tuple[Sink, ...]) -> None:
        self.sinks = sinks

    def receive(self, events: EventRun, at: float) -> None:
        for sink in self.sinks:
            sink.receive(events, at)


def unshared(payload: Any) -> Any:
    """The payload for listeners, which may change it: a copy, because a session's state is folded from it later."""
    return copied(payload)


def _session_of(payload: Any) -> str | None:
    """The session that an event is of; None if it names none."""
    if type(payload) is not dict:
        return None
    session_id = payload.get("session_id")
    if session_id is None:
        session_id = payload.get("sessionId")
    return session_id if type(session_id) is str else None


def shown(event: RawEvent, payload: Any) -> RawEvent:
    """The event with that payload, without its secrets."""
    public = redact(event.topic, payload)
    return event if public is event.payload else RawEvent(event.topic, public, event.at)


def _all_of(sink: Sink | None) -> tuple[Sink, ...]:
    """The sinks of one session, one by one."""
    if sink is None:
        return ()
    return sink.sinks if isinstance(sink, _Sinks) else (sink,)


class Router:
    """The one listener of a link. `events` is the Observable of every server event, secrets taken out.

    `own_loop` is the event loop of the client and all its sessions.
    """

    def __init__(self, link: Link, *, on_listener_failure: OnListenerFailure = log_failure) -> None:
        self.link = link
        self.on_listener_failure = on_listener_failure
        self._sinks: dict[str, Sink] = {}
        self._topics: dict[str, EventSubject[Any]] = {}
        self.own_loop = OwnLoop()
        self._all: EventSubject[RawEvent] = EventSubject("client.events", on_listener_failure, self.own_loop)
        self._status: EventSubject[LinkStatus] = EventSubject(
            "a change of the link", on_listener_failure, self.own_loop
        )
        self._phase = link.status.phase
        self.taps: tuple[Tap, ...] = ()
        link.listen(self.receive, self._status_changed)

    @property
    def events(self) -> Observable[RawEvent]:
        """Every server event, noise included, secrets replaced by ``[redacted]``."""
        return self._all

    @property
    def sink_count(self) -> int:
        """How many session pipelines receive events."""
        return sum(map(len, map(_all_of, self._sinks.values())))

    @property
    def listener_count(self) -> int:
        """How many listeners of `on` and of the link's status there are."""
        return sum(topic.subscription_count for topic in self._topics.values()) + self._status.subscription_count

    def receive(self, events: EventRun, at: float) -> None:
        """Route events that the link received together at that time, in their order. Hot path.

        Events in a row of one session reach it in one call, so it is looked up once. Where somebody listens to an
        event, that event reaches its session and then the listeners before the next one reaches anything.
        """
        if self.taps or self._all.subscriptions:
            for number, event in enumerate(events):
                try:
                    self._receive_watched(event, at)
                except BaseException:
                    self._receive_later(events[number + 1 :], at)
                    raise
        else:
            self._route(events, at)

    def _receive_watched(self, event: Sequence[Any], at: float) -> None:
        raw = RawEvent(event[0], event[1], at)
        for tap in self.taps:
            tap.received(raw)
        is_kept = _session_of(raw.payload) in self._sinks
        self._route((event,), at)
        if self._all.subscriptions:
            self._all.emit(shown(raw, unshared(raw.payload) if is_kept else raw.payload))

    def _route(self, events: EventRun, at: float) -> None:
        sinks, topics = self._sinks, self._topics
        current: str | None = None  # the session that is looked up
        sink: Sink | None = None
        begun = number = 0  # what comes before `begun` has reached its session
        try:
            for number, (topic, payload) in enumerate(events):
                session_id = None
                if type(payload) is dict:
                    session_id = payload.get("session_id")
                    if session_id is None:
                        session_id = payload.get("sessionId")
                if session_id != current:
                    before, begun = begun, number
                    if sink is not None:
                        sink.receive(events[before:number], at)
                    current = session_id
                    sink = sinks.get(session_id) if type(session_id) is str else None
                if session_id is None and topic == UNREADABLE:
                    self._unreadable(payload, at)
                if topics and topic in topics:
                    before, begun = begun, number + 1
                    if sink is not None:
                        sink.receive(events[before:begun], at)
                    listeners = topics.get(topic)  # folding may have ended the last one
                    if listeners is not None:
                        listeners.emit(payload if sink is None else unshared(payload))
                    current = sink = None  # a listener may have released the session, or begun one
            number, before, begun = len(events), begun, len(events)
            if sink is not None:
                sink.receive(events[before:] if before else events, at)
        except BaseException as error:
            self._receive_later(events[begun if sink is not None else number + 1 :], at)
            if not isinstance(error, (Exception, asyncio.CancelledError, GeneratorExit)):
                raise
            _log.exception("a session failed on an event")

    def _receive_later(self, events: EventRun, at: float) -> None:
        """Route the rest on the next tick: what came before it was interrupted, or failed."""
        if events:
            asyncio.get_running_loop().call_soon(self.receive, events, at)

    def _unreadable(self, payload: Any, at: float) -> None:
        """Pass it to the sessions that the frame names, else to all: the lost event may concern any of them."""
        ids = payload.get("session_ids") if type(payload) is dict else None
        named = [one for one in ids if type(one) is str] if type(ids) is list and ids else tuple(self._sinks)
        for sink in [self._sinks[session_id] for session_id in named if session_id in self._sinks]:
            sink.receive(((UNREADABLE, payload),), at)

    def tap(self, tap: Tap) -> Callable[[], None]:
        """Let `tap` see everything that sessions fold from now on. Returns the undo."""
        self.taps = (*self.taps, tap)

        def undo() -> None:
            self.taps = tuple(other for other in self.taps if other is not tap)

        return undo

    def feed(self, session_id: str, sink: Sink) -> Callable[[], None]:
        """Give `sink` every event of that session (full id). Returns the undo."""
        self._feed(session_id, (*_all_of(self._sinks.get(session_id)), sink))

        def undo() -> None:
            self._feed(session_id, tuple([s for s in _all_of(self._sinks.get(session_id)) if s is not sink]))

        return undo

    def _feed(self, session_id: str, sinks: tuple[Sink, ...]) -> None:
        if sinks:
            self._sinks[session_id] = sinks[0] if len(sinks) == 1 else _Sinks(sinks)
        else:
            self._sinks.pop(session_id, None)

    def on(self, service: str, name: str, callback: Callable[[Any], Any]) -> Callable[[], None]:
        """Call `callback` with the payload of every ``"<service> <name>"`` event. Returns the undo."""
        topic = f"{service} {name}" if service else name
        subject = self._topics.get(topic)
        if subject is None:
            subject = self._topics[topic] = EventSubject(topic, self.on_listener_failure, self.own_loop)
        subscription = subject.add(callback)

        def undo() -> None:
            subscription.dispose()
            if not subject.subscriptions and self._topics.get(topic) is subject:
                del self._topics[topic]

        return undo

    def on_status(self, callback: Callable[[LinkStatus], Any]) -> Callable[[], None]:
        """Call `callback` with every change of the link's status. Returns the undo."""
        return self._status.add(callback)

    def _status_changed(self, status: LinkStatus) -> None:
        if status.phase != self._phase:  # one line per change, not one per attempt
            self._phase = status.phase
            _log.info("link %s%s", status.phase, f": {status.reason}" if status.reason else "")
        self._status.emit(status)

    def close(self) -> None:
        """Complete `events` and drop every listener."""
        self._all.complete()
        self._topics.clear()
        self._sinks.clear()
