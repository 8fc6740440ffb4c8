"""``%load_ext agor_reactive``: the cell magic ``%%agor``, whose cell is a prompt.

In a kernel the output is a view that is updated while the task runs; it needs no widgets, because a kernel that waits
for a cell receives nothing from the browser. In a terminal it is lines. Used by `agor_reactive.load_ipython_extension`.
"""

from __future__ import annotations

import argparse
import atexit
import io
import re
import shlex
import threading
from collections.abc import Mapping
from typing import Any, Final

from rich.console import Console

from agor_reactive.adapters.terminal.lines import LineView
from agor_reactive.adapters.terminal.view import SessionView
from agor_reactive.blocking import BlockingClient, BlockingHandle, connect
from agor_reactive.core.snapshot import SessionState
from agor_reactive.errors import NotFound, UsageError
from agor_reactive.models.outcome import Outcome, waits_for_someone

__all__ = ["AgorMagic", "load", "unload", "with_variables"]

INTERVAL: Final = 0.2
"""Least seconds between two updates of a view."""
LINES: Final = 24
WIDTH: Final = 100

_VARIABLE: Final = re.compile(r"\{\{([A-Za-z_]\w*)\}\}|\{([A-Za-z_]\w*)\}")
_loaded: dict[int, AgorMagic] = {}


def load(shell: Any) -> None:
    """Register the magic in a shell."""
    unload(shell)
    magic = _loaded[id(shell)] = AgorMagic(shell)
    shell.register_magic_function(magic.run, "cell", "agor")
    atexit.register(magic.close)


def unload(shell: Any) -> None:
    """Remove the magic from a shell, and close its connection."""
    magic = _loaded.pop(id(shell), None)
    if magic is not None:
        shell.magics_manager.magics["cell"].pop("agor", None)
        atexit.unregister(magic.close)
        magic.close()


def with_variables(text: str, names: Mapping[str, Any]) -> str:
    """The text with the values of variables in place of ``{name}``. ``{{name}}`` is ``{name}``; other braces stay.

    Raises `UsageError` for a name that does not exist, so that a misspelled one is not sent.

    >>> with_variables('{what}: {{what}}, {"a": 1}', {"what": "Tests"})
    'Tests: {what}, {"a": 1}'
    """

    def value(found: re.Match[str]) -> str:
        if found[1] is not None:
            return f"{{{found[1]}}}"
        if found[2] not in names:
            raise UsageError(f"There is no variable {found[2]}. Write {{{{{found[2]}}}}} for the braces themselves.")
        return str(names[found[2]])

    return _VARIABLE.sub(value, text)


