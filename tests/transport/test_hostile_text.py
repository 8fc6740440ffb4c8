"""Whatever a daemon writes, an error is one line of visible characters, and is made in linear time."""

from __future__ import annotations

import json
import pickle
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest

from agor_reactive.calls.effects import Call
from agor_reactive.cli.output import json_line
from agor_reactive.errors import AgorError, UsageError
from agor_reactive.transport.address import Address
from agor_reactive.transport.codec import daemon_error, read_ack
from agor_reactive.transport.refusals import Redirected, refused_by_daemon, refused_on_the_way
from agor_reactive.transport.rest import RestAnswer, read

INVISIBLE = "".join(
    chr(code)
    for code in [*range(0x20), *range(0x7F, 0xA0), 0x61C, 0x200B, 0x200E, 0x200F, *range(0x2028, 0x202F), 0xFEFF]
)
HOSTILE = f"No \x1b]0;x\x07such\u202e {INVISIBLE} row"
UNSAFE = {"Cc", "Cf", "Zl", "Zp", "Cs"}


def failing(make: Callable[[], Any]) -> AgorError:
    with pytest.raises(AgorError) as caught:
        make()
    return caught.value


ERRORS: dict[str, Callable[[], AgorError]] = {
    "message": lambda: daemon_error({"message": HOSTILE, "code": 404}),
    "name": lambda: daemon_error({"name": HOSTILE}),
    "code": lambda: daemon_error({"code": HOSTILE}),
    "text": lambda: daemon_error(HOSTILE, status=500),
    "ack": lambda: failing(lambda: read_ack([{"message": HOSTILE}])),
    "answer": lambda: failing(lambda: read(RestAnswer(500, json.dumps({"message": HOSTILE}).encode(), {}))),
    "page": lambda: failing(lambda: read(RestAnswer(502, HOSTILE.encode(), {}))),
    "redirect": lambda: failing(lambda: read(RestAnswer(302, b"", {"location": HOSTILE}))),
    "content type": lambda: failing(lambda: read(RestAnswer(200, b"<", {"content-type": HOSTILE}))),
    "handshake": lambda: refused_by_daemon({"message": HOSTILE}, "http://h"),
    "handshake redirect": lambda: refused_on_the_way(Redirected(HOSTILE), "http://h"),
    "connection": lambda: refused_on_the_way(OSError(HOSTILE), "http://h"),
    "address": lambda: failing(lambda: Address.parse(f"http://h{HOSTILE}/")),
    "path": lambda: failing(lambda: read_ack([{"message": f"Service '{HOSTILE}' not found", "code": 404}])),
    "our own": lambda: UsageError(HOSTILE),
}


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_is_one_line_of_visible_characters(name: str) -> None:
    error = ERRORS[name]()
    for text in (
        str(error),
        *map(str, error.args),
        getattr(error, "message", ""),
        str(pickle.loads(pickle.dumps(error))),
    ):
        assert [hex(ord(c)) for c in text if unicodedata.category(c) in UNSAFE] == []


@pytest.mark.parametrize("control", ["\x1b", "\x00", "\u202e", "\x9b", " "])
def test_an_address_with_a_character_that_no_address_has_is_refused(control: str) -> None:
    with pytest.raises(UsageError, match="not a daemon's address"):
        Address.parse(f"http://local{control}host:3030")


def test_json_lines_escape_what_controls_a_terminal_and_stay_the_same_value() -> None:
    text = "".join(map(chr, range(0xD800)))
    line = json_line({"text": text, HOSTILE: [HOSTILE]})
    assert json.loads(line) == {"text": text, HOSTILE: [HOSTILE]}
    assert all(character not in line for character in INVISIBLE)


def test_a_call_shows_no_arguments() -> None:
    assert HOSTILE not in repr(Call("create", "x", (HOSTILE,)))
