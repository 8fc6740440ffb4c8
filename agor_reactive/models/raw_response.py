"""A result together with the HTTP response it was read from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import orjson

from agor_reactive.errors import ProtocolError

__all__ = ["RawResponse"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, repr=False)
class RawResponse(Generic[T]):
    """What ``client.with_raw_response`` returns: the `result`, and `status`, `headers` and `body` of the response.

    Header names are in lower case; `body` is after decompression. A method that makes several requests (a walk over
    pages, a short id that is expanded first) has the last response. Its repr shows no header and no body.
    """

    result: T
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as plain JSON data. Raises `ProtocolError` when it is none."""
        try:
            return orjson.loads(self.body) if self.body else None
        except ValueError:
            raise ProtocolError("the body of the response is not JSON") from None

    def __repr__(self) -> str:
        return f"RawResponse(status={self.status}, {len(self.body):,} bytes, result={type(self.result).__name__})"