class AgorMagic:
    """The magic of one shell: its client and the session of the last cell."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._client: BlockingClient | None = None
        self._handle: BlockingHandle | None = None

    def run(self, line: str, cell: str) -> Outcome | None:
        """%%agor [SESSION] [--timeout SECONDS] [--out NAME]: send the cell as a prompt and wait for its outcome.

        SESSION is an id or an unambiguous prefix; by default the session of the last such cell. {name} in the cell is
        replaced by the variable's value. Shows the session while the task runs. The result is a Done, Failed, Stopped,
        PermissionNeeded, InputNeeded or TimedOut with the reply's text; --out stores it in a variable instead.
        """
        from IPython.core.error import UsageError as ShellUsageError

        try:
            options = _options(line)
            prompt = with_variables(cell.strip(), self._shell.user_ns)
            if not prompt:
                raise UsageError("The cell is empty. Its text is the prompt.")
            outcome = self._ask(self._retained(options.session), prompt, options.timeout)
        except (UsageError, NotFound) as error:  # shown as one line, not as a traceback
            raise ShellUsageError(str(error)) from None
        if options.out is None:
            return outcome
        self._shell.user_ns[options.out] = outcome
        return None

    def close(self) -> None:
        """Release the session and close the connection. Idempotent."""
        client, handle, self._client, self._handle = self._client, self._handle, None, None
        if handle is not None:
            handle.release()
        if client is not None:
            client.close()

    def _retained(self, session_id: str | None) -> BlockingHandle:
        if session_id is None:
            if self._handle is None:
                raise UsageError("Name a session: %%agor SESSION. agor-reactive sessions lists them.")
            return self._handle
        if self._client is None:
            self._client = connect()
        full = self._client.sessions.get(session_id).session_id
        if self._handle is None or self._handle.session_id != full:
            if self._handle is not None:
                self._handle.release()
            self._handle = self._client.retain(full)
        return self._handle

    def _ask(self, handle: BlockingHandle, prompt: str, timeout: float | None) -> Outcome:
        handle.ready(timeout)
        task_id = handle.prompt(prompt).task_id
        changed = threading.Event()
        undo = handle.subscribe(lambda state: changed.set())
        waiting = _Waiting(handle, task_id, timeout)
        view = _KernelView(task_id) if getattr(self._shell, "kernel", None) is not None else _TerminalView(task_id)
        try:
            while not waiting.done.wait(INTERVAL):
                if changed.is_set():
                    changed.clear()
                    view.show(handle.state)
            view.close(handle.state)
        finally:
            undo()
        return waiting.result()


class _Waiting:
    """Waits for the outcome of a task on a separate thread, so that the cell's thread can show the session."""

    def __init__(self, handle: BlockingHandle, task_id: str, timeout: float | None) -> None:
        self.done = threading.Event()
        self._outcome: Outcome | None = None
        self._error: BaseException | None = None
        threading.Thread(target=self._wait, args=(handle, task_id, timeout), name="agor cell", daemon=True).start()

    def _wait(self, handle: BlockingHandle, task_id: str, timeout: float | None) -> None:
        try:
            self._outcome = handle.wait(task_id, timeout=timeout)
        except BaseException as error:  # noqa: BLE001 - raised in the cell's thread
            self._error = error
        finally:
            self.done.set()

    def result(self) -> Outcome:
        if self._error is not None:
            raise self._error
        assert self._outcome is not None
        return self._outcome


class _TerminalView:
    """The task's lines as they are finished."""

    def __init__(self, task_id: str) -> None:
        self._lines = LineView(Console(markup=False, emoji=False, highlight=False), only=(task_id,))

    def show(self, state: SessionState) -> None:
        self._lines.show(state)

    def close(self, state: SessionState) -> None:
        self._lines.show(state)


class _KernelView:
    """One output of the cell: the newest lines of the session while the task runs, the whole task in the end."""

    def __init__(self, task_id: str) -> None:
        from IPython.display import display

        self._task_id = task_id
        self._output = display({"text/plain": ""}, raw=True, display_id=True)

    def show(self, state: SessionState) -> None:
        console = _recorder()
        console.print(SessionView(state, height=LINES), end="")
        self._update(console)

    def close(self, state: SessionState) -> None:
        task = state.get_task(self._task_id)
        if task is None or waits_for_someone(task) or not task.ended:
            self.show(state)
            return
        console = _recorder()
        with LineView(console, only=(self._task_id,)) as lines:
            lines.show(state)
        self._update(console)

    def _update(self, console: Console) -> None:
        text = console.export_text(clear=False)
        page = console.export_html(inline_styles=True, code_format='<pre style="white-space: pre-wrap">{code}</pre>')
        self._output.update({"text/plain": text, "text/html": page}, raw=True)


def _recorder() -> Console:
    return Console(
        file=io.StringIO(), record=True, force_terminal=True, width=WIDTH, markup=False, emoji=False, highlight=False
    )


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        """Raise instead of ending the process."""
        raise UsageError(f"{message}. Usage: %%agor [SESSION] [--timeout SECONDS] [--out NAME]")


def _options(line: str) -> argparse.Namespace:
    parser = _Parser(prog="%%agor", add_help=False, exit_on_error=False)
    parser.add_argument("session", nargs="?")
    parser.add_argument("--timeout", type=float)
    parser.add_argument("--out")
    try:
        options = parser.parse_args(shlex.split(line))
    except (ValueError, argparse.ArgumentError) as error:
        raise UsageError(f"{error}. Usage: %%agor [SESSION] [--timeout SECONDS] [--out NAME]") from None
    if options.out is not None and not options.out.isidentifier():
        raise UsageError(f"{options.out} is not a name of a variable.")
    return options
