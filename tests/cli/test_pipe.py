"""`pipe`: turns of a daemon's sessions in files, a terminal and Slack, each once, over restarts of the command."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from reactivex.subject import Subject

import agor_reactive as agor
from agor_reactive.cli.pipe import SOURCES, SessionWatch
from agor_reactive.daemon import EmbeddedDaemon
from agor_reactive.errors import UsageError
from agor_reactive.sinks import Checkpoint, Slack, SlackBot, Webhook
from agor_reactive.sinks.targets import sink_of
from tests.cli.conftest import Cli, Process
from tests.contract.waiting import eventually
from tests.sinks.http_server import CLOSE, OK, serving

TURNS = "--template={status}: {prompt}"


def prompted(cli: Cli, session_id: str, text: str) -> None:
    ended = cli("prompt", session_id, f"{text} [tools:0] [say:Yes.]", "--follow", "--json")
    assert ended.code == 0, ended.err


def prompts_in(path: Path) -> list[str]:
    return [json.loads(line)["data"]["prompt"].partition(" [")[0] for line in path.read_text().splitlines()]


def has_begun(process: Process) -> bool:
    return any("Ctrl-C stops" in line for line in process.errors)


async def test_turns_are_piped_each_once_over_restarts_of_the_command(
    cli: Cli, session_id: str, tmp_path: Path, start: Callable[..., Any]
) -> None:
    out, checkpoint = tmp_path / "turns.jsonl", tmp_path / "checkpoint"
    words = ("pipe", session_id[:23], "--to", f"jsonl:{out}", "--checkpoint", str(checkpoint))
    await asyncio.to_thread(prompted, cli, session_id, "before")
    first = start(Process, *words, env=cli.env)
    await eventually(lambda: has_begun(first), 20)
    await asyncio.to_thread(prompted, cli, session_id, "one")
    await eventually(lambda: out.exists() and prompts_in(out), 20)
    first.interrupt()
    ended = await asyncio.to_thread(first.wait)
    assert (ended.code, ended.err.splitlines()[-1]) == (
        0,
        "agor-reactive: delivered 1 record",
    )
    await asyncio.to_thread(prompted, cli, session_id, "two")  # while no pipe runs
    second = start(Process, *words, env=cli.env)
    await eventually(lambda: has_begun(second), 20)
    await asyncio.to_thread(prompted, cli, session_id, "three")
    await eventually(lambda: len(prompts_in(out)) == 3, 20)
    second.interrupt()
    assert (await asyncio.to_thread(second.wait)).code == 0
    assert prompts_in(out) == ["one", "two", "three"]
    (line, *_) = (json.loads(text) for text in out.read_text().splitlines())
    assert line["key"] == line["data"]["id"] == line["data"]["task"]["task_id"]
    assert line["data"]["text"] == "Yes."


async def test_all_sessions_go_to_a_terminal_also_those_created_meanwhile(
    cli: Cli, session_id: str, start: Callable[..., Any]
) -> None:
    process = start(Process, "pipe", "--all", "--to", "terminal:", TURNS, env=cli.env)
    await eventually(lambda: has_begun(process), 20)
    fresh = cli("new", "Created meanwhile").out.strip()
    for one in (fresh, session_id):
        await asyncio.to_thread(prompted, cli, one, f"in {one}")
    await eventually(lambda: len(process.lines) >= 2, 20)
    process.interrupt()
    assert (await asyncio.to_thread(process.wait)).code == 0
    shown = Counter(line.partition(" [")[0] for line in process.lines)
    assert shown == {f"completed: in {one}": 1 for one in (fresh, session_id)}


async def test_slack_gets_turns_and_the_secret_is_in_no_argument_and_no_output(
    cli: Cli, session_id: str, start: Callable[..., Any], tmp_path: Path
) -> None:
    async with serving([(429, {"Retry-After": "0"}), 500, CLOSE, OK, 404]) as server:
        dead = tmp_path / "dead.jsonl"
        secret = {"TEAM_HOOK": server.url, **cli.env}
        words = ("pipe", session_id, "--to", "slack://TEAM_HOOK", TURNS, "--dead-letters", str(dead))
        process = start(Process, *words, env=secret)
        await eventually(lambda: has_begun(process), 20)
        for text in ("one", "two"):
            await asyncio.to_thread(prompted, cli, session_id, text)
        await eventually(dead.exists, 20)
        process.interrupt()
        ended = await asyncio.to_thread(process.wait)
        assert ended.code == 1
        assert ended.err.splitlines()[-1] == f"agor-reactive: delivered 1 record; 1 are in {dead}"
        assert "attempt 2 in 0.0 s" in ended.err
        assert "sEcReT" not in ended.err + ended.out
        again = start(Process, "pipe", "--resend", str(dead), "--to", "slack://TEAM_HOOK", TURNS, env=secret)
        ended = await asyncio.to_thread(again.wait)
        assert (ended.code, ended.err) == (0, "agor-reactive: delivered 1 record")
    assert [text.partition(" [")[0] for text in server.texts] == ["completed: one", "completed: two"]


async def test_a_restart_delivers_all_that_ended_meanwhile_in_order(
    cli: Cli, session_id: str, tmp_path: Path, start: Callable[..., Any]
) -> None:
    out, checkpoint = tmp_path / "turns.jsonl", tmp_path / "checkpoint"
    words = ("pipe", session_id, "--to", f"jsonl:{out}", "--checkpoint", str(checkpoint))
    await asyncio.to_thread(prompted, cli, session_id, "before")
    Checkpoint(checkpoint).close()  # a run that delivered nothing
    wanted = [f"number {number}" for number in range(25)]  # more than a page of tasks
    for text in wanted:
        ended = await asyncio.to_thread(cli, "prompt", session_id, f"{text} [tools:0] [say:Yes.]")
        assert ended.code == 0, ended.err
    process = start(Process, *words, env=cli.env)
    await eventually(lambda: out.exists() and len(prompts_in(out)) >= 25, 40)
    process.interrupt()
    assert (await asyncio.to_thread(process.wait)).code == 0
    assert prompts_in(out) == wanted


@pytest.mark.parametrize(
    ("on", "prompt", "field", "wanted"),
    [
        ("tool_calls", "Look. [tools:2] [say:Yes.]", "status", ["completed"] * 2),
        ("permission_requests", "Look. [permission] [say:Yes.]", "tool_name", ["Read"]),
        ("text_deltas", "Look. [tools:0] [say:Yes.]", "text", ["Yes."]),
    ],
)
async def test_other_sources_are_piped_with_their_fields(
    cli: Cli,
    session_id: str,
    tmp_path: Path,
    start: Callable[..., Any],
    on: str,
    prompt: str,
    field: str,
    wanted: list[str],
) -> None:
    out = tmp_path / "out.jsonl"
    process = start(Process, "pipe", session_id, "--to", f"jsonl:{out}", "--on", on, env=cli.env)
    await eventually(lambda: has_begun(process), 20)
    assert (await asyncio.to_thread(cli, "prompt", session_id, prompt)).code == 0

    def found() -> list[str]:
        lines = out.read_text().splitlines() if out.exists() else []
        values = [str(json.loads(line)["data"][field]) for line in lines]
        return ["".join(values)] if field == "text" else values

    await eventually(lambda: found() == wanted, 20)
    process.interrupt()
    assert (await asyncio.to_thread(process.wait)).code == 0
    if on == "permission_requests":
        assert cli("stop", session_id).code == 0


async def test_a_closed_pipe_ends_the_command(cli: Cli, session_id: str) -> None:
    reader, writer = os.pipe()
    command = [sys.executable, "-m", "agor_reactive", "pipe", session_id, "--to", "terminal:", TURNS]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=writer, stderr=asyncio.subprocess.PIPE, env={**os.environ, **cli.env}
    )
    os.close(writer)
    try:
        assert process.stderr is not None
        async with asyncio.timeout(30):
            assert b"Ctrl-C stops" in await process.stderr.readline()
            os.close(reader)
            await asyncio.to_thread(prompted, cli, session_id, "one")
            said = await process.stderr.read()
            assert await process.wait() == 1
        assert b"Traceback" not in said
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_several_targets_get_the_same_turns_and_a_thread_is_for_slack_only(
    cli: Cli, session_id: str, start: Callable[..., Any], tmp_path: Path
) -> None:
    async with serving() as server:
        out = tmp_path / "turns.jsonl"
        targets = ("--to", "slack://TEAM_HOOK", "--to", "terminal:", "--to", f"jsonl:{out}", "--thread", "{session_id}")
        process = start(Process, "pipe", session_id, *targets, TURNS, env={"TEAM_HOOK": server.url, **cli.env})
        await eventually(lambda: has_begun(process), 20)
        await asyncio.to_thread(prompted, cli, session_id, "one")
        await eventually(lambda: server.taken and process.lines and out.exists() and prompts_in(out), 20)
        process.interrupt()
        assert (await asyncio.to_thread(process.wait)).code == 0
    (taken,) = server.taken
    assert taken.body["thread_ts"] == session_id
    assert process.lines == [taken.body["text"]]
    assert prompts_in(out) == ["one"]


@pytest.mark.parametrize(
    "words",
    [
        ("pipe", "x", "--to", "https://hooks.slack.com/services/sEcReT"),
        ("pipe", "x", "--to", "slack://hooks.slack.com/services/sEcReT"),
        ("pipe", "x", "--to", "slack://xoxb-sEcReT"),
        ("pipe", "x", "--to", "slack://NOT_SET_ANYWHERE"),
        ("pipe", "x", "--to", "slack:///no/such/file"),
        ("pipe", "x", "--to", "sEcReT://x"),
        ("pipe", "x", "--to", "jsonl:"),
        ("pipe", "x", "--to", "terminal:", "--on", "weather"),
        ("pipe", "x", "--to", "terminal:", "--template", "{color}"),
        ("pipe", "x", "--to", "terminal:", "--thread", "{session_id}"),
        ("pipe", "x", "--to", "terminal:", "--to", "jsonl:a", "--checkpoint", "c"),
        ("pipe", "--to", "terminal:"),
        ("pipe", "x", "--all", "--to", "terminal:"),
        ("pipe", "x", "--resend", "f", "--to", "terminal:"),
        ("pipe", "--resend", "no-such-file", "--to", "terminal:"),
        ("pipe", "x"),
    ],
)
def test_wrong_words_are_refused_without_repeating_a_secret(cli: Cli, words: tuple[str, ...]) -> None:
    ended = cli(*words)
    assert ended.code == 2, ended.err
    assert ended.out == ""
    assert "sEcReT" not in ended.err


async def test_with_all_a_session_is_held_while_it_is_there_and_not_archived() -> None:
    async with (
        EmbeddedDaemon() as daemon,
        agor.create_client(daemon.url, api_key=daemon.api_key) as client,
    ):
        sessions = client.service("sessions")
        place = {"branch_id": daemon.workspace_id, "agentic_tool": "claude-code"}
        rows = [await sessions.create({**place, "title": f"number {number}"}) for number in range(2)]
        watch = SessionWatch(client, Subject(), SOURCES["completed_turns"][0], 0.0)
        assert await watch.begin([]) >= 2
        rows.append(await sessions.create(place))
        ids = [row.session_id for row in rows]
        await eventually(lambda: set(ids) <= watch._handles.keys())
        await sessions.patch(ids[0], {"archived": True})
        await sessions.remove(ids[1])
        await eventually(lambda: watch._handles.keys() & set(ids) == {ids[2]})
        watch.close()
        assert not watch._handles
        await eventually(lambda: not list(client.registry.sessions))


def test_targets_read_secrets_from_the_environment_or_a_file(tmp_path: Path) -> None:
    url = "https://hooks.example/sEcReT"
    file = tmp_path / "secret"
    file.write_text(f"{url}\n")
    env = {"AGOR_SLACK_WEBHOOK": url, "OTHER": url, "AGOR_WEBHOOK_URL": url, "BOT": "xoxb-1"}
    for target in ("slack://", "slack:", "slack://OTHER", f"slack://{file}"):
        sink = sink_of(target, env=env)
        assert isinstance(sink, Slack)
        assert sink._poster._url.get_secret_value() == url
    assert isinstance(sink_of("webhook://", env=env), Webhook)
    assert isinstance(sink_of("slack://BOT?channel=C1", thread="{session_id}", env=env), SlackBot)
    with pytest.raises(UsageError, match="channel"):
        sink_of("slack://BOT", env=env)
    file.write_text(" \n")
    with pytest.raises(UsageError, match="is empty"):
        sink_of(f"slack://{file}", env=env)


def test_every_source_is_named_in_the_help(cli: Cli) -> None:
    shown = cli("pipe", "--help", COLUMNS="100").out
    assert [name for name in SOURCES if name not in shown] == []
