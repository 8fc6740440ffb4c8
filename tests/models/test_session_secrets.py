"""The MCP token of a session can be read, and leaves neither by dumps nor by pickles unless it is asked for."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest

from agor_reactive.core.entries import SessionRowEntry
from agor_reactive.models import Session, row_from_wire
from agor_reactive.models.base import thaw
from tests.core.build import hydrated, session_row

SECRET = "mcp-7f3a"
WIRE = {"session_id": "s", "status": "idle", "mcp_token": SECRET, "zork": 1}


def session() -> Session:
    return row_from_wire(Session, WIRE)


def dumped(row: Session) -> list[Any]:
    return [
        row.to_wire(),
        row.model_dump(),
        row.model_dump_json(),
        row.model_dump(mode="json", by_alias=False),
        thaw([row]),
        pickle.dumps(row),
        str(row),
        repr(row),
    ]


def test_a_row_gives_its_token_to_who_reads_it_and_to_nothing_else() -> None:
    row = session()
    assert row.mcp_token == row["mcp_token"] == SECRET
    assert SECRET not in repr(dumped(row))
    assert pickle.loads(pickle.dumps(row)) == row.model_copy(update={"mcp_token": None})
    assert row.model_dump()["zork"] == 1


def test_it_is_there_when_it_is_asked_for_and_in_copies() -> None:
    row = session()
    assert row.to_wire(secrets=True) == WIRE
    assert row.model_dump(context={"secrets": True})["mcp_token"] == SECRET
    assert json.loads(row.model_dump_json(context={"secrets": True}))["mcp_token"] == SECRET
    for same in (copy.copy(row), copy.deepcopy(row), row.model_copy()):
        assert same.mcp_token == SECRET


@pytest.mark.parametrize("read", [False, True])
def test_a_snapshot_holds_it_and_neither_its_dump_nor_its_pickle(read: bool) -> None:
    state = hydrated(session={**session_row(), **WIRE}).state
    if read:
        assert state.session is not None
    assert SECRET not in repr(pickle.dumps(state))
    assert pickle.loads(pickle.dumps(state)).session.status == "idle"
    assert SECRET not in repr(state.dump())
    assert state.dump(secrets=True)["session"]["mcp_token"] == SECRET
    assert state.session is not None
    assert state.session.mcp_token == SECRET


@pytest.mark.parametrize("read", [False, True])
def test_an_entry_is_pickled_without_it(read: bool) -> None:
    entry = SessionRowEntry.from_payload(dict(WIRE))
    assert entry is not None
    assert not read or entry.row
    again = pickle.loads(pickle.dumps(entry))
    assert again.mcp_token is None
    assert again.row.to_wire(secrets=True) == {**entry.row.to_wire()}
