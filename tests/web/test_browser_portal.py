"""The examples of `docs/recipe-portal.md`: each is started as its page says, and its session is seen in a browser."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import httpx2
import pytest
import pytest_asyncio
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

import agor_reactive as agor
from agor_reactive.daemon.peers import session_room
from tests.docs.test_code_blocks import blocks_in
from tests.notebook.browser import in_browser, picture, until
from tests.web.story import KEY, Stoppable, stoppable

if TYPE_CHECKING:
    from playwright._impl._api_structures import SetCookieParam
    from playwright.async_api import Browser, Page

pytestmark = in_browser()

PAGE = Path(__file__).parents[2] / "docs" / "recipe-portal.md"
FILES = ("portal.py", "page.py")
MEMBER = "team=blue"
SETTINGS = {"STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false", "STREAMLIT_SERVER_HEADLESS": "true"}


class Example(NamedTuple):
    """A section of the page: what starts it and the packages that it needs, as the page says."""

    heading: str
    command: tuple[str, ...]
    packages: tuple[str, ...]

    @property
    def missing(self) -> list[str]:
        return [name for name in self.packages if find_spec(name) is None]

    @property
    def codes(self) -> list[str]:
        """Its files."""
        section = re.search(rf"^## {self.heading}\n(.*?)(?=^## |\Z)", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
        assert section is not None, self.heading
        assert f"`{' '.join(self.command)}`" in section[1]
        return [block.code for block in blocks_in(section[1])]


UVICORN, STREAMLIT = ("uvicorn", "portal:app"), ("streamlit", "run", "portal.py")
EXAMPLES = [
    Example("NiceGUI", UVICORN, ("nicegui",)),
    Example("Panel", UVICORN, ("panel", "bokeh_fastapi")),
    Example("Streamlit", STREAMLIT, ("streamlit",)),
    Example("Streamlit's own elements", STREAMLIT, ("streamlit",)),
]
HERE = [example for example in EXAMPLES if not example.missing]


class Portal:
    """An example that runs, with a session of its own."""

    def __init__(self, example: Example, url: str, session_id: str, process: asyncio.subprocess.Process) -> None:
        self.url, self.session_id, self.process = url, session_id, process
        self.has_view = any("viewer(" in code for code in example.codes)

    async def answers(self) -> bool:
        assert self.process.returncode is None, "it has ended"
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", int(self.url.rpartition(":")[2]))
        except OSError:
            return False
        writer.close()
        return True


def write(example: Example, folder: Path) -> None:
    folder.mkdir()
    for name, code in zip(FILES, example.codes, strict=False):
        (folder / name).write_text(code, encoding="utf-8")


@asynccontextmanager
async def started(example: Example, folder: Path, daemon: Stoppable, session_id: str) -> AsyncIterator[Portal]:
    """The example as a process of its own, at a port that was free a moment ago."""
    write(example, folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    where = ("--server.address", "127.0.0.1", "--server.port") if example.command is STREAMLIT else ("--port",)
    env = {"AGOR_DAEMON_URL": daemon.running.url, "AGOR_API_KEY": KEY, "PYTHONPATH": str(PAGE.parents[1]), **SETTINGS}
    log = folder / "log.txt"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", *example.command, *where, str(port),
            cwd=folder, env={**os.environ, **env}, stdout=output, stderr=output,
        )  # fmt: skip
    try:
        yield Portal(example, f"http://127.0.0.1:{port}", session_id, process)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        said = log.read_text("utf-8")
        assert "Traceback" not in said, said


class Portals:
    """The examples whose packages are installed, all running, each with a session of one daemon."""

    def __init__(self, daemon: Stoppable, client: agor.Client, running: dict[Example, Portal]) -> None:
        self.daemon, self.client, self.running = daemon, client, running

    def joined(self, portal: Portal) -> bool:
        """Whether some connection follows the session on the daemon."""
        rooms = self.daemon.running._now_running.sockets.server.manager.rooms.get("/", {})
        return bool(rooms.get(session_room(portal.session_id)))

    async def left(self, portal: Portal) -> bool:
        return not self.joined(portal)

    async def client_is_back(self) -> None:
        async def up() -> bool:
            return self.client.status.up

        await until(up, "the test's client is connected again")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def portals(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Portals]:
    folder = tmp_path_factory.mktemp("portals")
    async with stoppable(folder) as daemon, daemon.client() as client, AsyncExitStack() as stack:
        running = {}
        for number, example in enumerate(HERE):
            session_id = await daemon.create(client)
            running[example] = await stack.enter_async_context(
                started(example, folder / str(number), daemon, session_id)
            )
        for portal in running.values():
            await until(portal.answers, "it serves")
        yield Portals(daemon, client, running)


def cookie_for(portal: Portal) -> SetCookieParam:
    name, _, value = MEMBER.partition("=")
    return {"name": name, "value": value, "url": portal.url}


@asynccontextmanager
async def visit(browser: Browser, portal: Portal, *, member: bool = True) -> AsyncIterator[Page]:
    """Its page in a browser of its own. Afterwards: it asked for nothing from elsewhere, and the key never came."""
    context = await browser.new_context(viewport={"width": 900, "height": 640})
    page = await context.new_page()
    asked: list[str] = []
    received: list[str | bytes] = []
    wrong: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url.replace("ws", "http", 1)))
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: received.append(frame)))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    try:
        if member:
            await context.add_cookies([cookie_for(portal)])
        await page.goto(f"{portal.url}/?session={portal.session_id}")
        try:
            yield page
        except BaseException:
            await picture(page, "portal-failed")
            raise
        assert [url for url in asked if not url.startswith((portal.url, "data:", "blob:"))] == []
        assert wrong == []
        received += [await page.content()]
        assert [said for said in received if KEY in (said if isinstance(said, str) else said.decode("latin-1"))] == []
    finally:
        await context.close()


async def text_of(page: Page) -> str:
    """All text that it shows, also within the element."""
    parts = [await page.locator("body").inner_text(), *await page.locator(".ag").all_inner_texts()]
    return "\n".join(parts)


async def shows(page: Page, words: str) -> None:
    async def found() -> bool:
        return words in await text_of(page)

    await until(found, f"the page shows {words!r}")


async def grows(page: Page) -> None:
    """Wait until its text was seen in three lengths."""
    lengths: set[int] = set()

    async def grown() -> bool:
        lengths.add(len(await text_of(page)))
        return len(lengths) >= 3

    await until(grown, "the reply grows")


async def others_get_no_view(portal: Portal) -> None:
    async with httpx2.AsyncClient(base_url=f"{portal.url}/agor") as http:
        for path in ("/", "/agor-session.js", f"/sessions/{portal.session_id}"):
            assert (await http.get(path)).status_code == 403
            assert (await http.get(path, headers={"Cookie": MEMBER})).status_code == 200
    with pytest.raises(InvalidStatus, match="403"):
        await connect(f"{portal.url.replace('http', 'ws')}/agor/sessions/{portal.session_id}/ws", proxy=None)


async def others_see_nothing(browser: Browser, portal: Portal) -> None:
    """A browser that is no member's sees nothing, and what a member sees when it is one."""
    async with visit(browser, portal, member=False) as page:
        await page.locator("[data-testid='stApp'][data-test-script-state='notRunning']").wait_for()
        text = await text_of(page)
        assert "Are you there?" not in text
        assert "I am back." not in text
        await page.context.add_cookies([cookie_for(portal)])
        await page.reload()
        await shows(page, "\nI am back.")  # a line of its own: the prompt has these words, too


