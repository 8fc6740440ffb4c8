"""A handle of `connect()`, whose loop lives on a thread of its own, in a view."""

from __future__ import annotations

import asyncio
import time

import agor_reactive as agor
from agor_reactive.adapters.ipywidgets import SessionView
from agor_reactive.daemon import EmbeddedDaemon
from benchmarks.comms import Comms, Page


async def test_a_handle_without_await_is_shown_and_prompted_from_its_page(comms: Comms) -> None:
    async with EmbeddedDaemon(speed=20) as daemon:
        page = await asyncio.to_thread(watch, comms, daemon.url, daemon.api_key or "", daemon.workspace_id)
    assert [row["status"] for row in page.tasks.values()] == ["completed"]
    assert "Hello there" in page.text()


def watch(comms: Comms, url: str, key: str, place: str) -> Page:
    with agor.connect(url, api_key=key) as client:
        session = client.service("sessions").create({"branch_id": place, "agentic_tool": "codex", "title": "Plain"})
        with client.retain(session.session_id) as handle:
            handle.ready()
            assert "Plain" in handle._repr_mimebundle_()["text/plain"]
            view = SessionView(handle.live)
            view.receive({"op": "sync", "view": "page"})
            view.receive({"op": "prompt", "text": "Hi [tools:0] [say:Hello there]", "action": "one"})
            handle.wait_for(lambda state: state.tasks and state.tasks[0].ended, timeout=20)
            end = time.monotonic() + 10
            while time.monotonic() < end:
                page = Page()
                for message in comms.customs():
                    page.receive(message)
                if [row["status"] for row in page.tasks.values()] == ["completed"] and page.text():
                    break
                time.sleep(0.02)
            view.close()
            return page
