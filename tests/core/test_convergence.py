"""L5: for any interleaving of live events with reads begun, answered page by page, failed or abandoned, of logins and
drops, once all is quiet the state equals a fresh bootstrap of the same server with what the user loaded, unloaded and
paged; and what is missing is never hidden."""

from __future__ import annotations

import pytest
from hypothesis.stateful import run_state_machine_as_test

from tests.core.convergence import COVERAGE, Convergence


@pytest.mark.timeout(0)
def test_once_quiet_the_state_equals_a_fresh_bootstrap() -> None:
    COVERAGE.clear()
    run_state_machine_as_test(Convergence)
    for kind in ("runs with windows", "failures", "logins", "fetches of several pages", "moved messages"):
        assert COVERAGE[kind] > COVERAGE["runs"] // 20, f"too few runs with {kind}: {COVERAGE}"
