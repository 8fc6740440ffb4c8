"""The persistent map beside dict: whatever is done to any version of it, every version stays what it was."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agor_reactive.core.persistent import WIDTH, PMap
from agor_reactive.core.text import EMPTY, _Chunks

KEYS = 3 * WIDTH

keys = st.integers(0, KEYS - 1)
changes = st.one_of(
    st.tuples(st.just("insert"), keys),
    st.tuples(st.just("discard"), keys),
    st.tuples(st.just("update"), st.lists(keys, max_size=5)),
    st.tuples(st.just("append many"), st.integers(1, 2 * WIDTH)),
)


def changed(
    before: PMap[int, Any], model: dict[int, Any], change: Any, at: int
) -> tuple[PMap[int, Any], dict[int, Any]]:
    how, what = change
    if how == "insert":
        return before.insert(what, at), {**model, what: at}
    if how == "discard":
        return before.discard(what), {key: value for key, value in model.items() if key != what}
    more = dict.fromkeys(what, at) if how == "update" else {KEYS + at * 1000 + n: n for n in range(what)}
    after = before
    if how == "update":
        return before.update(more), {**model, **more}
    for key, value in more.items():
        after = after.insert(key, value)
    return after, {**model, **more}


@given(st.lists(st.tuples(st.floats(0, 1), changes), max_size=60))
def test_every_version_stays_what_it_was_whichever_of_them_is_changed_next(steps: list[Any]) -> None:
    versions: list[tuple[PMap[int, Any], dict[int, Any]]] = [(PMap(), {})]
    for at, (back, change) in enumerate(steps):
        # Mostly the newest is changed, sometimes one from long ago.
        base = versions[-1] if back < 0.8 else versions[int((1 - back) * 5 * (len(versions) - 1))]
        versions.append(changed(*base, change, at))
    for version, model in versions:
        assert dict(version.items()) == model
        assert len(version) == len(model)
        assert set(version.values()) == set(model.values())
        assert all(version.get(key) == value and key in version for key, value in model.items())
        assert all(key not in version for key in range(KEYS) if key not in model)


@given(st.lists(st.tuples(st.floats(0, 1), st.lists(st.tuples(changes, st.booleans()), max_size=20)), max_size=20))
def test_a_batch_changes_no_version_from_before_it_and_none_after_it_changes_its_last(steps: list[Any]) -> None:
    versions: list[tuple[PMap[int, Any], dict[int, Any]]] = [(PMap(), {})]
    at = 0
    for back, batch in steps:
        here, model = versions[-1] if back < 0.7 else versions[int((1 - back) * 3 * (len(versions) - 1))]
        owner = object()
        for change, owned in batch:
            at += 1
            if change[0] == "insert" and owned:
                here, model = here.insert(change[1], at, owner), {**model, change[1]: at}
            elif change[0] == "append many" and owned:
                for n in range(change[1]):
                    here, model = here.insert(KEYS + at * 1000 + n, n, owner), {**model, KEYS + at * 1000 + n: n}
                if here and change[1] % 2:
                    last = next(reversed(model))
                    here, model = here.replace(last, "again", owner), {**model, last: "again"}
            else:
                here, model = changed(here, model, change, at)
        versions.append((here, model))
    for version, model in versions:
        assert dict(version.items()) == model
        assert len(version) == len(model)
        assert all(version.get(key) == value and key in version for key, value in model.items())


def test_within_a_batch_a_map_is_copied_once() -> None:
    before, owner = PMap({key: key for key in range(10)}), object()
    first = before.insert(10, 10, owner)
    assert first is not before
    assert first.insert(11, 11, owner) is first
    again = first.replace(3, "c", owner)
    assert again is not before
    assert again.replace(4, "d", owner) is again
    assert again.insert(12, 12, owner) is again
    assert again.insert(13, 13, object()) is not again
    assert again.insert(14, 14) is not again
    assert dict(before.items()) == {key: key for key in range(10)}


AROUND_A_LIST = (0, 1, WIDTH - 1, WIDTH, WIDTH + 1, 2 * WIDTH)


@pytest.mark.parametrize("count", AROUND_A_LIST)
@pytest.mark.parametrize("more", AROUND_A_LIST)
@pytest.mark.parametrize("others", [(), (0,), (0.5, 1)])
def test_what_has_changed_since_an_older_version_are_new_keys_and_other_values(
    count: int, more: int, others: tuple[float, ...]
) -> None:
    older = PMap({key: str(key) for key in range(count)})
    newer = older
    for key in {int(part * (count - 1)) for part in others if count}:
        newer = newer.replace(key, f"other {key}")
    for key in range(count, count + more):
        newer = newer.insert(key, f"new {key}")
    assert newer.insert("one more", "of a later version")
    changed = [value for key, value in newer.items() if older.get(key) is not value]
    assert newer.changed_since(older) == changed
    assert newer.changed_since(newer) == []
    assert newer.changed_since(PMap({0: "of another line"})) == list(newer.values())
    if newer:
        kept = [value for value in changed if value is not newer[0]]
        assert newer.remove(0).changed_since(older) == kept, "removed keys do not show"


def test_a_key_that_is_not_there_is_named_when_asked_for_or_removed() -> None:
    here = PMap({1: "a"})
    gone = here.remove(1)
    for absent in (gone, PMap[int, str](), PMap({2: "b"})):
        with pytest.raises(KeyError, match="1"):
            absent[1]
        with pytest.raises(KeyError, match="1"):
            absent.remove(1)
        assert absent.discard(1) is absent
    assert here[1] == "a"


def test_removing_much_lets_go_of_the_keys() -> None:
    full = PMap({key: key for key in range(1000)})
    left = full
    for key in range(990):
        left = left.remove(key)
    assert len(left._index) < 100
    assert dict(left.items()) == {key: key for key in range(990, 1000)}
    assert len(full) == 1000


def test_an_old_version_keeps_no_more_than_one_list_of_what_came_after_it() -> None:
    old = new = PMap({0: 0})
    for key in range(1, 10 * WIDTH):
        new = new.insert(key, key)
    assert sum(len(values) for values in (*old._lists, old._tail)) <= WIDTH


def test_an_empty_map_never_grows_in_place() -> None:
    """The empty maps that sessions begin with may be one and the same."""
    empty = PMap[str, int]()
    assert empty.insert("a", 1).get("b") is None
    assert empty.insert("b", 2).get("a") is None
    assert not empty._index


def test_copies_and_pickles_are_equal_and_independent() -> None:
    here = PMap({"a": 1}).insert("b", 2).remove("a")
    for other in (pickle.loads(pickle.dumps(here)), copy.deepcopy(here)):
        assert other == here
        assert other.insert("c", 3).get("c") == 3
        assert "c" not in here


def test_if_another_thread_takes_the_place_in_between_the_slower_one_copies() -> None:
    """The moment between looking and appending, made as long as need be."""
    base = PMap({"base": 0})
    faster: list[PMap[str, int]] = []

    class Claim(list[None]):
        def pop(self, at: Any = -1) -> None:
            if not faster:
                faster.append(PMap())  # only once
                faster[0] = base.insert("faster", 1)
            super().pop(at)

    base._claim = Claim([None])
    slower = base.insert("slower", 2)
    assert dict(slower.items()) == {"base": 0, "slower": 2}
    assert dict(faster[0].items()) == {"base": 0, "faster": 1}


def test_if_another_thread_writes_in_between_the_slower_one_copies() -> None:
    class Raced(_Chunks):
        def append(self, chunk: str) -> None:
            super().append("faster")
            super().append(chunk)

    run = EMPTY.append("base ", 1)
    run._chunks = Raced(run._chunks)
    assert run.append("slower", 1).text == "base slower"
    assert run.text == "base "


def test_text_of_two_beginnings_is_not_mixed() -> None:
    """All streams begin with one and the same empty run."""
    assert EMPTY.append("a", 1).text == "a"
    assert EMPTY.append("b", 1).text == "b"
    assert not EMPTY.chunks
    assert not EMPTY._chunks
