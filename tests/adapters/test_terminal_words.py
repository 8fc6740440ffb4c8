"""What a person sees of a tool's input in one line."""

from __future__ import annotations

from typing import Any

import pytest

from agor_reactive.adapters.terminal.words import tool_input
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
def test_a_tool_is_told_by_what_a_person_wants_to_see_of_it(name: str, given: Any, shown: str) -> None:
    assert tool_input(Tool("u", name, "t", "executing", freeze(given))) == shown
