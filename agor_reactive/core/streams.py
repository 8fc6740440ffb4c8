"""One message while it is being written: its text so far, its thinking so far, and whether anything is missing.

Facts of the wire: text chunks carry a per-message `sequence` from 0 and the end carries their number; they may arrive
out of order or twice, since executors post them as separate calls. Thinking is not numbered; nor are other senders.

A `Stream` is immutable. A batch of events changes a `StreamDraft`, which `freeze` turns into the next `Stream`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from agor_reactive.core.text import EMPTY, Run

__all__ = [
    "NO_STREAMS",
    "Head",
    "Stream",
    "StreamDraft",
    "Streams",
    "StreamsById",
    "draft_of",
    "freeze_stream",
    "opened_stream",
]

_new = object.__new__


class Head:
    """The fields of a stream that change rarely, shared by all streams that only differ in their text.

    `streaming`: text is under way; `expected`: the number of chunks that its end has given; `gap`, `thought_gap`:
    chunks of text, of thinking, may have been missed.
    """

    __slots__ = (
        "error",
        "expected",
        "gap",
        "is_thinking",
        "message_id",
        "role",
        "settled",
        "started",
        "streaming",
        "task_id",
        "thought",
        "thought_gap",
        "timestamp",
    )

    message_id: str
    task_id: str | None
    role: str | None
    timestamp: str | None
    streaming: bool
    gap: bool
    settled: bool
    expected: int | None
    thought: Run
    is_thinking: bool
    error: str | None
    started: bool
    thought_gap: bool

    def __init__(self, message_id: str, task_id: str | None) -> None:
        self.message_id = message_id
        self.task_id = task_id
        self.role = self.timestamp = self.expected = self.error = None
        self.streaming = self.gap = self.is_thinking = self.settled = self.started = self.thought_gap = False
        self.thought = EMPTY

    def copy(self) -> Head:
        """A copy to change."""
        head: Head = _new(Head)
        head.message_id = self.message_id
        head.task_id = self.task_id
        head.role = self.role
        head.timestamp = self.timestamp
        head.streaming = self.streaming
        head.expected = self.expected
        head.gap = self.gap
        head.thought = self.thought
        head.is_thinking = self.is_thinking
        head.error = self.error
        head.settled = self.settled
        head.started = self.started
        head.thought_gap = self.thought_gap
        return head


class _StreamFields:
    """What a stream and the draft of one have in common: the fields, and how they read.

    `_last` is the run of chunks that the next one is expected to continue, empty if there is none yet; `_earlier` are
    those before it: more than none only while chunks are missing. `_moved_at`: the revision of the last chunk, start or
    end, by which a stream is compared with the moment at which a fetch was requested.
    """

    __slots__ = ("_earlier", "_head", "_last", "_moved_at")

    _head: Head
    _earlier: tuple[Run, ...]
    _last: Run
    _moved_at: int

    @property
    def message_id(self) -> str:
        return self._head.message_id

    @property
    def task_id(self) -> str | None:
        return self._head.task_id

    @property
    def role(self) -> str | None:
        return self._head.role

    @property
    def timestamp(self) -> str | None:
        return self._head.timestamp

    @property
    def started(self) -> bool:
        """Whether its start was received, so that the first chunk has number 0."""
        return self._head.started

    @property
    def streaming(self) -> bool:
        return self._head.streaming

    @property
    def is_thinking(self) -> bool:
        return self._head.is_thinking

    @property
    def error(self) -> str | None:
        return self._head.error

    @property
    def settled(self) -> bool:
        return self._head.settled

    @property
    def moved_at(self) -> int:
        """The revision at which it was last written to."""
        return self._moved_at


class Stream(_StreamFields):
    """A message being written. Immutable.

    `text` and `thinking` are what is known so far, chunks in their order; `streaming` and `is_thinking` say which of
    the two is under way; `error` is the sender's; `settled` means that its task has ended and nothing more will come.
    `task_id` is None until a task is known. `complete` is False whenever something is known or likely to be missing.
    """

    __slots__ = ()

    def __init__(self, head: Head, earlier: tuple[Run, ...], last: Run, moved_at: int) -> None:
        self._head = head
        self._earlier = earlier
        self._last = last
        self._moved_at = moved_at

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return (Stream, (self._head, self._earlier, self._last, self._moved_at))

    @property
    def runs(self) -> tuple[Run, ...]:
        """The stretches of chunks without a hole, in their order."""
        return (*self._earlier, self._last) if self._last else ()

    @property
    def text(self) -> str:
        """The text so far; chunks known out of order are placed by their number, holes closed up."""
        earlier, last = self._earlier, self._last
        return "".join([run.text for run in (*earlier, last)]) if earlier else last.text

    @property
    def thinking(self) -> str:
        """The thinking so far."""
        return self._head.thought.text

    @property
    def chunk_count(self) -> int:
        """How many chunks of text are known."""
        return sum([len(run) for run in self._earlier]) + len(self._last)

    @property
    def numbered(self) -> bool:
        """Whether chunks of text came with numbers. If there is more than one run, those of the last have."""
        return self._last.end > self._last.start

    @property
    def complete(self) -> bool:
        """Whether everything sent so far is here, as far as can be known."""
        head, last = self._head, self._last
        if head.thought_gap:
            return False
        numbered = self.numbered
        if numbered and (self._earlier or last.start != 0):
            return False
        if head.expected is not None:
            return (last.end if numbered else len(last)) == head.expected
        return not head.gap and (numbered or head.started or not last)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Stream):
            return NotImplemented
        return self.dump() == other.dump()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Stream({self.message_id!r}, chunks={self.chunk_count}, complete={self.complete})"

    def dump(self) -> dict[str, Any]:
        """JSON-ready data."""
        return {
            "message_id": self.message_id,
            "task_id": self.task_id,
            "role": self.role,
            "timestamp": self.timestamp,
            "text": self.text,
            "thinking": self.thinking,
            "streaming": self.streaming,
            "is_thinking": self.is_thinking,
            "complete": self.complete,
            "settled": self.settled,
            "error": self.error,
        }


class StreamDraft(_StreamFields):
    """A stream that a batch of events changes in place.

    Head and text are copied at the first change of each (`_owns_last`: the last run is the draft's own), so that the
    `origin`, which snapshots hold, stays as it is.
    """

    __slots__ = ("_origin", "_owns_last")

    _origin: Stream | None
    _owns_last: bool

    def own_head(self) -> Head:
        """The head to change: copied once."""
        head = self._head
        origin = self._origin
        if origin is not None and head is origin._head:
            head = self._head = head.copy()
        return head

    def head_to_change(self, rev: int) -> Head:
        """The head to change by an event of the stream itself, which thereby moves at revision `rev`."""
        self._moved_at = rev
        return self.own_head()

    def add(self, chunk: str, sequence: int | None) -> bool:
        """Put one chunk of text where it belongs. False if it is known already; then nothing is changed."""
        last = self._last
        if sequence is None:
            self._last = last.append(chunk, 0)
            return True
        if not last:
            self._last = Run(sequence, (chunk,))
            self._owns_last = True
        elif sequence == last.end:
            if self._owns_last:
                last.extend(chunk)
            else:
                self._last = last.append(chunk, 1)
                self._owns_last = True
        else:
            return self._add_late(chunk, sequence)
        if self._head.gap:
            # The chunk that continues the text from before a reconnect proves that none was missed in between.
            self.own_head().gap = False
        return True

    def _add_late(self, chunk: str, sequence: int) -> bool:
        """A numbered chunk that does not continue the last run: before it, after a hole, or known already."""
        runs = [*self._earlier, self._last]
        at = len(runs)
        while at and runs[at - 1].start > sequence:
            at -= 1
        if at:
            before = runs[at - 1]
            if sequence < before.end:
                return False
            if sequence == before.end:
                runs[at - 1] = before.append(chunk, 1)
                at -= 1
            else:
                runs.insert(at, Run(sequence, (chunk,)))
        else:
            runs.insert(0, Run(sequence, (chunk,)))
        if at + 1 < len(runs) and runs[at].end == runs[at + 1].start:
            runs[at : at + 2] = [runs[at].joined_with(runs[at + 1])]
        self._last = runs.pop()
        self._owns_last = False  # it may be the origin's
        self._earlier = tuple(runs)
        return True


def opened_stream(message_id: str, task_id: str | None, rev: int) -> StreamDraft:
    """A new, empty stream to change."""
    draft: StreamDraft = _new(StreamDraft)
    draft._origin = None
    draft._head = Head(message_id, task_id)
    draft._earlier = ()
    draft._last = EMPTY
    draft._moved_at = rev
    draft._owns_last = False
    return draft


def draft_of(stream: Stream) -> StreamDraft:
    """A draft that begins as this stream is."""
    draft: StreamDraft = _new(StreamDraft)
    draft._origin = stream
    draft._head = stream._head
    draft._earlier = stream._earlier
    draft._last = stream._last
    draft._moved_at = stream._moved_at
    draft._owns_last = False
    return draft


def freeze_stream(draft: StreamDraft) -> Stream:
    """The stream as the draft is now; its very origin if nothing was changed. The draft must not be used afterwards."""
    origin, head, last, earlier = draft._origin, draft._head, draft._last, draft._earlier
    # Each is a new object as soon as it is changed, but for text that is added to a run of the draft's own.
    if origin is not None and last is origin._last and head is origin._head and earlier is origin._earlier:
        return origin
    stream: Stream = _new(Stream)
    stream._head = head
    stream._earlier = earlier
    stream._last = last
    stream._moved_at = draft._moved_at
    return stream


StreamsById = dict[str, Stream | StreamDraft]
"""Message id to stream, oldest first."""


class Streams(Mapping[str, Stream]):
    """Messages being written: message id to `Stream`, oldest first. Immutable."""

    __slots__ = ("_by_id",)

    _by_id: StreamsById  # of a `Streams`, no value is a draft

    def __init__(self, streams: Iterable[Stream] = ()) -> None:
        self._by_id = {stream.message_id: stream for stream in streams}

    def __getitem__(self, message_id: str) -> Stream:
        return self._by_id[message_id]  # type: ignore[return-value]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_id)

    def __len__(self) -> int:
        return len(self._by_id)

    def __contains__(self, message_id: object) -> bool:
        return message_id in self._by_id

    def __repr__(self) -> str:
        return f"Streams({self._by_id!r})"

    def __reduce__(self) -> tuple[type[Streams], tuple[tuple[Any, ...]]]:
        return (Streams, (tuple(self._by_id.values()),))


NO_STREAMS = Streams()
