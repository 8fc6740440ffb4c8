"""Whether what these tests need is here."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from agor_reactive.errors import MissingExtra


def test_without_the_extra_its_name_is_said() -> None:
    if find_spec("anywidget") is not None:
        import agor_reactive.adapters.ipywidgets as here

        assert here.__all__
        return
    with pytest.raises(MissingExtra, match=r"agor-reactive\[notebook\]"):
        import agor_reactive.adapters.ipywidgets  # noqa: F401
    pytest.skip('the tests of the notebook need pip install "agor-reactive[notebook-test]"')
