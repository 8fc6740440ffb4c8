"""Keys of a terminal, one by one, on the event loop. Only where the terminal can be read without waiting for lines."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Final

__all__ = ["keys_of_terminal", "split_keys"]

_ARROWS: Final = {b"C": "right", b"D": "left"}
_KEY: Final = re.compile(rb"\x1b[\[O][0-9;]*([A-Za-z~])|\x1b(?![\[O])|([^\x1b])", re.DOTALL)


def split_keys(data: bytes) -> tuple[list[str], bytes]:
    """The keys in what was read, and the beginning of an unfinished one: ``right left space q 0 …``.

    Escape sequences of other keys are left out.
    """
    keys: list[str] = []
    at = 0
    while at < len(data):
        found = _KEY.match(data, at)
        if found is None or (found[0] == b"\x1b" and found.end() == len(data)):
            break
        at = found.end()
        arrow, letter = found[1], found[2]
        if arrow is not None:
            keys += [_ARROWS[arrow]] if arrow in _ARROWS else []
        elif letter is not None and letter.isascii():
            keys.append("space" if letter == b" " else letter.decode("ascii").lower())
    rest = data[at:]
    return keys, rest if len(rest) < 16 else b""


@contextlib.asynccontextmanager
async def keys_of_terminal() -> AsyncIterator[asyncio.Queue[str] | None]:
    """Keys as they are pressed, without echo, until the body ends; None if stdin is no such terminal."""
    queue: asyncio.Queue[str] = asyncio.Queue()
    if not sys.stdin.isatty():
        yield None
        return
    with contextlib.ExitStack() as stack:
        file = sys.stdin.fileno()
        try:
            stack.enter_context(_unbuffered(file))
        except OSError:
            yield None
            return
        unfinished = b""

        def read() -> None:
            nonlocal unfinished
            data = os.read(file, 1024)
            if not data:
                loop.remove_reader(file)
            keys, unfinished = split_keys(unfinished + data)
            for key in keys:
                queue.put_nowait(key)

        loop = asyncio.get_running_loop()
        loop.add_reader(file, read)
        stack.callback(loop.remove_reader, file)
        yield queue


@contextlib.contextmanager
def _unbuffered(file: int) -> Iterator[None]:
    """Raises OSError on Windows and for a terminal that cannot do it."""
    if sys.platform == "win32":
        raise OSError("no termios on Windows")
    import termios
    import tty

    try:
        before = termios.tcgetattr(file)
        tty.setcbreak(file)
    except termios.error as error:
        raise OSError(*error.args) from None
    try:
        yield
    finally:
        termios.tcsetattr(file, termios.TCSADRAIN, before)
