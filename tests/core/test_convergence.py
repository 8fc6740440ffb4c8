"""L5: for any interleaving of live events with reads begun, answered page by page, failed or abandoned, of logins and
drops, once all is quiet the state equals a fresh bootstrap of the same server with what the user loaded, unloaded and
paged; and what is missing is never hidden.

`HYPOTHESIS_PROFILE=deep` folds a million random events; `CONVERGENCE_EVENTS` sets another number, `CONVERGENCE_SEED`
other runs.
"""

from __future__ import annotations

import os

import pytest
from hypothesis.stateful import run_state_machine_as_test

from tests.core.convergence import COVERAGE, Convergence
from tests.core.random_runs import play_until

DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"
EVENTS = int(os.environ.get("CONVERGENCE_EVENTS", "1_000_000" if DEEP else "3_000"))
SEED = int(os.environ.get("CONVERGENCE_SEED", "0"))
COVERED = (
    "runs with windows",
    "failures",
    "final failures",
    "drops",
    "logins",
    "expired logins",
    "fetches of several pages",
    "older pages",
    "moved messages",
    "removed tasks",
    "tasks made again",
    "unloads",
    "answers older than events",
)


@pytest.mark.timeout(900)
def test_once_quiet_the_state_equals_a_fresh_bootstrap() -> None:
    run_state_machine_as_test(Convergence)


@pytest.mark.timeout(0)
def test_once_quiet_after_long_random_runs_the_state_equals_a_fresh_bootstrap() -> None:
    COVERAGE.clear()
    runs = play_until(EVENTS, seed=SEED)
    few = [kind for kind in COVERED if COVERAGE[kind] < runs / 20]
    assert not few, f"too few of {runs} runs had {few}: {COVERAGE}"
