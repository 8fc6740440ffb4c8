"""Rows on disk: one SQLite table of JSON documents, and a few named settings.

Every write is committed before the call returns, so every announced row survives a killed process. Knows no services,
events or transports: a row is a dict, a kind is a string.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["Condition", "DuplicateRow", "Row", "Store"]

Row = dict[str, Any]

_SCHEMA = """
create table if not exists rows (
  seq integer primary key autoincrement,
  kind text not null,
  id text not null,
  session_id text,
  task_id text,
  position integer,
  body text not null,
  unique (kind, id)
);
create index if not exists rows_by_session on rows (kind, session_id, position, seq);
create index if not exists rows_by_task on rows (kind, task_id, position, seq);
create index if not exists rows_by_creation on rows (kind, session_id, seq);
create index if not exists rows_by_id on rows (kind, session_id, id);
create table if not exists settings (name text primary key, value text not null);
"""

_COLUMNS = {"id": "id", "message_id": "id", "session_id": "session_id", "task_id": "task_id", "index": "position"}
_OPERATORS = {"=": "=", "!=": "is not", ">": ">", ">=": ">=", "<": "<", "<=": "<="}

Condition = tuple[str, str, Any]
"""A field, one of ``= != > >= < <= in``, and a value (a list for ``in``)."""


class DuplicateRow(Exception):
    """A row of that kind with that id exists already."""


class Store:
    """The daemon's rows. One per daemon, used from its loop's thread only."""

    def __init__(self, path: str | Path | None = None) -> None:
        if path is not None:
            _make_private(Path(path))
        # isolation_level=None: each statement commits unless `together` opened a transaction.
        self._db = sqlite3.connect(":memory:" if path is None else str(path), isolation_level=None)
        # WAL survives the death of the process without an fsync per commit; only a power cut could lose the tail.
        self._db.execute("pragma journal_mode=wal")
        self._db.execute("pragma synchronous=normal")
        self._db.execute("pragma busy_timeout=2000")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make all writes inside atomic and durable."""
        if self._db.in_transaction:
            yield
            return
        self._db.execute("begin immediate")
        try:
            yield
        except BaseException:
            self._db.execute("rollback")
            raise
        self._db.execute("commit")

    def insert(self, kind: str, row_id: str, row: Row) -> None:
        """Append a row. Raises DuplicateRow."""
        try:
            self._db.execute(
                "insert into rows (kind, id, session_id, task_id, position, body) values (?, ?, ?, ?, ?, ?)",
                (kind, row_id, *_columns(row), _dump(row)),
            )
        except sqlite3.IntegrityError as error:
            raise DuplicateRow(row_id) from error

    def replace(self, kind: str, row_id: str, row: Row) -> None:
        """Replace an existing row; its place in creation order stays."""
        self._db.execute(
            "update rows set session_id = ?, task_id = ?, position = ?, body = ? where kind = ? and id = ?",
            (*_columns(row), _dump(row), kind, row_id),
        )

    def delete(self, kind: str, row_id: str) -> None:
        self._db.execute("delete from rows where kind = ? and id = ?", (kind, row_id))

    def delete_of_session(self, kind: str, session_id: str) -> None:
        self._db.execute("delete from rows where kind = ? and session_id = ?", (kind, session_id))

    def get(self, kind: str, row_id: str) -> Row | None:
        found = self._db.execute("select body from rows where kind = ? and id = ?", (kind, row_id)).fetchone()
        return None if found is None else _load(found[0])

    def ids_with_prefix(self, kind: str, prefix: str) -> list[str]:
        """The full ids whose hex digits begin with `prefix` (hex digits only, no dashes)."""
        found = self._db.execute(
            "select id from rows where kind = ? and replace(id, '-', '') like ? order by seq", (kind, prefix + "%")
        )
        return [row[0] for row in found]

    def all(self, kind: str) -> list[Row]:
        """All rows of a kind in creation order."""
        return _rows(self._db.execute("select body from rows where kind = ? order by seq", (kind,)))

    def of_session(self, kind: str, session_id: str) -> list[Row]:
        """A session's rows in creation order."""
        return self.page(kind, session_id=session_id)

    def messages_by_index(self, *, session_id: str | None = None, task_id: str | None = None) -> list[Row]:
        """The messages of a session, of a task, or of both, by index."""
        return self.page("messages", by_index=True, session_id=session_id, task_id=task_id)

    def page(
        self,
        kind: str,
        *,
        session_id: str | None = None,
        task_id: str | None = None,
        row_type: str | None = None,
        by_index: bool = False,
        skip: int = 0,
        limit: int = -1,
    ) -> list[Row]:
        """Read at most `limit` rows (-1: all) from `skip`, in order of creation or by index."""
        where = _scope(session_id, task_id, row_type)
        return self.search(kind, where, order=[("index", 1)] if by_index else [], skip=skip, limit=limit)

    def count(
        self, kind: str, *, session_id: str | None = None, task_id: str | None = None, row_type: str | None = None
    ) -> int:
        """The number of rows without paging."""
        return self.search_count(kind, _scope(session_id, task_id, row_type))

    def search(
        self,
        kind: str,
        where: Sequence[Condition],
        *,
        order: Sequence[tuple[str, int]] = (),
        skip: int = 0,
        limit: int = -1,
    ) -> list[Row]:
        """Read the rows that match all conditions, sorted by fields (1 or -1), ties by creation in the same
        direction."""
        clauses, values = _where(kind, where)
        # The last direction also applies to `seq`, because an index serves only orders that it can be scanned in.
        last = order[-1][1] if order else 1
        terms = [f"{_column(name)} {_direction(direction)}" for name, direction in order]
        terms.append(f"seq {_direction(last)}")
        statement = f"select body from rows where {clauses} order by {', '.join(terms)} limit ? offset ?"
        return _rows(self._db.execute(statement, (*values, limit, skip)))

    def search_count(self, kind: str, where: Sequence[Condition]) -> int:
        """The number of rows that match all conditions."""
        clauses, values = _where(kind, where)
        return int(self._db.execute(f"select count(*) from rows where {clauses}", values).fetchone()[0])

    def next_message_index(self, session_id: str) -> int:
        found = self._db.execute(
            "select max(position) from rows where kind = 'messages' and session_id = ?", (session_id,)
        ).fetchone()
        return 0 if found[0] is None else int(found[0]) + 1

    def setting(self, name: str) -> str | None:
        found = self._db.execute("select value from settings where name = ?", (name,)).fetchone()
        return None if found is None else str(found[0])

    def forget_setting(self, name: str) -> None:
        """Remove a setting, and its bytes from the files."""
        self._db.execute("pragma secure_delete=on")
        self._db.execute("delete from settings where name = ?", (name,))
        self._db.execute("pragma wal_checkpoint(truncate)")
        self._db.execute("pragma secure_delete=off")

    def set_setting(self, name: str, value: str) -> None:
        self._db.execute(
            "insert into settings (name, value) values (?, ?) on conflict (name) do update set value = excluded.value",
            (name, value),
        )


