"""The lean transcript of today's daemon, as a client and a mirror see it."""

from __future__ import annotations

import agor_reactive as agor
from agor_reactive.daemon import EmbeddedDaemon


async def test_a_lean_mirror_has_history_without_tools_and_detail_on_demand() -> None:
    async with (
        EmbeddedDaemon(api_version="handshake", speed=500) as daemon,
        agor.create_client(daemon.url, api_key=daemon.api_key) as client,
    ):
        row = await client.service("sessions").create({"branch_id": daemon.workspace_id, "agentic_tool": "codex"})
        async with agor.retain_reactive_session(client, row.session_id, task_hydration="eager") as watching:
            await watching.ready()
            for text in ("first [chunks:3]", "second [chunks:3]"):
                await watching.prompt(text)
            async for state in watching.states():
                if len(state.tasks) == 2 and all(task.ended for task in state.tasks):
                    break
            whole = [message.message_id for message in state.messages_by_task[state.tasks[0].task_id]]
        async with agor.retain_reactive_session(client, row.session_id, task_hydration="lean") as handle:
            state = await handle.ready()
            first, second = state.tasks
            lean = state.messages_by_task[first.task_id]
            assert [message.message_id for message in lean] == whole
            assert all(message.content_preview == "" for message in lean)
            assert not state.get_task_tools(first.task_id)
            assert state.get_task_tools(second.task_id), "the newest is read whole"
            await handle.load_task_messages(first.task_id)
            assert [message.message_id for message in handle.state.messages_by_task[first.task_id]] == whole
            assert handle.state.get_task_tools(first.task_id)
