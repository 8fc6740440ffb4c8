"""The order of a collection's rows is that of a sort, whatever changed and whichever rows are looked at."""

from __future__ import annotations

from random import Random

import pytest

from agor_reactive.core.persistent import PMap
from agor_reactive.models.session import Session
from agor_reactive.session.recency import Recency


def sorted_ids(rows: PMap[str, Session]) -> list[str]:
    return [row.session_id for row in sorted(rows.values(), key=lambda row: (row.last_updated, row.session_id))][::-1]


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_order_of_a_sort(seed: int) -> None:
    random = Random(seed)
    recency = Recency()
    rows: PMap[str, Session] = PMap()
    held = [rows]
    for _ in range(300):
        session_id = f"s{random.randrange(30)}"
        if random.random() < 0.3 and session_id in rows:
            rows = rows.remove(session_id)
        else:
            stamp = f"2026-11-{random.randint(10, 28)}T10:00:00.000Z"
            rows = rows.insert(session_id, Session(session_id=session_id, last_updated=stamp))
        recency.take(rows, session_id if random.random() < 0.9 else None)
        held.append(rows)
        if random.random() < 0.5:
            looked = random.choice([rows, random.choice(held)])
            found = recency.ordered(looked)
            assert [row.session_id for row in found] == sorted_ids(looked)
            assert all(row is looked[row.session_id] for row in found)


def test_a_change_does_not_sort_again(monkeypatch: pytest.MonkeyPatch) -> None:
    recency = Recency()
    rows: PMap[str, Session] = PMap({f"s{n}": Session(session_id=f"s{n}", last_updated=None) for n in range(100)})
    recency.take(rows)
    recency.ordered(rows)
    read: list[str] = []
    monkeypatch.setattr("agor_reactive.session.recency.instant", lambda text: read.append(text))
    after = rows.insert("s7", Session(session_id="s7", last_updated="2026-11-25T10:00:00.000Z"))
    recency.take(after, "s7")
    assert len(recency.ordered(after)) == 100
    assert len(read) == 4  # both times of the old row, and of the new one
