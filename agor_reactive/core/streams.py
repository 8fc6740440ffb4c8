"""One message while it is being written: its text so far, its thinking so far, and whether anything is missing.

Facts of the wire: text chunks carry a per-message `sequence` from 0 and the end carries their number; they may arrive
out of order or twice, since executors post them as separate calls. Thinking is not numbered; nor are other senders.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NoReturn, TypeVar, overload

from agor_reactive.core.text import EMPTY, Run

__all__ = [
    "NO_STREAMS",
    "Head",
    "Stream",
    "StreamDraft",
    "Streams",
    "changed_head",
    "continued",
    "copied_head",
    "draft_of",
    "freeze_stream",
    "new_head",
    "open_stream",
    "restored_stream",
    "says_the_same",
    "settle_stream",
    "with_chunk",
    "with_head",
    "with_late_chunk",
]

D = TypeVar("D")


class Head:
    """What of a stream changes rarely: shared by all that only differ in their text.

    `streaming`: text is under way; `expected`: how many chunks there are, once its end told that; `gap`, `thought_gap`:
    chunks may have been missed.
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


class StreamDraft:
    """A stream that its maker may still change; `freeze_stream` ends that. Its head may be another stream's, too:
    `changed_head` gives it one of its own.

    `last` is the run of chunks that the next one is expected to continue, empty if there is none yet; `earlier` are
    those before it: more than none only while chunks are missing.
    """

    __slots__ = ("earlier", "head", "last", "moved_at")

    head: Head
    earlier: tuple[Run, ...]
    last: Run
    moved_at: int


class Stream(StreamDraft):
    """A message being written. Immutable.

    `text` and `thinking` are what is known so far, chunks in their order; `streaming` and `is_thinking` say which of
    the two is under way; `error` is the sender's; `settled` means that its task has ended and nothing more will come.
    `task_id` is None until a task is known. `complete` is False whenever something is known or likely to be missing.
    """

    __slots__ = ()

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError("a Stream is part of an immutable snapshot")

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return (restored_stream, (self.head, self.earlier, self.last, self.moved_at))

    @property
    def message_id(self) -> str:
        return self.head.message_id

    @property
    def task_id(self) -> str | None:
        return self.head.task_id

    @property
    def role(self) -> str | None:
        return self.head.role

    @property
    def timestamp(self) -> str | None:
        return self.head.timestamp

    @property
    def streaming(self) -> bool:
        return self.head.streaming

    @property
    def is_thinking(self) -> bool:
        return self.head.is_thinking

    @property
    def error(self) -> str | None:
        return self.head.error

    @property
    def settled(self) -> bool:
        return self.head.settled

    @property
    def runs(self) -> tuple[Run, ...]:
        """The stretches of chunks without a hole, in their order."""
        return (*self.earlier, self.last) if self.last else ()

    @property
    def text(self) -> str:
        """The text so far; chunks known out of order are placed by their number, holes closed up."""
        earlier, last = self.earlier, self.last
        return "".join([run.text for run in (*earlier, last)]) if earlier else last.text

    @property
    def thinking(self) -> str:
        """The thinking so far."""
        return self.head.thought.text

    @property
    def chunk_count(self) -> int:
        """How many chunks of text are known."""
        return sum([len(run) for run in self.earlier]) + len(self.last)

    @property
    def numbered(self) -> bool:
        """Whether chunks of text came with numbers. If there is more than one run, those of the last have."""
        return self.last.end > self.last.start

    @property
    def complete(self) -> bool:
        """Whether everything sent so far is here, as far as anyone can tell."""
        head, last = self.head, self.last
        if head.thought_gap:
            return False
        numbered = self.numbered
        if numbered and (self.earlier or last.start != 0):
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


_new = object.__new__


