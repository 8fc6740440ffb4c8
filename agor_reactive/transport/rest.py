"""REST, sans-IO: builds HTTP requests from service calls, reads HTTP answers, and yields the whole exchange (login,
retries, refresh) as effects. `http` has the two drivers. Knows no HTTP library.

REST has the six standard methods and the routes (``POST sessions/<id>/prompt`` is ``create`` on that path). Custom
methods exist over the live link only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Any, Final
from urllib.parse import quote

from pydantic import SecretStr

from agor_reactive.calls.effects import NO_OPTIONS, Call, CallOptions, EffectGenerator, Sleep
from agor_reactive.calls.methods import STANDARD_METHODS
from agor_reactive.calls.retries import RetryPolicy
from agor_reactive.errors import (
    CannotConnect,
    ConnectionLost,
    LinkError,
    NotAuthenticated,
    ProtocolError,
    TooManyRequests,
    Unavailable,
    UsageError,
)
from agor_reactive.models.secrecy import scrub_text
from agor_reactive.transport.codec import arguments, daemon_error, dumps, loads
from agor_reactive.transport.credentials import ApiKey
from agor_reactive.transport.login import Login
from agor_reactive.transport.query import LocalSlice, rest_query, to_query_string

__all__ = ["AuthState", "Renew", "RestAnswer", "RestEffect", "RestRequest", "Send", "exchange"]

_log = logging.getLogger("agor_reactive.calls")

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
        return f"RestRequest({self.verb} {scrub_text(self.target.partition('?')[0])})"


@dataclass(frozen=True, slots=True, repr=False)
class RestAnswer:
    """One HTTP answer; header names in lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str]


def build(call: Call) -> tuple[RestRequest, LocalSlice | None]:
    """Build the request of a call, and the rule that cuts its answer. Raises `UsageError` for calls that REST lacks."""
    try:
        return _build(call)
    except UnicodeEncodeError:
        raise UsageError(
            f"{call.method}: a path, id or query contains a lone surrogate, which cannot be sent"
        ) from None


def _build(call: Call) -> tuple[RestRequest, LocalSlice | None]:
    if call.method not in STANDARD_METHODS:
        raise UsageError(
            f"{call.method} on {call.service} is a custom method, which REST does not offer. Use a live client "
            "(create_client), or its route if there is one"
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
    """Read the result of an answer. Raises its `DaemonError`, or `ProtocolError` when it cannot be read."""
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
    value = answer.headers.get("retry-after", "")
    try:
        seconds = float(value)
    except ValueError:
        # A date: the wait is its distance from the answer's own Date header. Without that, our back-off applies.
        moment, now = _moment(value), _moment(answer.headers.get("date", ""))
        return None if moment is None or now is None else max(0.0, (moment - now).total_seconds())
    return max(0.0, seconds) if isfinite(seconds) else None


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


# ---- the exchange ----


@dataclass(frozen=True, slots=True)
class Send:
    """Send this request; the driver answers with the `RestAnswer`, or raises a `LinkError`."""

    request: RestRequest
    what: Call


@dataclass(frozen=True, slots=True)
class Renew:
    """Get a new token, unless another caller got one since `generation`. One at a time."""

    generation: int


RestEffect = Send | Sleep | Renew


class AuthState:
    """The login of a REST client. `generation` counts tokens, so that concurrent callers renew only once."""

    def __init__(self, login: Login | None = None) -> None:
        self.generation = 0
        self.login = login
        self.refusal: NotAuthenticated | None = None

    def adopt(self, login: Login | None) -> None:
        """Replace the login."""
        self.login = login
        self.renewed()

    def renewed(self) -> None:
        """Record a new token."""
        self.generation += 1
        self.refusal = None

    def refused(self, error: NotAuthenticated) -> None:
        """Record that no new token can be had: calls raise the refusal, without a request, until a new login."""
        self.refusal = error

    @property
    def token(self) -> SecretStr | None:
        """The key or access token for the Authorization header."""
        if self.login is None:
            return None
        given = self.login.credentials
        return given.key if isinstance(given, ApiKey) else self.login.tokens.access

    @property
    def needs_login(self) -> bool:
        """Whether there are credentials but no token yet."""
        return self.login is not None and self.token is None and self.refusal is None

    @property
    def can_renew(self) -> bool:
        """Whether a new token can be had after a refusal."""
        login = self.login
        return (
            login is not None and self.refusal is None and login.renewable and not isinstance(login.credentials, ApiKey)
        )


def exchange(
    call: Call,
    session: AuthState,
    *,
    retry: RetryPolicy,
    random: Callable[[], float],
    login: bool = True,
    options: CallOptions = NO_OPTIONS,
) -> EffectGenerator[RestEffect, Any]:
    """Make one call: log in first if needed, renew once on a 401, repeat it where that is safe (`calls.retries`).

    With `login` false the call is sent as it is (it is part of a login).
    """
    request, cut = build(call)
    retry = retry.of(options)
    if login and session.needs_login:
        yield Renew(session.generation)
    renewed = False
    failed = 0
    while True:
        seen = session.generation
        token = session.token if login else None
        try:
            answer: RestAnswer = yield Send(replace(request, token=token), call)
            result = read(answer, cut)
            if options.answered is not None:
                options.answered(answer)
            return result
        except NotAuthenticated:
            # A 401 means that nothing was done, so a repetition is safe for writes, too.
            if not login or renewed or not (session.can_renew or session.generation != seen):
                raise
            renewed = True
            yield Renew(seen)
        except (Unavailable, TooManyRequests, CannotConnect, ConnectionLost) as error:
            failed += 1
            pause = retry.pause(call, error, failed, random)
            if pause is None:
                raise
            _log.debug("%r: %s; attempt %d in %.1f s", call, type(error).__name__, failed + 1, pause)
            yield Sleep(pause)


def never_reached(call: Call, url: str, why: str) -> LinkError:
    """The error for a request that was not sent."""
    return CannotConnect(f"{call.method} {call.service}: no Agor daemon answered at {url} ({why}); is it running?")
