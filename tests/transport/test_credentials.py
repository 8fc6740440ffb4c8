"""Ways to log in, their order, and when to renew: driven step by step, on a test clock."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from pydantic import SecretStr

from agor_reactive.calls.drivers import drive
from agor_reactive.calls.effects import GetToken
from agor_reactive.errors import NotAuthenticated, ProtocolError, UsageError
from agor_reactive.models.secrecy import reveal_fields
from agor_reactive.transport.credentials import ApiKey, Jwt, Local, Provider, credentials
from agor_reactive.transport.login import Login

REFUSED = NotAuthenticated("Invalid login")


def jwt(**claims: Any) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJIUzI1NiJ9.{body}.sig"


class World:
    """A daemon of canned answers, and two clocks."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.now, self.wall = 100.0, 5_000.0
        self.answers = answers
        self.requests: list[tuple[str, Any]] = []

    def login(self, given: Any) -> Login:
        return Login(given, monotonic=lambda: self.now, wall=lambda: self.wall)

    def perform(self, step: Any) -> Any:
        if isinstance(step, GetToken):
            return step.provider()
        body = step.args[0]
        way = body.get("strategy", "refresh")
        self.requests.append((way, body))
        answer = self.answers.get(way, REFUSED)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def ways(self) -> list[str]:
        return [way for way, _ in self.requests]


def minted(access: str, life: float = 900.0, refresh: str | None = "r1") -> dict[str, Any]:
    result: dict[str, Any] = {"accessToken": access, "authentication": {"payload": {"iat": 10.0, "exp": 10.0 + life}}}
    return result if refresh is None else {**result, "refreshToken": refresh}


@pytest.mark.parametrize(("life", "due"), [(900.0, 720.0), (60.0, 48.0), (30.0, 20.0), (0.5, 0.25)])
def test_renewal_is_due_well_ahead_of_expiry_whatever_the_daemons_clock_says(life: float, due: float) -> None:
    world = World({"api-key": minted("a", life)})
    login = world.login(ApiKey("agor_sk_x"))
    drive(login.log_in(), world.perform)
    assert login.renew_at == pytest.approx(100.0 + due)


def test_the_life_is_read_from_the_token_where_the_answer_does_not_tell() -> None:
    world = World({"local": {"accessToken": jwt(iat=1, exp=101)}})
    login = world.login(Local("e", "p"))
    drive(login.log_in(), world.perform)
    assert login.renew_at == pytest.approx(180.0)


def test_a_token_minted_earlier_has_only_the_rest_of_its_life() -> None:
    token = jwt(iat=4_500, exp=5_400)
    world = World({"jwt": {"accessToken": token, "authentication": {"payload": {"iat": 4_500, "exp": 5_400}}}})
    login = world.login(Jwt(token, "r0"))
    drive(login.log_in(), world.perform)
    assert login.renew_at == pytest.approx(100.0 + 0.8 * 400)


def test_a_token_that_nothing_can_renew_plans_no_renewal() -> None:
    world = World({"jwt": minted("a", refresh=None)})
    login = world.login(Jwt("a"))
    drive(login.log_in(), world.perform)
    assert login.renew_at is None
    assert not login.renewable


def test_a_key_renews_by_itself() -> None:
    world = World({"api-key": minted("a")})
    login = world.login(ApiKey("agor_sk_x"))
    drive(login.log_in(), world.perform)
    drive(login.renew(), world.perform)
    assert world.ways == ["api-key", "api-key"]


def test_a_refreshed_token_is_presented_and_keeps_its_life() -> None:
    world = World(
        {"local": minted("a1"), "refresh": {"accessToken": jwt(iat=0, exp=50), "refreshToken": "r2"}, "jwt": {}}
    )
    login = world.login(Local("e", "p"))
    drive(login.log_in(), world.perform)
    drive(login.renew(), world.perform)
    assert world.ways == ["local", "refresh", "jwt"]
    assert login.renew_at == pytest.approx(140.0)
    assert login.tokens.refresh == SecretStr("r2")


def test_after_a_refused_refresh_the_password_is_tried_and_the_refresh_token_never_again() -> None:
    world = World({"local": minted("a1", refresh="r1")})
    login = world.login(Local("e", "p"))
    drive(login.log_in(), world.perform)
    world.answers["local"] = minted("a2", refresh=None)
    drive(login.renew(), world.perform)
    drive(login.renew(), world.perform)
    assert world.ways == ["local", "refresh", "local", "local"]


def test_on_a_new_connection_a_token_known_to_be_spent_is_not_presented() -> None:
    world = World({"local": minted("a1", life=10.0), "refresh": {"accessToken": "a2"}, "jwt": minted("a2")})
    login = world.login(Local("e", "p"))
    drive(login.log_in(), world.perform)
    world.now += 11
    drive(login.log_in(), world.perform)
    assert world.ways == ["local", "refresh", "jwt"]


def test_when_every_way_is_refused_the_last_refusal_is_told() -> None:
    world = World({})
    login = world.login(Jwt("a", "r"))
    with pytest.raises(NotAuthenticated):
        drive(login.log_in(), world.perform)
    assert world.ways == ["jwt", "refresh"]
    with pytest.raises(NotAuthenticated):
        drive(login.log_in(), world.perform)
    assert world.ways == ["jwt", "refresh", "jwt"]


def test_a_provider_may_give_tokens_or_keys_and_nothing_else() -> None:
    given = iter(["token", "agor_sk_key", ""])
    world = World({"jwt": minted("token"), "api-key": minted("a")})
    login = world.login(Provider(lambda: next(given)))
    drive(login.log_in(), world.perform)
    drive(login.renew(), world.perform)
    assert reveal_fields(world.requests[0][1]) == {"strategy": "jwt", "accessToken": "token"}
    assert reveal_fields(world.requests[1][1]) == {"strategy": "api-key", "apiKey": "agor_sk_key"}
    with pytest.raises(UsageError):
        drive(login.log_in(), world.perform)


@pytest.mark.parametrize("answer", [None, [], "text"])
def test_an_answer_that_is_no_login_is_a_protocol_error(answer: Any) -> None:
    world = World({"api-key": answer})
    with pytest.raises(ProtocolError):
        drive(world.login(ApiKey("k")).log_in(), world.perform)


def test_arguments_name_their_strategy_and_what_is_missing_is_said() -> None:
    assert credentials(api_key="k") == ApiKey("k")
    assert credentials("jwt", access_token="a", refresh_token="r") == Jwt("a", "r")
    assert credentials(email="e", password="p") == Local("e", "p")
    for wrong in ({"strategy": "jwt"}, {"strategy": "local", "email": "e"}, {"strategy": "oauth"}, {}):
        with pytest.raises(UsageError):
            credentials(**wrong)


def test_no_repr_shows_a_secret() -> None:
    world = World({"local": minted("secret-access", refresh="secret-refresh")})
    login = world.login(Local("e@example.test", "secret-password"))
    drive(login.log_in(), world.perform)
    shown = repr([ApiKey("secret"), Jwt("secret", "secret"), Local("e", "secret"), login.tokens, login.credentials])
    assert "secret" not in shown
