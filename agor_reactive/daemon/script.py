"""The scripted agent's reply: a pure plan made from a prompt and a random generator.

Directives in square brackets choose the behaviour, anywhere in the prompt:

    [fail]              the text stops midway, the task fails with an error_message
    [crash]             the executor disappears midway, without a message
    [slow]              the text continues slowly until the session is stopped
    [tools:N]           N tools (default 2)
    [chunks:N]          exactly N chunks in the closing text
    [hold]              the agent does nothing until the task is stopped, completed or failed
    [stubborn]          a stop is answered as pending, and the task ends a little later (`handshake` only)
    [permission]        asks for permission before the first tool
    [lossy-permission]  the same, and the first decision is not delivered (`handshake` only)
    [shuffle]           chunks are sent out of order and some twice, with correct numbers
    [unnumbered]        chunks carry no sequence
    [say:TEXT]          the closing text is TEXT

Knows no clock, no loop, no rows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random
from typing import Any

__all__ = ["Plan", "ToolCall", "is_stubborn", "plan"]

_DIRECTIVE = re.compile(
    r"\[(?:(fail|crash|slow|hold|stubborn|permission|lossy-permission|shuffle|unnumbered|tools:\d{1,9}|chunks:\d{1,9})\]"
    r"|(say:[^\]]*)(?:\]|\Z))"  # to the end where it is not closed, so that no text is looked at twice
)
_MAX_TOOLS = 200
_MAX_CHUNKS = 100_000


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One tool call: its input and output."""

    name: str
    input: dict[str, Any]
    output: str


@dataclass(frozen=True, slots=True)
class Plan:
    """One reply, planned in advance. `numbered` pairs (sequence, chunk) are in the order of sending."""

    thinking: tuple[str, ...]
    opening: tuple[str, ...]
    tools: tuple[ToolCall, ...]
    closing: tuple[str, ...]
    sending: tuple[tuple[int, str], ...]
    numbered: bool
    asks: bool
    lossy: bool
    slow: bool
    holds: bool
    ending: str


def plan(prompt: str, rng: Random) -> Plan:
    """Make the plan that answers `prompt`."""
    words = _directives(prompt)
    topic = " ".join(_DIRECTIVE.sub("", prompt).split()) or "this"
    asks = "permission" in words or "lossy-permission" in words
    tools = min(int(words.get("tools") or 2), _MAX_TOOLS) if "tools" in words or not asks else 1
    closing = _chunks(words["say"] if "say" in words else _answer(topic, rng), rng)
    if "chunks" in words:
        closing = _resized(closing, min(int(words["chunks"]), _MAX_CHUNKS))
    sending = tuple(enumerate(closing))
    return Plan(
        thinking=_chunks(rng.choice(_THOUGHTS).format(topic=_short(topic)), rng),
        opening=_chunks(rng.choice(_OPENINGS), rng) if tools else (),
        tools=tuple(_tool(number, rng) for number in range(tools)),
        closing=closing,
        sending=_shuffled(sending, rng) if "shuffle" in words else sending,
        numbered="unnumbered" not in words,
        asks=asks and tools > 0,
        lossy="lossy-permission" in words,
        slow="slow" in words,
        holds="hold" in words,
        ending="crash" if "crash" in words else "fail" if "fail" in words else "complete",
    )


def is_stubborn(prompt: str) -> bool:
    """Whether the task of a prompt stops with a delay."""
    return "stubborn" in _directives(prompt)


def _directives(prompt: str) -> dict[str, str]:
    found = (word or saying for word, saying in _DIRECTIVE.findall(prompt))
    return {text.partition(":")[0]: text.partition(":")[2] for text in found}


def _chunks(text: str, rng: Random) -> tuple[str, ...]:
    """Cut a text as a model streams it: a few characters to a few words at a time."""
    pieces = re.findall(r"\s*\S+\s?", text[: len(text.rstrip()) + 1]) or [text]
    found: list[str] = []
    at = 0
    while at < len(pieces):
        size = rng.choice((1, 1, 1, 2, 2, 3))
        found.append("".join(pieces[at : at + size]))
        at += size
    return tuple(found)


