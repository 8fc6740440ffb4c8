"""Diffs of edits, from the input of calls of different agents."""

from __future__ import annotations

import time
from typing import Any

import pytest

from agor_reactive.adapters.presentation.diffs import edit_diff
from agor_reactive.models.base import freeze

OLD, NEW = "a\nb\nc", "a\nx\nc"
SAME_EDIT = [" a", "-b", "+x", " c"]


def lines(given: Any) -> list[str]:
    return [f"{line.sign}{line.text}" for line in edit_diff(freeze(given))]


@pytest.mark.parametrize(
    "given",
    [
        {"file_path": "f", "old_string": OLD, "new_string": NEW},
        {"filePath": "f", "oldString": OLD, "newString": NEW},
        {"path": "f", "old_str": OLD, "new_str": NEW},
        {"file_path": "f", "edits": [{"old_string": OLD, "new_string": NEW}]},
    ],
)
def test_each_way_to_name_an_edit(given: Any) -> None:
    assert lines(given) == SAME_EDIT


def test_several_edits_stand_apart() -> None:
    edit = {"old_string": OLD, "new_string": NEW}
    assert lines({"edits": [edit, edit]}) == [*SAME_EDIT, "…", *SAME_EDIT]


def test_far_apart_changes_leave_the_lines_between_out() -> None:
    before = [str(number) for number in range(40)]
    after = ["first", *before[1:-1], "last"]
    found = lines({"old_string": "\n".join(before), "new_string": "\n".join(after)})
    assert found == ["-0", "+first", " 1", " 2", "…", " 37", " 38", "-39", "+last"]


def test_a_new_file_is_all_added_and_a_removed_text_all_removed() -> None:
    assert lines({"file_path": "f", "content": "a\nb\n"}) == ["+a", "+b"]
    assert lines({"file_path": "f", "old_string": "a\nb", "new_string": ""}) == ["-a", "-b"]


def test_a_patch_keeps_its_signs() -> None:
    patch = "*** Begin Patch\n*** Update File: f\n@@\n a\n-b\n+x\n*** End Patch"
    assert lines({"input": patch}) == [
        "…*** Begin Patch",
        "…*** Update File: f",
        "…@@",
        " a",
        "-b",
        "+x",
        "…*** End Patch",
    ]


@pytest.mark.parametrize(
    "given",
    [None, "text", {}, {"command": "ls"}, {"content": "no file"}, {"edits": "x"}, {"edits": [1]}, {"old_string": "a"}],
)
def test_the_input_of_other_calls_has_no_diff(given: Any) -> None:
    assert lines(given) == []


def test_no_character_hides_another() -> None:
    assert lines({"old_string": "a\rb", "new_string": "\x1b[2Ka\u202eb"}) == ["-a␍b", "+␛[2Ka<U+202E>b"]


def test_long_texts_take_little_time() -> None:
    before = "\n".join(f"x{number % 7}" for number in range(20_000))
    began = time.perf_counter()
    found = edit_diff({"old_string": before, "new_string": before[::-1]})
    assert time.perf_counter() - began < 2
    assert len(found) == 2_000
