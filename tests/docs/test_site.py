"""The documentation site builds without a warning, has every public name, and loads nothing from elsewhere."""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import pkgutil
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote

import pytest

import agor_reactive

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / ".ci" / "docs"
LINK = re.compile(r'<(?:a|img|link|script)\b[^<>]*? (?:href|src)="([^"]+)"')

pytest.importorskip("zensical", reason='the site needs pip install -e ".[docs]"')


@pytest.fixture(scope="module")
def script() -> ModuleType:
    loader = importlib.machinery.SourceFileLoader("build_docs", str(SCRIPT))
    spec = importlib.util.spec_from_loader("build_docs", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = writes
    return module


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("docs") / "site"
    done = subprocess.run([sys.executable, SCRIPT, target], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No issues found" in done.stderr
    return target


def links(page: Path) -> set[str]:
    return set(LINK.findall(page.read_text(encoding="utf-8")))


def test_every_public_name_has_its_place_in_the_reference(site: Path, script: ModuleType) -> None:
    for module in script.REFERENCE:
        text = (site / "reference" / f"{module}.html").read_text(encoding="utf-8")
        missing = [path for path in script.public_names(module) if f'id="{path}"' not in text]
        assert missing == [], module


def test_every_package_with_public_names_that_a_page_mentions_is_in_the_reference(script: ModuleType) -> None:
    packages = [f"agor_reactive.{found.name}" for found in pkgutil.iter_modules(agor_reactive.__path__)]
    pages = "\n".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("*.md"))
    used = {name for name in packages if re.search(rf"(from|import) {re.escape(name)}(?![.\w])", pages)}
    assert used
    assert used - set(script.REFERENCE) == set()


def test_methods_of_a_class_are_shown_with_it(site: Path) -> None:
    text = (site / "reference" / "agor_reactive.html").read_text(encoding="utf-8")
    assert 'id="agor_reactive.session.handles.SessionHandle.prompt"' in text


def test_every_link_within_the_site_leads_somewhere(site: Path) -> None:
    broken = []
    for page in site.rglob("*.html"):
        for link in links(page):
            if re.match(r"[a-z]+:", link) or page.name == "404.html":
                continue
            if link.startswith("../tests/"):  # leads into the repository, from which the page is read, too
                broken += [] if (ROOT / "docs" / link).is_file() else [(page.name, link)]
                continue
            path, _, anchor = unquote(link).partition("#")
            target = (page.parent / path).resolve() if path else page
            if target.is_dir():
                target /= "index.html"
            if not target.exists() or (
                anchor and target.suffix == ".html" and f'id="{anchor}"' not in target.read_text(encoding="utf-8")
            ):
                broken.append((page.name, link))
    assert broken == []


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    loads = re.compile(r'<(?:script|img|iframe)[^>]* src="(https?:[^"]+)"|<link[^>]* href="(https?:[^"]+)"')
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert loads.findall(text) == [], page.name
        assert 'class="mermaid"' not in text, page.name  # for which the theme loads a script


def test_every_code_block_is_shown_as_one(site: Path) -> None:
    shown = [page.name for page in site.rglob("*.html") if "```" in page.read_text(encoding="utf-8")]
    assert shown == []


def test_diagrams_are_pictures(site: Path, script: ModuleType) -> None:
    page = ROOT / "docs" / "architecture.md"
    sources = re.findall(r"```mermaid\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    text = (site / "architecture.html").read_text(encoding="utf-8")
    assert sources
    assert re.findall(r'<img src="(images/architecture-\w+\.svg)"', text) == [
        f"images/{script.picture(source, page).name}" for source in sources
    ]


def test_a_diagram_whose_picture_is_out_of_date_fails_the_build(
    tmp_path: Path, script: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    docs = tmp_path / "docs"
    shutil.copytree(ROOT / "docs", docs)
    page = docs / "architecture.md"
    page.write_text(
        page.read_text(encoding="utf-8").replace("connecting --> live", "connecting --> closed", 1), "utf-8"
    )
    assert script.main(tmp_path / "site", docs) != 0
    assert ".ci/docs --diagrams" in capsys.readouterr().err


def test_every_page_is_in_the_navigation(site: Path) -> None:
    linked = {(site / link.partition("#")[0]).name for link in links(site / "index.html")}
    pages = {page.with_suffix(".html").name for page in (ROOT / "docs").rglob("*.md")}
    assert pages - linked == set()


def test_agents_find_every_page(site: Path) -> None:
    index = (site / "llms.txt").read_text(encoding="utf-8")
    named = re.findall(r"\]\(([^)]+)\)", index)
    assert {name.removesuffix(".html") for name in named if name.endswith(".html")} == {
        page.relative_to(site).as_posix().removesuffix(".html")
        for page in site.rglob("*.html")
        if page.name != "404.html"
    }
    assert all((site / name).is_file() for name in named)


def test_the_page_for_agents_has_every_text_and_its_links_lead_somewhere(site: Path) -> None:
    everything = (site / "llms-full.md").read_text(encoding="utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        for block in re.findall(r"^```.*?^```|^#.*?$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
            assert block in everything, page.name
    prose = re.sub(r"^```.*?^```", "", everything, flags=re.MULTILINE | re.DOTALL)
    found = re.findall(r"\]\(([^)\s]*)\)", prose)
    assert len(found) > 50
    for link in found:
        if not re.match(r"https?:", link):
            path, _, anchor = link.partition("#")
            assert (site / path).is_file(), link
            assert not anchor or f'id="{anchor}"' in (site / path).read_text(encoding="utf-8"), link


def test_a_broken_link_fails_the_build(
    tmp_path: Path, script: ModuleType, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(script, "_reference", lambda module, about: f"# {module}\n")  # the rest takes the longest
    docs = tmp_path / "docs"
    shutil.copytree(ROOT / "docs", docs)
    with (docs / "quickstart.md").open("a", encoding="utf-8") as page:
        page.write("\n[nowhere](nowhere.md)\n")
    assert script.main(tmp_path / "site", docs) != 0
    assert not (tmp_path / "site").exists()
    printed = "".join(capfd.readouterr())
    assert "1 issue found" in printed
    assert "quickstart.md" in printed
