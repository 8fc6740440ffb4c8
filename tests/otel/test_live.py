"""Turns of a live session become spans once, over cut connections, with the waits for permissions in them."""

from __future__ import annotations

import agor_reactive as agor
from agor_reactive.daemon import EmbeddedDaemon
from agor_reactive.models.outcome import PermissionNeeded
from tests.contract.waiting import eventually
from tests.otel.rows import Sent, about


async def cut(daemon: EmbeddedDaemon, client: agor.Client) -> None:
    """Cut the connection, and wait for the next one."""
    before = client.status.epoch
    await daemon.cut_all()
    await eventually(lambda: client.status.phase == "live" and client.status.epoch > before)


async def test_each_turn_is_one_trace_over_cut_connections_with_its_permission_wait() -> None:
    sent = Sent()
    async with (
        EmbeddedDaemon(speed=20) as daemon,
        agor.create_client(daemon.url, api_key=daemon.api_key) as client,
    ):
        place = {"branch_id": daemon.workspace_id, "agentic_tool": "claude-code"}
        session = await client.service("sessions").create(place)
        async with agor.retain_reactive_session(client, session.session_id, task_hydration="lean") as handle:
            sent.telemetry.observe(handle.snapshots)
            for number, allow in enumerate((True, False), 1):
                outcome = await handle.ask("[permission] [tools:1] [say:Yes.]")
                assert isinstance(outcome, PermissionNeeded)
                await (outcome.requests[0].approve() if allow else outcome.requests[0].deny("no"))
                await cut(daemon, client)
                await eventually(lambda number=number: len(sent.named("invoke_agent")) == number)
            await cut(daemon, client)
            assert (await handle.ask("[tools:0] [say:Yes.]")).text == "Yes."
            await eventually(lambda: len(sent.named("invoke_agent")) == 3)
    agents, tools = sent.named("invoke_agent"), sent.named("execute_tool")
    assert (len(agents), len(tools), len(sent.spans)) == (3, 2, 5)
    assert len({about(span)["agor.task.id"] for span in agents}) == 3
    waits = [[event for event in span.events if event.name == "agor.permission.wait"] for span in agents]
    assert [[(event.attributes or {})["agor.permission.status"] for event in found] for found in waits] == [
        ["approved"],
        ["denied"],
        [],
    ]
    assert [about(tool).get("error.type") for tool in tools] == [None, "denied"]
