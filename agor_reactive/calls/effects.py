"""Work that needs answers on the way, written once: a generator says what it wants, a face does it and sends back.

An *operation* yields `Call`s (and, to wait, `Pause` and `Now`) and returns its result; it knows no socket, no HTTP, no
loop, no clock. `drive` runs one with a
function, `drive_async` with a coroutine function. Errors of the face are raised at the generator's ``yield``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

__all__ = ["AskProvider", "Call", "Now", "Operation", "Pause", "Steps", "TokenProvider", "Wish", "drive", "drive_async"]

T = TypeVar("T")
Effect = TypeVar("Effect")

Steps = Generator[Effect, Any, T]


@dataclass(frozen=True, slots=True)
class Call:
    """One service call wanted: `args` are the method's own, query last."""

    method: str
    service: str
    args: tuple[Any, ...] = ()

    def __repr__(self) -> str:
        return f"Call({self.method} {self.service})"  # arguments may hold prompts and secrets


@dataclass(frozen=True, slots=True)
class Pause:
    """This many seconds should pass."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Now:
    """What a clock that never goes back says, in seconds, is wanted."""


Wish = Call | Pause | Now

TokenProvider = Callable[[], str | Awaitable[str]]


@dataclass(frozen=True, slots=True)
class AskProvider:
    """The user's token provider is to be asked; its answer (awaited if it must be) is wanted."""

    provider: TokenProvider


Operation = Generator[Wish, Any, T]


def drive(steps: Steps[Effect, T], perform: Callable[[Effect], Any]) -> T:
    """Run `steps`, doing each of its wishes with `perform`."""
    try:
        wish = next(steps)
        while True:
            try:
                answer = perform(wish)
            except Exception as error:  # noqa: BLE001 - handed to the generator, which decides
                wish = steps.throw(error)
            else:
                wish = steps.send(answer)
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        steps.close()


async def drive_async(steps: Steps[Effect, T], perform: Callable[[Effect], Awaitable[Any]]) -> T:
    """Run `steps`, awaiting `perform` for each of its wishes."""
    try:
        wish = next(steps)
        while True:
            try:
                answer = await perform(wish)
            except Exception as error:  # noqa: BLE001 - handed to the generator, which decides
                wish = steps.throw(error)
            else:
                wish = steps.send(answer)
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        steps.close()
