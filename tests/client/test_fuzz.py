"""A slice of the fuzz run (`python -m tests.client.fuzz --cases 10000`): named errors only."""

from __future__ import annotations

import pytest
from hypothesis import Phase

from tests.client.fuzz import TARGETS, run


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", TARGETS)
def test_whatever_comes_ends_in_a_result_or_a_named_error(name: str) -> None:
    share = TARGETS[name][0]
    assert run(name, max(20, round(300 * share)), phases=(Phase.generate, Phase.shrink)).total() > 0
