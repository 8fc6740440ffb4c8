"""The report's own patches: what `documents.js` applies and compares, against the patches of Python."""

from __future__ import annotations

import random
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest

from agor_reactive.adapters.page.document import Document, Part
from agor_reactive.adapters.page.patch import EMPTY, patch
from tests.notebook.browser import in_browser

if TYPE_CHECKING:
    from playwright.async_api import Browser

pytestmark = in_browser()

WORDS = ["a", "b", "😀", "é", "\n", "word ", "<b>", "日本"]
CHECK = """([patches, wanted]) => {
  const text = (more) => more ?? "";
  const plain = (list) => list.order.map((key) => [key, list.items.get(key)]);
  const flat = ({ head, tasks, parts, queue }) => JSON.stringify([
    Object.entries(head).sort(), plain(tasks),
    [...parts].map(([key, list]) => [key, plain(list)]).filter(([, rows]) => rows.length).sort(), queue,
  ]);
  const documents = [];
  for (const each of patches) documents.push(applied(documents.at(-1) ?? BLANK, each, text));
  const wrong = [];
  const sorted = (value) => JSON.stringify(value, (_, found) =>
    found && typeof found === "object" && !Array.isArray(found) ? Object.entries(found).sort() : found);
  documents.forEach((each, at) => {
    if (sorted(JSON.parse(flat(each))) !== sorted(wanted[at])) wrong.push([at, flat(each), JSON.stringify(wanted[at])]);
  });
  for (const from of documents) for (const to of documents) {
    const change = JSON.parse(JSON.stringify(difference(from, to)));
    const got = applied(from, change, text);
    if (sorted(JSON.parse(flat(got))) !== sorted(JSON.parse(flat(to)))) {
      wrong.push([flat(from), JSON.stringify(change), flat(to)]);
    }
    if (from === to && Object.keys(change).length) wrong.push(change);
  }
  return wrong;
}"""


def documents(seed: int) -> list[Document]:
    """A history of documents: rows come, change, move and go; texts grow, shrink and are replaced."""
    dice = random.Random(seed)

    def said() -> str:
        return "".join(dice.choices(WORDS, k=dice.randrange(6)))

    made: list[Document] = []
    tasks: dict[str, dict[str, Any]] = {}
    parts: dict[str, dict[str, Part]] = {}
    for _ in range(14):
        tasks = {key: dict(row) for key, row in tasks.items() if dice.random() > 0.12}
        parts = {key: dict(rows) for key, rows in parts.items() if key in tasks or not key}
        for key in dice.sample("uvwxyz", 2):
            tasks[key] = {**tasks.get(key, {}), "prompt": said(), "tools": dice.randrange(3)}
            rows = parts.setdefault(dice.choice([key, ""]), {})
            part = rows.get("p1", Part({}))
            text = dice.choice([part.text + said(), part.text[: dice.randrange(4)], said()])
            rows[dice.choice(["p1", "p2", "p3"])] = Part({"kind": "text", "live": dice.random() > 0.5}, text)
            if dice.random() > 0.7:
                rows.pop(dice.choice(list(rows)))
        order = list(tasks)
        if dice.random() > 0.6:
            dice.shuffle(order)
        tasks = {key: tasks[key] for key in order}
        queue = tuple((key, said()) for key in dice.sample("qrs", dice.randrange(3)))
        head = {"title": said(), "notes": [["bad", said()]], "busy": dice.random() > 0.5}
        made.append(Document(head, tasks, {key: dict(rows) for key, rows in parts.items()}, queue))
    return made


def flat(document: Document) -> list[Any]:
    rows = [
        [task, [[key, {"fields": part.fields, "text": part.text}] for key, part in parts.items()]]
        for task, parts in sorted(document.parts.items())
        if parts and (not task or task in document.tasks)
    ]
    queue = [list(row) for row in document.queue]
    return [
        sorted([key, value] for key, value in document.head.items()),
        [list(t) for t in document.tasks.items()],
        rows,
        queue,
    ]


@pytest.mark.parametrize("seed", range(12))
async def test_patches_lead_from_every_document_to_every_other(browser: Browser, seed: int) -> None:
    made = documents(seed)
    patches = [patch(old, new) for old, new in zip([EMPTY, *made], made, strict=False)]
    source = (files("agor_reactive.adapters.page") / "static" / "documents.js").read_text(encoding="utf-8")
    page = await browser.new_page()
    try:
        await page.add_script_tag(content=source.replace("export ", ""))
        assert await page.evaluate(CHECK, [patches, [flat(each) for each in made]]) == []
    finally:
        await page.close()
