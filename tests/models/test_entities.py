"""Every entity of the wire has a model that reads it whole, and gives it back as it came."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import agor_reactive.models as package
from agor_reactive.calls.service_table import SERVICE_TABLE
from agor_reactive.models import Session, WireModel, row_from_wire, words
from tests.models.entities import ENTITIES, full, instances, minimal, words_of

# Kinds of the table that have no model of their own name: what is read by another model, or is only ever sent.
READ_BY = {"ContextFileEntry": "ContextFile", "WorktreeEnvironment": "Environment"}
SENT_ONLY = {"SpawnConfig"}


def _models() -> dict[str, type[WireModel]]:
    found: dict[str, type[WireModel]] = {}
    for module in pkgutil.iter_modules(package.__path__):
        for name, value in vars(importlib.import_module(f"{package.__name__}.{module.name}")).items():
            if isinstance(value, type) and issubclass(value, WireModel) and not name.startswith("_"):
                found[name] = value
    return found


def whole(row: WireModel) -> dict[str, Any]:
    """What came, the secret of a session included."""
    return row.to_wire(secrets=True) if isinstance(row, Session) else row.to_wire()


MODELS = _models()
READ = {name: MODELS[READ_BY.get(name, name)] for name in ENTITIES if name not in SENT_ONLY}


def parts_of(value: Any) -> list[WireModel]:
    """The row and every model inside it."""
    if isinstance(value, WireModel):
        inner = [part for name in type(value).model_fields for part in parts_of(getattr(value, name))]
        return [value, *inner]
    if isinstance(value, tuple):
        return [part for item in value for part in parts_of(item)]
    if isinstance(value, dict):
        return [part for item in value.values() for part in parts_of(item)]
    return []


@pytest.mark.parametrize("entity", READ)
@pytest.mark.parametrize("make", [minimal, full])
def test_a_model_reads_its_entity_whole_and_gives_it_back(entity: str, make: Any) -> None:
    wire = make(entity)
    row = row_from_wire(READ[entity], wire)
    assert whole(row) == wire
    for part in parts_of(row):
        assert not part.invalid, type(part)
        assert not part.model_extra, type(part)


@pytest.mark.parametrize("entity", READ)
@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_what_is_read_is_given_back_the_same(entity: str, data: st.DataObject) -> None:
    wire = data.draw(instances(entity))
    row = row_from_wire(READ[entity], wire)
    assert whole(row) == wire
    assert not row.invalid
    assert row_from_wire(READ[entity], whole(row)) == row


@pytest.mark.parametrize("entity", READ)
@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_a_field_of_a_wrong_kind_costs_nothing_else(entity: str, data: st.DataObject) -> None:
    wire = data.draw(instances(entity))
    known = [name for name in wire if name != "zork"]
    if not known:
        return
    name = data.draw(st.sampled_from(known))
    wrong = data.draw(st.sampled_from([{"no": [1]}, [{"no": 1}, 2], "text", 1.5, True, None]))
    row = row_from_wire(READ[entity], {**wire, name: wrong})
    given_back = whole(row)
    assert (
        given_back.get(name) in (wrong, int(wrong) if wrong is True else wrong, str(wrong), name) or name in row.invalid
    )
    assert {key: value for key, value in given_back.items() if key != name} == {
        key: value for key, value in wire.items() if key != name
    }


@pytest.mark.parametrize("entity", READ)
def test_rows_cannot_be_changed(entity: str) -> None:
    row = row_from_wire(READ[entity], full(entity))
    for part in parts_of(row):
        for name in type(part).model_fields:
            with pytest.raises(ValueError, match="frozen"):
                setattr(part, name, None)
            value = getattr(part, name)
            assert not isinstance(value, list)
            if isinstance(value, dict):
                with pytest.raises(TypeError):
                    value["new"] = 1


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_every_model_says_what_it_is(model: type[WireModel]) -> None:
    assert model.__doc__
    assert model.__module__.startswith("agor_reactive.models")


def test_models_of_services_know_what_identifies_a_row() -> None:
    links = {"group-memberships", "session-mcp-servers", "session-env-selections", "session-streams"}
    logins = {"authentication", "authentication/refresh", "authentication/impersonate", "auth/launch", "api/v1/user/me"}
    models = {path: facts.model for path, facts in SERVICE_TABLE.items() if facts.model is not None}
    assert {path for path, model in models.items() if not model.id_field} == links | logins | {"health"}


def test_no_repr_shows_text_or_secrets() -> None:
    for entity, model in READ.items():
        shown = repr(row_from_wire(model, {name: f"secret-{name}" for name in full(entity)}))
        notified = [word for word in shown.replace("'", " ").split() if word.startswith("secret-")]
        assert {word.removeprefix("secret-").rstrip(",)") for word in notified} <= {
            model.id_field,
            "name",
            "status",
            "type",
        }, shown


def test_every_closed_list_of_words_is_offered_to_editors() -> None:
    offered = {frozenset(get_args(getattr(words, name))) for name in words.__all__}
    for name, entity in ENTITIES.items():
        for known in words_of(entity):
            if len(known) > 1 and name != "Sandpack":  # settings of another project's editor
                assert any(set(known) <= options for options in offered), (name, known)


def test_exported_words_are_all_there() -> None:
    assert sorted(words.__all__) == words.__all__
    literals = {name for name, value in vars(words).items() if name[0].isupper() and get_args(value)}
    assert literals == set(words.__all__)
