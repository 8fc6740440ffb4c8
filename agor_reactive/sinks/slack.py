"""Slack: messages over an incoming webhook, or over a bot token with one thread per session.

Facts of Slack's API: an incoming webhook answers ``ok`` and no timestamp, so it can post into a thread only if the
thread's timestamp is known; `chat.postMessage` returns the timestamp of the message. In text, ``& < >`` are escaped;
``<!channel>`` would notify everybody. One message a second is what a channel takes; more get 429 with Retry-After.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from agor_reactive.errors import UsageError
from agor_reactive.models.secrecy import hide
from agor_reactive.sinks.posting import Poster, header_text, json_body
from agor_reactive.sinks.protocol import SinkRefused, SinkUnavailable
from agor_reactive.sinks.record import Record
from agor_reactive.sinks.template import Template

__all__ = ["Slack", "SlackBot"]

_log = logging.getLogger("agor_reactive.sinks")

LONGEST: Final = 3_900
"""Characters of a message. Slack cuts longer ones at 4,000 into several."""

_PASSING: Final = frozenset({"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable"})


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cut(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    kept = text[: LONGEST - 1]
    # Not inside an escape such as &amp;.
    return kept[: kept.rfind("&")] + "…" if "&" in kept[-5:] and ";" not in kept[kept.rfind("&") :] else kept + "…"


class Slack:
    """Posts each record as a message over an incoming webhook: `url` is ``https://hooks.slack.com/services/…``.

    `template` is the text (`Template`, in Slack's mrkdwn); `thread` is a template whose result is the timestamp of the
    thread to post into. Without a bot token Slack names no timestamps: `SlackBot` makes threads. `options` are those of
    `Poster`. Slack knows no idempotency keys: after an answer that was lost, a message may appear twice.
    """

    def __init__(
        self, url: str | SecretStr, *, template: str | None = None, thread: str | None = None, **options: Any
    ) -> None:
        url = hide(url)
        self._poster = Poster(url, "Slack", **options)
        self._text = Template(template, escape=_escaped)
        self._thread = None if thread is None else Template(thread)

    async def open(self) -> None:
        """Make the HTTP client."""
        await self._poster.open()

    async def write(self, records: Sequence[Record]) -> None:
        """Post the records, in order."""
        for number, record in enumerate(records):
            message: dict[str, Any] = {"text": _cut(self._text.of(record, written=number))}
            thread = self._thread.of(record, written=number) if self._thread is not None else ""
            if thread:
                message["thread_ts"] = thread
            # Slack ignores the header; a relay in between can use it.
            await self._poster.post(json_body(message), {"Idempotency-Key": header_text(record.key)}, written=number)

    async def close(self) -> None:
        """Close the HTTP client."""
        await self._poster.close()


class SlackBot:
    """Posts each record into a channel with a bot token (scope ``chat:write``), threaded by template.

    Records with the same result of `thread` (say ``"{session_id}"``) are one thread: the first one begins it, with
    `title` as its text if that is given. `threads` is a file that keeps the threads over restarts. `options` are those
    of `Poster`. Raises `UsageError` for a file that cannot be read.
    """

    def __init__(
        self,
        token: str | SecretStr,
        channel: str,
        *,
        template: str | None = None,
        thread: str | None = None,
        title: str | None = None,
        threads: str | os.PathLike[str] | None = None,
        url: str = "https://slack.com/api/chat.postMessage",
        **options: Any,
    ) -> None:
        self._token: SecretStr = hide(token)
        token = ""
        self._poster = Poster(url, "Slack", **options)
        self._channel = channel
        self._text = Template(template, escape=_escaped)
        self._thread = None if thread is None else Template(thread)
        self._title = None if title is None else Template(title, escape=_escaped)
        self._file = None if threads is None else Path(threads)
        self._threads: dict[str, str] = {} if self._file is None else _read(self._file)

    async def open(self) -> None:
        """Make the HTTP client."""
        await self._poster.open()

    async def write(self, records: Sequence[Record]) -> None:
        """Post the records, in order."""
        for number, record in enumerate(records):
            name = self._thread.of(record, written=number) if self._thread is not None else ""
            if name and name not in self._threads and self._title is not None:
                self._begin(name, await self._post(self._title.of(record, written=number), None, number))
            stamp = await self._post(self._text.of(record, written=number), self._threads.get(name), number)
            if name and name not in self._threads:
                self._begin(name, stamp)

    async def _post(self, text: str, thread: str | None, written: int) -> str:
        """Post one message; its timestamp. Slack answers 200 for errors, too."""
        message = {"channel": self._channel, "text": _cut(text), **({"thread_ts": thread} if thread else {})}
        headers = {"Authorization": SecretStr(f"Bearer {self._token.get_secret_value()}")}
        body = await self._poster.post(json_body(message), headers, written=written)
        try:
            answer = json.loads(body)
            if answer["ok"]:
                return str(answer["ts"])
            error = str(answer["error"])
        except (ValueError, KeyError, TypeError):
            raise SinkUnavailable("Slack's answer cannot be read", written=written) from None
        if error in _PASSING:
            raise SinkUnavailable(f"Slack answered {error}", written=written)
        raise SinkRefused(f"Slack answered {error}", written=written)

    def _begin(self, name: str, stamp: str) -> None:
        self._threads[name] = stamp
        if self._file is not None:
            fresh = self._file.with_name(f"{self._file.name}.new")
            try:
                fresh.write_text(json.dumps(self._threads), encoding="utf-8")
                os.replace(fresh, self._file)
            except OSError as error:
                # Not raised: the message was posted, and a retry would post it again.
                _log.error("%s cannot be written (%s); a restart begins new threads", self._file, error.strerror)

    async def close(self) -> None:
        """Close the HTTP client."""
        await self._poster.close()


def _read(file: Path) -> dict[str, str]:
    try:
        return {str(name): str(stamp) for name, stamp in json.loads(file.read_text(encoding="utf-8")).items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError):
        raise UsageError(f"{file} is not a file of threads; name another one") from None
