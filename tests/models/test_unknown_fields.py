"""Unknown fields of a row are reachable under their own names, also where the model has a method of that name."""

from __future__ import annotations

import copy
import pickle

import pytest
from pydantic import BaseModel

from agor_reactive.models import Message, Session, Task
from agor_reactive.models.base import WireModel, row_from_wire

ROWS: tuple[tuple[type[WireModel], dict[str, str]], ...] = (
    (Session, {"session_id": "s"}),
    (Task, {"task_id": "t"}),
    (Message, {"message_id": "m"}),
)


@pytest.mark.parametrize(("model", "row"), ROWS)
def test_every_name_is_reachable_whatever_the_class_has(model: type[WireModel], row: dict[str, str]) -> None:
    known = set(model.model_fields) | {field.alias for field in model.model_fields.values()}
    names = [name for name in (*dir(model), "zork", "", "a b", "__dict__", "_invalid") if name not in known]
    assert {"copy", "json", "get", "row_id", "model_extra", "invalid"} <= set(names)
    read = row_from_wire(model, {**row, **{name: f"of {name}" for name in names}})
    wrong = [name for name in names if read[name] != f"of {name}" or read.get(name) != f"of {name}"]
    assert wrong == []
    assert all(read.to_wire()[name] == f"of {name}" for name in names)
    assert read.zork == "of zork"  # type: ignore[attr-defined]


def test_rows_compare_copy_and_pickle_as_pydantic_does_with_the_fields_that_did_not_fit() -> None:
    row, same, other = (row_from_wire(Task, {"task_id": "t1", "status": status}) for status in (3, 3, 4))
    assert Task.__eq__ is BaseModel.__eq__
    assert row == same
    assert row != other
    for twin in (copy.copy(row), copy.deepcopy(row), pickle.loads(pickle.dumps(row)), row.model_copy()):
        assert twin == row
        assert twin.invalid == {"status": 3}
        assert twin.to_wire() == {"task_id": "t1", "status": 3}
