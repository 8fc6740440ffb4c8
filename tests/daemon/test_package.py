"""The errors of the package when its extra is missing or its options are wrong."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import pytest

from agor_reactive.daemon import EmbeddedDaemon
from agor_reactive.errors import MissingExtra


@pytest.mark.parametrize("package", ["jwt", "qs_codec", "starlette", "uvicorn", "websockets"])
def test_without_its_extra_the_import_says_what_to_install(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, "agor_reactive.daemon")
    with pytest.raises(MissingExtra, match=r'pip install "agor-reactive\[daemon\]"'):
        importlib.import_module("agor_reactive.daemon")


@pytest.mark.parametrize("options", [{"api_version": "stone"}, {"speed": 0}, {"access_token_life": -1}])
def test_wrong_options_are_refused_at_once(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"api_version|greater than 0"):
        EmbeddedDaemon(**options)


def test_a_daemon_that_is_not_running_has_no_url() -> None:
    with pytest.raises(RuntimeError, match="not running"):
        _ = EmbeddedDaemon().url
