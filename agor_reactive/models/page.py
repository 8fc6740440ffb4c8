"""One page of a find."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from agor_reactive.errors import MissingExtra
from agor_reactive.models.base import thaw

__all__ = ["Page"]

T = TypeVar("T")

_MOMENTS = ("_at", "timestamp", "last_updated", "last_used")


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

    @property
    def has_more(self) -> bool:
        """Whether there are rows after this page: ``find({**query, "$skip": page.skip + len(page)})`` reads them."""
        return self.skip + len(self.data) < self.total

    def __iter__(self) -> Iterator[T]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, position: int) -> T:
        return self.data[position]

    def dataframe(self) -> Any:
        """Convert the rows to a pandas `DataFrame`: a column per field of any row, with its wire name.

        ISO 8601 text becomes UTC timestamps; nested values stay dicts or lists. Needs pandas (`MissingExtra` without
        it). For all rows of a query: ``Page(rows, len(rows)).dataframe()`` of `find_all`.
        """
        try:
            import pandas
        except ImportError:
            raise MissingExtra('a data frame needs pandas: pip install "agor-reactive[pandas]"') from None
        frame = pandas.DataFrame([thaw(row) for row in self.data])
        for name in frame.columns:
            column = frame[name].dropna()
            if str(name).endswith(_MOMENTS) and len(column) and all(isinstance(moment, str) for moment in column):
                frame[name] = pandas.to_datetime(frame[name], utc=True, format="ISO8601", errors="coerce")
        return frame