def draft_of(stream: Stream, rev: int) -> StreamDraft:
    """A copy to change, moved at revision `rev`. Its head is the stream's own."""
    draft: StreamDraft = _new(StreamDraft)
    draft.head = stream.head
    draft.earlier = stream.earlier
    draft.last = stream.last
    draft.moved_at = rev
    return draft


def new_head(message_id: str, task_id: str | None) -> Head:
    """What is known of a stream as it opens, to be filled in."""
    head: Head = _new(Head)
    head.message_id = message_id
    head.task_id = task_id
    head.role = head.timestamp = head.expected = head.error = None
    head.streaming = head.gap = head.is_thinking = head.settled = head.started = head.thought_gap = False
    head.thought = EMPTY
    return head


def copied_head(old: Head) -> Head:
    """A copy to change."""
    head: Head = _new(Head)
    head.message_id = old.message_id
    head.task_id = old.task_id
    head.role = old.role
    head.timestamp = old.timestamp
    head.streaming = old.streaming
    head.expected = old.expected
    head.gap = old.gap
    head.thought = old.thought
    head.is_thinking = old.is_thinking
    head.error = old.error
    head.settled = old.settled
    head.started = old.started
    head.thought_gap = old.thought_gap
    return head


def changed_head(draft: StreamDraft) -> Head:
    """A copy of the draft's head to change, now the draft's."""
    head = draft.head = copied_head(draft.head)
    return head


def with_head(stream: Stream, head: Head, rev: int) -> Stream:
    """The stream with another head, moved at revision `rev`."""
    after: StreamDraft = _new(StreamDraft)
    after.head = head
    after.earlier = stream.earlier
    after.last = stream.last
    after.moved_at = rev
    after.__class__ = Stream
    return after  # type: ignore[return-value]


def freeze_stream(draft: StreamDraft) -> Stream:
    """The draft itself, from now on immutable."""
    draft.__class__ = Stream
    return draft  # type: ignore[return-value]


def restored_stream(head: Head, earlier: tuple[Run, ...], last: Run, moved_at: int) -> Stream:
    draft: StreamDraft = _new(StreamDraft)
    draft.head, draft.earlier, draft.last, draft.moved_at = head, earlier, last, moved_at
    return freeze_stream(draft)


def says_the_same(was: Head, now: Head) -> bool:
    """Whether nothing was changed."""
    return (
        was.streaming == now.streaming
        and was.expected == now.expected
        and was.gap == now.gap
        and was.thought is now.thought
        and was.is_thinking == now.is_thinking
        and was.error == now.error
        and was.settled == now.settled
        and was.started == now.started
        and was.thought_gap == now.thought_gap
        and was.task_id == now.task_id
        and was.role == now.role
        and was.timestamp == now.timestamp
    )


def continued(stream: Stream, chunk: str, sequence: int, rev: int) -> Stream:
    """A flowing stream with its first numbered chunk, or with just the one that it waits for: `draft_of`, `with_chunk`,
    `freeze_stream` in one. Nearly every chunk is such a one.
    """
    after: StreamDraft = _new(StreamDraft)
    after.head = stream.head
    after.earlier = stream.earlier
    last = stream.last
    after.last = last.append(chunk, 1) if last._count else Run(sequence, (chunk,))
    after.moved_at = rev
    after.__class__ = Stream
    return after  # type: ignore[return-value]


def open_stream(head: Head, rev: int) -> StreamDraft:
    """An empty stream with this head, to be filled in by the event that opened it."""
    draft: StreamDraft = _new(StreamDraft)
    draft.head = head
    draft.earlier = ()
    draft.last = EMPTY
    draft.moved_at = rev
    return draft


def with_chunk(stream: StreamDraft, chunk: str, sequence: int | None) -> bool:
    """Put one chunk of text where it belongs. False if it is known already (the draft is then unchanged)."""
    last = stream.last
    if sequence is None:
        stream.last = last.append(chunk, 0)
        return True
    if last:
        if sequence == last.end:
            stream.last = last.append(chunk, 1)
            _without_gap(stream)
        elif not with_late_chunk(stream, chunk, sequence):
            return False
    else:
        stream.last = Run(sequence, (chunk,))
        _without_gap(stream)
    return True


