"""Users and their API keys. Before today's rules the users service was available over the socket only."""

from __future__ import annotations

from typing import Any, ClassVar

from agor_reactive.daemon.context import DaemonContext
from agor_reactive.daemon.faults import DomainFault, bad_request, forbidden, method_not_allowed, not_authenticated
from agor_reactive.daemon.queries import Kind, find_among, validated
from agor_reactive.daemon.services.base import Call, Service
from agor_reactive.daemon.store import Row
from agor_reactive.daemon.user_directory import UserDirectory, public_user

__all__ = ["ApiKeys", "Users", "whoami"]

_SCHEMA: dict[str, Kind] = {
    "user_id": "uuid", "email": "string", "name": "string", "role": ("superadmin", "admin", "member", "viewer"),
}  # fmt: skip
_ADMINS = ("superadmin", "admin")


class Users(Service):
    path = "users"
    keeps_rows: ClassVar[bool] = True

    def __init__(self, context: DaemonContext, user_directory: UserDirectory) -> None:
        self._context = context
        self._user_directory = user_directory

    def find(self, call: Call) -> dict[str, Any]:
        self._refuse_rest(call)
        query = validated(call.query, _SCHEMA)
        rows = [public_user(row) for row in self._context.users.all()]
        return find_among(rows, query, id_field="user_id", limit=len(rows))

    def get(self, ref: str, call: Call) -> Row:
        self._refuse_rest(call)
        return public_user(self._row(ref))

    def create(self, data: Row, call: Call) -> Row:
        self._refuse_rest(call)
        if call.user is None or call.user["role"] not in _ADMINS:
            raise forbidden("You need admin access to create users")
        if not data.get("email") or not data.get("password"):
            raise bad_request("email and password are required")
        if any(row["email"] == data["email"] for row in self._context.users.all()):
            raise DomainFault("A user with this email already exists")
        extra = {name: data[name] for name in ("emoji", "must_change_password", "preferences") if name in data}
        row = self._user_directory.add_user(
            email=data["email"],
            password=data["password"],
            role=data.get("role") or "member",
            name=data.get("name") or data["email"],
            **extra,
        )
        self._context.users.announce("created", public_user(row))
        return public_user(row)

    def patch(self, ref: str | None, data: Row, call: Call) -> Row:
        own = call.user is not None and ref == call.user["user_id"]
        admin = call.user is not None and call.user["role"] in _ADMINS
        closed = call.provider == "rest" and not self._context.api.handshake
        if closed or not (own or admin):
            raise forbidden("You can only update your own profile")
        row = self._row(ref)
        shown = (
            "name",
            "emoji",
            "preferences",
            "onboarding_completed",
            "avatar",
            *(("role", "email", "must_change_password") if admin else ()),
        )
        changed = {**row, **{k: data[k] for k in shown if k in data}, "updated_at": self._context.now()}
        if data.get("password"):
            changed = self._user_directory.new_password(changed, str(data["password"]))
        self._context.users.put(changed)
        self._context.users.announce("patched", public_user(changed))
        if data.get("password") or changed["role"] != row["role"]:
            self._context.access_changed()
        return public_user(changed)

    def remove(self, ref: str | None, call: Call) -> Row:
        self._refuse_rest(call)
        if call.user is None or call.user["role"] not in _ADMINS:
            raise forbidden("You need admin access to remove users")
        row = self._row(ref)
        self._context.users.drop(row)
        self._context.users.announce("removed", public_user(row))
        self._context.access_changed()
        return public_user(row)

    def _refuse_rest(self, call: Call) -> None:
        if call.provider == "rest" and not self._context.api.handshake:
            raise not_authenticated("Authentication required")

    def _row(self, ref: object) -> Row:
        row = self._context.users.find(ref)
        if row is None:
            raise DomainFault(f"User not found: {ref}")
        return row


def whoami(call: Call) -> Row:
    """Return the user of the caller's credential. REST only, for every role."""
    identity = call.identity
    if call.provider != "rest" or identity is None:
        raise method_not_allowed("Method 'find' not allowed on service 'api/v1/user/me'")
    return {
        "user": identity.user,
        "role": identity.user["role"],
        "tenant_id": "default",
        "auth_strategy": identity.strategy,
        "key_id": identity.key_id,
    }


class ApiKeys(Service):
    """The caller's own keys. A find answers a plain list."""

    path = "api/v1/user/api-keys"
    # Before today's rules the event goes to all sockets, with the raw key, as on the real daemon. Clients must redact
    # it.
    announces = True

    def __init__(self, context: DaemonContext, user_directory: UserDirectory) -> None:
        self._context = context
        self._user_directory = user_directory

    def find(self, call: Call) -> list[Row]:
        return [_public_key(row) for row in self._context.store.all("api-keys") if row["user_id"] == call.user_id]

    def create(self, data: Row, call: Call) -> Row:
        raw, row = self._user_directory.add_key(call.user_id, str(data.get("name") or "API key"))
        return {"rawKey": raw, "key": _public_key(row)}

    def patch(self, ref: str, data: Row, call: Call) -> Row:
        row = {**self._own(ref, call), **({"name": str(data["name"])} if data.get("name") else {})}
        self._context.store.replace("api-keys", row["id"], row)
        return _public_key(row)

    def remove(self, ref: str, call: Call) -> Row:
        row = self._own(ref, call)
        self._context.store.delete("api-keys", row["id"])
        return _public_key(row)

    def _own(self, ref: str, call: Call) -> Row:
        row = self._context.store.get("api-keys", ref) if isinstance(ref, str) else None
        if row is None or row["user_id"] != call.user_id:
            raise DomainFault(f"API key not found: {ref}")
        return row


def _public_key(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in ("hash", "user_id")}
