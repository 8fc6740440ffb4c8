"""Settings that all tests share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "ci", max_examples=200, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("quick", settings.get_profile("ci"), max_examples=25)
settings.register_profile("deep", settings.get_profile("ci"), max_examples=5000, stateful_step_count=80)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(autouse=True)
def forget_addresses() -> Iterator[None]:
    """Forget how daemons were connected to: the next test may get the port of a daemon of another version."""
    from agor_reactive.transport import socketio

    socketio._WAYS.clear()
    yield
    socketio._WAYS.clear()


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Print a measured number, whatever pytest captures."""

    def tell(text: str) -> None:
        with capsys.disabled():
            print(f"\n{text}")

    return tell
