"""The script of a widget: modules joined into one, which needs nothing from anywhere."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from agor_reactive.adapters.page.pages import script

STATIC = files("agor_reactive.adapters.page") / "static"
MODULES = {path.name: path.read_text(encoding="utf-8") for path in STATIC.iterdir() if path.name.endswith(".js")}


@pytest.mark.parametrize("name", ["session_widget", "sessions_widget", "replay_widget"])
def test_a_widgets_script_is_one_module_that_imports_nothing_and_names_nothing_twice(name: str) -> None:
    joined = script(name)
    assert not re.search(r"^\s*import\b", joined, re.MULTILINE)
    assert re.findall(r"^export.*", joined, re.MULTILINE) == [joined.splitlines()[-1]]
    names = re.findall(r"^(?:class|const|let|function) (\w+)", joined, re.MULTILINE)
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", ["report", "web", "element"])
def test_the_script_of_a_page_imports_and_exports_nothing_and_names_nothing_twice(name: str) -> None:
    joined = script(name)
    assert not re.search(r"^\s*(import|export)\b", joined, re.MULTILINE)
    names = re.findall(r"^(?:class|const|let|function) (\w+)", joined, re.MULTILINE)
    assert len(names) == len(set(names))


def test_every_module_is_part_of_a_page_and_small() -> None:
    joined = "".join(
        script(name) for name in ("session_widget", "sessions_widget", "replay_widget", "report", "web", "element")
    )
    for name, source in MODULES.items():
        assert source.splitlines()[0] in joined, name
        assert len(source.splitlines()) <= 250, name


@pytest.mark.parametrize("name", sorted(MODULES))
def test_a_module_imports_what_it_uses_and_uses_what_it_imports(name: str) -> None:
    source = MODULES[name]
    code = re.sub(r"//.*|\"[^\"\n]*\"", "", source)
    imported = {
        found for names in re.findall(r"^import \{([^}]*)\}", source, re.MULTILINE) for found in names.split(",")
    }
    known = {found.strip() for found in imported}
    exported = {
        found: other
        for other, text in MODULES.items()
        for found in re.findall(r"^export (?:class|const|function) (\w+)", text, re.MULTILINE)
    }
    used = {found for found, other in exported.items() if other != name and re.search(rf"(?<![.\w]){found}\b", code)}
    assert used == known
