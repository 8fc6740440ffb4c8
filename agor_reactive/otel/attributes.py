"""Attributes of spans and metrics by the GenAI semantic conventions, and what of a turn is content.

The names are written out here: the conventions are in development, and the package that lists them drops and moves
names. Tests compare them with the installed one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final

import orjson

from agor_reactive.models.base import thaw
from agor_reactive.models.session import Session
from agor_reactive.operators import ToolCall, Turn
from agor_reactive.transport.redaction import scrub

__all__ = [
    "CONTENT_ENV",
    "agent_attributes",
    "agent_name",
    "content_of_call",
    "content_of_turn",
    "error_type",
    "tool_attributes",
    "usage_attributes",
    "wants_content",
]

CONTENT_ENV: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
"""The environment variable of the GenAI instrumentations. Ours sends content in spans only."""

_PROVIDERS: Final = {
    "claude-code": "anthropic",
    "claude-code-cli": "anthropic",
    "codex": "openai",
    "gemini": "gcp.gemini",
}
"""Agent to provider. Other agents use models of several providers; the session's settings name which."""

_FINISH_REASONS: Final = {"completed": "stop", "stopped": "cancelled"}


def wants_content() -> bool:
    """Whether the environment asks for prompts, replies, arguments and results in spans."""
    return os.environ.get(CONTENT_ENV, "").strip().lower() in ("true", "span_only", "span_and_event")


def agent_name(session: Session | None) -> str:
    """The agent, as the daemon calls it."""
    return (session.agentic_tool if session is not None else None) or "agor"


def agent_attributes(turn: Turn, session: Session | None) -> dict[str, str]:
    """Those that a turn's span and its metrics share."""
    agent, usage = agent_name(session), turn.task.usage
    settings = session.model_settings if session is not None else None
    found = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.provider.name": _PROVIDERS.get(agent) or (settings.provider if settings is not None else None) or agent,
        "gen_ai.agent.name": agent,
    }
    model = turn.task.model or (settings.model if settings is not None else None)
    if model:
        found["gen_ai.request.model"] = model
    if usage is not None and usage.primary_model:
        found["gen_ai.response.model"] = usage.primary_model
    if turn.failed:
        found["error.type"] = turn.status or "_OTHER"
    return found


def usage_attributes(turn: Turn) -> dict[str, int]:
    """Token counts as the daemon reports them."""
    usage = turn.task.usage
    tokens = None if usage is None else usage.token_usage
    if tokens is None:
        return {}
    counts = {
        "gen_ai.usage.input_tokens": tokens.input_tokens,
        "gen_ai.usage.output_tokens": tokens.output_tokens,
        "gen_ai.usage.cache_creation.input_tokens": tokens.cache_creation_tokens,
        "gen_ai.usage.cache_read.input_tokens": tokens.cache_read_tokens,
    }
    return {name: int(count) for name, count in counts.items() if count is not None}


def tool_attributes(call: ToolCall, agent: str) -> dict[str, str]:
    """Those that a tool call's span and its metric share."""
    found = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": call.name or "unknown",
        "gen_ai.agent.name": agent,
    }
    return found | error_type(call)


def error_type(call: ToolCall) -> dict[str, str]:
    """`error.type` of a call without a good result: ``failed denied interrupted``."""
    return {} if call.status == "completed" else {"error.type": call.status}


def content_of_turn(turn: Turn) -> dict[str, str]:
    """The prompt and the reply, without keys and tokens."""
    reply = _message("assistant", turn.text) | {"finish_reason": _FINISH_REASONS.get(turn.status, "error")}
    return {
        "gen_ai.input.messages": _json([_message("user", turn.prompt)]),
        "gen_ai.output.messages": _json([reply]),
    }


def content_of_call(call: ToolCall) -> dict[str, str]:
    """The arguments and the result, without keys and tokens."""
    found = {"gen_ai.tool.call.arguments": _json(call.input)}
    if call.result is not None:
        found["gen_ai.tool.call.result"] = _json(call.result)
    return found


def _message(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def _json(value: Any) -> str:
    clean = scrub(thaw(value))
    return clean if isinstance(clean, str) else _encoded(clean)


def _encoded(value: Mapping[str, Any] | list[Any]) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # an integer beyond 64 bits, or half of a surrogate pair
        return repr(value).encode("utf-8", "replace").decode()
