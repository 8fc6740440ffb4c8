"""Sessions, tasks and messages: to prompt, to wait for what comes of it, to decide, to fork."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Unpack

from agor_reactive.calls import operations as op
from agor_reactive.calls import paging, settling
from agor_reactive.calls.answers import answer_of, rows_in, typed_row
from agor_reactive.calls.effects import Call, Now, Operation
from agor_reactive.calls.surface import Kind, long_running, operation
from agor_reactive.models import (
    DecisionTaken,
    Message,
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
    MessageCreate,
    MessagePatch,
    SessionCreate,
    SessionPatch,
    SpawnConfig,
    TaskCreate,
    TaskPatch,
)
from agor_reactive.models.outcome import Outcome
from agor_reactive.services.base import Service

__all__ = ["MessageService", "SessionService", "TaskService"]


class SessionService(Service[Kind, Session, SessionCreate, SessionPatch]):
    """Sessions, and what one does with them. Short ids are expanded to the full one first."""

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
    ) -> Operation[Task]:
        """Send a prompt; answers its task: at work on an idle session, queued (atomically) on a busy one.

        At work is ``running`` or, on daemons of 0.25 and later, ``dispatching``. `metadata` and `message_source` are
        for the daemon's own use since 0.25: it answers `metadata` with `Forbidden` and ignores `message_source`.
        Prompts are never resent: raises `OutcomeUnknown` when the answer was lost.
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
        permission_mode: words.PermissionMode | str | None = None,
        message_source: words.MessageSource | str | None = None,
        metadata: Mapping[str, Any] | None = None,
        timeout: float | None = None,
    ) -> Operation[Outcome]:
        """Send a prompt and wait for its end, by looking at its task (ever more seldom, at least every 5 seconds).

        Answers a `Done`, `Failed`, `Stopped`, `PermissionNeeded`, `InputNeeded` or `TimedOut`, with the task, its
        messages and the text of the reply. `timeout` is for all of it, in seconds, None for ever; after it the task
        goes on. With `at_permission`, a task that waits for someone ends the wait; `tasks.wait` takes it up again. A
        daemon that is away meanwhile is waited for, a minute at most. On a live client `handle.ask` does without
        looking: it is told.
        """
        options = op.given(permissionMode=permission_mode, messageSource=message_source, metadata=metadata)
        began = yield Now()
        task = yield from op.prompt(session_id, prompt, options)
        left = None if timeout is None else timeout - ((yield Now()) - began)
        return (yield from op.outcome(task.task_id, timeout=left, at_permission=at_permission, admitted=task))

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
    ) -> Operation[StopAnswer]:
        """Stop the running task; queued prompts still run. That nothing ran is an answer too.

        With `expected_task_id` only that task is stopped; when another has the turn, `condition_changed` is True and
        nothing was stopped. A daemon of 0.26 and later may answer before the task has ended: `on_pending` is then
        called with that answer, and the task's end is waited for. `wait` is how long: True 30 seconds, a number that
        many, None for ever, False not at all. After it the answer still says `pending`.
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
    ) -> Operation[SessionInitialized]:
        """Set up a new session's servers and variables, and send its first prompt (0.25.2 and later).

        `expected_user_id` is the user who must own it. `task` of the answer is the prompt's task, if one was given.
        Never resent. Raises `UsageError` on older daemons.
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
        self, session_id: str, *, include_children: bool | None = None, timeout: float | None = None
    ) -> Operation[SessionArchived]:
        """Archive a session, with its forks and spawns if `include_children`.

        Daemons before 0.25.2 have no such route: there the session is patched. With `include_children` that raises
        `UsageError`.
        """
        return (yield from op.set_archived(session_id, True, include_children))

    @operation
    def unarchive(
        self, session_id: str, *, include_children: bool | None = None, timeout: float | None = None
    ) -> Operation[SessionArchived]:
        """Bring an archived session back; see `archive`."""
        return (yield from op.set_archived(session_id, False, include_children))

    @operation
    def queue(self, session_id: str, *, timeout: float | None = None) -> Operation[tuple[Task, ...]]:
        """The queued tasks, first one first."""
        return (yield from op.queue(session_id))

    @operation
    def fork(
        self,
        session_id: str,
        prompt: str | None = None,
        *,
        task_id: str | None = None,
        timeout: float | None = None,
    ) -> Operation[Session]:
        """A sibling session from here on (or from `task_id`). The prompt titles it; nothing is run."""
        return (yield from op.session_action(Session, session_id, "fork", op.given(prompt=prompt, task_id=task_id)))

    @operation
    def spawn(
        self,
        session_id: str,
        prompt: str | None = None,
        *,
        timeout: float | None = None,
        **config: Unpack[SpawnConfig],
    ) -> Operation[Session]:
        """A child session, set up by `config`. The prompt titles it; nothing is run."""
        return (yield from op.session_action(Session, session_id, "spawn", {**op.given(prompt=prompt), **config}))

    @operation
    def spawn_prompt(self, session_id: str, data: Mapping[str, Any], *, timeout: float | None = None) -> Operation[Any]:
        """Have the prompt for a child session written (0.26 and later).

        The shape of the body is not on record; it is passed through as given.
        """
        full = yield from op.full_session_id(session_id)
        return (yield from op.request("create", op.route("sessions", full, "spawn-prompt"), (dict(data),)))

    @operation
    def genealogy(self, session_id: str, *, timeout: float | None = None) -> Operation[SessionFamily]:
        """The session among those it came from and those that came from it."""
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
    ) -> Operation[DecisionTaken]:
        """Decide a permission request (a message of type ``permission_request``); the first decision counts.

        The request is looked up in the session (for its task, `task_id`, which newer daemons need). The daemon only
        hands the decision on, so it is sent until the request's row is settled, up to four times within about 15
        seconds; with ``wait=False`` once. `remember` needs `scope` (``project``, ``user`` or ``local``). `decided_by`
        is the id of the user who decides, for daemons of June 2026; newer ones take the caller. An earlier decision,
        or a time-out, is an answer: `success` False, `already_resolved` True. Raises `NotFound` for an unknown
        request, `DecisionPending` when it is pending after the last delivery.
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
    def mcp_servers(self, session_id: str, *, timeout: float | None = None) -> Operation[tuple[SessionMcpServer, ...]]:
        """The MCP servers the session may use, as links: `mcp_server_id` names each."""
        return (yield from op.links_of_session(SessionMcpServer, session_id, "mcp-servers"))

    @operation
    def env_selections(
        self, session_id: str, *, timeout: float | None = None
    ) -> Operation[tuple[SessionEnvSelection, ...]]:
        """The environment variables the session may see."""
        return (yield from op.links_of_session(SessionEnvSelection, session_id, "env-selections"))


class TaskService(Service[Kind, Task, TaskCreate, TaskPatch]):
    """Tasks, and what one does with them."""

    @operation
    def run(
        self,
        task_id: str,
        *,
        permission_mode: words.PermissionMode | str | None = None,
        stream: bool | None = None,
        message_source: words.MessageSource | str | None = None,
        timeout: float | None = None,
    ) -> Operation[Task]:
        """Run a task that was created with status ``created``. `Conflict` on any other, or on a busy session.

        Answers the task ``running``, or ``dispatching`` on daemons of 0.25 and later, where it must be your own task.
        """
        options = op.given(permissionMode=permission_mode, stream=stream, messageSource=message_source)
        return (yield from op.run_task(task_id, options))

    @long_running
    def wait(self, task_id: str, *, at_permission: bool = True, timeout: float | None = None) -> Operation[Outcome]:
        """Wait until a task has ended, by looking at it; see `sessions.ask`."""
        return (yield from op.outcome(task_id, timeout=timeout, at_permission=at_permission))

    @operation
    def complete(self, task_id: str, report: Any = None, *, timeout: float | None = None) -> Operation[Task]:
        """End a task well (for executors)."""
        return (yield from op.task_action(task_id, "complete", op.given(report=report)))

    @operation
    def fail(self, task_id: str, error: str | None = None, *, timeout: float | None = None) -> Operation[Task]:
        """End a task badly (for executors). Daemons of June 2026 drop the text of `error`."""
        return (yield from op.task_action(task_id, "fail", op.given(error=error)))

    @operation
    def create_many(
        self, rows: Sequence[TaskCreate | Mapping[str, Any]], *, timeout: float | None = None
    ) -> Operation[tuple[Task, ...]]:
        """Make many tasks in one call; each needs `created_by`. Only ``tasks/bulk created`` tells of them.

        Raises `UsageError` on daemons since 13 August 2026, which have no such route.
        """
        made: tuple[Task, ...] = yield from op.create_many("tasks/bulk", rows)
        return made

    @operation
    def tell(self, event: str, data: Mapping[str, Any], *, timeout: float | None = None) -> Operation[Any]:
        """Pass an event on to everybody who listens, as executors do: ``tool:start``, ``thinking:chunk`` …

        Daemons of 0.26 and later take it from executors and services only (`Forbidden`).
        """
        return (yield from op.request("create", "tasks/streaming", ({"event": event, "data": dict(data)},)))


class MessageService(Service[Kind, Message, MessageCreate, MessagePatch]):
    """Messages. The client chooses their ids (`new_id`)."""

    @operation
    def find_by_session(self, session_id: str, *, timeout: float | None = None) -> Operation[tuple[Message, ...]]:
        """All messages of a session, by index."""
        rows: tuple[Message, ...] = yield from paging.find_all("messages", {"session_id": session_id}, 1_000, None)
        return _by_index(rows)

    @operation
    def find_by_task(self, task_id: str, *, timeout: float | None = None) -> Operation[tuple[Message, ...]]:
        """All messages of a task, by index."""
        rows: tuple[Message, ...] = yield from paging.find_all("messages", {"task_id": task_id}, 1_000, None)
        return _by_index(rows)

    @operation
    def find_by_range(
        self, session_id: str, start_index: int, end_index: int, *, timeout: float | None = None
    ) -> Operation[tuple[Message, ...]]:
        """The messages of a session whose index is in this range, both ends included. The others are read too."""
        rows: tuple[Message, ...] = yield from paging.find_all("messages", {"session_id": session_id}, 1_000, None)
        return tuple(row for row in _by_index(rows) if start_index <= row.index <= end_index)

    @operation
    def create_many(
        self, rows: Sequence[MessageCreate | Mapping[str, Any]], *, timeout: float | None = None
    ) -> Operation[tuple[Message, ...]]:
        """Save many messages in one call. Only ``messages/bulk created`` tells of them.

        Raises `UsageError` on daemons since 13 August 2026, which have no such route.
        """
        made: tuple[Message, ...] = yield from op.create_many("messages/bulk", rows)
        return made

    @operation
    def tell(self, event: str, data: Mapping[str, Any], *, timeout: float | None = None) -> Operation[Any]:
        """Pass an event on to everybody who listens, as executors do: ``streaming:chunk``, ``thinking:start`` …

        Daemons of 0.26 and later take it from executors and services only (`Forbidden`).
        """
        return (yield from op.request("create", "messages/streaming", ({"event": event, "data": dict(data)},)))

    @operation
    def submit_widget(
        self, widget_id: str, data: Mapping[str, Any] | None = None, *, timeout: float | None = None
    ) -> Operation[Any]:
        """Answer a ``widget_request``. The shape of the body is not on record; it is passed through as given."""
        return answer_of(None, (yield Call("create", op.route("widgets", widget_id, "submit"), (dict(data or {}),))))

    @operation
    def dismiss_widget(
        self, widget_id: str, data: Mapping[str, Any] | None = None, *, timeout: float | None = None
    ) -> Operation[Any]:
        """Put a ``widget_request`` away unanswered. The shape of the body is not on record; it is passed through as
        given."""
        return answer_of(None, (yield Call("create", op.route("widgets", widget_id, "dismiss"), (dict(data or {}),))))

    @operation
    def resolve_widget_oauth(
        self, widget_id: str, data: Mapping[str, Any] | None = None, *, timeout: float | None = None
    ) -> Operation[Any]:
        """End the login that a ``widget_request`` asks for (0.26 and later). The shape of the body is not on record; it
        is passed through as given."""
        path = op.route("widgets", widget_id, "oauth-resolve")
        return answer_of(None, (yield Call("create", path, (dict(data or {}),))))


def _by_index(rows: tuple[Message, ...]) -> tuple[Message, ...]:
    return tuple(sorted(rows_in(Message, rows), key=lambda message: (message.index, message.message_id)))
