"""The faces of a daemon's services: `Service` on the calling thread, `AsyncService` on the loop. Both run `operations`.

They hold no state but their path and the function that runs an operation. What a method means is said at `Service`; the
async face is the same, awaited.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any, Generic, Literal, Protocol, TypeVar

from agor_reactive import operations as op
from agor_reactive.models import Page, Session, Task
from agor_reactive.transport.codec import service_path
from agor_reactive.transport.steps import Operation

__all__ = ["AsyncRun", "AsyncService", "AsyncSessions", "AsyncTasks", "Run", "Service", "Sessions", "Tasks"]

R = TypeVar("R")
T = TypeVar("T")
Query = Mapping[str, Any]
PermissionScope = Literal["once", "session", "project"]


class Run(Protocol):
    """Runs an operation to its result, here and now."""

    def __call__(self, operation: Operation[T], /) -> T: ...


class AsyncRun(Protocol):
    """Runs an operation to its result, awaited."""

    def __call__(self, operation: Operation[T], /) -> Awaitable[T]: ...


class Service(Generic[R]):
    """One service of the daemon, over REST. Known paths answer with typed rows, others with frozen JSON."""

    def __init__(self, path: str, run: Run) -> None:
        self.path = service_path(path)
        self._run = run

    def find(self, query: Query | None = None) -> Page[R]:
        """The rows that fit, in the daemon's order.

        The query goes out as it is, and daemons differ in what they heed: sessions and tasks refuse operators
        (``$in``, ``$ne``) with a `BadRequest` and drop unknown fields silently; tasks of one session come by creation,
        whatever ``$sort`` says. ``$in`` of an empty list answers an empty page without asking. Over REST, ``$skip`` on
        ``messages`` is applied here (the daemon would page wrongly), so the rows before it are fetched too.
        A few services answer a single object; then that is the result.
        """
        return self._run(op.find(self.path, query))

    def find_all(self, query: Query | None = None, *, page_size: int = 1_000) -> tuple[R, ...]:
        """Every row that fits, page by page, each once; sorted here if the query has ``$sort``.

        ``$limit`` in the query is the size of the first page, ``$skip`` where to begin.
        """
        return self._run(op.find_all(self.path, query, page_size))

    def get(self, row_id: str, query: Query | None = None) -> R:
        """One row. Sessions, tasks and boards take a unique prefix of the id too; `AmbiguousId` lists the matches."""
        row: R = self._run(op.ask("get", self.path, (row_id,), query))
        return row

    def create(self, data: Any, query: Query | None = None) -> R:
        """Make a row (a list makes many, and answers a tuple where the service allows it)."""
        row: R = self._run(op.ask("create", self.path, (data,), query))
        return row

    def update(self, row_id: str, data: Any, query: Query | None = None) -> R:
        """Replace a row."""
        row: R = self._run(op.ask("update", self.path, (row_id, data), query))
        return row

    def patch(self, row_id: str | None, data: Any, query: Query | None = None) -> R:
        """Change some fields of a row; with the id None of every row that fits the query, where that is allowed."""
        row: R = self._run(op.ask("patch", self.path, (row_id, data), query))
        return row

    def remove(self, row_id: str | None, query: Query | None = None) -> R:
        """Remove a row, and answer what it was."""
        row: R = self._run(op.ask("remove", self.path, (row_id,), query))
        return row

    def call(self, method: str, data: Any = None, query: Query | None = None) -> Any:
        """Any method by its name on the wire. Custom ones need a live client: `UsageError` over REST."""
        return self._run(op.custom(method, self.path, data, query))

    def __repr__(self) -> str:
        return f"<service {self.path}>"


class AsyncService(Generic[R]):
    """One service of the daemon, awaited; see `Service` for what each method means."""

    def __init__(self, path: str, run: AsyncRun) -> None:
        self.path = service_path(path)
        self._run = run

    async def find(self, query: Query | None = None) -> Page[R]:
        """The rows that fit; see `Service.find` for what daemons heed of a query."""
        return await self._run(op.find(self.path, query))

    async def find_all(self, query: Query | None = None, *, page_size: int = 1_000) -> tuple[R, ...]:
        """Every row that fits, each once."""
        return await self._run(op.find_all(self.path, query, page_size))

    async def get(self, row_id: str, query: Query | None = None) -> R:
        """One row."""
        return await self._run(op.ask("get", self.path, (row_id,), query))

    async def create(self, data: Any, query: Query | None = None) -> R:
        """Make a row."""
        return await self._run(op.ask("create", self.path, (data,), query))

    async def update(self, row_id: str, data: Any, query: Query | None = None) -> R:
        """Replace a row."""
        return await self._run(op.ask("update", self.path, (row_id, data), query))

    async def patch(self, row_id: str | None, data: Any, query: Query | None = None) -> R:
        """Change some fields of a row."""
        return await self._run(op.ask("patch", self.path, (row_id, data), query))

    async def remove(self, row_id: str | None, query: Query | None = None) -> R:
        """Remove a row, and answer what it was."""
        return await self._run(op.ask("remove", self.path, (row_id,), query))

    async def call(self, method: str, data: Any = None, query: Query | None = None) -> Any:
        """Any method by its name on the wire (`findByTask`, `toBlob`)."""
        return await self._run(op.custom(method, self.path, data, query))

    def __repr__(self) -> str:
        return f"<service {self.path}>"


def _prompt_options(
    permission_mode: str | None, stream: bool | None, message_source: str | None, metadata: Mapping[str, Any] | None
) -> dict[str, Any]:
    return op.sent(permissionMode=permission_mode, stream=stream, messageSource=message_source, metadata=metadata)


class Sessions:
    """What one does with sessions beyond their rows. Short ids are expanded to the full one first."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def prompt(
        self,
        session_id: str,
        prompt: str,
        *,
        permission_mode: str | None = None,
        stream: bool | None = None,
        message_source: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Task:
        """Send a prompt; answers its task: running on an idle session, queued (atomically) on a busy one.

        Never repeated by us: raises `OutcomeUnknown` when the answer was lost.
        """
        options = _prompt_options(permission_mode, stream, message_source, metadata)
        return self._run(op.prompt(session_id, prompt, options))

    def stop(self, session_id: str, reason: str | None = None) -> Any:
        """Stop the running task; the queue drains on. Answers ``{success, status, reason?}``, also when nothing ran."""
        return self._run(op.session_deed(session_id, "stop", op.sent(reason=reason)))

    def queue(self, session_id: str) -> tuple[Task, ...]:
        """The queued tasks, first one first."""
        return self._run(op.queue(session_id))

    def fork(self, session_id: str, prompt: str | None = None, *, task_id: str | None = None) -> Session:
        """A sibling session from here on (or from `task_id`). The prompt titles it; nothing is run."""
        return self._run(op.session_born(session_id, "fork", op.sent(prompt=prompt, task_id=task_id)))

    def spawn(self, session_id: str, prompt: str | None = None, **config: Any) -> Session:
        """A child session; `config` as the daemon's SpawnConfig has it. The prompt titles it; nothing is run."""
        return self._run(op.session_born(session_id, "spawn", op.sent(prompt=prompt, **config)))

    def genealogy(self, session_id: str) -> Any:
        """``{session, ancestors, children}``."""
        return self._run(op.genealogy(session_id))

    def permission_decision(
        self,
        session_id: str,
        request_id: str,
        allow: bool,
        *,
        decided_by: str,
        remember: bool = False,
        scope: PermissionScope | str = "once",
        reason: str | None = None,
    ) -> Any:
        """Answer a permission request (a message of type ``permission_request``). Answers ``{success, …}``."""
        data = op.decision(request_id, allow, remember=remember, scope=scope, decided_by=decided_by, reason=reason)
        return self._run(op.session_deed(session_id, "permission-decision", data))


