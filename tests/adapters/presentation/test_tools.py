"""Tool calls: summaries, data as text, durations."""

from __future__ import annotations

from typing import Any

import pytest

from agor_reactive.adapters.presentation.tools import input_summary, input_text, result_text
from agor_reactive.models.base import freeze


@pytest.mark.parametrize(
    ("name", "given", "shown"),
    [
        ("Bash", {"command": "ls -la", "description": "List files", "timeout": 3}, "ls -la"),
        ("shell", {"command": ["bash", "-lc", "ls | wc"]}, "ls | wc"),
        ("shell", {"command": ["git", "commit", "-m", "two words"]}, "git commit -m 'two words'"),
        ("Read", {"file_path": "/a/b.py", "offset": 3, "limit": 9}, "/a/b.py"),
        ("read", {"filePath": "/a/b.py"}, "/a/b.py"),
        ("Write", {"content": "x = 1", "file_path": "/a/b.py"}, "/a/b.py"),
        ("Edit", {"file_path": "/a/b.py", "old_string": "x", "new_string": "y"}, "/a/b.py"),
        ("NotebookEdit", {"notebook_path": "/a/n.ipynb", "new_source": "1"}, "/a/n.ipynb"),
        ("Grep", {"path": "src", "pattern": "def \\w+", "output_mode": "content"}, "def \\w+ in src"),
        ("Grep", {"pattern": "TODO", "glob": "*.py"}, "TODO in *.py"),
        ("Grep", {"pattern": "TODO", "path": "src", "glob": "*.py"}, "TODO in src/*.py"),
        ("Glob", {"pattern": "**/*.ts", "path": "web"}, "**/*.ts in web"),
        ("Glob", {"pattern": "**/*.ts"}, "**/*.ts"),
        ("LS", {"path": "/a", "ignore": ["x"]}, "/a"),
        ("WebFetch", {"prompt": "What is it?", "url": "https://a.example/b"}, "https://a.example/b"),
        ("WebSearch", {"query": "how to", "allowed_domains": ["a"]}, "how to"),
        ("Task", {"description": "Find callers", "prompt": "Look for …", "subagent_type": "x"}, "Find callers"),
        ("mcp__a__b", {"zork": 1}, '{"zork":1}'),
        ("odd", {"command": "", "path": 3, "pattern": None, "url": "u"}, "u"),
        ("odd", {"command": [1, 2]}, '{"command":[1,2]}'),
        ("odd", "two\nlines", "two␊lines"),
        ("shell", {"command": ["ssh", "-c", "ls"]}, "ssh -c ls"),
        ("shell", {"command": ["/tmp/bash", "-lc", "ls"]}, "/tmp/bash -lc ls"),
        ("odd", None, ""),
    ],
)
def test_summary_of_an_input_is_its_most_telling_field(name: str, given: Any, shown: str) -> None:
    assert input_summary(freeze(given)).text == shown


def test_data_is_lines_where_it_is_flat_and_json_where_it_is_not() -> None:
    for text_of in (input_text, result_text):
        assert text_of({"path": "a.py", "limit": 3}) == "path: a.py\nlimit: 3"
        assert text_of({"edits": [{"old": "a"}]}) == '{\n  "edits": [\n    {\n      "old": "a"\n    }\n  ]\n}'
        assert text_of({}) == text_of(None) == ""
        assert text_of("x" * 2_000_000).endswith("x\n… 1,900,000 more characters")
    blocks = freeze([{"type": "text", "text": "12 passed", "extra": 1}])
    assert result_text(blocks) == "12 passed"
    assert "extra" in input_text(blocks)
