"""Anything at all in bodies, acks and frames: what a user meets of it is a result, or an error of this package.

``python -m tests.client.fuzz --cases 10000`` runs that many; a slice of it runs with the tests.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import agor_reactive as agor
from agor_reactive.calls.drivers import SyncDriver, drive
from agor_reactive.calls.effects import Call
from agor_reactive.calls.surface import OperationMethod, PagedMethod
from agor_reactive.core.fold import fold, initial_state
from agor_reactive.core.parse import parse_payload
from agor_reactive.errors import AgorError
from agor_reactive.models import RawEvent, payload_of, thaw
from agor_reactive.models.realtime import PAYLOAD_OF_TOPIC
from agor_reactive.services import SERVICES, Service
from agor_reactive.transport.codec import read_ack
from agor_reactive.transport.frames import WirePacket
from agor_reactive.transport.redaction import redact
from agor_reactive.transport.rest import AuthState, RestAnswer, RetryPolicy, Send, exchange, read
from agor_reactive.transport.scripted import ScriptedLink
from tests.models.entities import ENTITIES, instances
from tests.services import table

__all__ = ["TARGETS", "run"]

SESSION = "01970a3f-91c2-7b1e-8d55-0c1f2a3b4c5d"

_scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["", "NOT_FOUND", "running", SESSION, "2026-01-31T12:00:00.000Z", "agor_sk_x", -1, 10**30])
)
_NAMES = """id session_id task_id message_id status data total limit skip content type index code name message className
    errors stack query success taskId task sequence chunk"""
_names = st.sampled_from(_NAMES.split()) | st.text(max_size=8)
JSON = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_names, inner, max_size=5), max_leaves=20
)
_rows = st.sampled_from(sorted(ENTITIES)).flatmap(instances)


@dataclass(frozen=True)
class Deep:
    """JSON inside JSON inside JSON; made late, since whoever prints a failing case would break on it."""

    depth: int
    kind: str

    def made(self) -> Any:
        value: Any = None
        for _ in range(self.depth):
            value = [value] if self.kind == "list" else {"metadata": value, "task_id": "t", "message_id": "m"}
        return value


def made(value: Any) -> Any:
    """What is meant, made at last."""
    return value.made() if isinstance(value, Deep) else value


_deep = st.builds(Deep, st.integers(1, 2_000), st.sampled_from(["list", "row"]))


def _bent(row: dict[str, Any], name: str, value: Any) -> dict[str, Any]:
    return {**row, name: value}


ANSWERS = (
    JSON
    | _rows
    | _deep
    | st.builds(_bent, _rows, _names, JSON)
    | st.builds(lambda data, total: {"data": data, "total": total}, st.lists(_rows | JSON, max_size=4), _scalars)
    | st.lists(_rows | JSON, max_size=4)
)
_texts = st.binary(max_size=200) | st.text(max_size=100).map(str.encode) | JSON.map(lambda v: json.dumps(v).encode())
BODIES = _texts | st.integers(1, 200_000).map(lambda depth: b"[" * depth)
TOPICS = (
    st.sampled_from(sorted(PAYLOAD_OF_TOPIC))
    | st.sampled_from(["created", "patched", "sessions/:id/prompt created", "messages", " ", "x y z"])
    | st.text(max_size=12)
)


def bodies(answer: bytes, status: int, retry_after: str) -> None:
    """An HTTP answer of any status and body."""
    answered = RestAnswer(status, answer, {"retry-after": retry_after, "content-type": "text/html"})
    read(answered)


def exchanges(answer: bytes, status: int) -> None:
    """A whole exchange, retries included."""
    call = Call("find", "tasks", ({"$limit": 1},))
    steps = exchange(call, AuthState(), retry=RetryPolicy(), random=lambda: 0.5)
    drive(steps, lambda effect: RestAnswer(status, answer, {}) if isinstance(effect, Send) else None)


def acks(ack: list[Any]) -> None:
    """The arguments of an ack."""
    read_ack([made(value) for value in ack])


def frames(frame: str) -> None:
    """The text of a Socket.IO packet."""
    packet = WirePacket()
    packet.decode(frame)


METHODS = [
    (path, name, method)
    for path in [*SERVICES, "cards", "nobody"]
    for name, method in {**vars(Service), **table.operation_methods(path)}.items()
    if isinstance(method, OperationMethod | PagedMethod)
]


def answers(method: tuple[str, str, Any], given_back: list[Any]) -> None:
    """Any method of any service, to which a daemon answers anything."""
    path, name, member = method
    times = iter(range(10_000))
    calls = 0

    def call(wanted: Call, timeout: float | None) -> Any:
        nonlocal calls
        calls += 1
        assert calls < 500, "it never ends"
        return made(given_back[(calls - 1) % len(given_back)])

    driver = SyncDriver(call, sleep=lambda seconds: None, clock=lambda: float(next(times)) * 50)
    arguments = table.made_up_arguments(member.operation if isinstance(member, OperationMethod) else member.pages)
    if name in ("ask", "wait"):
        arguments["timeout"] = 300.0
    result = getattr(SERVICES.get(path, Service)(path, driver), name)(**arguments)
    result = list(result) if isinstance(member, PagedMethod) else result
    repr(result)
    thaw(result)


def events(topic: str, payloads: list[Any]) -> None:
    """Events of any name and payload, through routing, parsing, folding, reading and redaction."""
    state = initial_state(SESSION, task_hydration="lazy")
    for payload in map(made, payloads):
        came = RawEvent(topic, payload, 1.0)
        event = parse_payload(topic, payload)
        if event is not None:
            state = fold(state, event)
        redact(topic, payload)
        repr(payload_of(came))
    state.dump()


def mirrors(topics: list[str], payload: Any, rows: list[Any]) -> None:
    """A mirror whose reads are answered with anything while anything is told."""

    async def mirrored() -> None:
        link = ScriptedLink()
        link.on_call("*", "*", lambda args: made(rows[len(link.calls) % len(rows)]))
        async with agor.create_client(link=link) as client:
            failures: list[Any] = []
            client.router.on_listener_failure = failures.append
            async with agor.retain_reactive_session(client, SESSION, task_hydration="eager") as handle:
                notified: list[Any] = []
                handle.permissions.subscribe(notified.append)
                handle.snapshots.subscribe(notified.append)
                client.events.subscribe(notified.append)
                for topic in topics:
                    link.emit(topic, payload)
                await asyncio.sleep(0)
                handle.state.dump()
            assert failures == [], failures

    asyncio.run(mirrored())


_statuses = st.sampled_from([200, 201, 204, 301, 400, 401, 403, 404, 409, 413, 422, 429, 500, 502, 503, 599])
_held = st.dictionaries(st.just("session_id"), st.just(SESSION)).flatmap(
    lambda base: st.builds(lambda row, held: {**row, **held}, _rows | st.dictionaries(_names, JSON), st.just(base))
)

TARGETS: dict[str, tuple[float, Callable[..., None], dict[str, Any]]] = {
    "bodies": (0.2, bodies, {"answer": BODIES, "status": _statuses, "retry_after": st.text(max_size=8)}),
    "exchanges": (0.1, exchanges, {"answer": BODIES, "status": _statuses}),
    "acks": (0.15, acks, {"ack": st.lists(ANSWERS, max_size=3) | ANSWERS.map(lambda answer: [None, answer])}),
    "frames": (0.15, frames, {"frame": st.text(max_size=60) | st.builds(lambda a, b: a + b, st.sampled_from(
        ["42", "43", "430", "40", "44", "451-", "2", "0", "2/ns,"]), JSON.map(json.dumps))}),
    "answers": (0.2, answers, {
        "method": st.sampled_from(METHODS), "given_back": st.lists(ANSWERS, min_size=1, max_size=4)}),
    "events": (0.15, events, {"topic": TOPICS, "payloads": st.lists(_held | ANSWERS, max_size=4)}),
    "mirrors": (0.05, mirrors, {
        "topics": st.lists(TOPICS, max_size=4), "payload": _held, "rows": st.lists(ANSWERS, min_size=1, max_size=3)}),
}  # fmt: skip
"""Share of the cases, what is done, and with what."""


def run(name: str, cases: int, *, phases: tuple[Phase, ...] = tuple(Phase)) -> Counter[str]:
    """That many cases of one target; how often each end was met. Raises what is no error of this package."""
    _, do, given_with = TARGETS[name]
    met: Counter[str] = Counter()

    @settings(
        max_examples=cases,
        deadline=None,
        database=None,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
    @given(**given_with)
    def case(**values: Any) -> None:
        try:
            do(**values)
        except AgorError as error:
            met[type(error).__name__] += 1
        else:
            met["read"] += 1

    case()
    return met


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    cases = parser.parse_args().cases
    logging.disable(logging.CRITICAL)
    began = time.monotonic()
    total = 0
    for name, (share, _, _) in TARGETS.items():
        met = run(name, max(1, round(cases * share)))
        total += met.total()
        print(f"{name:>10}: {met.total():>6} cases  " + ", ".join(f"{end} {count}" for end, count in met.most_common()))
    print(f"{total} cases in {time.monotonic() - began:.1f} s: named errors only")


if __name__ == "__main__":
    sys.exit(main())
