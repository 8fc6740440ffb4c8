"""One page of a find."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["Page"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Rows of a find, in the daemon's order: iterable, with a length, indexable.

    `total` counts all rows that match, `limit` and `skip` are rows; a route that answers a bare list has
    `total == len(data)`, `limit` None and `skip` 0.
    """

    data: tuple[T, ...]
    total: int
    limit: int | None = None
    skip: int = 0

    def __iter__(self) -> Iterator[T]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, position: int) -> T:
        return self.data[position]
