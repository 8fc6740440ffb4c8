"""One long story, told to all daemons at once because it takes as long as tokens live: logins that expire ten times."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import agor_reactive as agor
from tests.contract.daemons import Daemon, running
from tests.contract.scene import Scene, workspace_field
from tests.contract.waiting import eventually

__all__ = ["EXPIRIES", "LIFE", "outcomes"]

LIFE = 2  # seconds that an access token lives, where the daemon lets us say so: renewed in the middle of it
EXPIRIES = 10


async def _ten_expiries(daemon: Daemon) -> None:
    """Chunks are posted over REST all the while; the live client must hear each once, on one connection."""
    async with (
        agor.create_client(daemon.url, api_key=daemon.api_key) as client,
        agor.create_async_rest_client(daemon.url, api_key=daemon.api_key) as rest,
    ):
        scene = Scene(client, daemon, await workspace_field(client, daemon.access.workspace_id))
        session = await scene.session()
        task = await scene.running_task(session.session_id)
        handle = agor.retain_reactive_session(client, session.session_id, task_hydration="eager")
        await handle.ready()
        epoch = client.status.epoch
        message = str(uuid.uuid4())
        ids = {"session_id": session.session_id, "message_id": message, "task_id": task.task_id}
        heard: list[int] = []
        topic = "messages streaming:chunk"
        client.events.subscribe(lambda event: heard.append(event.payload["sequence"]) if event.topic == topic else None)
        post = rest.service("messages/streaming").create
        ends = time.monotonic() + EXPIRIES * LIFE
        sent = 0
        while time.monotonic() < ends:
            await post({"event": "streaming:chunk", "data": {**ids, "chunk": f"{sent} ", "sequence": sent}})
            sent += 1
        await post({"event": "streaming:end", "data": {**ids, "sequence": sent}})
        await eventually(lambda: not handle.state.get_streaming_message(message).streaming)
        stream = handle.state.get_streaming_message(message)
        assert heard == list(range(sent))
        assert stream.text == "".join(f"{number} " for number in range(sent))
        assert stream.complete
        assert client.status.epoch == epoch, "the socket was replaced"
        handle.release()


def outcomes(names: Sequence[str], folder: Path) -> Mapping[str, BaseException | None]:
    """What became of the story at each daemon: None, or what it ended with (a failure, or a skip)."""
    ended: dict[str, BaseException | None] = {}
    with contextlib.ExitStack() as stack:
        daemons: list[Daemon] = []
        for name in names:
            try:
                daemons.append(stack.enter_context(running(name, folder / name, token_life=LIFE)))
            except pytest.skip.Exception as skipped:
                ended[name] = skipped

        async def all_at_once() -> list[Any]:
            return await asyncio.gather(*(_ten_expiries(daemon) for daemon in daemons), return_exceptions=True)

        # On a thread of its own: pytest-asyncio owns the loop of this one.
        with ThreadPoolExecutor(1) as pool:
            results = pool.submit(asyncio.run, all_at_once()).result()
        ended.update({daemon.name: result for daemon, result in zip(daemons, results, strict=True)})
    return ended
