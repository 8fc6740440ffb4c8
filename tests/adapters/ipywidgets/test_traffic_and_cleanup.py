"""Few messages, few bytes, none when nobody looks; and nothing left behind. Counted without a browser."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable

import ipywidgets
import pytest

from agor_reactive.adapters.ipywidgets import SessionView, cells, observe
from benchmarks.comms import Clock, Comms, reply
from tests.adapters.ipywidgets.scene import Shown, shown
from tests.core.build import SID
from tests.session.world import World


def widgets_alive() -> int:
    return len(ipywidgets.widgets.widget._instances)


async def test_b28_two_thousand_chunks_of_a_reply_of_40_kb_in_a_second_are_few_messages_and_bytes(
    say: Callable[[str], None],
) -> None:
    found = await reply(2_000, 40_000)
    say(
        f"2,000 chunks, 40,000 bytes, 1 s: {found.messages} comm messages, {found.sent:,} bytes"
        f" ({found.sent / found.size:.2f} times the reply)"
    )
    assert found.whole
    assert found.messages <= 25
    assert found.sent <= 3 * found.size


async def test_the_last_update_is_always_sent_and_an_idle_view_sends_nothing(comms: Comms, clock: Clock) -> None:
    async with shown(comms, clock) as scene:
        scene.world.chunk("first ", 0)
        await scene.world.settle()
        scene.world.chunk("last", 1)
        await scene.world.settle()
        clock.advance(0.1)
        for message in scene.new():
            scene.page.receive(message)
        assert scene.page.text().endswith("first last")
        before = comms.count()
        clock.advance(3600)
        await scene.world.settle()
        assert comms.count() == before


async def test_a_view_out_of_sight_is_told_nothing_and_subscribes_to_nothing(comms: Comms, clock: Clock) -> None:
    async with shown(comms, clock) as scene:
        latest = scene.handle.entry.snapshots
        assert latest.subscription_count == 1
        scene.say("rest")
        assert latest.subscription_count == 0
        before = comms.count()
        for number in range(50):
            scene.world.chunk(f"{number} ", number)
            await scene.world.settle(turns=2)
            clock.advance(0.2)
        assert comms.count() == before
        scene.say("wake")
        page = await scene.look()
        assert page.text().endswith("48 49 ")
        scene.say("bye")
        assert latest.subscription_count == 0


async def test_a_view_that_was_never_shown_sends_nothing_after_its_opening(comms: Comms, clock: Clock) -> None:
    world = World()
    await world.link.open()
    async with world.registry.retain(SID) as handle:
        await handle.ready()
        view = SessionView(handle, timers=clock)
        before = comms.count()
        world.chunk("text", 0)
        await world.settle()
        clock.advance(5)
        assert comms.count() == before
        assert handle.entry.snapshots.subscription_count == 0
        view.close()


async def test_a_page_that_is_gone_without_a_word_is_soon_told_less_and_then_nothing(
    comms: Comms, clock: Clock
) -> None:
    async with shown(comms, clock) as scene:
        for number in range(3000):
            scene.world.chunk(f"{number} ", number)
            await scene.world.settle(turns=2)
            clock.advance(0.1)
        sent = scene.new()
        assert len(sent) == 100
        for message in sent:
            scene.page.receive(message)
        scene.say("seen")
        page = await scene.look()
        assert page.text().endswith("2998 2999 ")


async def test_b30_a_hundred_views_leave_nothing_behind(comms: Comms, clock: Clock, say: Callable[[str], None]) -> None:
    world = World()
    await world.link.open()
    async with world.registry.retain(SID) as handle:
        await handle.ready()
        latest = handle.entry.snapshots
        before = (widgets_alive(), len(comms.open), latest.subscription_count, world.counts)
        gone = []
        for _ in range(100):
            view = SessionView(handle, timers=clock)
            view.receive({"op": "sync", "view": "page"})
            gone.append(weakref.ref(view))
            view.close()
            view.close()
        del view
        gc.collect()
        after = (widgets_alive(), len(comms.open), latest.subscription_count, world.counts)
        say(f"widgets, comms, subscriptions, (sinks, listeners, rooms, sessions, tasks, calls): {before} -> {after}")
        assert after == before
        assert not [ref for ref in gone if ref() is not None]
    gone_handle = weakref.ref(handle)
    del handle, latest
    await world.settle()
    gc.collect()
    assert gone_handle() is None


async def test_a_cell_run_a_hundred_times_has_one_view(
    comms: Comms, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World()
    await world.link.open()
    async with world.registry.retain(SID) as handle:
        await handle.ready()
        baseline = (widgets_alive(), len(comms.open))
        runs: list[int] = []
        monkeypatch.setattr(cells, "_running_cell", lambda: ("cell-1", f"run-{len(runs)}"))
        for number in range(100):
            runs.append(number)
            views = [SessionView(handle, timers=clock), SessionView(handle, timers=clock)]
            views[0].receive({"op": "sync", "view": "page"})
        assert [view.closed for view in views] == [False, False]
        # A view and its layout, twice.
        assert (widgets_alive(), len(comms.open)) == (baseline[0] + 4, baseline[1] + 4)
        assert handle.entry.snapshots.subscription_count == 1
        for view in views:
            view.close()
        assert (widgets_alive(), len(comms.open)) == baseline


async def test_b27_a_view_of_a_loop_in_another_thread_is_fed_on_that_loop_and_prints_nothing(
    comms: Comms, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    ready = threading.Event()
    found: list[Shown] = []
    ending: list[asyncio.Event] = []

    async def elsewhere() -> None:
        async with shown(comms, clock) as scene:
            found.append(scene)
            ending.append(asyncio.Event())
            ready.set()
            await ending[0].wait()

    thread = threading.Thread(target=lambda: asyncio.run(elsewhere()))
    thread.start()
    assert await asyncio.to_thread(ready.wait, 10)
    scene = found[0]
    loop = scene.handle.entry.loop

    async def stream() -> None:
        for number in range(100):
            scene.world.chunk(f"{number} ", number)
        await scene.look()

    try:
        scene.say("sync", "second")
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(stream(), loop))
        assert scene.page.text().endswith("98 99 ")
    finally:
        loop.call_soon_threadsafe(ending[0].set)
        await asyncio.to_thread(thread.join, 10)
    assert capsys.readouterr().out == ""


async def test_observe_sets_what_changed_ten_times_a_second_at_most_and_ends_with_its_widget(
    comms: Comms, clock: Clock
) -> None:
    async with shown(comms, clock) as scene:
        progress, label = ipywidgets.IntProgress(max=1000), ipywidgets.Label()
        length = observe(
            scene.handle, progress, lambda s: sum(len(x.text) for x in s.get_streaming_messages()), timers=clock
        )
        observe(scene.handle, label, lambda state: str(len(state.tasks)), trait="description", timers=clock)
        values = []
        progress.observe(lambda change: values.append(change["new"]), "value")
        labels = comms.count()[0]
        for number in range(100):
            scene.world.chunk("x", number)
            await scene.world.settle(turns=2)
            clock.advance(0.01)
        clock.advance(1)
        assert progress.value == 100
        assert 8 <= len(values) <= 11
        assert label.description == "2"
        assert comms.count()[0] - labels <= 25
        assert scene.handle.entry.snapshots.subscription_count == 3
        progress.close()
        scene.world.chunk("x", 100)
        await scene.world.settle()
        clock.advance(1)
        assert scene.handle.entry.snapshots.subscription_count == 2
        length()
        label.close()
