"""`permissions dry-run`: the verdicts of a policy on a log, by tool."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson

from tests.cli.conftest import Cli
from tests.core.build import SID, message_row, task_row


def written(path: Path) -> Path:
    """A log with requests of three tools, one of which has a name that would move a cursor."""
    events: list[tuple[str, Any]] = [("tasks created", task_row("t1"))]
    for number, tool in enumerate(("Read", "Read", "Bash", "mcp__\x1b[2Jx")):
        content = {"request_id": f"r{number}", "status": "pending", "tool_name": tool, "tool_input": {"n": number}}
        row = message_row(f"m{number}", "t1", number, type="permission_request", role="system", content=content)
        events += [
            ("messages created", row),
            ("messages patched", {**row, "content": {**content, "status": "approved"}}),
        ]
    records = [{"agor_log": 1, "kind": "header", "t": 1.0, "log_id": "a", "part": 1}]
    mirror = {"kind": "mirror", "mirror": 1, "session_id": SID, "hydration": "eager", "state": None}
    records.append({"n": 1, "t": 1.0, **mirror})
    for n, (topic, payload) in enumerate(events, 2):
        records.append({"n": n, "t": float(n), "kind": "event", "topic": topic, "payload": payload})
    path.write_bytes(b"".join(orjson.dumps(record) + b"\n" for record in records))
    return path


def test_a_dry_run_says_what_would_have_been_approved(cli: Cli, tmp_path: Path) -> None:
    log = str(written(tmp_path / "log.jsonl"))
    shown = cli("permissions", "dry-run", log, "--approve", "Re*", "--approve", "Grep")
    assert shown.code == 0
    assert [line.split() for line in shown.out.splitlines()[:3]][:2] == [
        ["1", "left", "Bash"],
        ["2", "approved", "Read"],
    ]
    assert shown.out.splitlines()[-1] == "would have approved 2 of 4, 2 left to a person"
    assert "\x1b" not in shown.out
    lines = [
        json.loads(line) for line in cli("permissions", "dry-run", log, "--approve", "Bash", "--json").out.splitlines()
    ]
    assert [(line["request_id"], line["verdict"], line["at"]) for line in lines if line["verdict"] == "approved"] == [
        ("r2", "approved", 7.0)
    ]


def test_a_dry_run_needs_a_log_and_a_tool(cli: Cli, tmp_path: Path) -> None:
    assert cli("permissions", "dry-run", str(written(tmp_path / "log.jsonl"))).code == 2
    missing = cli("permissions", "dry-run", str(tmp_path / "no.jsonl"), "--approve", "Read")
    assert missing.code == 2
    assert "Traceback" not in missing.err
