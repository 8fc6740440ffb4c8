"""`%load_ext agor_reactive` in an IPython shell of this process, against a daemon on another thread."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from traitlets.config import Config

import agor_reactive as agor
from agor_reactive.adapters.ipython import with_variables
from agor_reactive.blocking import LoopThread
from agor_reactive.daemon import EmbeddedDaemon


@pytest.fixture(scope="module")
def daemon() -> Iterator[EmbeddedDaemon]:
    portal = LoopThread()

    async def start() -> EmbeddedDaemon:
        return await EmbeddedDaemon(speed=40).start()

    one = portal.run(start())
    try:
        yield one
    finally:
        portal.run(one.stop())
        portal.stop()


@pytest.fixture
def shell(daemon: EmbeddedDaemon, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AGOR_DAEMON_URL", daemon.url)
    monkeypatch.setenv("AGOR_API_KEY", daemon.api_key or "")
    config = Config()
    config.HistoryManager.enabled = False
    InteractiveShell.clear_instance()
    one: Any = InteractiveShell.instance(config=config)
    try:
        assert one.run_cell("%load_ext agor_reactive").success
        yield one
        one.run_cell("%unload_ext agor_reactive")
    finally:
        InteractiveShell.clear_instance()


@pytest.fixture
def session_id(daemon: EmbeddedDaemon) -> str:
    with agor.create_rest_client(daemon.url, api_key=daemon.api_key) as client:
        made = client.service("sessions").create(
            {"branch_id": daemon.workspace_id, "agentic_tool": "claude-code", "title": "Cells"}
        )
    return made.session_id


def run(shell: Any, cell: str) -> tuple[Any, str]:
    """Run a cell: its result and what it printed."""
    with capture_output() as captured:
        done = shell.run_cell(cell)
    return done, captured.stdout + captured.stderr


def test_a_cell_is_a_prompt_and_its_result_the_outcome(shell: Any, session_id: str) -> None:
    shell.user_ns.update(what="teapots", session=session_id)
    done, out = run(shell, "%%agor {session}\nCount {what} [say:Two {{what}}.]")
    assert isinstance(done.result, agor.Done)
    assert done.result.text == "Two {what}."
    assert done.result.task.full_prompt == "Count teapots [say:Two {what}.]"
    assert "  Two {what}." in out.splitlines()
    # The next cell needs no session, and shows its own turn only.
    done, out = run(shell, "%%agor --out answer\nand then [say:Three.]")
    assert done.result is None
    assert shell.user_ns["answer"].text == "Three."
    assert "Three." in out
    assert "Two" not in out


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("%%agor\nhello", "Name a session"),
        ("%%agor {session}\n  ", "The cell is empty"),
        ("%%agor {session}\nCount {nosuch}", "no variable nosuch"),
        ("%%agor 01a20fce-0000-7000-8000-000000000000\nhello", "not found"),
        ("%%agor {session} --timeout soon\nhello", "Usage: %%agor"),
        ("%%agor {session} --nosuch\nhello", "Usage: %%agor"),
        ("%%agor {session} --out 1a\nhello", "not a name"),
        ("%%agor 'unclosed\nhello", "Usage: %%agor"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_sent(shell: Any, session_id: str, cell: str, says: str) -> None:
    shell.user_ns["session"] = session_id
    done, out = run(shell, cell)
    assert not done.success
    assert says in out
    assert "Traceback" not in out
    with agor.create_rest_client() as client:
        assert client.service("tasks").find_all({"session_id": session_id}) == ()


def test_a_request_for_permission_ends_the_cell_and_can_be_answered_in_the_next(shell: Any, session_id: str) -> None:
    done, _ = run(shell, f"%%agor {session_id}\n[permission] look [say:seen]")
    assert isinstance(done.result, agor.PermissionNeeded)
    shell.user_ns["asked"] = done.result
    done, out = run(shell, "asked.requests[0].approve()")
    assert done.success, out


def test_a_timeout_ends_the_cell(shell: Any, session_id: str) -> None:
    done, _ = run(shell, f"%%agor {session_id} --timeout 0.3\n[hold] go")
    assert isinstance(done.result, agor.TimedOut)


def test_in_a_kernel_the_output_is_one_view_that_is_updated(shell: Any, session_id: str) -> None:
    shell.kernel = object()
    with capture_output() as captured:
        done = shell.run_cell(f"%%agor {session_id}\nCount <b> [chunks:400] [say:Two <i>teapots</i>. ]")
        assert isinstance(done.result, agor.Outcome)
    views = [one for one in captured.outputs if "text/html" in one.data or one.data.get("text/plain") == ""]
    assert len({one.transient["display_id"] for one in views if one.transient}) == 1
    assert len(views) >= 3
    last = views[-1].data
    assert "Two <i>teapots</i>." in last["text/plain"]
    assert "&lt;i&gt;" in last["text/html"]
    assert "<i>" not in last["text/html"]
    assert "<b>" not in last["text/html"]


def test_unloading_closes_the_connection_and_removes_the_magic(shell: Any, session_id: str) -> None:
    run(shell, f"%%agor {session_id}\nhello [say:hi]")
    assert shell.run_cell("%unload_ext agor_reactive").success
    done, _ = run(shell, f"%%agor {session_id}\nhello")
    assert not done.success
    assert shell.run_cell("%load_ext agor_reactive").success


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{a} and {b}", "1 and two"),
        ("{{a}}", "{a}"),
        ('{"a": 1} {} { a } {0} ${a}', '{"a": 1} {} { a } {0} $1'),
        ("def f(): return {a}", "def f(): return 1"),
    ],
)
def test_variables_are_replaced_and_other_braces_stay(text: str, expected: str) -> None:
    assert with_variables(text, {"a": 1, "b": "two"}) == expected
