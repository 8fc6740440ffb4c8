"""Keys and tokens are taken out of text, also where one stands inside the other."""

from __future__ import annotations

import pytest

from agor_reactive.models.secrecy import scrub_text

TOKEN = "eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"Bearer {TOKEN}!", "Bearer [redacted]!"),
        (f"x{TOKEN}", "x[redacted]"),
        (f"eyJ{TOKEN}", "[redacted]"),
        ("eyJhbGciOi.short.x", "eyJhbGciOi.short.x"),
        ("eyJhbGciOiagor_sk_abc and more", "eyJhbGciOi[redacted] and more"),
        (f"eyJhbGciOi {TOKEN} agor_sk_1", "eyJhbGciOi [redacted] [redacted]"),
    ],
)
def test_keys_and_tokens_are_taken_out(text: str, shown: str) -> None:
    assert scrub_text(text) == shown
