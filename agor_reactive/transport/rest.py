"""REST, sans-IO: a service call as the HTTP request it becomes, an HTTP answer as what it says, and the whole exchange
between them (login, retries, refresh) as effects. `http` has their two drivers. Knows no HTTP library.

REST has the six standard methods and the routes (``POST sessions/<id>/prompt`` is ``create`` on that path). Custom
methods exist over the live link only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Any, Final
from urllib.parse import quote

from pydantic import SecretStr

from agor_reactive.calls.backoff import Backoff
from agor_reactive.calls.effects import Call, EffectGenerator, Sleep
from agor_reactive.calls.methods import STANDARD_METHODS, is_read
from agor_reactive.errors import (
    AgorError,
    CannotConnect,
    ConnectionLost,
    LinkError,
    NotAuthenticated,
    ProtocolError,
    TooManyRequests,
    Unavailable,
    UsageError,
)
from agor_reactive.transport.codec import arguments, daemon_error, dumps, loads
from agor_reactive.transport.credentials import ApiKey, Login
from agor_reactive.transport.query import LocalSlice, rest_query, to_query_string

__all__ = ["AuthState", "Renew", "RestAnswer", "RestEffect", "RestRequest", "RetryPolicy", "Send", "exchange"]

_VERBS: Final[Mapping[str, str]] = {
    "find": "GET",
    "get": "GET",
    "create": "POST",
    "update": "PUT",
    "patch": "PATCH",
    "remove": "DELETE",
}


@dataclass(frozen=True, slots=True, repr=False)
class RestRequest:
    """One HTTP request. `target` is path and query, percent-encoded, beginning with a slash.

    `token` goes into the Authorization header when the request is sent, so that no variable before then holds it.
    """

    verb: str
    target: str
    body: bytes | None
    headers: Mapping[str, str]
    token: SecretStr | None = None

    def all_headers(self) -> dict[str, str]:
        """The headers with the credential."""
        identity = {} if self.token is None else {"authorization": f"Bearer {self.token.get_secret_value()}"}
        return {**self.headers, **identity}

    def __repr__(self) -> str:
        return f"RestRequest({self.verb} {self.target.partition('?')[0]})"


@dataclass(frozen=True, slots=True, repr=False)
class RestAnswer:
    """One HTTP answer; header names in lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str]


def build(call: Call) -> tuple[RestRequest, LocalSlice | None]:
    """The request of a call, and what to cut from its answer. Raises `UsageError` for what REST cannot say."""
    try:
        return _build(call)
    except UnicodeEncodeError:
        raise UsageError(f"{call.method}: a path, id or query holds half a character, which cannot be sent") from None


def _build(call: Call) -> tuple[RestRequest, LocalSlice | None]:
    if call.method not in STANDARD_METHODS:
        raise UsageError(
            f"{call.method} on {call.service} is a custom method, which REST does not have; use a live client "
            "(create_client), or the route for it if there is one"
        )
    method, path, *args = arguments(call.method, call.service, call.args)
    query = args.pop() if len(args) == _places_before_query(method) + 1 else None
    cut: LocalSlice | None = None
    if method == "find":
        query, cut = rest_query(path, query)
    target = "/" + "/".join(quote(part, safe="@") for part in path.split("/"))
    if method in ("get", "update", "patch", "remove") and args and args[0] is not None:
        target += "/" + quote(str(args[0]), safe="")
    body = None
    if method in ("create", "update", "patch"):
        body = dumps({} if args[-1] is None else args[-1])  # a body of `null` is refused by the daemon's parser
    if query:
        target += "?" + to_query_string(query)
    headers = {"accept": "application/json"}
    if body is not None:
        headers["content-type"] = "application/json"
    return RestRequest(_VERBS[method], target, body, headers), cut


def _places_before_query(method: str) -> int:
    return {"find": 0, "get": 1, "create": 1, "update": 2, "patch": 2, "remove": 1}[method]


def read(answer: RestAnswer, cut: LocalSlice | None = None) -> Any:
    """The result in an answer. Raises the `DaemonError` it means, or `ProtocolError` when it cannot be read."""
    if answer.status >= 400:
        raise daemon_error(_body(answer), status=answer.status, retry_after=_retry_after(answer))
    if answer.status >= 300:
        where = answer.headers.get("location", "")
        raise ProtocolError(
            f"the daemon's address redirects (HTTP {answer.status}); use the address it names: {where[:200]}"
        )
    if not answer.body:
        return None
    try:
        result = loads(answer.body)
    except ValueError:
        kind = answer.headers.get("content-type", "no content type")
        raise ProtocolError(f"the answer is not JSON ({kind[:80]}); is this the address of an Agor daemon?") from None
    return cut.of(result) if cut is not None else result


