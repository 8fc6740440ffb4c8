"""Tool calls: summary of the input, result as text, and how long each call took."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from agor_reactive.adapters.presentation.diffs import edit_diff
from agor_reactive.adapters.presentation.exact import DATA_LIMIT, NOTHING, Excerpt, cut_text, exact_line, exact_text
from agor_reactive.adapters.presentation.plain import one_line, plain
from agor_reactive.core.snapshot import SessionState
from agor_reactive.core.tools import Tool
from agor_reactive.models.base import instant, thaw
from agor_reactive.models.message import Message

__all__ = [
    "ToolDetail",
    "ToolTime",
    "failure_summary",
    "input_summary",
    "input_text",
    "result_text",
    "tool_detail",
    "tool_ids",
    "tool_times",
]

# Input fields by how much they say about a call, most first. A searched pattern is shown with its place.
_TELLING: Final = (
    *("command", "file_path", "filePath", "absolute_path", "notebook_path", "pattern", "query", "url", "path"),
    *("description", "prompt", "name"),
)
_SEARCHED: Final = ("pattern", "query")
_SHELLS: Final = frozenset(f"{folder}{name}" for folder in ("", "/bin/", "/usr/bin/") for name in ("bash", "sh", "zsh"))


class ToolTime(NamedTuple):
    """When a call began and ended, in epoch seconds, by the timestamps of the messages that hold it."""

    began: float | None = None
    ended: float | None = None

    @property
    def seconds(self) -> float | None:
        """How long the call took; None while it runs, or when a timestamp is missing."""
        began, ended = self.began, self.ended
        return ended - began if began is not None and ended is not None and ended >= began else None


class ToolDetail(NamedTuple):
    """Input and result of a call as text, for views that open it. `diff`: what it edits, empty if it edits no file."""

    input: str
    result: str
    diff: str = ""


def tool_ids(message: Message) -> tuple[str, ...]:
    """Return the ids of the calls that a message makes, in order."""
    found = [block.get("id") for block in message.blocks if block.get("type") == "tool_use"]
    if isinstance(message.tool_uses, tuple):
        found += [use.get("id") for use in message.tool_uses if isinstance(use, Mapping)]
    return tuple(dict.fromkeys(tool_id for tool_id in found if isinstance(tool_id, str)))


def tool_times(messages: Iterable[Message]) -> dict[str, ToolTime]:
    """Return the times of all calls in the messages of a task, by tool_use_id.

    The wire has no times of calls. A call begins with the message that makes it and ends with the one that holds its
    result, so calls made by one message all begin with it.
    """
    times: dict[str, ToolTime] = {}
    for message in messages:
        results = [block.get("tool_use_id") for block in message.blocks if block.get("type") == "tool_result"]
        made = tool_ids(message)
        if not made and not results:
            continue
        when = instant(message.timestamp)
        for tool_id in made:
            times.setdefault(tool_id, ToolTime(when))
        for result_id in results:
            if isinstance(result_id, str):
                times[result_id] = times.get(result_id, ToolTime())._replace(ended=when)
    return times


def input_summary(given: Any) -> Excerpt:
    """Return a call's input on one line, exactly: its most telling field, else all of it as JSON."""
    if isinstance(given, str):
        return exact_line(given)
    if given is None or given == {}:
        return NOTHING
    if not isinstance(given, Mapping):
        return exact_line(_json(given))
    for key in _TELLING:
        value = _command(given.get(key)) if key == "command" else given.get(key)
        if isinstance(value, str) and value:
            place = _place(given) if key in _SEARCHED else ""
            return exact_line(f"{value} in {place}" if place else value)
    return exact_line(_json(given))


def _command(given: Any) -> Any:
    """A command as one types it; some agents send a list, often a shell and its script.

    The program is left out only where it is a shell: of ``["ssh", "-c", "ls"]`` the script says nothing.
    """
    if not isinstance(given, tuple) or not given or not all(isinstance(part, str) for part in given):
        return given
    if len(given) == 3 and given[0] in _SHELLS and given[1] in ("-c", "-lc"):
        return given[2]
    return shlex.join(given)


def _place(given: Mapping[str, Any]) -> str:
    """The searched folder, the glob, or both."""
    parts = (given.get("path"), given.get("glob"))
    named = [part for part in parts if isinstance(part, str) and part]
    return "/".join(part.rstrip("/") or part for part in named)


def failure_summary(tool: Tool) -> str:
    """Return why a call failed, on one line: its result if that is an error, else that permission was denied."""
    return (_result_summary(tool) if tool.failed else "") or ("permission denied" if tool.denied else "")


def _result_summary(tool: Tool) -> str:
    result: Any = tool.result
    if isinstance(result, tuple):
        texts = [block.get("text") for block in result if isinstance(block, Mapping)]
        result = " ".join(text for text in texts if isinstance(text, str))
    if isinstance(result, str):
        return one_line(result)
    return one_line(_json(result)) if result else ""


def _json(value: Any, indent: int | None = None) -> str:
    separators = (",", ":") if indent is None else None
    try:
        return json.dumps(thaw(value), indent=indent, separators=separators, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return "(nested too deeply to show)"


def tool_detail(state: SessionState, task_id: str, tool_use_id: str) -> ToolDetail:
    """Return input, result and diff of a call; all empty if the call is unknown."""
    for tool in state.get_task_tools(task_id):
        if tool.tool_use_id == tool_use_id:
            diff = "\n".join(f"{line.sign} {line.text}" for line in edit_diff(tool.input))
            return ToolDetail(input_text(tool.input), result_text(tool.result), diff)
    return ToolDetail("", "")


def input_text(given: Any) -> str:
    """Return the input of a call exactly, so that a person can approve it: see `exact`."""
    return exact_text(_data(given))


def result_text(result: Any) -> str:
    """Return the result of a call, its control codes obeyed as a terminal does. Cut at `DATA_LIMIT`."""
    if isinstance(result, tuple):
        texts = [block.get("text") for block in result if isinstance(block, Mapping)]
        if len(texts) == len(result) and all(isinstance(text, str) for text in texts):
            result = "\n\n".join(str(text) for text in texts)
    text = _data(result)
    read = text[: DATA_LIMIT + 1]
    return cut_text(plain(read), DATA_LIMIT, left_out=len(text) - len(read))


def _data(value: Any) -> str:
    """An input or result as text: ``name: value`` lines if it is flat, else JSON."""
    if value is None or value == {} or value == ():
        return ""
    if isinstance(value, Mapping) and all(isinstance(field, str | int | float | None) for field in value.values()):
        value = "\n".join(_field(name, field) for name, field in value.items())
    return value if isinstance(value, str) else _json(value, indent=2)


def _field(name: str, value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return f"{name}:\n{text}\n" if "\n" in text else f"{name}: {text}"