class AsyncSessions:
    """What one does with sessions beyond their rows; see `Sessions`."""

    def __init__(self, run: AsyncRun) -> None:
        self._run = run

    async def prompt(
        self,
        session_id: str,
        prompt: str,
        *,
        permission_mode: str | None = None,
        stream: bool | None = None,
        message_source: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Task:
        """Send a prompt; answers its task, running or queued. `OutcomeUnknown` when the answer was lost."""
        options = _prompt_options(permission_mode, stream, message_source, metadata)
        return await self._run(op.prompt(session_id, prompt, options))

    async def stop(self, session_id: str, reason: str | None = None) -> Any:
        """Stop the running task. Answers ``{success, status, reason?}``."""
        return await self._run(op.session_deed(session_id, "stop", op.sent(reason=reason)))

    async def queue(self, session_id: str) -> tuple[Task, ...]:
        """The queued tasks, first one first."""
        return await self._run(op.queue(session_id))

    async def fork(self, session_id: str, prompt: str | None = None, *, task_id: str | None = None) -> Session:
        """A sibling session from here on."""
        return await self._run(op.session_born(session_id, "fork", op.sent(prompt=prompt, task_id=task_id)))

    async def spawn(self, session_id: str, prompt: str | None = None, **config: Any) -> Session:
        """A child session."""
        return await self._run(op.session_born(session_id, "spawn", op.sent(prompt=prompt, **config)))

    async def genealogy(self, session_id: str) -> Any:
        """``{session, ancestors, children}``."""
        return await self._run(op.genealogy(session_id))

    async def permission_decision(
        self,
        session_id: str,
        request_id: str,
        allow: bool,
        *,
        decided_by: str,
        remember: bool = False,
        scope: PermissionScope | str = "once",
        reason: str | None = None,
    ) -> Any:
        """Answer a permission request."""
        data = op.decision(request_id, allow, remember=remember, scope=scope, decided_by=decided_by, reason=reason)
        return await self._run(op.session_deed(session_id, "permission-decision", data))


class Tasks:
    """What one does with tasks beyond their rows."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def run(
        self,
        task_id: str,
        *,
        permission_mode: str | None = None,
        stream: bool | None = None,
        message_source: str | None = None,
    ) -> Task:
        """Run a task that was created with status ``created``. `Conflict` on any other, or on a busy session."""
        return self._run(op.run_task(task_id, _prompt_options(permission_mode, stream, message_source, None)))

    def complete(self, task_id: str, report: Any = None) -> Task:
        """End a task well (for executors)."""
        return self._run(op.task_deed(task_id, "complete", op.sent(report=report)))

    def fail(self, task_id: str, error: str | None = None) -> Task:
        """End a task badly (for executors)."""
        return self._run(op.task_deed(task_id, "fail", op.sent(error=error)))


class AsyncTasks:
    """What one does with tasks beyond their rows; see `Tasks`."""

    def __init__(self, run: AsyncRun) -> None:
        self._run = run

    async def run(
        self,
        task_id: str,
        *,
        permission_mode: str | None = None,
        stream: bool | None = None,
        message_source: str | None = None,
    ) -> Task:
        """Run a task that was created with status ``created``."""
        return await self._run(op.run_task(task_id, _prompt_options(permission_mode, stream, message_source, None)))

    async def complete(self, task_id: str, report: Any = None) -> Task:
        """End a task well (for executors)."""
        return await self._run(op.task_deed(task_id, "complete", op.sent(report=report)))

    async def fail(self, task_id: str, error: str | None = None) -> Task:
        """End a task badly (for executors)."""
        return await self._run(op.task_deed(task_id, "fail", op.sent(error=error)))
