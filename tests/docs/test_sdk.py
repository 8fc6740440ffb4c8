"""Each line of the table of manners links to tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
LINK = re.compile(r"\[`(test_\w+)`\]\((\.\./tests/[\w/]+\.py)\)")


def test_every_line_of_the_table_of_manners_links_to_a_test_that_exists() -> None:
    lines = [line for line in (DOCS / "sdk.md").read_text("utf-8").splitlines() if line.startswith("| ")][2:]
    assert len(lines) >= 20
    for line in lines:
        links = LINK.findall(line.split(" | ")[-1])
        assert links, line
        for name, path in links:
            assert re.search(rf"^(async )?def {name}\(", (DOCS / path).read_text("utf-8"), re.MULTILINE), name
