"""A view that gets something else than a handle or a client says what it takes, and leaves no widget behind."""

from __future__ import annotations

from typing import Any

import ipywidgets
import pytest

import agor_reactive as agor
from agor_reactive.adapters.ipywidgets import SessionsView, SessionView, observe
from agor_reactive.errors import UsageError
from benchmarks.comms import Comms


@pytest.mark.parametrize("wrong", ["abc", None, 3, {"session_id": "abc"}])
def test_what_is_no_handle(comms: Comms, wrong: Any) -> None:
    with pytest.raises(UsageError, match="SessionView takes a handle"):
        SessionView(wrong)
    with pytest.raises(UsageError, match="observe takes a handle"):
        observe(wrong, ipywidgets.Label(), lambda state: "x")


def test_the_id_of_a_session_shows_the_call_that_is_meant(comms: Comms) -> None:
    wrong: Any = "abc"
    with pytest.raises(UsageError, match=r"SessionView\(retain_reactive_session\(client, 'abc'\)\)"):
        SessionView(wrong)


def test_what_is_no_live_client(comms: Comms) -> None:
    with agor.create_rest_client("http://127.0.0.1:9") as rest:
        for wrong in ("http://127.0.0.1:9", rest):
            given: Any = wrong
            with pytest.raises(UsageError, match="SessionsView takes a live client"):
                SessionsView(given)
