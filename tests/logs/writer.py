"""Logs for tests: a mirror fed by hand whose every event is recorded, and what is read back of it."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import orjson

from agor_reactive.core.fold import fold, initial_state
from agor_reactive.core.parse import OWN_TOPICS, parse_payload
from agor_reactive.logs.reading import concerns
from agor_reactive.logs.writing import Options, RecordWriter
from agor_reactive.models.wire import RawEvent
from tests.core.build import SID

BEGIN = 1_764_000_000.0


class Recorded:
    """A session's state as a mirror keeps it, and the log of all that it folds. Each event comes a second later."""

    def __init__(
        self,
        path: Path,
        hydration: str = "lazy",
        *,
        session_id: str = SID,
        options: Options = Options(),  # noqa: B008
        begin: float = BEGIN,
    ) -> None:
        seconds = itertools.count()
        self.now = self._begin = begin
        self.state = initial_state(session_id, task_hydration=hydration)
        self.writer = RecordWriter(path, options, {}, clock=lambda: self.now)
        self._seconds = seconds
        self.writer.mirror(1, session_id, hydration)

    def feed(self, *events: Any) -> Recorded:
        for event in events:
            self.now = self._begin + next(self._seconds)
            if isinstance(event, RawEvent):
                raw = RawEvent(event.topic, orjson.loads(orjson.dumps(event.payload)), self.now)
                self.writer.event(raw)
                if not concerns(raw, self.state.session_id):
                    continue  # the router would not feed it to this session
                # Its own copy: what the writer holds must not be changed by anybody.
                event = parse_payload(raw.topic, orjson.loads(orjson.dumps(raw.payload)), OWN_TOPICS)
            else:
                self.writer.of_mirror(1, event)
            if event is not None:
                self.state = fold(self.state, event)
        return self

    def keyframe(self) -> Recorded:
        """As after a drop: the mirror begins anew from its state."""
        self.writer.mirror(1, self.state.session_id, self.state.task_hydration, state=self.state)
        return self

    def close(self) -> Recorded:
        self.writer.close()
        self.writer.join()
        assert self.writer.error is None
        return self
