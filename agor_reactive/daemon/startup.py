"""What a daemon does to its rows before it listens: put right what the last run left, or plant the first ones."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from agor_reactive.daemon.accounts import Accounts
from agor_reactive.daemon.kernel import Kernel
from agor_reactive.daemon.store import Row, Store
from agor_reactive.daemon.turns import ACTIVE

__all__ = ["Credentials", "boot_number", "mark_clean", "plant", "recover", "signing_secret"]

_UNFINISHED = frozenset({"queued", "dispatching", "running", "stopping", "awaiting_permission", "awaiting_input"})
_EMAIL = "admin@agor.local"


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


def signing_secret(store: Store) -> str:
    """The secret tokens are signed with; kept, so that tokens survive a restart."""
    secret = store.setting("jwt_secret")
    if secret is None:
        secret = secrets.token_hex(32)
        store.set_setting("jwt_secret", secret)
    return secret


def mark_clean(store: Store, *, clean: bool) -> None:
    """Note whether the daemon ended in order; read at the next start."""
    store.set_setting("clean", "1" if clean else "0")


def plant(kernel: Kernel, accounts: Accounts, *, api_key: str | None, password: str | None) -> Credentials:
    """Make sure there is a user, a key, and a place to work in."""
    admin = next(iter(kernel.users.all()), None)
    shown_password = password
    with kernel.store.together():
        if admin is None:
            shown_password = password or secrets.token_urlsafe(12)
            admin = accounts.add_user(
                email=_EMAIL, password=shown_password, role="superadmin", name="Admin", onboarding_completed=True
            )
        shown_key = api_key
        if api_key is not None:
            if accounts.find_key(api_key) is None:
                accounts.add_key(admin["user_id"], "embedded", key=api_key)
        elif not kernel.store.all("api-keys"):
            shown_key, _ = accounts.add_key(admin["user_id"], "embedded")
        if not kernel.places.all():
            _plant_place(kernel, admin["user_id"])
    return Credentials(admin["email"], shown_password, shown_key)


def recover(kernel: Kernel) -> None:
    """After a restart: what ran or waited is stopped, its session is idle, and a message says what happened."""
    kind = "daemon_restart" if kernel.store.setting("clean") == "1" else "daemon_crash"
    hit: dict[str, Row] = {}
    with kernel.store.together():
        for task in kernel.tasks.all():
            if task.get("status") in _UNFINISHED:
                kernel.tasks.put({**task, "status": "stopped", "completed_at": kernel.now()})
                hit[task["session_id"]] = task
        for session in kernel.sessions.all():
            session_id = session["session_id"]
            if session_id not in hit and session["status"] not in ACTIVE:
                continue
            kernel.sessions.put({**session, "status": "idle", "ready_for_prompt": True, "last_updated": kernel.now()})
            why = "The daemon was restarted" if kind == "daemon_restart" else "The daemon ended without warning"
            kernel.new_message(
                session_id=session_id,
                task_id=hit[session_id]["task_id"] if session_id in hit else None,
                role="system",
                type=kind,
                content=f"{why} while this session was at work. Its tasks were stopped.",
                metadata={"source": "agor"},
            )


def _plant_place(kernel: Kernel, user_id: str) -> None:
    now = kernel.now()
    api = kernel.api
    board_id, repo_id, place_id = kernel.ids.row(), kernel.ids.row(), kernel.ids.row()
    home = str(Path("/srv/agor/demo"))
    kernel.boards.insert(
        {
            "board_id": board_id, "name": "Main board", "slug": "default", "icon": "🏠", "objects": {},
            "created_at": now, "last_updated": now, "created_by": user_id, "archived": False,
            "url": kernel.link("b", board_id),
        }
    )  # fmt: skip
    kernel.repos.insert(
        {
            "repo_id": repo_id, "slug": "local/demo", "name": "demo", "repo_type": "local", "local_path": home,
            "default_branch": "main", "created_at": now, "last_updated": now,
        }
    )  # fmt: skip
    kernel.places.insert(
        {
            api.place_id: place_id, "repo_id": repo_id, "board_id": board_id, "name": "main", "ref": "main",
            "path": f"{home}/main", "new_branch": False, f"{api.place}_unique_id": 1, "created_at": now,
            "updated_at": now, "last_used": now, "created_by": user_id, "needs_attention": False, "archived": False,
            "filesystem_status": "ready", "last_commit_sha": f"{kernel.rng('sha').getrandbits(160):040x}",
            **({"schedule_enabled": False} if api.place == "worktree" else {}),
        }
    )  # fmt: skip
