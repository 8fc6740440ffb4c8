"""Exit codes, one-line error messages, Ctrl-C, and a closed output pipe.

Exit codes: 0 success, 1 failure, 2 usage error, 130 interrupted.
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
    """Write one line to stderr, without secrets and control codes."""
    sys.stderr.write(f"agor-reactive: {one_line(scrub_text(text), 1_000)}\n")


@contextlib.contextmanager
def working() -> Iterator[None]:
    """Turn every expected error of a command into one line and an exit code, without a traceback."""
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _warn
            yield
    except UsageError as error:
        complain(str(error))
        raise SystemExit(MISUSE) from None
    except BrokenPipeError:
        _redirect_stdout_to_null()
        raise SystemExit(FAULT) from None
    except AmbiguousId as error:
        complain(f"{error}; use a longer prefix")
        raise SystemExit(FAULT) from None
    except NotFound as error:
        text = str(error)
        complain(f"{text}; agor-reactive sessions lists all sessions" if text.startswith("Session ") else text)
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


def _redirect_stdout_to_null() -> None:
    """Redirect stdout after its pipe closed (`| head`); else Python reports the error again at exit."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        import os

        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Stop:
    """A request to end the command. With `graceful` the command checks `wanted`; otherwise it is cancelled."""

    def __init__(self) -> None:
        self._wanted = asyncio.Event()
        self.graceful = False
        self.lost_reader = False

    @property
    def wanted(self) -> bool:
        """Whether a stop was requested."""
        return self._wanted.is_set()

    def want(self) -> None:
        """Request a stop."""
        self._wanted.set()

    def lose_reader(self) -> None:
        """Stop because the output pipe is closed."""
        self.lost_reader = True
        _redirect_stdout_to_null()
        self._wanted.set()

    async def wait(self) -> None:
        """Wait until a stop is requested."""
        await self._wanted.wait()


def run(work: Callable[..., Awaitable[int]], *given: Any, **options: Any) -> int:
    """Run a command's coroutine on a new event loop and return its exit code. `work` gets a `Stop` before the rest.

    The first Ctrl-C (or SIGTERM) requests a stop of graceful work and cancels other work; the second always cancels.
    """
    return asyncio.run(_run(lambda stop: work(stop, *given, **options)))


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
        # Windows loops support no signal handlers (a plain handler has to wake the loop); other threads have none.
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
