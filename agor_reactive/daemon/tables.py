"""Tables of rows: look up by id or short id, write, and announce writes.

Uses the store and the bus; knows no transport and no rules of services.
"""

from __future__ import annotations

import re
from typing import Any

from agor_reactive.daemon.events import Bus
from agor_reactive.daemon.faults import DomainFault, ambiguous, missing_row
from agor_reactive.daemon.store import Row, Store

__all__ = ["Table"]

_HEX = re.compile(r"^[0-9a-f]+$")
_FULL = 32


class Table:
    """The rows of one service.

    `entity` is the name used in its errors. `short_ids`: any unique prefix of the id's hex digits finds the row.
    """

    def __init__(self, store: Store, bus: Bus, *, kind: str, entity: str, id_field: str, short_ids: bool) -> None:
        self.store = store
        self.bus = bus
        self.kind = kind
        self.entity = entity
        self.id_field = id_field
        self.short_ids = short_ids

    def find(self, row_id: object) -> Row | None:
        """The row with exactly that id, or None."""
        return self.store.get(self.kind, row_id) if isinstance(row_id, str) else None

    def get(self, ref: object) -> Row:
        """The row of an id or a unique prefix. Raises the wire's not-found and ambiguous faults."""
        found = self.find(ref)
        if found is not None:
            return found
        prefix = str(ref).replace("-", "").lower()
        if self.short_ids and _HEX.match(prefix) and len(prefix) <= _FULL:
            ids = self.store.ids_with_prefix(self.kind, prefix)
            if len(ids) > 1:
                raise ambiguous(self.entity, str(ref), ids)
            if ids:
                return self.get(ids[0])
        raise missing_row(self.entity, ref)

    def one(self, ref: object, verb: str) -> Row:
        """The row to patch or remove. Raises the fault of a write of all rows (None), else as `get`."""
        if ref is None:
            raise DomainFault(f"Multi-{verb} is not enabled")
        return self.get(ref)

    def all(self) -> list[Row]:
        return self.store.all(self.kind)

    def insert(self, row: Row) -> None:
        """Store a new row without an event. Raises DuplicateRow."""
        self.store.insert(self.kind, row[self.id_field], row)

    def put(self, row: Row) -> None:
        """Store a changed row without an event."""
        self.store.replace(self.kind, row[self.id_field], row)

    def drop(self, row: Row) -> None:
        self.store.delete(self.kind, row[self.id_field])

    def announce(self, verb: str, row: Row) -> None:
        """Publish a row event after its unnamed twin."""
        self.bus.row(self.kind, verb, row)

    def change(self, row: Row, **changes: Any) -> Row:
        """Store `row` with some fields replaced (None removes a field), announce it, return it."""
        changed = {**row, **changes}
        for name, value in changes.items():
            if value is None:
                changed.pop(name)
        self.put(changed)
        self.announce("patched", changed)
        return changed
