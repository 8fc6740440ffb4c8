"""Prepares the rows before the daemon listens: stops tasks of the last run, or creates the first rows."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from agor_reactive.daemon.context import DaemonContext
from agor_reactive.daemon.store import Row, Store
from agor_reactive.daemon.task_runner import ACTIVE
from agor_reactive.daemon.user_directory import UserDirectory

__all__ = ["Credentials", "boot_number", "mark_clean", "plant", "recover", "signing_secret"]

_UNFINISHED = frozenset({"queued", "dispatching", "running", "stopping", "awaiting_permission", "awaiting_input"})
_EMAIL = "admin@agor.local"
_LEAST_SECRET = 32


@dataclass(frozen=True, slots=True)
class Credentials:
    """What can be shown of the ways in: only what this run made up or was given."""

    email: str
    password: str | None
    api_key: str | None


def boot_number(store: Store, *, place: str) -> int:
    """Which start of this database this is, from 1. Raises ValueError for a database of another version's words."""
    kept = store.setting("place")
    if kept is not None and kept != place:
        raise ValueError(
            f"this database speaks of a {kept}, not of a {place}: start it with the API version it was made with"
        )
    number = int(store.setting("boots") or 0) + 1
    store.set_setting("place", place)
    store.set_setting("boots", str(number))
    return number


def signing_secret(store: Store, db: str | Path | None) -> str:
    """The secret that tokens are signed with. It outlives a restart, so that tokens do, too.

    It is kept beside the database, in ``<db>-secret``, which only the owner may read. So a copy of the database, or
    SQL run on it, gives nobody tokens. Whoever can read the owner's files has it all the same. A secret that an older
    version kept in the database is replaced, which makes the tokens signed with it void.
    """
    if store.setting("jwt_secret") is not None:
        store.forget_setting("jwt_secret")
    if db is None:
        return secrets.token_hex(32)
    file = Path(f"{db}-secret")
    if file.exists():
        kept = file.read_text(encoding="ascii", errors="replace").strip()
        if len(kept) >= _LEAST_SECRET:
            file.chmod(0o600)
            return kept
    secret = secrets.token_hex(32)
    part = Path(f"{file}.{os.getpid()}")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="ascii") as out:
        out.write(secret)
    part.replace(file)
    return secret


def mark_clean(store: Store, *, clean: bool) -> None:
    """Note whether the daemon ended in order; read at the next start."""
    store.set_setting("clean", "1" if clean else "0")


def plant(
    context: DaemonContext, user_directory: UserDirectory, *, api_key: str | None, password: str | None
) -> Credentials:
    """Make sure there is a user, a key, and a place to work in."""
    admin = next(iter(context.users.all()), None)
    shown_password = password
    with context.store.together():
        if admin is None:
            shown_password = password or secrets.token_urlsafe(12)
            admin = user_directory.add_user(
                email=_EMAIL, password=shown_password, role="superadmin", name="Admin", onboarding_completed=True
            )
        shown_key = api_key
        if api_key is not None:
            if user_directory.find_key(api_key) is None:
                user_directory.add_key(admin["user_id"], "embedded", key=api_key)
        elif not context.store.all("api-keys"):
            shown_key, _ = user_directory.add_key(admin["user_id"], "embedded")
        if not context.places.all():
            _plant_place(context, admin["user_id"])
    return Credentials(admin["email"], shown_password, shown_key)


def recover(context: DaemonContext) -> None:
    """After a restart: what ran or waited is stopped, its session is idle, and a message says what happened."""
    kind = "daemon_restart" if context.store.setting("clean") == "1" else "daemon_crash"
    hit: dict[str, Row] = {}
    with context.store.together():
        for task in context.tasks.all():
            if task.get("status") in _UNFINISHED:
                context.tasks.put({**task, "status": "stopped", "completed_at": context.now()})
                hit[task["session_id"]] = task
        for session in context.sessions.all():
            session_id = session["session_id"]
            if session_id not in hit and session["status"] not in ACTIVE:
                continue
            context.sessions.put({**session, "status": "idle", "ready_for_prompt": True, "last_updated": context.now()})
            why = "The daemon was restarted" if kind == "daemon_restart" else "The daemon ended without warning"
            context.new_message(
                session_id=session_id,
                task_id=hit[session_id]["task_id"] if session_id in hit else None,
                role="system",
                type=kind,
                content=f"{why} while this session was at work. Its tasks were stopped.",
                metadata={"source": "agor"},
            )


def _plant_place(context: DaemonContext, user_id: str) -> None:
    now = context.now()
    api = context.api
    board_id, repo_id, place_id = context.ids.row(), context.ids.row(), context.ids.row()
    home = str(Path("/srv/agor/demo"))
    context.boards.insert(
        {
            "board_id": board_id, "name": "Main board", "slug": "default", "icon": "🏠", "objects": {},
            "created_at": now, "last_updated": now, "created_by": user_id, "archived": False,
            "url": context.link("b", board_id),
        }
    )  # fmt: skip
    context.repos.insert(
        {
            "repo_id": repo_id, "slug": "local/demo", "name": "demo", "repo_type": "local", "local_path": home,
            "default_branch": "main", "created_at": now, "last_updated": now,
        }
    )  # fmt: skip
    context.places.insert(
        {
            api.place_id: place_id, "repo_id": repo_id, "board_id": board_id, "name": "main", "ref": "main",
            "path": f"{home}/main", "new_branch": False, f"{api.place}_unique_id": 1, "created_at": now,
            "updated_at": now, "last_used": now, "created_by": user_id, "needs_attention": False, "archived": False,
            "filesystem_status": "ready", "last_commit_sha": f"{context.rng('sha').getrandbits(160):040x}",
            **({"schedule_enabled": False} if api.place == "worktree" else {}),
        }
    )  # fmt: skip
