"""Tokens of the embedded daemon: only its own are read, and its clock decides when they expire."""

from __future__ import annotations

import jwt
import pytest

from agor_reactive.daemon.tokens import TokenExpired, TokenInvalid, Tokens

SECRET = "0" * 64
CLAIMS = {"sub": "user-1", "aud": "https://agor.dev", "iat": 4_000_000_000, "exp": 4_000_000_100.5}


def test_a_token_gives_its_claims_back_by_the_given_clock() -> None:
    tokens = Tokens(SECRET)
    assert tokens.read(tokens.sign(CLAIMS), now=4_000_000_100) == CLAIMS
    assert tokens.read(tokens.sign({"sub": "user-1", "exp": 2}), now=1) == {"sub": "user-1", "exp": 2}


def test_an_expired_token_says_since_when() -> None:
    tokens = Tokens(SECRET)
    with pytest.raises(TokenExpired, match="jwt expired") as refused:
        tokens.read(tokens.sign(CLAIMS), now=4_000_000_100.5)
    assert refused.value.expired_at == 4_000_000_100.5


@pytest.mark.parametrize("token", ["", "a.b", "a.b.c.d", None, 7, b"a.b.c"])
def test_what_is_no_jwt_is_malformed(token: object) -> None:
    with pytest.raises(TokenInvalid, match="jwt malformed"):
        Tokens(SECRET).read(token, now=0)


@pytest.mark.parametrize(
    "token",
    [
        "a.b.c",
        "é.é.é",
        Tokens("1" * 64).sign(CLAIMS),
        Tokens(SECRET).sign(CLAIMS)[:-2],
        jwt.encode(CLAIMS, SECRET, algorithm="HS384"),
        jwt.encode(CLAIMS, None, algorithm="none"),
    ],
    ids=["noise", "not-ascii", "other-secret", "cut", "other-algorithm", "unsigned"],
)
def test_a_token_of_somebody_else_is_invalid(token: str) -> None:
    with pytest.raises(TokenInvalid, match="invalid token"):
        Tokens(SECRET).read(token, now=0)
