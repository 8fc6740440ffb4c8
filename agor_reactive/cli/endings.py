"""How a command ends: its exit code, one clear line for what went wrong, Ctrl-C, a reader that went away.

Exit codes: 0 well; 1 their fault (the daemon, the network); 2 wrong use; 130 interrupted midway.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import warnings
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from agor_reactive.adapters.presentation.plain import one_line
from agor_reactive.errors import AgorError, AmbiguousId, NotFound, UsageError
from agor_reactive.transport.redaction import scrub_text

__all__ = ["FAULT", "INTERRUPTED", "MISUSE", "WELL", "Stop", "complain", "run", "working"]

WELL, FAULT, MISUSE, INTERRUPTED = 0, 1, 2, 130


def complain(text: str) -> None:
    """One line on stderr, without secrets and control codes."""
    sys.stderr.write(f"agor-reactive: {one_line(scrub_text(text), 1_000)}\n")


@contextlib.contextmanager
def working() -> Iterator[None]:
    """Around the work of every command: what goes wrong in it becomes one line and an exit code, never a traceback."""
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _warn
            yield
    except UsageError as error:
        complain(str(error))
        raise SystemExit(MISUSE) from None
    except BrokenPipeError:
        _let_go_of_stdout()
        raise SystemExit(FAULT) from None
    except AmbiguousId as error:
        complain(f"{error}; use more of the id")
        raise SystemExit(FAULT) from None
    except NotFound as error:
        told = str(error)
        complain(f"{told}; agor-reactive sessions lists what there is" if told.startswith("Session ") else told)
        raise SystemExit(FAULT) from None
    except (AgorError, OSError) as error:
        complain(str(error))
        raise SystemExit(FAULT) from None
    except KeyboardInterrupt:
        complain("interrupted")
        raise SystemExit(INTERRUPTED) from None


def _warn(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: Any = None,
    line: str | None = None,
) -> None:
    if not issubclass(category, (DeprecationWarning, ResourceWarning)):
        complain(f"warning: {message}")


def _let_go_of_stdout() -> None:
    """Whoever read our output is gone (`| head`); Python would complain about it once more when it exits."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        import os

        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Stop:
    """Somebody wants the command to end. `graceful` work waits for `wanted` and ends by itself; other is cancelled."""

    def __init__(self) -> None:
        self._wanted = asyncio.Event()
        self.graceful = False
        self.lost_reader = False

    @property
    def wanted(self) -> bool:
        """Whether to stop."""
        return self._wanted.is_set()

    def want(self) -> None:
        """Stop, please."""
        self._wanted.set()

    def lose_reader(self) -> None:
        """Nobody reads our output any more."""
        self.lost_reader = True
        _let_go_of_stdout()
        self._wanted.set()

    async def wait(self) -> None:
        """Until somebody wants it."""
        await self._wanted.wait()


def run(work: Callable[[Stop], Awaitable[int]]) -> int:
    """Run a command's coroutine on a loop of its own, and answer its exit code.

    The first Ctrl-C (or SIGTERM) lets graceful work end by itself and cancels any other; the second cancels anything.
    """
    return asyncio.run(_run(work))


async def _run(work: Callable[[Stop], Awaitable[int]]) -> int:
    stop = Stop()
    task = asyncio.ensure_future(work(stop))

    def interrupt() -> None:
        if stop.wanted or not stop.graceful:
            task.cancel()
        stop.want()

    with _signals(interrupt):
        try:
            code = await task
        except asyncio.CancelledError:
            if not stop.wanted:
                raise
            raise KeyboardInterrupt from None
    return FAULT if stop.lost_reader else code


@contextlib.contextmanager
def _signals(interrupt: Callable[[], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    names = (signal.SIGINT, signal.SIGTERM)
    try:
        for name in names:
            loop.add_signal_handler(name, interrupt)
    except (NotImplementedError, RuntimeError, ValueError):
        # Windows loops take no handlers (a plain one has to wake the loop); outside the main thread nobody does.
        with contextlib.suppress(ValueError):
            before = signal.signal(signal.SIGINT, lambda *_: loop.call_soon_threadsafe(interrupt))
            try:
                yield
            finally:
                signal.signal(signal.SIGINT, before)
            return
        yield
        return
    try:
        yield
    finally:
        for name in names:
            loop.remove_signal_handler(name)
