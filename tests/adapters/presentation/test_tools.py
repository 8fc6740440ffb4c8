"""Tool calls: summaries, data as text, durations."""

from __future__ import annotations

from typing import Any

import pytest

from agor_reactive.adapters.presentation.tools import data_text, input_summary
from agor_reactive.core.tools import Tool
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
        ("odd", "two\nlines", "two lines"),
        ("odd", None, ""),
    ],
)
def test_summary_of_an_input_is_its_most_telling_field(name: str, given: Any, shown: str) -> None:
    assert input_summary(Tool("u", name, "t", "executing", freeze(given))) == shown


def test_data_is_lines_where_it_is_flat_and_json_where_it_is_not() -> None:
    assert data_text({"path": "a.py", "limit": 3}) == "path: a.py\nlimit: 3"
    assert data_text({"edits": [{"old": "a"}]}) == '{\n  "edits": [\n    {\n      "old": "a"\n    }\n  ]\n}'
    assert data_text({}) == data_text(None) == ""
    assert data_text("x" * 200_000).endswith("\n… (cut here)")