def _resized(chunks: tuple[str, ...], count: int) -> tuple[str, ...]:
    return tuple(chunks[number % len(chunks)] for number in range(count))


def _shuffled(sending: tuple[tuple[int, str], ...], rng: Random) -> tuple[tuple[int, str], ...]:
    # Requests race within a short window, so chunks move only a few places.
    found: list[tuple[int, str]] = []
    for start in range(0, len(sending), 4):
        window = list(sending[start : start + 4])
        rng.shuffle(window)
        found.extend(window)
        if rng.random() < 0.3:
            found.append(window[0])
    return tuple(found)


def _short(topic: str) -> str:
    return topic if len(topic) <= 80 else topic[:77] + "..."


def _tool(number: int, rng: Random) -> ToolCall:
    passed, seconds = rng.randint(12, 48), rng.randint(11, 97)
    stock = "src/inventory/stock.py"
    kinds = (
        ToolCall("Read", {"file_path": stock}, "def reserve(stock, sku, count):\n    ..."),
        ToolCall("Bash", {"command": "pytest -q tests/inventory"}, f"{passed} passed in 0.{seconds}s"),
        ToolCall("Grep", {"pattern": "reserve(", "path": "src"}, f"src/orders/checkout.py:41\n{stock}:12"),
        ToolCall(
            "Edit",
            {"file_path": stock, "old_string": "if count > have", "new_string": "if count > have - held"},
            "1 replacement made",
        ),
    )
    return kinds[number % len(kinds)]


_THOUGHTS = (
    "The request is: {topic}. I should look at the code before I promise anything, then run the tests that cover it.",
    "So the question is {topic}. Let me find where that lives, check what the tests say, and keep the change small.",
    "For {topic} I need two things: the place where it happens and proof that nothing else moved.",
)
_OPENINGS = (
    "Let me look at the code first, then run its tests.",
    "I'll start with the file that does this and check what covers it.",
    "First a look around, then the tests.",
)
_ANSWERS = (
    "## Done\n\nI looked into **{topic}**. The heart of it is `reserve()` in `src/inventory/stock.py`: it compared the "
    "wanted amount with the whole stock and forgot what other orders already held.\n\n"
    "What I changed:\n\n- held items now count as taken, in one place\n- a short error names the item and what is "
    "left\n- two tests cover the last item and a sold-out one\n\n"
    "```python\ndef available(stock, sku):\n    return stock.have(sku) - stock.held(sku)\n```\n\n"
    "All tests of the package pass. If you like, I can use the same helper in the nightly report, which does its own "
    "sum and is off by the held items too.\n",
    "Here is what I found about **{topic}**.\n\n1. The checkout asks for stock twice, and the two answers can "
    "differ.\n2. Nothing was locked between them, so two buyers could take the same last piece.\n3. The tests never "
    "ran both at once, which is why they were green.\n\n"
    "I now ask once and pass the answer on:\n\n```python\nlines = [stock.reserve(item.sku, item.count) for item in "
    "basket]\n```\n\nThe suite passes, and the new test fails on the old code. Nothing else was touched; the diff is "
    "twenty lines and reads top to bottom.\n",
    "### Summary\n\nFor **{topic}** I read the module, ran its tests, and kept the change to one function.\n\n"
    "| before | after |\n| --- | --- |\n| three look-ups per order | one |\n| error without the item's name | error "
    "names it |\n\nTwo things I left alone on purpose: the retry in the mail queue, because it hides a real fault you "
    "may want to see, and the old report, because nobody calls it any more.\n\n"
    "Next I would add an index on `orders.sku`; the slow page spends most of its time there.\n",
)


def _answer(topic: str, rng: Random) -> str:
    return rng.choice(_ANSWERS).format(topic=_short(topic))