def _make_private(path: Path) -> None:
    """Only the owner may read the file, from its creation on; SQLite gives its journals the mode of the database.

    On Windows the permissions of the folder hold.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:  # not opened again: closing any handle on it would drop the locks of another connection
        for name in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
            if name.exists():
                name.chmod(0o600)


def _scope(session_id: str | None, task_id: str | None, row_type: str | None) -> list[Condition]:
    given = {"session_id": session_id, "task_id": task_id, "type": row_type}
    return [(name, "=", value) for name, value in given.items() if value is not None]


def _where(kind: str, conditions: Sequence[Condition]) -> tuple[str, list[Any]]:
    """The conditions as SQL, and their values."""
    clauses, values = ["kind = ?"], [kind]
    for name, operator, value in conditions:
        if operator == "in":
            clauses.append(f"{_column(name)} in ({', '.join('?' * len(value))})")
            values.extend(value)
        else:
            clauses.append(f"{_column(name)} {_OPERATORS[operator]} ?")
            values.append(value)
    return " and ".join(clauses), values


def _direction(sign: int) -> str:
    return "asc" if sign > 0 else "desc"


def _column(name: str) -> str:
    """The SQL of a field: a column with an index, or a path into the document."""
    column = _COLUMNS.get(name)
    if column is not None:
        return column
    if not name.replace("_", "").replace(".", "").isalnum():
        raise ValueError(f"not a field: {name!r}")
    return f"json_extract(body, '$.{name}')"


def _columns(row: Row) -> tuple[str | None, str | None, int | None]:
    session_id, task_id, index = row.get("session_id"), row.get("task_id"), row.get("index")
    return (
        session_id if isinstance(session_id, str) else None,
        task_id if isinstance(task_id, str) else None,
        index if isinstance(index, int) else None,
    )


def _dump(row: Row) -> str:
    return json.dumps(row, separators=(",", ":"))


def _load(text: str) -> Row:
    row: Row = json.loads(text)
    return row


def _rows(found: Iterable[tuple[str]]) -> list[Row]:
    return [_load(body) for (body,) in found]
