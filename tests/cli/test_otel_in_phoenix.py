"""Spans read back from a collector with a user interface: arize-phoenix, if it is installed.

It needs a gigabyte of packages, so it is in no extra: `pip install arize-phoenix` into an environment of its own, and
set AGOR_TEST_PHOENIX to the `phoenix` command there.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli
from tests.contract.waiting import eventually

PHOENIX = os.environ.get("AGOR_TEST_PHOENIX") or shutil.which("phoenix")


@contextmanager
def phoenix(folder: Path) -> Iterator[str]:
    """Its address. It listens on a port that was free a moment ago."""
    ports = []
    for _ in range(2):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            ports.append(str(free.getsockname()[1]))
    names = ("PHOENIX_WORKING_DIR", "PHOENIX_HOST", "PHOENIX_PORT", "PHOENIX_GRPC_PORT", "PHOENIX_TELEMETRY_ENABLED")
    env = dict(zip(names, (str(folder), "127.0.0.1", *ports, "false"), strict=True))
    process = subprocess.Popen(
        [str(PHOENIX), "serve"], env={**os.environ, **env}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield f"http://127.0.0.1:{ports[0]}"
    finally:
        process.kill()
        process.wait()


def asked(url: str) -> Any:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.loads(answer.read() or b"null")
    except (urllib.error.URLError, ValueError, ConnectionError):
        return None


@pytest.mark.timeout(180)
@pytest.mark.skipif(PHOENIX is None, reason="needs arize-phoenix, and AGOR_TEST_PHOENIX set to its command")
async def test_phoenix_shows_two_agents_with_four_tools_once(cli: Cli, session_id: str, tmp_path: Path) -> None:
    for prompt in ("one", "two"):
        ended = await asyncio.to_thread(cli, "prompt", session_id, prompt, "--follow", "--json")
        assert ended.code == 0, ended.err
    path = tmp_path / "past.jsonl"
    assert (await asyncio.to_thread(cli, "export", session_id, "-o", str(path))).code == 0
    with phoenix(tmp_path) as url:
        started = time.monotonic()
        await eventually(lambda: asked(f"{url}/v1/projects") is not None, 120)
        print(f"\nphoenix has started in {time.monotonic() - started:.0f} s")
        for _ in range(2):  # the second time it has these ids already
            ended = await asyncio.to_thread(cli, "otel", "--log", str(path), OTEL_EXPORTER_OTLP_ENDPOINT=url)
            assert (ended.code, ended.err) == (0, "agor-reactive: sent 2 turns\n")
        spans = f"{url}/v1/projects/default/spans?limit=100"
        await eventually(lambda: len((asked(spans) or {}).get("data", [])) >= 6, 20)
        found = asked(spans)["data"]
    assert Counter(span["span_kind"] for span in found) == {"AGENT": 2, "TOOL": 4}
    agents = {span["context"]["span_id"] for span in found if span["span_kind"] == "AGENT"}
    assert Counter(span["parent_id"] for span in found) == {None: 2, **dict.fromkeys(agents, 2)}
    assert {span["attributes"]["session.id"] for span in found} == {session_id}
