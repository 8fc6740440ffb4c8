"""A driver that returns each result with its HTTP response."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace
from inspect import isawaitable
from typing import Any

from agor_reactive.calls.drivers import Driver, Pages
from agor_reactive.calls.effects import NO_OPTIONS, CallOptions, Operation
from agor_reactive.errors import UsageError
from agor_reactive.models.raw_response import RawResponse

__all__ = ["RawDriver"]


class RawDriver:
    """Runs operations with `driver`, over REST. `run` returns a `RawResponse`, or an awaitable of it."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self.filters = driver.filters

    def run(self, operation: Operation[Any], options: CallOptions | None = None, /) -> Any:
        answers: list[Any] = []
        done = self._driver.run(operation, replace(options or NO_OPTIONS, answered=answers.append))
        return _later(done, answers) if isawaitable(done) else _with_response(done, answers)

    def walk(self, pages: Pages[Any], options: CallOptions | None = None, /) -> Any:
        raise UsageError("iterate has a response for every page. Use find with $limit and $skip")

    def check_loop(self) -> None:
        self._driver.check_loop()


async def _later(result: Awaitable[Any], answers: list[Any]) -> RawResponse[Any]:
    return _with_response(await result, answers)


def _with_response(result: Any, answers: list[Any]) -> RawResponse[Any]:
    if not answers:
        raise UsageError("the result was known without a request, so there is no response")
    last = answers[-1]
    return RawResponse(result, last.status, last.headers, last.body)
