"""Settings that all tests share."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.contract.summary import daemon_of, pytest_terminal_summary

__all__ = ["pytest_terminal_summary"]

_NO_PROFILES = os.path.join(os.path.dirname(__file__), "no-profiles")
"""A folder that does not exist."""

settings.register_profile(
    "ci", max_examples=200, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("quick", settings.get_profile("ci"), max_examples=25)
settings.register_profile("deep", settings.get_profile("ci"), max_examples=5000, stateful_step_count=80)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(scope="session", autouse=True)
def collect_only_new_objects() -> None:
    """Keep modules and collected tests out of garbage collections: tests that collect then take far less time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def forget_addresses() -> Iterator[None]:
    """Forget how daemons were connected to: the next test may get the port of a daemon of another version."""
    from agor_reactive.transport import connect_ways

    connect_ways._WAYS.clear()
    yield
    connect_ways._WAYS.clear()


@pytest.fixture(autouse=True)
def no_profiles(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the profiles and keys of the machine out of the tests, and the tests out of its folder for state."""
    monkeypatch.setenv("AGOR_STATE_DIR", str(tmp_path_factory.getbasetemp() / "state"))
    for name in ("AGOR_DAEMON_URL", "AGOR_API_KEY", "AGOR_PROFILE", "AGOR_LOG", "AGOR_REMEMBER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AGOR_CONFIG_DIR", _NO_PROFILES)


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Print a measured number, whatever pytest captures."""

    def tell(text: str) -> None:
        with capsys.disabled():
            print(f"\n{text}")

    return tell


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With ``-n``, the tests of a file share a worker. Those of the contract suite share it by daemon, so that each
    daemon is started once; the ten expiries are one run on all daemons.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFileOrDaemon(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.partition("::")[0]
            return path if path.endswith("test_expiries.py") else daemon_of(nodeid) or path

    return ByFileOrDaemon(config, log)
