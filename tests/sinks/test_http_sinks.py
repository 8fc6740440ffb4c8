"""Slack and webhooks against a real server on loopback that fails in every way it can."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from reactivex import from_iterable

from agor_reactive.calls.backoff import Backoff
from agor_reactive.errors import UsageError
from agor_reactive.sinks import (
    DeadLetters,
    Delivery,
    Record,
    Sink,
    SinkUnavailable,
    Slack,
    SlackBot,
    Webhook,
    deliver,
    read_dead_letters,
)
from agor_reactive.sinks.posting import retry_after_of
from tests.sinks.http_server import CLOSE, CUT, OK, TAKEN_THEN_CLOSE, HttpServer, serving
from tests.sinks.recorded import VirtualClock, record, texts

BACKOFF = Backoff(first=1.0, most=8.0, jitter=(1.0, 1.0))
TURN = ("429", "500", "close")


async def delivered(sink: Sink, items: Iterable[Record], **options: Any) -> tuple[Delivery, list[float]]:
    """Deliver everything on a clock that never waits; the delivery, and the seconds it would have waited."""
    clock = VirtualClock()
    async with deliver(from_iterable(items), sink, backoff=BACKOFF, sleep=clock.sleep, **options) as delivery:
        await delivery.wait()
    return delivery, clock.waits


def bad_day(messages: int) -> list[Any]:
    """Each message gets 429 with Retry-After, 500, and a closed socket before it is taken."""
    return [action for _ in range(messages) for action in ((429, {"Retry-After": "7"}), 500, CLOSE, OK)]


@pytest.mark.parametrize("batch_size", [1, 4, 100])
async def test_slack_gets_each_message_once_and_in_order(batch_size: int) -> None:
    async with serving(bad_day(10)) as server:
        delivery, waits = await delivered(
            Slack(server.url, template="{text}"), map(record, range(10)), batch_size=batch_size
        )
    assert server.texts == texts(10)
    assert server.seen == 40
    assert waits == [7.0, 2.0, 4.0] * 10
    assert (delivery.delivered, delivery.dropped) == (10, 0)


async def test_a_webhook_gets_each_record_once_and_in_order_under_its_key() -> None:
    async with serving(bad_day(5)) as server:
        await delivered(Webhook(server.url, headers={"X-Team": "a"}), map(record, range(5)))
    assert [one.body for one in server.taken] == [
        {"key": f"k{number}", "kind": "text", "data": {"text": f"text {number}"}} for number in range(5)
    ]
    assert [one.headers["idempotency-key"] for one in server.taken] == [f"k{number}" for number in range(5)]
    assert {one.headers["x-team"] for one in server.taken} == {"a"}


@pytest.mark.parametrize("kind", [Webhook, Slack])
async def test_after_a_lost_answer_the_same_key_is_sent_again(kind: type[Webhook] | type[Slack]) -> None:
    async with serving([OK, TAKEN_THEN_CLOSE, OK]) as server:
        await delivered(kind(server.url), map(record, range(3)))
    assert [one.headers["idempotency-key"] for one in server.taken] == ["k0", "k1", "k1", "k2"]
    assert server.taken[1].raw == server.taken[2].raw


@pytest.mark.parametrize("kind", [Webhook, Slack])
async def test_what_was_answered_with_200_is_not_sent_again(kind: type[Webhook] | type[Slack]) -> None:
    async with serving([OK, CUT, OK]) as server:
        _, waits = await delivered(kind(server.url), map(record, range(3)))
    assert [one.headers["idempotency-key"] for one in server.taken] == ["k0", "k1", "k2"]
    assert waits == []


@pytest.mark.parametrize("key", ["a\nb", "a\r\nX-Evil: 1", "ключ", "\ud83d", " a ", "\x00"])
@pytest.mark.parametrize("kind", [Webhook, Slack])
async def test_any_text_can_be_a_key(key: str, kind: type[Webhook] | type[Slack]) -> None:
    async with serving() as server:
        delivery, _ = await delivered(kind(server.url), [Record(key, "text", {"text": "t"})], max_attempts=1)
    assert delivery.delivered == 1
    assert [("x-evil" in one.headers, one.headers["idempotency-key"] != "") for one in server.taken] == [(False, True)]


async def test_a_batch_of_a_webhook_is_one_request_and_keeps_its_key_over_retries() -> None:
    async with serving([TAKEN_THEN_CLOSE]) as server:
        await delivered(Webhook(server.url, batched=True), map(record, range(5)))
    assert [[one["key"] for one in taken.body["records"]] for taken in server.taken] == [
        [f"k{n}" for n in range(5)]
    ] * 2
    assert len({one.headers["idempotency-key"] for one in server.taken}) == 1


async def test_a_webhook_signs_what_it_sends() -> None:
    async with serving() as server:
        await delivered(Webhook(server.url, secret="sEcReT", wall=lambda: 1234.5), [record(0)])
    (taken,) = server.taken
    signed = b"k0.1234." + taken.raw
    expected = base64.b64encode(hmac.new(b"sEcReT", signed, hashlib.sha256).digest()).decode()
    assert taken.headers["webhook-signature"] == f"v1,{expected}"
    assert (taken.headers["webhook-id"], taken.headers["webhook-timestamp"]) == ("k0", "1234")


async def test_a_server_that_never_answers_is_tried_again() -> None:
    async with serving() as server:
        server.gate = asyncio.Event()

        async def wake_it(seconds: float) -> None:
            assert server.gate is not None
            server.gate.set()

        async with deliver(from_iterable([record(0)]), Slack(server.url, timeout=0.05), sleep=wake_it) as delivery:
            await delivery.wait()
    assert delivery.delivered == 1


async def test_a_long_answer_is_not_read_to_its_end() -> None:
    async with serving([OK, 404]) as server:
        server.reply = "x" * 5_000_000
        delivery, _ = await delivered(Slack(server.url), [record(0)])
    assert delivery.delivered == 1


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 410, 413])
async def test_a_refusal_is_not_repeated_and_the_next_record_is_tried(status: int, tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path / "dead.jsonl")
    async with serving([OK, status]) as server:
        delivery, waits = await delivered(
            Slack(server.url, template="{text}"), map(record, range(3)), dead_letters=letters
        )
    assert server.texts == ["text 0", "text 2"]
    assert (waits, delivery.dropped) == ([], 1)
    (letter,) = read_dead_letters(letters.path)
    assert letter.reason.startswith(f"Slack answered {status}")


async def test_no_log_and_no_message_has_the_url(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    caplog.set_level(logging.DEBUG)
    letters = DeadLetters(tmp_path / "dead.jsonl")
    async with serving([500, CLOSE, 404]) as server:
        sink = Slack(server.url)
        await delivered(sink, map(record, range(2)), dead_letters=letters)
    dead = Slack(server.url)  # nothing listens there now
    await delivered(dead, [record(5)], dead_letters=letters, max_attempts=2)
    lines = [line.getMessage() for line in caplog.records if line.name != "asyncio"]
    assert any("HTTP Request" in line for line in lines)
    assert not [line for line in lines if "sEcReT" in line]
    assert "sEcReT" not in letters.path.read_text()
    assert "sEcReT" not in repr(vars(sink)) + repr(vars(sink._poster))


async def test_no_variable_of_a_sink_or_of_its_frames_has_a_secret() -> None:
    async with serving([500] * 2) as server:
        url = server.url
    sinks: list[Sink] = [
        Webhook(url, headers={"Authorization": "Bearer sEcReT"}, secret="sEcReT"),
        SlackBot("xoxb-sEcReT", "C1", url=url),
    ]
    for sink in sinks:
        with pytest.raises(SinkUnavailable) as caught:
            await sink.write([record(0)])
        await sink.close()
        assert "sEcReT" not in repr(vars(sink))
        frames = [entry.frame.f_locals for entry in caught.traceback[1:]]
        assert any("request" in found for found in frames)
        assert "sEcReT" not in repr(frames)


@pytest.mark.parametrize(
    "url", ["", "hooks.slack.com/services/sEcReT", "ftp://x/sEcReT", "https://", "http://x:port/sEcReT"]
)
def test_a_wrong_url_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(UsageError, match="https://") as caught:
        Slack(url)
    assert "sEcReT" not in str(caught.value)


def test_retry_after_is_seconds_or_a_date() -> None:
    at = datetime(2026, 11, 29, 1, 0, 0, tzinfo=UTC)
    assert retry_after_of("30", lambda: 0.0) == 30.0
    assert retry_after_of(format_datetime(at, usegmt=True), lambda: at.timestamp() - 12) == 12.0
    assert retry_after_of(format_datetime(at, usegmt=True), lambda: at.timestamp() + 12) == 0.0
    for wrong in ("", "soon", "-5", "1e9", "²"):
        assert retry_after_of(wrong, lambda: 0.0) is None


async def test_text_of_a_model_cannot_mention_or_link_and_is_cut() -> None:
    hostile = ["<!channel> <https://evil.example|click> & more", "&" * 10_000, "\ud83d half", "a" * 10_000]
    async with serving() as server:
        await delivered(
            Slack(server.url, template="*{text}*"),
            [Record(f"k{n}", "text", {"text": t}) for n, t in enumerate(hostile)],
        )
    first, second, third, fourth = server.texts
    assert first == "*&lt;!channel&gt; &lt;https://evil.example|click&gt; &amp; more*"
    assert second.endswith("&amp;…")
    assert third == "*\ufffd half*"
    assert [len(text) <= 3_900 for text in server.texts] == [True] * 4
    assert fourth.endswith("…")


async def test_a_template_takes_a_thread_and_cuts_values() -> None:
    async with serving() as server:
        sink = Slack(server.url, template="{prompt:.5} in {duration:.1f} s{error}", thread="{thread}")
        data = {"prompt": "<<<<<<<<", "duration": 2.345, "error": None, "thread": "17.5"}
        await delivered(sink, [Record("k", "turn", data), Record("l", "turn", {**data, "thread": None})])
    assert [one.body for one in server.taken] == [
        {"text": "&lt;" * 5 + " in 2.3 s", "thread_ts": "17.5"},
        {"text": "&lt;" * 5 + " in 2.3 s"},
    ]


@pytest.mark.parametrize("template", ["{text.__class__}", "{data[x]}", "{}", "{0}", "{text:{width}}", "{text"])
def test_a_template_names_fields_only(template: str) -> None:
    with pytest.raises(UsageError):
        Slack("https://hooks.example/x", template=template)


async def test_a_template_that_does_not_fit_a_record_refuses_that_record_only(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path / "dead.jsonl")
    async with serving() as server:
        sink = Slack(server.url, template="{text} {more}")
        await delivered(sink, [record(0, more="x"), record(1), record(2, more="y")], dead_letters=letters)
    assert server.texts == ["text 0 x", "text 2 y"]
    assert ["more" in letter.reason for letter in read_dead_letters(letters.path)] == [True]


def stamped(server: HttpServer) -> None:
    server.reply = {"ok": True, "ts": "100.1"}


async def test_a_bot_makes_one_thread_per_template_result_and_keeps_it_over_restarts(tmp_path: Path) -> None:
    items = [record(n, session_id="a<b" if n % 2 else "c") for n in range(4)]
    async with serving([OK, (429, {"Retry-After": "3"}), CLOSE]) as server:
        stamped(server)
        for part in (items[:2], items[2:]):
            sink = SlackBot(
                "xoxb-sEcReT", "C1", template="{text}", thread="{session_id}", title="Session {session_id}",
                threads=tmp_path / "threads.json", url=server.url,
            )  # fmt: skip
            await delivered(sink, part)
    sent = [(one.body["text"], one.body.get("thread_ts")) for one in server.taken]
    assert sent == [
        ("Session c", None), ("text 0", "100.1"), ("Session a&lt;b", None), ("text 1", "100.1"),
        ("text 2", "100.1"), ("text 3", "100.1"),
    ]  # fmt: skip
    assert {one.headers["authorization"] for one in server.taken} == {"Bearer xoxb-sEcReT"}
    assert json.loads((tmp_path / "threads.json").read_text()) == {"c": "100.1", "a<b": "100.1"}


@pytest.mark.parametrize(("error", "waits"), [("ratelimited", 1), ("channel_not_found", 0)])
async def test_a_bot_reads_errors_that_come_with_200(error: str, waits: int) -> None:
    async with serving() as server:
        server.reply = {"ok": False, "error": error}
        delivery, waited = await delivered(SlackBot("x", "C1", url=server.url), [record(0)], max_attempts=2)
    assert (delivery.dropped, len(waited)) == (1, waits)


async def test_a_bot_whose_file_of_threads_cannot_be_written_posts_each_message_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "threads"
    folder.mkdir()
    async with serving() as server:
        stamped(server)
        sink = SlackBot(
            "x", "C1", template="{text}", thread="{session_id}", threads=folder / "threads.json", url=server.url
        )
        folder.rmdir()
        await delivered(sink, [record(n, session_id=f"s{n % 2}") for n in range(4)])
    assert server.texts == texts(4)
    assert [one.body.get("thread_ts") for one in server.taken] == [None, None, "100.1", "100.1"]
    assert "threads.json" in caplog.text