def _without_gap(stream: StreamDraft) -> None:
    # The chunk that continues what we had before a reconnect proves that none was missed in between.
    if stream.head.gap:
        changed_head(stream).gap = False


def with_late_chunk(stream: StreamDraft, chunk: str, sequence: int) -> bool:
    """A numbered chunk that does not continue the last run: before it, after a hole, or known already."""
    runs = [*stream.earlier, stream.last]
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
    stream.last = runs.pop()
    stream.earlier = tuple(runs)
    return True


def settle_stream(stream: Stream) -> Stream | None:
    """What is left of a stream when its task ends: nothing of an empty one, the text of one that has some.

    Nothing is written by that, so the stream has not moved: a row fetched meanwhile still takes its place.
    """
    if not stream.last and stream.head.error is None:
        return None
    if stream.head.settled:
        return stream
    head = copied_head(stream.head)
    head.streaming = False
    head.settled = True
    head.is_thinking = False
    return with_head(stream, head, stream.moved_at)


_NO_MORE: dict[str, Stream | None] = {}
"""The places of what has no more than one stream. Nobody puts anything in."""


class Streams(Mapping[str, Stream]):
    """Messages being written: message id to `Stream`, oldest first. Immutable.

    The stream that moved last lies beside the others, so that its next chunk, and nearly every chunk is such a one,
    copies none of them. `last` is None if there are no streams at all; with more than one, `places` has every id in
    order, with its stream, or with None if it is the last.
    """

    __slots__ = ("last", "places")

    places: dict[str, Stream | None]
    last: Stream | None

    def __init__(self, streams: Iterable[Stream] = ()) -> None:
        places: dict[str, Stream | None] = {stream.head.message_id: stream for stream in streams}
        self.last = None
        if places:
            newest = next(reversed(places))
            self.last, places[newest] = places[newest], None
        self.places = places if len(places) > 1 else _NO_MORE

    def __getitem__(self, message_id: str) -> Stream:
        stream = self.get(message_id)
        if stream is None:
            raise KeyError(message_id)
        return stream

    @overload
    def get(self, key: str, default: None = None, /) -> Stream | None: ...
    @overload
    def get(self, key: str, default: Stream | D, /) -> Stream | D: ...
    def get(self, key: str, default: Any = None, /) -> Any:
        """The stream of that id, or `default`."""
        last = self.last
        if last is not None and last.head.message_id == key:
            return last
        return self.places.get(key) or default

    def __iter__(self) -> Iterator[str]:
        if self.places or self.last is None:
            return iter(self.places)
        return iter((self.last.head.message_id,))

    def __len__(self) -> int:
        return len(self.places) or int(self.last is not None)

    def __contains__(self, message_id: object) -> bool:
        return self.get(message_id) is not None  # type: ignore[call-overload]

    def __repr__(self) -> str:
        return f"Streams({dict(self)!r})"

    def __reduce__(self) -> tuple[type[Streams], tuple[tuple[Stream, ...]]]:
        return (Streams, (tuple(self.values()),))

    def put(self, stream: Stream) -> Streams:
        """With this stream in place of the one of the same id, or as the newest."""
        new: Streams = _new(Streams)
        new.last = stream
        message_id = stream.head.message_id
        last = self.last
        if last is None or last.head.message_id == message_id:
            new.places = self.places
            return new
        places = new.places = self.places.copy()
        places[last.head.message_id] = last
        places[message_id] = None
        return new

    def without(self, message_id: str) -> Streams:
        """Without the stream of that id, which is here."""
        if not self.places:
            return NO_STREAMS
        return Streams([stream for stream in self.values() if stream.head.message_id != message_id])


NO_STREAMS = Streams()