def _body(answer: RestAnswer) -> Any:
    try:
        return loads(answer.body)
    except ValueError:
        return answer.body[:20_000].decode("utf-8", "replace")


def _retry_after(answer: RestAnswer) -> float | None:
    told = answer.headers.get("retry-after", "")
    try:
        seconds = float(told)
    except ValueError:
        # A moment: how far it is off is told by the answer's own clock. Without that our back-off will do.
        moment, now = _moment(told), _moment(answer.headers.get("date", ""))
        return None if moment is None or now is None else max(0.0, (moment - now).total_seconds())
    return max(0.0, seconds) if isfinite(seconds) else None


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


# ---- the exchange ----


_REPEATS: Final = Backoff(first=0.2, jitter=(0.5, 1.5))


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Tries for a read that met a busy or absent daemon, with the waits between them. Writes have one try.

    A daemon that asks for a longer pause than `longest_wait` is not waited for: `TooManyRequests` tells.
    """

    tries: int = 3
    backoff: Backoff = _REPEATS
    longest_wait: float = 30.0


@dataclass(frozen=True, slots=True)
class Send:
    """Make this request; the `RestAnswer` is wanted, or a `LinkError` raised."""

    request: RestRequest
    what: Call


@dataclass(frozen=True, slots=True)
class Renew:
    """A new token is wanted, unless another caller got one since `generation`. One at a time."""

    generation: int


RestEffect = Send | Sleep | Renew


class AuthState:
    """What a REST client is logged in with. `generation` counts tokens, so that many callers renew once."""

    def __init__(self, login: Login | None = None) -> None:
        self.generation = 0
        self.login = login
        self.refusal: NotAuthenticated | None = None

    def adopt(self, login: Login | None) -> None:
        """From now on, be this one."""
        self.login = login
        self.renewed()

    def renewed(self) -> None:
        """There is a new token."""
        self.generation += 1
        self.refusal = None

    def refused(self, error: NotAuthenticated) -> None:
        """There is no way to a new token: callers are told so, and the daemon is not asked again, until a new login."""
        self.refusal = error

    @property
    def token(self) -> SecretStr | None:
        """What goes into the Authorization header: keys and access tokens alike."""
        if self.login is None:
            return None
        given = self.login.credentials
        return given.key if isinstance(given, ApiKey) else self.login.tokens.access

    @property
    def needs_login(self) -> bool:
        """Whether credentials are there and no token yet."""
        return self.login is not None and self.token is None and self.refusal is None

    @property
    def can_renew(self) -> bool:
        """Whether a refused token can be followed by another try."""
        login = self.login
        return (
            login is not None and self.refusal is None and login.renewable and not isinstance(login.credentials, ApiKey)
        )


def exchange(
    call: Call, session: AuthState, *, retry: RetryPolicy, random: Callable[[], float], login: bool = True
) -> EffectGenerator[RestEffect, Any]:
    """One call from first request to result: logs in first where needed, renews once on a 401, retries reads.

    With `login` false the call goes out as it is (it is part of a login itself).
    """
    request, cut = build(call)
    if login and session.needs_login:
        yield Renew(session.generation)
    renewed = False
    failed = 0
    while True:
        seen = session.generation
        token = session.token if login else None
        try:
            answer: RestAnswer = yield Send(replace(request, token=token), call)
            return read(answer, cut)
        except NotAuthenticated:
            # A 401 means that nothing was done: asking again is safe for writes too.
            if not login or renewed or not (session.can_renew or session.generation != seen):
                raise
            renewed = True
            yield Renew(seen)
        except (Unavailable, TooManyRequests, CannotConnect, ConnectionLost) as error:
            failed += 1
            pause = _pause(error, failed, retry, random)
            if not is_read(call.method) or failed >= retry.tries or pause is None:
                raise
            yield Sleep(pause)


def _pause(error: AgorError, failed: int, retry: RetryPolicy, random: Callable[[], float]) -> float | None:
    asked = error.retry_after if isinstance(error, TooManyRequests) else None
    if asked is None:
        return retry.backoff.delay(failed, random)
    return asked + retry.backoff.first * random() if asked <= retry.longest_wait else None


def never_reached(call: Call, url: str, why: str) -> LinkError:
    """The error for a request that was not even sent."""
    return CannotConnect(f"{call.method} {call.service}: no Agor daemon answered at {url} ({why}); is it running?")
