"""One long test, run on all daemons at once because it waits for token expiry: logins that expire ten times."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import agor_reactive as agor
from tests.contract.daemons import Daemon, running
from tests.contract.scene import opened_scene
from tests.contract.waiting import eventually

__all__ = ["EXPIRIES", "LIFE", "outcomes"]

LIFE = float(os.environ.get("AGOR_CONTRACT_TOKEN_LIFE", "2"))
"""Seconds that an access token lives, where the daemon lets us say so: renewed in the middle of it."""

EXPIRIES = 10


async def _ten_expiries(daemon: Daemon) -> None:
    """Chunks are posted over REST all the while; the live client must receive each once, on one connection."""
    async with (
        agor.create_client(daemon.url, **daemon.credentials()) as client,
        agor.create_async_rest_client(daemon.url, api_key=daemon.api_key) as rest,
        opened_scene(client, daemon, member=rest) as scene,
    ):
        session = await scene.session()
        task = await scene.running_task(session.session_id)
        async with agor.retain_reactive_session(client, session.session_id, task_hydration="eager") as handle:
            await handle.ready()
            epoch = client.status.epoch
            message = str(uuid.uuid4())
            ids = {"session_id": session.session_id, "message_id": message, "task_id": task.task_id}
            received: list[int] = []

            def hear(event: Any) -> None:
                if event.topic == "messages streaming:chunk" and event.payload.get("message_id") == message:
                    received.append(event.payload["sequence"])

            client.events.subscribe(hear)
            ends = time.monotonic() + EXPIRIES * (daemon.token_life or LIFE)
            sent = 0
            while time.monotonic() < ends:
                await scene.say("streaming:chunk", **ids, chunk=f"{sent} ", sequence=sent)
                sent += 1
                # One at a time: as fast as this daemon and this machine are, whatever the life of a token.
                await eventually(lambda expected=sent: len(received) >= expected, what=f"chunk {sent - 1}")
            await scene.say("streaming:end", **ids, sequence=sent)
            await eventually(lambda: not handle.state.get_streaming_message(message).streaming)
            stream = handle.state.get_streaming_message(message)
            assert received == list(range(sent))
            assert stream.text == "".join(f"{number} " for number in range(sent))
            assert stream.complete
            assert client.status.epoch == epoch, "the socket was replaced"
            await _reconnects_with_a_fresh_token(daemon, client, handle)


async def _reconnects_with_a_fresh_token(daemon: Daemon, client: Any, handle: Any) -> None:
    """The token of the first connect is invalid by now."""
    if daemon.process is None:
        return
    epoch = client.status.epoch
    await asyncio.to_thread(daemon.order, "kick")
    await eventually(lambda: client.status.phase == "live" and client.status.epoch > epoch, 20)
    await eventually(lambda: handle.state.connected and not handle.state.loading)


def outcomes(names: Sequence[str], folder: Path) -> Mapping[str, BaseException | None]:
    """The result for each daemon: None, or the failure or skip that ended it."""
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

        # On another thread, because pytest-asyncio owns the loop of this one.
        with ThreadPoolExecutor(1) as pool:
            results = pool.submit(asyncio.run, all_at_once()).result()
        ended.update({daemon.name: result for daemon, result in zip(daemons, results, strict=True)})
    return ended
