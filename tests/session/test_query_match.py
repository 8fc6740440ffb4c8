"""Which rows fit a query: as FeathersJS decides it, told by the very package that it decides by."""

from __future__ import annotations

import json
import random
import subprocess
from typing import Any

import pytest

from agor_reactive.errors import UsageError
from agor_reactive.session.query_match import matcher, ordering, plain, sendable
from tests.feathers_peer.process import PEER, PeerUnavailable, install

SIFT = """
import { createRequire } from 'node:module'
const sift = createRequire(process.argv[1])('sift').default
let text = ''
for await (const part of process.stdin) text += part
console.log(JSON.stringify(JSON.parse(text).map(([query, row]) => sift(query)(row))))
"""
VALUES: tuple[Any, ...] = (None, True, False, 0, 1, 1.5, 2, "", "a", "b", "1", ["a", 1], [], {"x": 1}, {"x": "a"})
FIELDS = ("p", "q", "p.x", "list")
OPERATORS = ("$ne", "$lt", "$lte", "$gt", "$gte")


def a_row(dice: random.Random) -> dict[str, Any]:
    row = {name: dice.choice(VALUES) for name in ("p", "q") if dice.random() < 0.75}
    return row | (
        {"list": [{"x": dice.choice(VALUES[:11])} for _ in range(dice.randrange(3))]} if dice.random() < 0.4 else {}
    )


def a_query(dice: random.Random, depth: int = 0) -> dict[str, Any]:
    query: dict[str, Any] = {}
    for name in dice.sample((*FIELDS[:3], "list.x"), dice.randint(1, 2)):
        kind = dice.random()
        if kind < 0.4:
            query[name] = dice.choice(VALUES[:11])
        elif kind < 0.7:
            query[name] = {dice.choice(("$in", "$nin")): [dice.choice(VALUES[:11]) for _ in range(dice.randrange(4))]}
        else:
            query[name] = {dice.choice(OPERATORS): dice.choice(VALUES[:11]) for _ in range(dice.randint(1, 2))}
    if depth < 2 and dice.random() < 0.3:
        query[dice.choice(("$or", "$and"))] = [a_query(dice, depth + 1) for _ in range(dice.randint(1, 3))]
    return query


def test_rows_fit_as_they_do_in_feathersjs() -> None:
    try:
        install()
    except PeerUnavailable as why:
        pytest.skip(str(why))
    dice = random.Random(20261125)
    cases = [(a_query(dice), a_row(dice)) for _ in range(4000)]
    done = subprocess.run(
        ["node", "--input-type=module", "-e", SIFT, str(PEER / "package.json")],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    theirs = json.loads(done.stdout)
    ours = [matcher(query)(row) for query, row in cases]
    assert sum(theirs) > 300
    assert [(case, said) for case, said, own in zip(cases, theirs, ours, strict=True) if said is not own] == []


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"status": {"$regex": "id"}}, "$regex"),
        ({"$nor": [{"status": "idle"}]}, "$nor"),
        ({"$select": ["status"]}, "$select"),
        ({"$limit": 3}, "$limit"),
        ({"$or": [{"status": {"$exists": True}}]}, "$exists"),
        ({"$or": {"status": "idle"}}, "$or"),
        ({"$and": []}, "$and"),
        ({"status": {"$in": "idle"}}, "$in"),
        ({"status": {"$ne": "idle", "x": 1}}, "status"),
    ],
)
def test_an_operator_that_is_unknown_or_malformed_is_named(query: dict[str, Any], named: str) -> None:
    with pytest.raises(UsageError) as raised:
        matcher(query)
    assert named in str(raised.value)


@pytest.mark.parametrize("sort", [3, {"a": 2}, {"a": "up"}, ["a"]])
def test_an_order_is_one_or_minus_one(sort: Any) -> None:
    with pytest.raises(UsageError, match=r"\$sort"):
        ordering(sort)


def test_a_flag_that_is_absent_is_off() -> None:
    for query, fit in (
        ({"archived": False}, [True, True, True, False]),
        ({"archived": True}, [False, False, False, True]),
        ({"archived": {"$ne": True}}, [True, True, True, False]),
        ({"$or": [{"archived": {"$in": [False]}}]}, [True, True, True, False]),
    ):
        fits = matcher(query)
        assert [fits(row) for row in ({}, {"archived": None}, {"archived": False}, {"archived": True})] == fit


def test_only_what_every_daemon_takes_is_sent() -> None:
    query = {"status": "idle", "archived": False, "title": None, "branch_id": {"$in": ["b"]}, "$or": [{"a": 1}]}
    assert sendable(plain(query)) == {"status": "idle", "archived": False}


def test_several_fields_order_rows_the_first_one_first() -> None:
    rows: list[Any] = [{"a": 1, "b": "x"}, {"a": 2}, {"a": 1, "b": "y"}, {"b": "z"}]
    assert ordering({"a": -1, "b": "1"})(rows) == (rows[1], rows[0], rows[2], rows[3])


def test_a_dotted_name_is_not_sent_as_daemons_do_not_know_it() -> None:
    assert sendable(plain({"custom.team": "a", "status": "idle"})) == {"status": "idle"}


@pytest.mark.parametrize(
    ("value", "fit"), [({"a": 1, "b": 2}, True), ({"a": 1}, False), ({"a": 1, "b": 2, "c": 3}, False)]
)
def test_an_object_fits_only_one_with_the_same_fields(value: Any, fit: bool) -> None:
    assert matcher({"p": {"a": 1, "b": 2}})({"p": value}) is fit


@pytest.mark.parametrize(
    ("value", "fit"),
    [(["a", "b"], True), (["a"], False), (["b", "a"], False), ("ab", False), ("a", False), (None, False), (2, False)],
)
def test_a_list_fits_only_one_with_the_same_items(value: Any, fit: bool) -> None:
    assert matcher({"p": ["a", "b"]})({"p": value}) is fit


def test_a_number_in_a_dotted_name_looks_inside_that_item() -> None:
    row = {"list": [{"x": 1}, {"x": 2}]}
    assert [matcher({"list.1.x": wanted})(row) for wanted in (1, 2)] == [False, True]
