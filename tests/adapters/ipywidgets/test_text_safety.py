"""What models, tools, titles and errors say is text: on the way to the page, on the page, in a saved notebook."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import Any

import pytest

from agor_reactive.adapters.presentation.transcript import transcript
from benchmarks.comms import Clock, Comms
from tests.adapters.ipywidgets.scene import shown
from tests.core.build import message_row, task_row
from tests.session.world import World

EVIL = "<img src=x onerror=alert(1)></script><!-- ![x](http://evil.example/x.png) \x1b]0;title\x07\x1b[31mred\x1b[0m"
STATIC = files("agor_reactive.adapters.page") / "static"


def evil_world() -> World:
    world = World()
    use = {"type": "tool_use", "id": "u1", "name": EVIL, "input": {EVIL: EVIL}}
    result = {"type": "tool_result", "tool_use_id": "u1", "content": EVIL, "is_error": True}
    world.tasks = [task_row("t0", "failed", full_prompt=EVIL, error_message=EVIL, duration_ms=5)]
    world.messages = [
        message_row("m0", "t0", 0, role="user", content=EVIL + " once more"),
        message_row("m1", "t0", 1, content=[{"type": "text", "text": EVIL}, use, {"type": EVIL}]),
        message_row("m2", "t0", 2, content=[result]),
        message_row("m3", "t0", 3, type="permission_request", content={"tool_name": EVIL, "status": EVIL}),
        message_row("m4", "t0", 4, type="system", role="system", content=EVIL),
    ]
    return world


def strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for item in value.items() for text in strings(item)]
    return [text for item in value for text in strings(item)] if isinstance(value, list | tuple) else []


async def test_b31_b32_what_reaches_a_page_is_data_without_control_codes(comms: Comms, clock: Clock) -> None:
    async with shown(comms, clock, evil_world()) as scene:
        scene.say("tool", task="t0", tool="u1")
        said = strings([data for *_, data, _ in comms.sent if data.get("method") == "custom"])
        assert sum("onerror" in text for text in said) >= 8
        assert not [text for text in said if re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", text)]


async def test_b31_a_saved_notebook_holds_no_end_of_script_and_reads_well(comms: Comms, clock: Clock) -> None:
    async with shown(comms, clock, evil_world()) as scene:
        saved = json.dumps({name: getattr(scene.view, name) for name in ("_esm", "_css", "text")})
        assert not re.search(r"</?script|<!--", saved, re.IGNORECASE)
        bundle = scene.view._repr_mimebundle_()
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        assert "application/vnd.jupyter.widget-view+json" in data
        assert "\x1b" not in data["text/plain"]
        assert "red" in data["text/plain"]


@pytest.mark.parametrize("name", sorted(path.name for path in STATIC.iterdir() if path.name.endswith(".js")))
def test_b31_the_page_makes_nothing_of_text_but_text(name: str) -> None:
    source = (STATIC / name).read_text(encoding="utf-8")
    for forbidden in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
        assert forbidden not in source
    # What is joined of modules imports nothing more (`test_script`).
    source = re.sub(r'^import \{[^}]*\} from "\./\w+\.js";$', "", source, flags=re.MULTILINE)
    assert not re.search(r"\bimport\b\s*[({\"'*]|\bfetch\(|XMLHttpRequest|\.src\s*=|\.href\s*=|\bsrcset\b", source)


@pytest.mark.parametrize(
    ("raw", "read"),
    [("\x1b[31mred\x1b[0m", "red"), ("\x1b[?25lx", "x"), ("Work\rDone", "Done"), (["a\x1b[3", "1mb\x1b[0m"], "ab")],
)
async def test_b32_the_state_keeps_what_came_and_the_page_shows_what_it_means(
    comms: Comms, clock: Clock, raw: str | list[str], read: str
) -> None:
    async with shown(comms, clock) as scene:
        pieces = [raw] if isinstance(raw, str) else raw
        for number, piece in enumerate(pieces):
            scene.world.chunk(piece, number)
            await scene.look()
        assert scene.page.parts["t1"]["mx/text"][1] == read
        stream = scene.handle.state.get_streaming_message("mx")
        assert stream is not None
        assert stream.text == "".join(pieces)


async def test_a_transcript_of_a_long_session_keeps_its_end(comms: Comms, clock: Clock) -> None:
    world = World()
    world.messages = [message_row("m1", "t1", 1, content="word " * 20_000 + "the end")]
    async with shown(comms, clock, world) as scene:
        text = transcript(scene.handle.state)
        assert len(text) < 31_000
        assert "the end" in text
