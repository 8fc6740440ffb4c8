"""`resend`: delivers the records of a dead-letter file."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from agor_reactive.sinks.dead_letters import DeadLetter, DeadLetters, read_dead_letters
from agor_reactive.sinks.delivery import Delivery, deliver
from agor_reactive.sinks.protocol import Sink
from agor_reactive.sinks.record import Record

__all__ = ["resend"]


async def resend(path: str | os.PathLike[str], sink: Sink, *, max_attempts: int = 5, **options: Any) -> Delivery:
    """Deliver the records of a dead-letter file, oldest first, under their old keys, and empty the file.

    Those that fail again are in the file afterwards. A process that writes into the file meanwhile loses nothing: the
    letters are moved to ``<path>.resend`` first, which is read again if this was cut short. `options` are those of
    `deliver`. Returns the delivery, with its counts. Raises `UsageError` if there is no such file.
    """
    file = Path(path)
    moved = file.with_name(f"{file.name}.resend")
    letters = await asyncio.to_thread(_taken, file, moved)

    async def records() -> AsyncIterator[Record]:
        for letter in letters:
            yield letter.record

    async with deliver(
        records(), sink, dead_letters=DeadLetters(file), max_attempts=max_attempts, **options
    ) as delivery:
        await delivery.wait()
    await asyncio.to_thread(moved.unlink)
    return delivery


def _taken(file: Path, moved: Path) -> list[DeadLetter]:
    """The letters of both files, which are all in `moved` then."""
    if file.exists() or not moved.exists():
        letters = list(read_dead_letters(moved)) if moved.exists() else []
        letters += read_dead_letters(file)
        _merge(file, moved)
        return letters
    return list(read_dead_letters(moved))


def _merge(file: Path, moved: Path) -> None:
    """Move the letters of `file` behind those of `moved`."""
    if not moved.exists():
        os.replace(file, moved)
        return
    with open(moved, "ab") as both:
        both.write(b"\n" + file.read_bytes())
    file.unlink()
