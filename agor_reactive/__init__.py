"""agor_reactive: a Python client for the Agor daemon, with a reactive mirror of a session's live state.

::

    import agor_reactive as agor

    with agor.create_rest_client(api_key=agor.get_api_key_from_env()) as client:        # plain scripts
        task = client.sessions.prompt(session_id, "Run the tests.")

    async with agor.create_client(api_key=agor.get_api_key_from_env()) as client:       # live
        async with agor.retain_reactive_session(client, session_id) as handle:
            async for state in handle.states():
                ...
"""

from typing import Any

from agor_reactive._version import __version__
from agor_reactive.blocking import BlockingClient, BlockingHandle, BlockingPermission, BlockingSessions, connect
from agor_reactive.calls.progress import display_with
from agor_reactive.client import Client, create_client, retain_reactive_session, retain_sessions
from agor_reactive.client.health import is_daemon_running, is_daemon_running_async
from agor_reactive.client.rest import (
    AsyncRestClient,
    RestClient,
    create_async_rest_client,
    create_rest_client,
)
from agor_reactive.core.snapshot import SessionState
from agor_reactive.errors import (
    AgorError,
    AmbiguousId,
    ApiKeyRestOnly,
    BadRequest,
    CallTimeout,
    CannotConnect,
    Conflict,
    ConnectionLost,
    DaemonError,
    DecisionPending,
    Forbidden,
    HandleDisposed,
    LinkError,
    MethodNotAllowed,
    MissingExtra,
    NotAuthenticated,
    NotConnected,
    NotFound,
    OutcomeUnknown,
    PayloadTooLarge,
    ProtocolError,
    RecordingFailed,
    ServerError,
    TooManyRequests,
    Unavailable,
    UnknownMethod,
    UsageError,
    WrongLoop,
)
from agor_reactive.logs import Log, Recording, record
from agor_reactive.models import (
    AuthenticationResult,
    Board,
    Branch,
    LinkStatus,
    Message,
    Page,
    RawEvent,
    Repo,
    Session,
    Task,
    User,
    WireModel,
    Worktree,
)
from agor_reactive.models.ids import format_short_id, is_full_id, new_id
from agor_reactive.models.outcome import (
    Done,
    Failed,
    InputNeeded,
    Outcome,
    PermissionNeeded,
    Stopped,
    TimedOut,
)
from agor_reactive.models.raw_response import RawResponse
from agor_reactive.services import Service
from agor_reactive.session.collection import SessionCollection, SessionRows
from agor_reactive.session.handles import SessionHandle
from agor_reactive.session.permissions import PendingPermission
from agor_reactive.transport.address import InsecureKeyWarning, daemon_url, get_api_key_from_env
from agor_reactive.transport.log_setup import set_up_logging

__all__ = [
    "AgorError",
    "AmbiguousId",
    "ApiKeyRestOnly",
    "AsyncRestClient",
    "AuthenticationResult",
    "BadRequest",
    "BlockingClient",
    "BlockingHandle",
    "BlockingPermission",
    "BlockingSessions",
    "Board",
    "Branch",
    "CallTimeout",
    "CannotConnect",
    "Client",
    "Conflict",
    "ConnectionLost",
    "DaemonError",
    "DecisionPending",
    "Done",
    "Failed",
    "Forbidden",
    "HandleDisposed",
    "InputNeeded",
    "InsecureKeyWarning",
    "LinkError",
    "LinkStatus",
    "Log",
    "Message",
    "MethodNotAllowed",
    "MissingExtra",
    "NotAuthenticated",
    "NotConnected",
    "NotFound",
    "Outcome",
    "OutcomeUnknown",
    "Page",
    "PayloadTooLarge",
    "PendingPermission",
    "PermissionNeeded",
    "ProtocolError",
    "RawEvent",
    "RawResponse",
    "Recording",
    "RecordingFailed",
    "Repo",
    "RestClient",
    "ServerError",
    "Service",
    "Session",
    "SessionCollection",
    "SessionHandle",
    "SessionRows",
    "SessionState",
    "Stopped",
    "Task",
    "TimedOut",
    "TooManyRequests",
    "Unavailable",
    "UnknownMethod",
    "UsageError",
    "User",
    "WireModel",
    "Worktree",
    "WrongLoop",
    "__version__",
    "connect",
    "create_async_rest_client",
    "create_client",
    "create_rest_client",
    "daemon_url",
    "format_short_id",
    "get_api_key_from_env",
    "is_daemon_running",
    "is_daemon_running_async",
    "is_full_id",
    "new_id",
    "record",
    "retain_reactive_session",
    "retain_sessions",
]

set_up_logging()


def _display(handle: SessionHandle) -> Any:
    from agor_reactive.adapters.display import mimebundle  # imports Rich: not before a handle is shown

    return mimebundle(handle)


def _displayed(handle: SessionHandle) -> Any:
    from agor_reactive.adapters.display import displayed

    return displayed(handle)


def _progress_line() -> Any:
    from agor_reactive.adapters.progress import ProgressLine

    return ProgressLine()


def _table_text(state: SessionState) -> str:
    from agor_reactive.adapters.state_table import as_text

    return as_text(state)


def _table_html(state: SessionState) -> str:
    from agor_reactive.adapters.state_table import as_html

    return as_html(state)


SessionHandle.display = _display
SessionHandle.displayed = _displayed
SessionState.tables = (_table_text, _table_html)
display_with(_progress_line)


def load_ipython_extension(ipython: Any) -> None:
    """Add ``%%agor [SESSION]``, whose cell is a prompt: IPython calls it for ``%load_ext agor_reactive``."""
    from agor_reactive.adapters.ipython import load

    load(ipython)


def unload_ipython_extension(ipython: Any) -> None:
    """Remove ``%%agor`` and close its connection: IPython calls it for ``%unload_ext agor_reactive``."""
    from agor_reactive.adapters.ipython import unload

    unload(ipython)
