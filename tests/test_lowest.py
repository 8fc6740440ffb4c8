"""The lower bounds that the run with the lowest versions installs."""

from __future__ import annotations

import pytest

from tests.lowest import lower_bounds, requirements


def test_each_requirement_has_a_lower_bound_and_is_taken_at_it() -> None:
    assert lower_bounds(["a>=1.2,<3", "b[x,y]>=0.3.1"]) == ["a==1.2", "b==0.3.1"]
    found = lower_bounds(requirements())
    assert len(found) == len(requirements())
    assert {"pydantic", "reactivex", "pytest"} <= {bound.partition("==")[0] for bound in found}


@pytest.mark.parametrize("requirement", ["a", "a<3", "a==1", "a~=1.0"])
def test_a_requirement_without_a_lower_bound_is_an_error(requirement: str) -> None:
    with pytest.raises(ValueError, match="no lower bound"):
        lower_bounds([requirement])
