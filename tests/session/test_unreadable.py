"""What cannot be read leaves no hole: a lost event is made good by a read, a cut character by the next chunk."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agor_reactive.core.text import Run
from agor_reactive.models.wire import UNREADABLE, CutText
from tests.core.build import SID, task_row
from tests.session.world import OTHER, World

EMOJI = "😀"
HIGH, LOW = "\ud83d", "\ude00"


@pytest.mark.parametrize("named", [[SID], [], [OTHER, SID]], ids=["this session", "no session", "both"])
async def test_a_lost_event_is_counted_and_made_good_by_one_read(named: list[str]) -> None:
    world = World()
    await world.link.open()
    handle = world.registry.retain(SID)
    await handle.ready()
    reads = len(world.calls("sessions", "get"))
    world.tasks.append(task_row("t9", "completed", second=9))
    world.link.emit(UNREADABLE, {"session_ids": named})
    await world.settle(lambda: len(handle.state.tasks) == 3)
    await world.settle()
    assert [task.task_id for task in handle.state.tasks] == ["t0", "t1", "t9"]
    assert len(world.calls("sessions", "get")) == reads + 1
    assert handle.state.anomalies == {"unreadable events": 1}
    handle.release()


async def test_a_lost_event_of_another_session_is_no_reason_to_read() -> None:
    world = World()
    await world.link.open()
    handle = world.registry.retain(SID)
    await handle.ready()
    before = handle.state
    world.link.emit(UNREADABLE, {"session_ids": [OTHER]})
    await world.settle()
    assert handle.state is before
    handle.release()


async def test_one_lost_while_reading_causes_one_more_round() -> None:
    world = World()
    await world.link.open()
    handle = world.registry.retain(SID)
    held = world.link.hold("find", "messages")
    await world.settle(lambda: world.link.pending)
    world.link.emit(UNREADABLE, {"session_ids": [SID]})
    world.link.emit(UNREADABLE, {"session_ids": [SID]})
    world.tasks.append(task_row("t9", "completed", second=9))
    held()
    for call in tuple(world.link.pending):
        call.answer({"total": 0, "data": []})
    await world.settle(lambda: len(handle.state.tasks) == 3)
    assert len(world.calls("sessions", "get")) == 2
    assert handle.state.anomalies == {"unreadable events": 2}
    handle.release()


async def test_a_character_cut_between_two_chunks_is_whole_and_a_half_can_be_encoded() -> None:
    world = World()
    await world.link.open()
    handle = world.registry.retain(SID)
    await handle.ready()
    world.emit("messages streaming:chunk", message_id="mx", chunk=CutText("A\ufffd", f"A{HIGH}"), sequence=0)
    await world.settle(lambda: handle.state.streaming_messages)
    half = handle.state.streaming_messages["mx"]
    assert half.text == "A\ufffd"
    half.text.encode()
    world.emit("messages streaming:chunk", message_id="mx", chunk=CutText("\ufffdB", f"{LOW}B"), sequence=1)
    await world.settle(lambda: handle.state.streaming_messages["mx"] is not half)
    assert handle.state.streaming_messages["mx"].text == f"A{EMOJI}B"
    assert half.text == "A\ufffd", "a snapshot that is held does not change"
    handle.release()


@given(st.text(st.characters(codec=None)), st.lists(st.integers(0, 50)), st.integers(0, 50))
def test_text_in_chunks_is_the_text_whatever_the_cuts_and_reads(text: str, cuts: list[int], read: int) -> None:
    units = text.encode("utf-16-le", "surrogatepass")
    ends = [0, *sorted(2 * cut for cut in cuts if 2 * cut < len(units)), len(units)]
    pieces = [_unpaired(units[a:b]) for a, b in pairwise(ends)]
    runs = [Run()]
    for number, piece in enumerate(pieces):
        runs.append(runs[-1].append(piece, 1))
        if number == read:
            runs[-1].text.encode()
    assert runs[-1].text == units.decode("utf-16-le", "replace")
    for run in runs:
        run.text.encode()


def _unpaired(units: bytes) -> str:
    """A chunk as the standard decoder reads it: pairs as one character, halves as they are."""
    return units.decode("utf-16-le", "surrogatepass")
