"""`web`: shows sessions in a browser on this machine, until Ctrl-C."""

from __future__ import annotations

import asyncio
import html
import os
import tempfile
import webbrowser
from contextlib import AsyncExitStack
from pathlib import Path

from rich.text import Text

from agor_reactive.cli.endings import WELL, Stop
from agor_reactive.cli.output import console
from agor_reactive.cli.reach import Reach
from agor_reactive.cli.watching import full_id
from agor_reactive.web import viewer
from agor_reactive.web.login import LoginLink
from agor_reactive.web.serving import serve

__all__ = ["web"]


class _CannotServe(OSError):
    """The viewer cannot listen on the port."""


async def web(
    stop: Stop, reach: Reach, session_id: str | None, *, port: int, allow_prompts: bool, open_browser: bool
) -> int:
    """Serve until Ctrl-C. The link lets the user in, and nobody else on this machine."""
    login = LoginLink()
    async with reach.live() as client, AsyncExitStack() as stack:
        path = "/" if session_id is None else f"/sessions/{await full_id(client, session_id)}"
        login.app = viewer(client, authorize=login.authorized, allow_prompts=allow_prompts)
        try:
            url = await stack.enter_async_context(serve(login, port=port))
        except OSError as error:
            raise _CannotServe(f"cannot listen on port {port}: {error.strerror or error}; try another --port") from None
        stop.graceful = True
        link = login.link(url, path)
        out = console()
        about = "prompts allowed" if allow_prompts else "read-only; --allow-prompts changes that"
        out.print(Text.assemble(("Agor sessions", "bold"), f" of {reach.url} ({about})"))
        out.print(f"  {link}", soft_wrap=True)
        out.print(Text("The link is your key to this page; do not share it. Ctrl-C ends it.", "dim"))
        out.file.flush()
        if open_browser:
            with tempfile.TemporaryDirectory() as folder:
                await asyncio.to_thread(_open, link, Path(folder))
                await stop.wait()
        else:
            await stop.wait()
    return WELL


def _open(link: str, folder: Path) -> None:
    """Open the link by a private file: other users of this machine can read the arguments of a command."""
    file = folder / "agor-sessions.html"
    with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as page:
        page.write(f'<!doctype html><meta http-equiv="refresh" content="0; url={html.escape(link)}">')
    webbrowser.open(file.as_uri())
