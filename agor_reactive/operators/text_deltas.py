"""`text_deltas`: the text of the assistant as it is written."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from reactivex import Observable

from agor_reactive.core.snapshot import SessionState
from agor_reactive.core.streams import Stream, Streams
from agor_reactive.core.text import whole_text
from agor_reactive.models.base import instant
from agor_reactive.models.message import Message
from agor_reactive.models.realtime import payload_of
from agor_reactive.models.wire import RawEvent
from agor_reactive.operators.emitting import Source, finding
from agor_reactive.operators.items import TextDelta
from agor_reactive.operators.watching import MessageWatch

__all__ = ["text_deltas"]


class _Written:
    """What was emitted of one message: `count` chunks from number `start` on."""

    __slots__ = ("_half", "_parts", "count", "start")

    def __init__(self) -> None:
        self.start: int | None = None
        self.count = 0
        self._parts: list[str] = []
        self._half = ""  # of a character that was cut between two chunks

    def add(self, chunks: Sequence[str]) -> str:
        """The text of the next chunks."""
        self.count += len(chunks)
        text = self._half + "".join(chunks)
        self._half = ""
        if not text.isascii():
            if "\ud800" <= text[-1] <= "\udbff":
                text, self._half = text[:-1], text[-1]
            text = whole_text(text)
        self._parts.append(text)
        return text

    def rest(self, saved: str) -> tuple[str, bool]:
        """The text of the saved message that was not emitted, and whether it replaces what was."""
        emitted = "".join(self._parts)
        if saved.startswith(emitted):
            return saved[len(emitted) :], False
        at = saved.find(emitted)  # the beginning of the stream was not received
        return (saved, True) if at < 0 else (saved[at + len(emitted) :], False)


class _Messages:
    """The messages that are being written, and the ids of those that are saved: all, or the newest `most`."""

    def __init__(self, most: float = math.inf) -> None:
        self.written: dict[str, _Written] = {}
        self._saved: dict[str, None] = {}
        self._most = most

    def has_saved(self, message_id: str) -> bool:
        return message_id in self._saved

    def save(self, message: Message, from_time: float, session_id: str) -> TextDelta | None:
        """The rest of a saved message; None if it is history or was saved before."""
        self._saved[message.message_id] = None
        if len(self._saved) > self._most:
            del self._saved[next(iter(self._saved))]
        written = self.written.pop(message.message_id, None)
        if written is None:
            at = instant(message.timestamp)
            if from_time > -math.inf and (at is None or at < from_time):
                return None
            written = _Written()
        text = message.text
        rest, replaces = written.rest(text)
        if not text or not rest:
            return None
        return TextDelta(message.session_id or session_id, message.task_id, message.message_id, rest, replaces)


class _Deltas:
    """The text of one session, from its snapshots."""

    def __init__(self) -> None:
        self._watch = MessageWatch(None)
        self._streams: Streams | None = None
        self._messages = _Messages()

    def of(self, state: SessionState) -> Iterable[TextDelta]:
        found = []
        for news in self._watch.look(state):
            for entry in news.messages:
                if entry.fields.get("role") == "assistant" and not self._messages.has_saved(entry.message_id):
                    found.append(self._messages.save(entry.row, news.from_time, state.session_id))
        streams = state.streaming_messages
        if streams is not self._streams:
            self._streams = streams
            found += [self._more(state.session_id, stream) for stream in streams.values()]
        return [delta for delta in found if delta is not None]

    def _more(self, session_id: str, stream: Stream) -> TextDelta | None:
        message_id = stream.message_id
        if stream.role not in (None, "assistant") or self._messages.has_saved(message_id):
            return None
        runs = stream.runs
        if not runs:
            return None
        written = self._messages.written.setdefault(message_id, _Written())
        start = written.start
        if start is None:
            start = written.start = 0 if stream.started else runs[0].start
        for run in runs:
            # Chunks after a hole wait until it is filled, or the message is saved.
            if run.start <= start and (run.end > start or run.end == run.start):
                chunks = run.chunks_from(start - run.start + written.count)
                text = written.add(chunks) if chunks else ""
                return TextDelta(session_id, stream.task_id, message_id, text) if text else None
        return None


_REMEMBERED = 10_000
"""Ids of saved messages: chunks and rows of them may come late."""


class _DeltasOfEvents:
    """The text of all sessions, from events alone: chunks with numbers in their order, each once."""

    def __init__(self) -> None:
        self._messages = _Messages(_REMEMBERED)
        self._early: dict[str, dict[int, str]] = {}

    def of(self, event: RawEvent) -> Iterable[TextDelta]:
        topic, payload = event.topic, event.payload
        if topic not in _TOPICS or type(payload) is not dict:
            return ()
        message_id, session_id = payload.get("message_id"), payload.get("session_id")
        if not isinstance(message_id, str) or not isinstance(session_id, str) or self._messages.has_saved(message_id):
            return ()
        if topic in _SAVED:
            is_new = topic.endswith("created") or message_id in self._messages.written
            if payload.get("role") != "assistant" or not is_new:
                return ()
            self._early.pop(message_id, None)
            delta = self._messages.save(payload_of(event), -math.inf, session_id)
        else:
            written = self._messages.written.setdefault(message_id, _Written())
            text = ""
            if topic == "messages streaming:chunk":
                text = self._text(written, message_id, payload.get("chunk"), payload.get("sequence"))
            elif written.start is None:
                written.start = 0
            task_id = payload.get("task_id")
            task_id = task_id if isinstance(task_id, str) else None
            delta = TextDelta(session_id, task_id, message_id, text) if text else None
        return () if delta is None else (delta,)

    def _text(self, written: _Written, message_id: str, chunk: Any, sequence: Any) -> str:
        if not isinstance(chunk, str) or not chunk:
            chunk = ""
        chunk = getattr(chunk, "raw", chunk)
        if type(sequence) is not int:
            return written.add((chunk,))
        if written.start is None:
            written.start = sequence
        if sequence < written.start + written.count:
            return ""
        early = self._early.setdefault(message_id, {})
        early[sequence] = chunk
        ready: list[str] = []
        while (number := written.start + written.count + len(ready)) in early:
            ready.append(early.pop(number))
        return written.add(ready) if ready else ""


_SAVED = {"messages created", "messages patched", "messages updated", "messages/bulk created"}
_TOPICS = _SAVED | {"messages streaming:start", "messages streaming:chunk"}


def text_deltas() -> Callable[[Source], Observable[TextDelta]]:
    """Emit a `TextDelta` for each piece of text that is added to a message of the assistant.

    Joined, the deltas of a message are its saved text: the rest that was not streamed, or not received while the link
    was down, comes when the message is saved (of snapshots: if its task is loaded). Chunks after a missing one wait for
    it. Messages that were saved before the first sync are history. Of events (`client.events`: of all sessions) what
    the daemon sent while the link was down is missed, unless a saved message has it.

    ::

        snapshots  --"He"--"Hello"--(tool)--"Hello, wor"--saved: "Hello, world"--|
                   text_deltas()
                   --"He"--"llo"------------", wor"-------"ld"------------------|
    """
    return finding("text_deltas", lambda: (_Deltas().of, _DeltasOfEvents().of), in_text=True)
