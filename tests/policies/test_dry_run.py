"""`dry_run` judges every request of a log, of all its sessions, and answers none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import agor_reactive as agor
from agor_reactive import logs
from agor_reactive.daemon import EmbeddedDaemon
from agor_reactive.models.outcome import PermissionNeeded
from agor_reactive.policies import approve_if, dry_run, requests_of
from agor_reactive.session.permissions import PendingPermission


async def test_a_recorded_session_says_what_a_policy_would_have_approved(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl.zst"
    async with EmbeddedDaemon(speed=100) as daemon, agor.create_client(daemon.url, api_key=daemon.api_key) as client:
        branch = (await client.service("branches").find())[0]
        row: Any = {"branch_id": branch.branch_id, "agentic_tool": "claude-code"}
        session = await client.service("sessions").create(row)
        async with agor.retain_reactive_session(client, session.session_id) as handle:
            asked = await handle.ask("[permission]", timeout=20)  # pending when the recording begins
            assert isinstance(asked, PermissionNeeded)
            async with agor.record(handle, path):
                async with approve_if(handle, lambda request: True) as policy:
                    await handle.wait(asked.task.task_id, timeout=20, at_permission=False)
                    for _ in range(2):
                        await handle.ask("[permission]", timeout=20, at_permission=False)
                assert policy.approved == 3
    log = logs.open(path)
    found = list(requests_of(log))
    assert len({request.request_id for _, request in found}) == len(found) == 3
    names = [request.tool_name for _, request in found]

    def reads(request: PendingPermission) -> bool:
        return request.tool_name == names[0]

    result = dry_run(reads, log)
    assert str(result).startswith(f"would have approved {names.count(names[0])} of 3")
    assert [one.verdict == "approved" for one in result.decisions] == [name == names[0] for name in names]

    async def fails(request: PendingPermission) -> bool:
        raise KeyError("path")

    assert str(dry_run(fails, log)) == "would have approved 0 of 3, denied 3 (3 because the predicate failed)"
    assert str(dry_run(lambda request: False, log, otherwise="deny")) == "would have approved 0 of 3, denied 3"
    assert str(dry_run(lambda request: False, [request for _, request in found])) == (
        "would have approved 0 of 3, 3 left to a person"
    )
