"""An access token expires ten times, without an effect on mirrors. `AGOR_CONTRACT_TOKEN_LIFE` sets its seconds."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.contract.daemons import DAEMONS
from tests.contract.expiries import EXPIRIES, LIFE, outcomes


@pytest.fixture(scope="session")
def expiries(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, BaseException | None]:
    """How the ten expiries ended, for every daemon that this run selects for it."""
    notified = (
        item for item in request.session.items if getattr(item, "originalname", "").startswith("test_ten_token")
    )
    names = [item.callspec.params["name"] for item in notified]  # type: ignore[attr-defined]
    return outcomes(names, tmp_path_factory.mktemp("expiries"))


@pytest.mark.timeout(60 + 2 * EXPIRIES * LIFE)
@pytest.mark.parametrize("name", DAEMONS)
async def test_ten_token_lives_pass_without_a_lost_or_doubled_chunk(
    name: str, expiries: Mapping[str, BaseException | None]
) -> None:
    ended = expiries[name]
    if ended is not None:
        raise ended
