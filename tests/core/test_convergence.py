"""L5: for any interleaving of live events with reads begun, answered page by page, failed or abandoned, of logins and
drops, once all is quiet the state equals a fresh bootstrap of the same server with what the user loaded, unloaded and
paged; and what is missing is never hidden.

`HYPOTHESIS_PROFILE=deep` folds a million random events; `CONVERGENCE_EVENTS` sets another number, `CONVERGENCE_SEED`
other runs.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis.stateful import run_state_machine_as_test

from tests.core.convergence import COVERAGE, Convergence
from tests.core.random_runs import Step, play, play_until

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
    "unreadable events",
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


_UNSEEN = "a_prompt_leaves_the_queue_while_no_event_arrives"
FOUND: dict[str, tuple[dict[str, Any], list[Step]]] = {
    "a terminal session was read again when a removed task was made again": (
        {"hydration": "lazy", "tasks": 2, "modern": False, "page": 100, "has_queue": True, "logged_in": True},
        [
            ("a_task_is_removed", {"n": 260450}),
            ("an_event_arrives_twice", {}),
            ("a_fetch_fails", {"n": 583335, "kind": "timeout"}),
            ("a_fetch_fails", {"n": 688026, "kind": "not found"}),
            ("a_removed_task_is_made_again", {"n": 278274, "status": "queued"}),
            ("an_answer_arrives", {"n": 992450}),
        ],
    ),
    "a task that became the newest while a round read was not loaded": (
        {"hydration": "lean", "tasks": 2, "modern": False, "page": 100, "has_queue": True, "logged_in": True},
        [
            ("all_is_quiet", {}),
            ("the_user_logs_out", {}),
            ("a_task_is_made", {"status": "running"}),
            ("a_task_is_made", {"status": "running"}),
            ("a_task_is_removed", {"n": 142010}),
            (_UNSEEN, {"n": 356130, "status": "running", "said": 0, "read": 633977}),
            (_UNSEEN, {"n": 81317, "status": "completed", "said": 1, "read": 672945}),
            ("a_task_is_removed", {"n": 434771}),
            ("the_user_logs_in", {}),
            (_UNSEEN, {"n": 479982, "status": "running", "said": 0, "read": 709767}),
            ("an_answer_arrives", {"n": 788512}),
            ("a_task_is_removed", {"n": 628653}),
            ("a_removed_task_is_made_again", {"n": 562053, "status": "completed"}),
            ("an_answer_arrives", {"n": 368162}),
            ("an_answer_arrives", {"n": 209718}),
        ],
    ),
    "a window stayed empty when every task that the round read had been removed": (
        {"hydration": "preview", "tasks": 1, "modern": False, "page": 2, "has_queue": False, "logged_in": True},
        [
            ("all_is_quiet", {}),
            ("a_task_is_made", {"status": "running"}),
            ("the_login_expires", {}),
            ("a_task_is_removed", {"n": 159695}),
            (_UNSEEN, {"n": 496575, "status": "running", "said": 2, "read": 815813}),
            ("a_task_is_removed", {"n": 624195}),
        ],
    ),
    "a removed task that came back while the link was down kept an old place in the queue": (
        {"hydration": "preview", "tasks": 1, "modern": True, "page": 3, "has_queue": True, "logged_in": True},
        [
            ("a_task_is_removed", {"n": 482574}),
            (_UNSEEN, {"n": 255541, "status": "running", "said": 1, "read": 234808}),
            ("the_link_drops", {}),
            ("a_task_is_made", {"status": "queued"}),
            ("a_removed_task_is_made_again", {"n": 851279, "status": "queued"}),
            ("a_task_is_made", {"status": "queued"}),
            (_UNSEEN, {"n": 302812, "status": "running", "said": 1, "read": 757971}),
            ("the_queue_is_reordered", {"n": 901536, "position": None}),
        ],
    ),
    "a removed task that a page of older tasks brought back changed no more": (
        {"hydration": "lean", "tasks": 15, "modern": False, "page": 100, "has_queue": False, "logged_in": False},
        [
            ("all_is_quiet", {}),
            ("a_task_is_removed", {"n": 658621}),
            ("all_is_quiet", {}),
            ("a_removed_task_is_made_again", {"n": 518447, "status": "queued"}),
            ("the_user_wants_older_tasks", {}),
            ("the_daemon_reads_pages", {"n": 95668, "more": 3}),
            (_UNSEEN, {"n": 725317, "status": "running", "said": 0, "read": 753745}),
        ],
    ),
    "a message that came back from a task that is not loaded was taken for removed": (
        {"hydration": "lazy", "tasks": 0, "modern": True, "page": 2, "has_queue": True, "logged_in": True},
        [
            (_UNSEEN, {"n": 123704, "status": "running", "said": 0, "read": 175729}),
            ("a_task_is_made", {"status": "running"}),
            ("a_message_becomes_another_tasks", {"n": 660741, "m": 200143}),
            (_UNSEEN, {"n": 466267, "status": "running", "said": 1, "read": 946554}),
            ("a_message_is_removed", {"n": 942482}),
            ("the_link_drops", {}),
            ("a_message_becomes_another_tasks", {"n": 763457, "m": 959310}),
            ("all_is_quiet", {}),
            ("a_message_becomes_another_tasks", {"n": 508981, "m": 197530}),
        ],
    ),
    "a message that came back to a task with history only was taken for removed": (
        {"hydration": "lean", "tasks": 4, "modern": True, "page": 2, "has_queue": True, "logged_in": True},
        [
            ("a_message_is_saved", {"n": 97308, "shape": "tool"}),
            ("events_arrive", {"count": 7}),
            ("a_task_is_removed", {"n": 11534}),
            ("a_message_is_saved", {"n": 320329, "shape": "tool with result"}),
            ("a_message_is_removed", {"n": 562503}),
            ("a_message_is_removed", {"n": 834091}),
            ("a_message_is_saved", {"n": 48194, "shape": "text"}),
            ("a_removed_task_is_made_again", {"n": 755185, "status": "completed"}),
            ("a_task_is_removed", {"n": 788882}),
            ("a_message_is_saved", {"n": 401991, "shape": "tool with result"}),
            ("all_is_quiet", {}),
            (_UNSEEN, {"n": 387595, "status": "completed", "said": 2, "read": 707186}),
            ("a_task_is_made", {"status": "created"}),
            ("the_user_logs_out", {}),
            ("a_message_is_removed", {"n": 120755}),
            ("a_message_is_saved", {"n": 537445, "shape": "tool"}),
            ("the_user_unloads", {"n": 911524}),
            ("a_message_becomes_another_tasks", {"n": 57827, "m": 670468}),
            ("all_is_quiet", {}),
            ("a_message_is_saved", {"n": 409690, "shape": "tool with result"}),
            ("a_message_is_edited", {"n": 513720}),
        ],
    ),
    "a place in the queue that seemed to be no news was lost to an older answer": (
        {"hydration": "lazy", "tasks": 15, "modern": False, "page": 3, "has_queue": True, "logged_in": True},
        [
            ("a_task_is_removed", {"n": 137496}),
            ("a_task_is_made", {"status": "queued"}),
            ("the_queue_is_reordered", {"n": 258966, "position": None}),
            ("all_is_quiet", {}),
            ("a_task_moves_on", {"n": 708931, "status": "stopped"}),
            ("a_removed_task_is_made_again", {"n": 315351, "status": "queued"}),
            ("the_queue_is_reordered", {"n": 530169, "position": 3}),
            (_UNSEEN, {"n": 163144, "status": "completed", "said": 0, "read": 670167}),
            ("the_queue_is_reordered", {"n": 658610, "position": None}),
        ],
    ),
    "a task that came into a preview with what it had said before was not loaded": (
        {"hydration": "preview", "tasks": 0, "modern": True, "page": 2, "has_queue": False, "logged_in": True},
        [
            (_UNSEEN, {"n": 706628, "status": "running", "said": 0, "read": 453649}),
            ("a_task_is_removed", {"n": 450246}),
            ("a_task_is_made", {"status": "running"}),
            ("a_task_is_removed", {"n": 564570}),
            ("a_task_is_made", {"status": "dispatching"}),
            (_UNSEEN, {"n": 977849, "status": "completed", "said": 2, "read": 587272}),
            ("a_task_is_made", {"status": "running"}),
            ("a_removed_task_is_made_again", {"n": 581741, "status": "queued"}),
            ("a_removed_task_is_made_again", {"n": 276538, "status": "completed"}),
            ("a_task_moves_on", {"n": 885591, "status": "stopped"}),
            ("all_is_quiet", {}),
            ("a_task_is_removed", {"n": 908860}),
            ("a_task_is_removed", {"n": 147853}),
            ("a_task_moves_on", {"n": 675861, "status": "running"}),
        ],
    ),
    "history of a task that was made again while a round read stayed what it had been": (
        {"hydration": "lean", "tasks": 9, "modern": True, "page": 100, "has_queue": False, "logged_in": True},
        [
            ("all_is_quiet", {}),
            ("the_login_expires", {}),
            ("a_task_is_removed", {"n": 210416}),
            (_UNSEEN, {"n": 506480, "status": "running", "said": 2, "read": 751294}),
            ("the_daemon_reads_pages", {"n": 786949, "more": 1}),
            ("a_removed_task_is_made_again", {"n": 675489, "status": "completed"}),
            ("a_task_is_made", {"status": "running"}),
            ("an_answer_arrives", {"n": 549690}),
        ],
    ),
    "a new task that a page of older tasks brought before its event was not loaded": (
        {"hydration": "lean", "tasks": 15, "modern": True, "page": 100, "has_queue": True, "logged_in": True},
        [
            ("all_is_quiet", {}),
            ("a_message_is_saved", {"n": 264258, "shape": "tool with result"}),
            ("a_task_is_made", {"status": "created"}),
            ("the_user_wants_older_tasks", {}),
            ("the_daemon_reads_pages", {"n": 338733, "more": 1}),
        ],
    ),
    "which waiting tasks a window had depended on where the pages of tasks ended": (
        {"hydration": "preview", "tasks": 4, "modern": True, "page": 100, "has_queue": False, "logged_in": False},
        [
            ("a_task_is_removed", {"n": 670758}),
            ("a_task_is_made", {"status": "queued"}),
            ("a_task_is_removed", {"n": 73162}),
            ("a_removed_task_is_made_again", {"n": 74053, "status": "running"}),
            ("a_task_is_made", {"status": "queued"}),
            ("all_is_quiet", {}),
            ("a_removed_task_is_made_again", {"n": 433819, "status": "queued"}),
        ],
    ),
    "a message was removed by a load that no longer had it, and missing in the load of the task that it had moved to": (
        {"hydration": "lazy", "tasks": 9, "modern": False, "page": 100, "has_queue": True, "logged_in": True},
        [
            (_UNSEEN, {"n": 101680, "status": "running", "said": 2, "read": 973200}),
            ("a_message_becomes_another_tasks", {"n": 766571, "m": 506718}),
            (_UNSEEN, {"n": 526244, "status": "running", "said": 1, "read": 528091}),
            ("the_user_loads", {"n": 556050}),
            ("a_task_is_removed", {"n": 723386}),
            ("a_task_is_removed", {"n": 241337}),
            ("a_message_is_removed", {"n": 311601}),
            ("a_removed_task_is_made_again", {"n": 250455, "status": "completed"}),
            ("a_removed_task_is_made_again", {"n": 895107, "status": "queued"}),
            ("all_is_quiet", {}),
            ("the_user_loads", {"n": 170373}),
            ("a_message_becomes_another_tasks", {"n": 547557, "m": 918304}),
            ("the_user_loads", {"n": 664970}),
            ("the_daemon_reads_pages", {"n": 198821, "more": 1}),
        ],
    ),
}
"""What long runs have found, shortened: how it was wrong, where the run began, and its steps."""


@pytest.mark.parametrize("name", FOUND)
def test_what_long_runs_have_found_stays_mended(name: str) -> None:
    error = play(*FOUND[name])
    if error is not None:
        raise error
