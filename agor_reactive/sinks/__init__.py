"""Sinks: deliver turns, tool calls or any other items to files, webhooks, Slack, a terminal or browsers.

::

    from agor_reactive.sinks import Slack, deliver

    async with deliver(turns, Slack(url)):      # at least once, in order, with retries; drains at the end
        ...
"""

from agor_reactive.sinks.checkpoint import Checkpoint
from agor_reactive.sinks.dead_letters import DeadLetter, DeadLetters, read_dead_letters
from agor_reactive.sinks.delivery import Delivery, deliver
from agor_reactive.sinks.jsonl import JsonLines
from agor_reactive.sinks.protocol import Sink, SinkClosed, SinkError, SinkRefused, SinkUnavailable
from agor_reactive.sinks.record import Record, record_of
from agor_reactive.sinks.resending import resend
from agor_reactive.sinks.slack import Slack, SlackBot
from agor_reactive.sinks.sse import to_asgi_sse
from agor_reactive.sinks.template import Template
from agor_reactive.sinks.terminal import Terminal
from agor_reactive.sinks.webhook import Webhook

__all__ = [
    "Checkpoint",
    "DeadLetter",
    "DeadLetters",
    "Delivery",
    "JsonLines",
    "Record",
    "Sink",
    "SinkClosed",
    "SinkError",
    "SinkRefused",
    "SinkUnavailable",
    "Slack",
    "SlackBot",
    "Template",
    "Terminal",
    "Webhook",
    "deliver",
    "read_dead_letters",
    "record_of",
    "resend",
    "to_asgi_sse",
]
