"""Sessions and tasks: prompts, waiting for their outcome, permission decisions, forks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Unpack

from agor_reactive.calls import operations as op
from agor_reactive.calls import settling
from agor_reactive.calls.answers import typed_row
from agor_reactive.calls.effects import Now, Operation
from agor_reactive.calls.progress import Progress, reporting
from agor_reactive.calls.surface import Kind, long_running, operation
from agor_reactive.models import (
    DecisionTaken,
    Session,
    SessionArchived,
    SessionEnvSelection,
    SessionFamily,
    SessionInitialized,
    SessionMcpServer,
    StopAnswer,
    Task,
    words,
)
from agor_reactive.models.inputs import (
    SessionCreate,
    SessionPatch,
    SpawnConfig,
    TaskCreate,
    TaskPatch,
)
from agor_reactive.models.message import PermissionAsked
from agor_reactive.models.outcome import Outcome, answered_by
from agor_reactive.services.base import Service
from agor_reactive.services.executor_rows import ExecutorRows
from agor_reactive.services.known import check_options

__all__ = ["SessionService", "TaskService"]


class SessionService(Service[Kind, Session, SessionCreate, SessionPatch]):
    """Sessions: prompt, stop, fork, decide permissions. Short ids are expanded to the full id first."""

    @operation
    def prompt(
        self,
        session_id: str,
        prompt: str,
        *,
        permission_mode: words.PermissionMode | str | None = None,
        stream: bool | None = None,
        message_source: words.MessageSource | str | None = None,
        metadata: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        max_retries: int | None = None,
    ) -> Operation[Task]:
        """Send a prompt. Returns its task: running on an idle session, queued (atomically) on a busy one.

        Running is ``running`` or, on daemons of 0.25 and later, ``dispatching``. `metadata` and `message_source` are
        reserved for the daemon since 0.25: it answers `metadata` with `Forbidden` and ignores `message_source`. Prompts
        are never resent: raises `OutcomeUnknown` when the answer was lost.
        """
        options = op.given(
            permissionMode=permission_mode, stream=stream, messageSource=message_source, metadata=metadata
        )
        return (yield from op.prompt(session_id, prompt, options))

    @long_running
    def ask(
        self,
        session_id: str,
        prompt: str,
        *,
        at_permission: bool = True,
        progress: Progress = False,
        permission_mode: words.PermissionMode | str | None = None,
        message_source: words.MessageSource | str | None = None,
        metadata: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        max_retries: int | None = None,
    ) -> Operation[Outcome]:
        """Send a prompt and wait for the end of its task, by polling (at growing intervals, at most 5 seconds).

        Returns a `Done`, `Failed`, `Stopped`, `PermissionNeeded`, `InputNeeded` or `TimedOut`, with the task, its
        messages and the text of the reply. `timeout` is for the whole wait, in seconds, None for no limit; the task
        continues after it. With `at_permission`, a task that needs a decision or an answer ends the wait; `tasks.wait`
        resumes it. With `progress`, a line in the terminal or the notebook's cell shows what the task does; a function
        gets the lines instead. An unreachable daemon is retried for at most a minute. On a live client `handle.ask`
        uses events instead of polling.
        """
        options = op.given(permissionMode=permission_mode, messageSource=message_source, metadata=metadata)
        began = yield Now()
        task = yield from op.prompt(session_id, prompt, options)
        left = None if timeout is None else timeout - ((yield Now()) - began)
        with reporting(progress) as report:
            outcome = yield from op.outcome(
                task.task_id, timeout=left, at_permission=at_permission, admitted=task, report=report
            )
        return _answerable(outcome, self)

    @operation
    def stop(
        self,
        session_id: str,
        reason: str | None = None,
        *,
        expected_task_id: str | None = None,
        wait: bool | float | None = True,
        on_pending: Callable[[StopAnswer], Any] | None = None,
        timeout: float | None = None,
        max_retries: int | None = None,
    ) -> Operation[StopAnswer]:
        """Stop the running task; queued prompts still run. An idle session is not an error.

        With `expected_task_id` only that task is stopped; when another task is running, `condition_changed` is True and
        nothing was stopped. A daemon of 0.26 and later may answer before the task has ended: `on_pending` is then
        called with that answer, and the call waits for the task's end. `wait` is the limit: True 30 seconds, a number
        of seconds, None no limit, False no wait. After it the answer still says `pending`.
        """
        return (
            yield from settling.stop(
                session_id, reason=reason, expected_task_id=expected_task_id, wait=wait, on_pending=on_pending
            )
        )

    @operation
    def initialize(
        self,
        session_id: str,
        *,
        expected_user_id: str,
        mcp_server_ids: Sequence[str] | None = None,
        env_var_names: Sequence[str] | None = None,
        prompt: str | None = None,
        permission_mode: words.PermissionMode | str | None = None,
        timeout: float | None = None,
        max_retries: int | None = None,
    ) -> Operation[SessionInitialized]:
        """Set up a new session's MCP servers and variables, and send its first prompt (0.25.2 and later).

        `expected_user_id` is the user who must own it. `task` of the answer is the prompt's task, if a prompt was
        given. Never resent. Raises `UsageError` on older daemons.
        """
        data = op.given(
            expectedUserId=expected_user_id,
            mcpServerIds=None if mcp_server_ids is None else list(mcp_server_ids),
            envVarNames=None if env_var_names is None else list(env_var_names),
            prompt=prompt,
            permissionMode=permission_mode,
        )
        return (yield from op.session_action(SessionInitialized, session_id, "initialize", data))

    @operation
    def archive(
        self,
        session_id: str,
        *,
        include_children: bool | None = None,
        timeout: float | None = None,
        max_retries: int | None = None,
    ) -> Operation[SessionArchived]:
        """Archive a session, with its forks and spawns if `include_children`.

        Daemons before 0.25.2 have no such route: there the session is patched. With `include_children` that raises
        `UsageError`.
        """
        return (yield from op.set_archived(session_id, True, include_children))

    @operation
    def unarchive(
        self,
        session_id: str,
        *,
        include_children: bool | None = None,
        timeout: float | None = None,
        max_retries: int | None = None,
    ) -> Operation[SessionArchived]:
        """Unarchive a session; see `archive`."""
        return (yield from op.set_archived(session_id, False, include_children))

    @operation
    def queue(
        self, session_id: str, *, timeout: float | None = None, max_retries: int | None = None
    ) -> Operation[tuple[Task, ...]]:
        """Get the queued tasks, in order."""
        return (yield from op.queue(session_id))

    @operation
    def fork(
        self,
        session_id: str,
        prompt: str | None = None,
        *,
        task_id: str | None = None,
        timeout: float | None = None,
        max_retries: int | None = None,
    ) -> Operation[Session]:
        """Fork a session from here (or from `task_id`). The prompt becomes its title; nothing is run."""
        return (yield from op.session_action(Session, session_id, "fork", op.given(prompt=prompt, task_id=task_id)))

    @operation
    def spawn(
        self,
        session_id: str,
        prompt: str | None = None,
        *,
        timeout: float | None = None,
        max_retries: int | None = None,
        **config: Unpack[SpawnConfig],
    ) -> Operation[Session]:
        """Spawn a child session, set up by `config`. The prompt becomes its title; nothing is run."""
        check_options("spawn", config, SpawnConfig)
        return (yield from op.session_action(Session, session_id, "spawn", {**op.given(prompt=prompt), **config}))

    @operation
    def spawn_prompt(
        self, session_id: str, data: Mapping[str, Any], *, timeout: float | None = None, max_retries: int | None = None
    ) -> Operation[Any]:
        """Generate the prompt for a child session (0.26 and later).

        The body is undocumented and passed through as given.
        """
        full = yield from op.full_session_id(session_id)
        return (yield from op.request("create", op.route("sessions", full, "spawn-prompt"), (dict(data),)))

    @operation
    def genealogy(
        self, session_id: str, *, timeout: float | None = None, max_retries: int | None = None
    ) -> Operation[SessionFamily]:
        """Get the ancestors and children of a session."""
        return typed_row(SessionFamily, (yield from op.find_of_session(session_id, "genealogy")))

    @operation
    def permission_decision(
        self,
        session_id: str,
        request_id: str,
        allow: bool,
        *,
        task_id: str | None = None,
        decided_by: str | None = None,
        remember: bool = False,
        scope: words.PermissionScope | str | None = None,
        reason: str | None = None,
        wait: bool = True,
        timeout: float | None = None,
        max_retries: int | None = None,
    ) -> Operation[DecisionTaken]:
        """Decide a permission request (a message of type ``permission_request``); the first decision counts.

        The request is looked up in the session (for its task, `task_id`, which newer daemons need). The daemon only
        delivers the decision, so it is sent until the request's row is settled, up to four times within about 15
        seconds; with ``wait=False`` once. `remember` needs `scope` (``project``, ``user`` or ``local``). `decided_by`
        is the id of the user who decides, for daemons of June 2026; newer ones use the caller. An earlier decision, or
        a timeout, is not an error: `success` False, `already_resolved` True. Raises `NotFound` for an unknown request,
        `DecisionPending` when it is pending after the last delivery.
        """
        decision = settling.Decision(
            request_id,
            allow,
            task_id=task_id,
            remember=remember,
            scope=scope,
            decided_by=decided_by,
            reason=reason,
        )
        return (yield from settling.decide(session_id, decision, wait=wait))

    @operation
    def mcp_servers(
        self, session_id: str, *, timeout: float | None = None, max_retries: int | None = None
    ) -> Operation[tuple[SessionMcpServer, ...]]:
        """Get the links to the MCP servers that the session may use: `mcp_server_id` names each."""
        return (yield from op.links_of_session(SessionMcpServer, session_id, "mcp-servers"))

    @operation
    def env_selections(
        self, session_id: str, *, timeout: float | None = None, max_retries: int | None = None
    ) -> Operation[tuple[SessionEnvSelection, ...]]:
        """Get the environment variables that the session may see."""
        return (yield from op.links_of_session(SessionEnvSelection, session_id, "env-selections"))


def _answerable(outcome: Outcome, sessions: SessionService[Any]) -> Outcome:
    """The outcome whose permission requests can be answered."""
    task = outcome.task

    def answer(asked: PermissionAsked, allow: bool, **options: Any) -> Any:
        task_id = asked.task_id or task.task_id
        return sessions.permission_decision(task.session_id, asked.request_id, allow, task_id=task_id, **options)

    return answered_by(outcome, answer)


class TaskService(ExecutorRows[Kind, Task, TaskCreate, TaskPatch]):
    """Tasks: run, wait, complete, fail."""

    @operation
    def run(
        self,
        task_id: str,
        *,
        permission_mode: words.PermissionMode | str | None = None,
        stream: bool | None = None,
        message_source: words.MessageSource | str | None = None,
        timeout: float | None = None,
        max_retries: int | None = None,
    ) -> Operation[Task]:
        """Run a task that was created with status ``created``. `Conflict` on any other, or on a busy session.

        Returns the task as ``running``, or ``dispatching`` on daemons of 0.25 and later, where it must be your own
        task.
        """
        options = op.given(permissionMode=permission_mode, stream=stream, messageSource=message_source)
        return (yield from op.run_task(task_id, options))

    @long_running
    def wait(
        self, task_id: str, *, at_permission: bool = True, timeout: float | None = None, max_retries: int | None = None
    ) -> Operation[Outcome]:
        """Wait until a task has ended, by polling; see `sessions.ask`."""
        outcome = yield from op.outcome(task_id, timeout=timeout, at_permission=at_permission)
        return _answerable(outcome, SessionService("sessions", self._driver))

    @operation
    def complete(
        self, task_id: str, report: Any = None, *, timeout: float | None = None, max_retries: int | None = None
    ) -> Operation[Task]:
        """Mark a task as completed (for executors)."""
        return (yield from op.task_action(task_id, "complete", op.given(report=report)))

    @operation
    def fail(
        self, task_id: str, error: str | None = None, *, timeout: float | None = None, max_retries: int | None = None
    ) -> Operation[Task]:
        """Mark a task as failed (for executors). Daemons of June 2026 drop the text of `error`."""
        return (yield from op.task_action(task_id, "fail", op.given(error=error)))
