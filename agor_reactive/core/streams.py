"""One message while it is being written: its text so far, its thinking so far, and whether anything is missing.

Facts of the wire: text chunks carry a per-message `sequence` from 0 and the end carries their number; they may arrive
out of order or twice, since executors post them as separate calls. Thinking is not numbered; nor are other senders.
"""

from __future__ import annotations

from typing import Any, NoReturn

from agor_reactive.core.text import EMPTY, Run

__all__ = [
    "Stream",
    "StreamDraft",
    "continued",
    "open_stream",
    "settle_stream",
    "with_chunk",
    "with_late_chunk",
    "with_thought",
]


class StreamDraft:
    """A stream that its maker may still change; `freeze_stream` ends that."""

    __slots__ = (
        "error",
        "expected",
        "gap",
        "is_thinking",
        "message_id",
        "moved_at",
        "numbered",
        "role",
        "runs",
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
    runs: tuple[Run, ...]
    thought: Run
    streaming: bool
    is_thinking: bool
    error: str | None
    settled: bool
    started: bool
    gap: bool
    thought_gap: bool
    expected: int | None
    numbered: bool
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

    @property
    def text(self) -> str:
        """The text so far; chunks known out of order are placed by their number, holes closed up."""
        runs = self.runs
        return runs[0].text if len(runs) == 1 else "".join([run.text for run in runs])

    @property
    def thinking(self) -> str:
        """The thinking so far."""
        return self.thought.text

    @property
    def chunk_count(self) -> int:
        """How many chunks of text are known."""
        return sum([len(run) for run in self.runs])

    @property
    def complete(self) -> bool:
        """Whether everything sent so far is here, as far as anyone can tell."""
        if self.thought_gap:
            return False
        runs, expected = self.runs, self.expected
        if self.numbered and (len(runs) != 1 or runs[0].start != 0):
            return False
        if expected is not None:
            return (runs[0].end if self.numbered else self.chunk_count) == expected
        return not self.gap and (self.numbered or self.started or not runs)

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
    """A copy to change, moved at revision `rev`."""
    draft: StreamDraft = _new(StreamDraft)
    draft.message_id = stream.message_id
    draft.task_id = stream.task_id
    draft.role = stream.role
    draft.timestamp = stream.timestamp
    draft.runs = stream.runs
    draft.thought = stream.thought
    draft.streaming = stream.streaming
    draft.is_thinking = stream.is_thinking
    draft.error = stream.error
    draft.settled = stream.settled
    draft.started = stream.started
    draft.gap = stream.gap
    draft.thought_gap = stream.thought_gap
    draft.expected = stream.expected
    draft.numbered = stream.numbered
    draft.moved_at = rev
    return draft


def freeze_stream(draft: StreamDraft) -> Stream:
    """The draft itself, from now on immutable."""
    draft.__class__ = Stream
    return draft  # type: ignore[return-value]


def continued(stream: Stream, chunk: str, rev: int) -> Stream:
    """The stream with just the numbered chunk that it waits for: `draft_of`, `with_chunk`, `freeze_stream` in one.

    Nearly every chunk is that one.
    """
    after: StreamDraft = _new(StreamDraft)
    after.message_id = stream.message_id
    after.task_id = stream.task_id
    after.role = stream.role
    after.timestamp = stream.timestamp
    after.thought = stream.thought
    after.is_thinking = stream.is_thinking
    after.error = stream.error
    after.settled = stream.settled
    after.started = stream.started
    after.thought_gap = stream.thought_gap
    after.expected = stream.expected
    runs = stream.runs
    longer = runs[-1].append(chunk, 1)
    after.runs = (longer,) if len(runs) == 1 else (*runs[:-1], longer)
    # The chunk that continues what we had before a reconnect proves that none was missed in between.
    after.gap = False
    after.numbered = True
    # Text that still arrives after its end was said (late, out of order) does not reopen it.
    after.streaming = stream.streaming or (stream.expected is None and stream.error is None)
    after.moved_at = rev
    after.__class__ = Stream
    return after  # type: ignore[return-value]


def open_stream(message_id: str, task_id: str | None, rev: int) -> StreamDraft:
    """An empty stream, to be filled in by the event that opened it."""
    draft: StreamDraft = _new(StreamDraft)
    draft.message_id = message_id
    draft.task_id = task_id
    draft.role = None
    draft.timestamp = None
    draft.runs = ()
    draft.thought = EMPTY
    draft.streaming = False
    draft.is_thinking = False
    draft.error = None
    draft.settled = False
    draft.started = False
    draft.gap = False
    draft.thought_gap = False
    draft.expected = None
    draft.numbered = False
    draft.moved_at = rev
    return draft


def with_chunk(stream: StreamDraft, chunk: str, sequence: int | None) -> bool:
    """Put one chunk of text where it belongs. False if it is known already (the draft is then unchanged)."""
    runs = stream.runs
    if sequence is None:
        stream.runs = (*runs[:-1], runs[-1].append(chunk, 0)) if runs else (Run(0).append(chunk, 0),)
        return True
    if runs:
        last = runs[-1]
        if sequence == last.end:
            longer = last.append(chunk, 1)
            stream.runs = (longer,) if len(runs) == 1 else (*runs[:-1], longer)
            # The chunk that continues what we had before a reconnect proves that none was missed in between.
            stream.gap = False
        elif not with_late_chunk(stream, chunk, sequence):
            return False
    else:
        stream.runs = (Run(sequence, (chunk,)),)
        stream.gap = False
    stream.numbered = True
    return True


def with_late_chunk(stream: StreamDraft, chunk: str, sequence: int) -> bool:
    """A numbered chunk that does not continue the last run: before it, after a hole, or known already."""
    runs = list(stream.runs)
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
    stream.runs = tuple(runs)
    return True


def with_thought(stream: StreamDraft, chunk: str) -> None:
    """Append a chunk of thinking, in order of arrival."""
    stream.thought = stream.thought.append(chunk, 0)


def settle_stream(stream: Stream) -> Stream | None:
    """What is left of a stream when its task ends: nothing of an empty one, the text of one that has some.

    Nothing is written by that, so the stream has not moved: a row fetched meanwhile still takes its place.
    """
    if not stream.runs and stream.error is None:
        return None
    if stream.settled:
        return stream
    draft = draft_of(stream, stream.moved_at)
    draft.settled = True
    draft.streaming = draft.is_thinking = False
    return freeze_stream(draft)
