"""`otel`: the demo's turns arrive at an OTLP receiver with their times, once, live and from a log, without content."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import agor_reactive as agor
from agor_reactive import logs
from agor_reactive.cli.demo import PROMPTS
from agor_reactive.models.base import instant
from tests.cli.conftest import KEY, Cli, Ended, Process
from tests.contract.waiting import eventually
from tests.otel.receiver import ReceivedSpan, Receiver, receiving
from tests.otel.rows import Sent

TOKEN = "s3cr3t-of-the-collector"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def env_of(receiver: Receiver, cli: Cli, **more: str) -> dict[str, str]:
    headers = {"OTEL_EXPORTER_OTLP_HEADERS": f"x-token={TOKEN}"}
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, **headers, **cli.env, **more}


def says(process: Process, text: str) -> Callable[[], bool]:
    return lambda: any(text in line for line in process.errors)


async def stopped(process: Process) -> Ended:
    process.interrupt()
    return await asyncio.to_thread(process.wait)


def prompted(cli: Cli, session_id: str, text: str) -> None:
    ended = cli("prompt", session_id, text, "--follow", "--json")
    assert ended.code == 0, ended.err


def prompted_one_after_the_other(cli: Cli, session_id: str) -> None:
    """The prompts of the demo; the second one is queued."""
    with agor.create_rest_client(cli.env["AGOR_DAEMON_URL"], api_key=KEY) as client:
        tasks = [client.sessions.prompt(session_id, prompt) for prompt in PROMPTS]
    assert tasks[1].status == "queued"


def rows_of(cli: Cli, session_id: str) -> tuple[dict[str, Any], dict[str, tuple[float, float]]]:
    """What the daemon has: tasks by their id, and start and end of each tool call by its id."""
    with agor.create_rest_client(cli.env["AGOR_DAEMON_URL"], api_key=KEY) as client:
        tasks = {row.task_id: row for row in client.service("tasks").find_all({"session_id": session_id})}
        found = client.service("messages").find_all({"session_id": session_id})
    uses: dict[str, float] = {}
    calls: dict[str, tuple[float, float]] = {}
    for message in sorted(found, key=lambda row: row.index):
        at = instant(message.timestamp) or 0.0
        for block in message.blocks:
            if block.get("type") == "tool_use":
                uses[block["id"]] = at
            elif block.get("type") == "tool_result":
                calls[block["tool_use_id"]] = (uses[block["tool_use_id"]], at)
    return tasks, calls


def is_close(span: ReceivedSpan, began: float, ended: float) -> bool:
    return abs(span.began - began) <= 0.02 and abs(span.ended - ended) <= 0.02


def check_two_turns(receiver: Receiver, cli: Cli, session_id: str) -> None:
    tasks, calls = rows_of(cli, session_id)
    agents, tools = receiver.named("invoke_agent claude-code"), receiver.named("execute_tool ")
    assert (len(agents), len(tools), len(receiver.spans)) == (2, 4, 6)
    for span in agents:
        row = tasks[span.attributes["agor.task.id"]]
        assert is_close(span, instant(row.started_at) or 0.0, instant(row.completed_at) or 0.0)
        assert span.attributes["gen_ai.conversation.id"] == session_id
        assert span.attributes["gen_ai.provider.name"] == "anthropic"
        ((event, _, about),) = span.events
        waited = (instant(row.started_at) or 0.0) - (instant(row.created_at) or 0.0)
        assert (event, round(about["agor.wait.duration"], 2)) == ("agor.queue.wait", round(waited, 2))
    for span in tools:
        assert is_close(span, *calls[span.attributes["gen_ai.tool.call.id"]])
    assert [span.parent_id for span in tools] == [agents[0].span_id] * 2 + [agents[1].span_id] * 2


async def test_the_two_turns_of_the_demo_arrive_with_four_tools_and_right_durations(
    cli: Cli, session_id: str, receiver: Receiver, start: Callable[..., Any]
) -> None:
    process = start(Process, "otel", session_id, env=env_of(receiver, cli))
    await eventually(says(process, "sending turns of 1 session"), 20)
    await asyncio.to_thread(prompted_one_after_the_other, cli, session_id)
    await eventually(lambda: len(receiver.spans) >= 6, 20)
    ended = await stopped(process)
    assert (ended.code, ended.err.splitlines()[-1]) == (0, "agor-reactive: sent 2 turns")
    check_two_turns(receiver, cli, session_id)
    # The stop has sent the metrics of the last interval.
    assert {"gen_ai.client.operation.duration", "gen_ai.execute_tool.duration"} <= set(receiver.metrics)
    assert {headers["x-token"] for headers in receiver.headers} == {TOKEN}
    assert not any(prompt.encode() in body for prompt in PROMPTS for body in receiver.bodies)
    assert TOKEN not in ended.err + ended.out


async def test_a_collector_that_is_down_gets_each_turn_once_over_a_restart_of_the_command(
    cli: Cli, session_id: str, receiver: Receiver, start: Callable[..., Any], tmp_path: Path
) -> None:
    words = ("otel", session_id, "--checkpoint", str(tmp_path / "sent"))
    # One attempt of the exporter for each of ours.
    env = env_of(receiver, cli, OTEL_METRICS_EXPORTER="none", OTEL_EXPORTER_OTLP_TIMEOUT="1")
    first = start(Process, *words, env=env)
    await eventually(says(first, "sending turns"), 20)
    receiver.plan.append(503)
    await asyncio.to_thread(prompted, cli, session_id, "one [tools:0] [say:Yes.]")
    await eventually(lambda: len(receiver.spans) == 1, 20)
    assert (await stopped(first)).code == 0
    await asyncio.to_thread(prompted, cli, session_id, "two [tools:0] [say:Yes.]")
    second = start(Process, *words, env=env)
    await eventually(lambda: len(receiver.spans) == 2, 20)
    ended = await stopped(second)
    assert (ended.code, ended.err.splitlines()[-1]) == (0, "agor-reactive: sent 1 turn")
    assert receiver.refused == 1
    assert {span.attributes["agor.task.id"] for span in receiver.spans} == set(rows_of(cli, session_id)[0])


async def test_every_session_is_sent_also_one_created_meanwhile_and_content_on_request(
    cli: Cli, receiver: Receiver, start: Callable[..., Any]
) -> None:
    process = start(Process, "otel", "--all", "--content", env=env_of(receiver, cli, OTEL_SERVICE_NAME="teapots"))
    await eventually(says(process, "sending turns of every session"), 20)
    fresh = cli("new", "Created meanwhile").out.strip()
    await asyncio.to_thread(prompted, cli, fresh, "say yes [tools:0] [say:Yes.]")
    await eventually(lambda: receiver.spans, 20)
    assert (await stopped(process)).code == 0
    (span,) = receiver.spans
    assert span.resource["service.name"] == "teapots"
    assert json.loads(span.attributes["gen_ai.output.messages"])[0]["parts"][0]["content"] == "Yes."
    assert "say yes" in span.attributes["gen_ai.input.messages"]


def test_a_log_is_sent_with_its_own_times_and_sending_it_again_gives_the_same_ids(
    cli: Cli, session_id: str, receiver: Receiver, tmp_path: Path
) -> None:
    for prompt in PROMPTS:
        prompted(cli, session_id, prompt)
    path = tmp_path / "past.jsonl"
    assert cli("export", session_id, "-o", str(path)).code == 0
    env = env_of(receiver, cli)
    ids = []
    for words in (("otel", "--log", str(path)), ("otel", "--log", str(path), session_id[:18])):
        receiver.spans.clear()
        ended = cli(*words, **env)
        assert (ended.code, ended.err) == (0, "agor-reactive: sent 2 turns\n")
        ids.append(sorted((span.trace_id, span.span_id) for span in receiver.spans))
        agents = receiver.named("invoke_agent")
        tasks, calls = rows_of(cli, session_id)
        assert len(agents) == 2
        assert len(receiver.named("execute_tool")) == len(calls) == 4
        for span in agents:
            row = tasks[span.attributes["agor.task.id"]]
            assert is_close(span, instant(row.started_at) or 0.0, instant(row.completed_at) or 0.0)
    assert ids[0] == ids[1]
    assert receiver.metrics == {}
    sent = Sent()
    assert sent.telemetry.observe_log(logs.open(path)) == 2
    assert sorted((span.context.trace_id, span.context.span_id) for span in sent.spans if span.context) == [
        (int(trace_id, 16), int(span_id, 16)) for trace_id, span_id in ids[0]
    ]
    assert sent.metrics == {}


def test_a_log_of_what_was_watched_is_sent_too(cli: Cli, session_id: str, receiver: Receiver, tmp_path: Path) -> None:
    path = tmp_path / "watched.jsonl"
    assert cli("prompt", session_id, PROMPTS[0], "--follow", "--json", "--record", str(path)).code == 0
    assert cli("otel", "--log", str(path), **env_of(receiver, cli)).code == 0
    tasks, calls = rows_of(cli, session_id)
    (agent,), tools = receiver.named("invoke_agent"), receiver.named("execute_tool")
    assert [agent.attributes["agor.task.id"]] == list(tasks)
    assert {tool.attributes["gen_ai.tool.call.id"] for tool in tools} == set(calls)
    assert all(is_close(tool, *calls[tool.attributes["gen_ai.tool.call.id"]]) for tool in tools)


def test_a_log_ends_with_what_a_collector_does_not_take(
    cli: Cli, session_id: str, receiver: Receiver, tmp_path: Path
) -> None:
    for text in ("one", "two", "three"):
        prompted(cli, session_id, f"{text} [tools:0] [say:Yes.]")
    path = tmp_path / "past.jsonl"
    assert cli("export", session_id, "-o", str(path)).code == 0
    receiver.plan.extend([200, *[400] * 20])
    ended = cli("otel", "--log", str(path), **env_of(receiver, cli))
    assert ended.code == 1
    assert "agor-reactive: sent 1 turn; " in ended.err.splitlines()[-1]
    assert len(receiver.spans) == 1
    assert receiver.refused <= 6


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "name the sessions, or say --all; or give a log with --log"),
        (["x", "--all"], "name the sessions, or say --all; or give a log with --log"),
        (["--log", "x.jsonl", "--all"], "--log goes with SESSION and --content only"),
        (["--log", "no-such.jsonl"], "no-such.jsonl"),
    ],
)
def test_wrong_words_are_refused(cli: Cli, words: list[str], message: str) -> None:
    ended = cli("otel", *words)
    assert ended.code == 2
    assert message in ended.err


def test_headers_that_cannot_be_read_are_reported_without_their_value(
    cli: Cli, session_id: str, receiver: Receiver, tmp_path: Path
) -> None:
    path = tmp_path / "past.jsonl"
    assert cli("export", session_id, "-o", str(path)).code == 0
    ended = cli("otel", "--log", str(path), **env_of(receiver, cli, OTEL_EXPORTER_OTLP_HEADERS=TOKEN))
    assert "an entry of an OTEL_EXPORTER_OTLP_*HEADERS variable is not NAME=VALUE" in ended.err
    assert TOKEN not in ended.err