def each_example() -> pytest.MarkDecorator:
    """Each as an argument; those without their packages are skipped."""
    params = []
    for one in EXAMPLES:
        skip = pytest.mark.skipif(bool(one.missing), reason=f"needs pip install {' '.join(one.missing)}")
        params.append(pytest.param(one, marks=skip, id=one.heading))
    return pytest.mark.parametrize("example", params)


async def test_each_section_of_the_page_is_an_example() -> None:
    assert re.findall(r"^## (.*)$", PAGE.read_text("utf-8"), re.MULTILINE) == [one.heading for one in EXAMPLES]


@each_example()
async def test_members_see_what_happens_also_after_the_daemon_was_away(
    browser: Browser, portals: Portals, example: Example
) -> None:
    portal, sessions = portals.running[example], portals.client.sessions
    async with visit(browser, portal) as page:
        await sessions.prompt(portal.session_id, "A long one [slow]")
        await shows(page, "A long one")
        await grows(page)
        assert portals.joined(portal)
        await sessions.stop(portal.session_id)
        await portals.daemon.stop()
        await shows(page, "econnecting")
        await portals.daemon.start()
        await portals.client_is_back()
        await sessions.prompt(portal.session_id, "Are you there? [say:I am back.]")
        await shows(page, "\nI am back.")
        await picture(page, f"portal-{example.heading}")
        await (others_get_no_view(portal) if portal.has_view else others_see_nothing(browser, portal))
        assert portals.joined(portal)
    await until(lambda: portals.left(portal), "the session is released with its last browser")
