"""Every function that reads text from outside, and the kinds of text that make a careless one slow.

`READERS` takes a text as the function meets it: as JSON, as a query, as a row's field. A function that is added to the
package and reads text of a daemon, a model, an address or a file gets a line here.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Final

import orjson
from rich.cells import cell_len
from rich.console import Console

from agor_reactive.adapters.presentation.exact import exact, exact_line
from agor_reactive.adapters.presentation.heading import heading_of
from agor_reactive.adapters.presentation.plain import one_line, plain
from agor_reactive.adapters.presentation.tools import input_summary, input_text, result_text
from agor_reactive.adapters.presentation.transcript import script_safe, transcript
from agor_reactive.adapters.terminal.prose import prose, tail_of
from agor_reactive.adapters.terminal.view import SessionView
from agor_reactive.calls import arguments, operations, versions
from agor_reactive.cli.output import json_line
from agor_reactive.core.parse import parse_payload
from agor_reactive.core.snapshot import SessionState
from agor_reactive.core.text import Run
from agor_reactive.daemon import script
from agor_reactive.daemon.faults import DomainFault, FeathersFault
from agor_reactive.daemon.queries import UUID, whole_number
from agor_reactive.daemon.query_strings import parse_query
from agor_reactive.daemon.tokens import TokenInvalid, Tokens
from agor_reactive.errors import AgorError, NotFound
from agor_reactive.models.base import instant
from agor_reactive.models.ids import format_short_id, is_full_id
from agor_reactive.models.message import Message
from agor_reactive.models.secrecy import is_secret, scrub_text
from agor_reactive.transport import codec, frames, redaction, refusals
from agor_reactive.transport.address import Address
from agor_reactive.transport.query import to_query_string
from benchmarks import mirror, workloads

__all__ = ["FLOOR_NS", "KINDS", "READERS", "VIEWS", "Reader", "of_size"]

Reader = Callable[[str], Any]

FLOOR_NS: Final = 2_000
"""Ns a character below which a function counts as taking that: short texts often have a faster way of their own."""

VIEWS: Final = ("prose.prose", "terminal.SessionView")
"""Those that lay out lines in Python, 10 to 80 µs each."""

KINDS: Final[Mapping[str, str]] = {
    "letters": "a",
    "words": "word ",
    "blanks": " ",
    "tabs": "\t",
    "line ends": "\n",
    "line ends of Windows": "\r\n",
    "carriage returns": "\r",
    "carriage returns in lines": "a\rb\n\r\r",
    "digits": "1",
    "dots": ".",
    "dashes": "-",
    "slashes": "/",
    "backslashes": "\\",
    "quotes": '"',
    "commas": ",",
    "colons": ":",
    "ampersands": "&",
    "equals": "=",
    "percent signs": "%",
    "percent codes": "%5B",
    "fields": "a[b]=c&",
    "nested fields": "[a]",
    "lists": "a[]=1&",
    "backticks": "`",
    "lone backticks": "`a ",
    "growing backticks": "``a`",
    "fences": "```\n",
    "asterisks": "*",
    "emphasis": "*a **a ",
    "open emphasis": "a**b",
    "underscores": "_a ",
    "tildes": "~~a ",
    "brackets": "[",
    "closing brackets": "]",
    "parentheses": "(",
    "open links": "[a](",
    "links": "[a](b) ",
    "images": "![",
    "references": "[a]: b\n",
    "angles": "<",
    "open tags": "<a ",
    "heads": "<head>",
    "comments": "<!--",
    "entities": "&#27;",
    "open entities": "&a",
    "quotations": "> ",
    "deep quotations": ">",
    "items": "- a\n",
    "deep items": "- ",
    "numbers": "1. a\n",
    "tables": "|a|b\n|-|-\n",
    "table cells": "|",
    "headings": "# a\n",
    "rules": "---\n",
    "addresses": "http://a ",
    "schemes": "http://",
    "escapes": "\x1b",
    "open colours": "\x1b[",
    "colours": "\x1b[31m",
    "parameters of colours": "\x1b[0;",
    "open titles": "\x1b]0;",
    "C1 controls": "\x9b",
    "NULs": "\x00",
    "halves of characters": "\ud83d",
    "halves and text": "a\ud83d",
    "directions": "\u202e",
    "zero width": "\u200b",
    "combining": "e\u0301",
    "emoji": "\U0001f600",
    "keys": "agor_sk_",
    "tokens": "eyJ",
    "parts of tokens": "eyJaaaaaa.",
    "field names": '"session_id"',
    "open session ids": '"session_id": "',
    "SQL": "Failed query ",
    "traces": "\n    at ",
    "blank traces": "\n ",
    "parameters of SQL": "\nparams",
    "matches": "matches: ",
    "missing services": "Service not found",
    "directives": "[say:",
    "calls": "Cannot GET ",
}
"""One unit of each kind, repeated to the size that is asked for."""


def of_size(kind: str, size: int) -> str:
    """A text of that kind, `size` characters long."""
    unit = KINDS[kind]
    return (unit * (size // len(unit) + 1))[:size]


def _refused(work: Callable[[], Any]) -> Any:
    """What it answers; an error that it has for its callers is an answer too."""
    try:
        return work()
    except (AgorError, DomainFault, FeathersFault, TokenInvalid, ValueError) as refused:
        return refused


def _json(value: Any) -> str:
    """JSON as JavaScript writes it, halves of characters as escapes."""
    return json.dumps(value)


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _streamed(text: str) -> str:
    run = Run()
    for at in range(0, len(text), 16):
        run = run.append(text[at : at + 16], 1)
    return run.text


def _console() -> Console:
    return Console(file=io.StringIO(), width=100, force_terminal=False, legacy_windows=False, markup=False)


def _lines(shown: Any) -> Any:
    console = _console()
    return console.render_lines(shown, console.options, pad=False)


def _state(text: str) -> SessionState:
    """A session whose title, prompt and saved messages are that text."""
    made = workloads.history(1)
    events = [(topic, _with_text(payload, text)) for topic, payload in made.events]
    return mirror.folded(mirror.read_state(made.session_id), mirror.parsed(events))


_FREE_TEXT: Final = frozenset({"title", "content", "content_preview", "full_prompt", "description"})


def _with_text(payload: Any, text: str) -> Any:
    made = {name: text if name in _FREE_TEXT else value for name, value in payload.items()}
    if payload.get("role") == "user":
        made["content"] = "The prompt: " + text  # a message that repeats the prompt is not shown
    return made


def _event(text: str) -> Any:
    frame = '42["messages streaming:chunk",' + _json({"session_id": "s", "message_id": "m", "chunk": text}) + "]"
    return frames._second_look(frame)


def _packet(text: str) -> Any:
    return _refused(lambda: frames.WirePacket(encoded_packet="2" + _json(["tasks patched", {"a": text}])).data)


def _token(text: str) -> Any:
    return _refused(lambda: Tokens("x" * 32).read(text, now=0.0))


READERS: Final[Mapping[str, Reader]] = {
    # frames, answers, errors
    "codec.loads": lambda text: codec.loads(_json({"a": text, "cut": "\ud83d"})),
    "codec.loads of anything": lambda text: _refused(lambda: codec.loads(text)),
    "codec.loads of an unclosed text": lambda text: _refused(lambda: codec.loads('{"a": "\\ud83d' + text)),
    "codec.dumps": lambda text: _refused(lambda: codec.dumps({"a": text})),
    "codec.service_path": lambda text: _refused(lambda: codec.service_path(text)),
    "errors.AgorError": AgorError,
    "codec.daemon_error: message": lambda text: codec.daemon_error({"message": text}),
    "codec.daemon_error: code": lambda text: codec.daemon_error({"message": "m", "code": text, "name": text}),
    "codec.daemon_error: data": lambda text: codec.daemon_error({"message": "m", "data": {"a": [text]}}),
    "codec.daemon_error: a page": lambda text: codec.daemon_error(text, status=502),
    "codec.daemon_error: an ambiguous id": lambda text: codec.daemon_error({"message": "Ambiguous ID prefix " + text}),
    "codec.daemon_error: a request": lambda text: codec.daemon_error({"message": "Permission request " + text}),
    "frames.named_sessions": frames.named_sessions,
    "frames: an event": _event,
    "frames: a packet": _packet,
    "refusals.refused_by_daemon": lambda text: refusals.refused_by_daemon({"message": text}, "http://a"),
    "refusals.refused_on_the_way": lambda text: refusals.refused_on_the_way(OSError(text), "http://a"),
    "refusals.Redirected": refusals.Redirected,
    "versions.is_missing_route": lambda text: versions.is_missing_route(NotFound("HTTP 404: " + text)),
    # secrets
    "secrecy.scrub_text": scrub_text,
    "secrecy.scrub_text after a key": lambda text: scrub_text("agor_sk_ eyJ" + text),
    "secrecy.is_secret": is_secret,
    "redaction.scrub": lambda text: redaction.scrub({"a": [text], "b": {text: 1}}),
    # addresses, queries, arguments, ids
    "address.parse": lambda text: _refused(lambda: Address.parse("http://" + text)),
    "address.parse: a path": lambda text: _refused(lambda: Address.parse("http://a/" + text)),
    "query.to_query_string": lambda text: to_query_string({"a": _encodable(text)}),
    "query.to_query_string: a name": lambda text: to_query_string({_encodable(text): 1}),
    "arguments.header_fields": lambda text: _refused(lambda: arguments.header_fields({"a": text, text: "a"})),
    "arguments.check_secret": lambda text: _refused(lambda: arguments.check_secret(text, "api_key")),
    "arguments.proxy_address": lambda text: _refused(lambda: arguments.proxy_address("http://" + text)),
    "operations.route": lambda text: _refused(lambda: operations.route("sessions", text)),
    "ids.is_full_id": is_full_id,
    "ids.format_short_id": format_short_id,
    "base.instant": instant,
    # rows and streams
    "a message": lambda text: Message.model_validate({"message_id": "m", "content": text}).text,
    "a stream": _streamed,
    "parse.parse_payload": lambda text: parse_payload("tasks patched", {"task_id": text, "session_id": text}),
    # what is shown
    "plain.plain": plain,
    "plain.one_line": one_line,
    "exact.exact": exact,
    "exact.exact_line": lambda text: exact_line(text).within(80, cell_len),
    "tools.input_text": lambda text: input_text({"command": text}),
    "tools.result_text": lambda text: result_text({"stdout": text}),
    "tools.input_summary": lambda text: input_summary({"command": text}),
    "transcript.script_safe": script_safe,
    "transcript.transcript": lambda text: transcript(_state(text)),
    "heading.heading_of": lambda text: heading_of(_state(text)),
    "prose.tail_of": lambda text: tail_of(text, 12_000),
    "prose.prose": lambda text: _lines(prose(plain(text))),
    "terminal.SessionView": lambda text: _lines(SessionView(_state(text))),
    "output.json_line": lambda text: json_line({"a": _encodable(text)}),
    # the embedded daemon
    "daemon.parse_query": lambda text: _refused(lambda: parse_query(text)),
    "daemon.parse_query: a value": lambda text: _refused(lambda: parse_query("a=" + text)),
    "daemon.script": lambda text: script.plan(text, Random(1)),
    "daemon.script: a text to say": lambda text: script.plan("[say:" + text.replace("]", ")") + "]", Random(1)),
    "daemon.UUID": UUID.match,
    "daemon.whole_number": lambda text: _refused(lambda: whole_number("$limit", text)),
    "daemon.tokens": _token,
    "daemon: a body": lambda text: _refused(lambda: orjson.loads(text.encode("utf-8", "replace"))),
}
"""Name of a function: how it is given a text."""
