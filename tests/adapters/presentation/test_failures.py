"""Why an action failed: in words of a person, and outdated when the connection is back or not."""

from __future__ import annotations

import pytest

from agor_reactive import errors
from agor_reactive.adapters.presentation.failures import failure_of

INTERNAL = "create sessions/:id/prompt: ENGINE.IO transport error [0x7f]"


@pytest.mark.parametrize("kind", [errors.NotConnected, errors.CannotConnect, errors.ConnectionLost, errors.CallTimeout])
def test_what_the_connection_did_is_said_plainly_and_passes(kind: type[errors.AgorError]) -> None:
    text, passing = failure_of(kind(INTERNAL))
    assert passing
    assert INTERNAL not in text
    assert text.endswith(".")


def test_an_unknown_outcome_stays_true_after_a_reconnect() -> None:
    for kind in (errors.OutcomeUnknown, errors.DecisionPending):
        text, passing = failure_of(kind(INTERNAL))
        assert not passing
        assert "before you retry" in text


def test_what_the_daemon_answers_is_shown_without_control_codes() -> None:
    assert failure_of(errors.Forbidden("You may\x1b[31m not\nprompt")) == ("You may␛[31m not prompt", False)
    assert failure_of(errors.ServerError("")).text


def test_every_error_has_a_text() -> None:
    for name in errors.__all__:
        kind = getattr(errors, name)
        assert failure_of(kind("why")).text
