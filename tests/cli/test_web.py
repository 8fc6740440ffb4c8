"""`agor-reactive web`: a page on this machine, for who has its link."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from tests.cli.conftest import KEY, Cli, Process, Served

Start = Callable[..., Any]


def link_of(process: Process) -> str:
    return str(process.line_that(lambda line: "?token=" in line)).strip()


def test_the_link_lets_in_and_nothing_else_does(start: Start, served: Served, session_id: str) -> None:
    process = start(Process, "web", session_id[:18], "--no-browser", env=served.env)
    about = process.line_that(lambda line: "Agor sessions" in line)
    assert "read-only" in about
    link = link_of(process)
    url, _, rest = link.removeprefix("http://").partition("/")
    assert rest.startswith(f"sessions/{session_id}?token=")
    page = f"http://{url}/sessions/{session_id}"
    assert httpx2.get(page).status_code == 403
    for wrong in (f"{page}?token=wrong", f"{page}?token=", f"{page}?token=%ff"):
        assert httpx2.get(wrong).status_code == 403
    with httpx2.Client(follow_redirects=True) as browser:
        answer = browser.get(link)
        assert (answer.status_code, str(answer.url)) == (200, page)
        cookie = answer.history[0].headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=lax" in cookie
        assert browser.get(page).status_code == 200
        assert browser.get(f"http://{url}/").status_code == 200
        assert KEY not in answer.text + cookie
    process.interrupt()
    ended = process.wait()
    assert (ended.code, ended.err) == (0, "")
    assert KEY not in ended.out


def test_prompts_are_allowed_on_request(start: Start, served: Served) -> None:
    process = start(Process, "web", "--no-browser", "--allow-prompts", env=served.env)
    assert "prompts allowed" in process.line_that(lambda line: "Agor sessions" in line)
    assert "/?token=" in link_of(process)


def test_the_browser_gets_the_link_by_a_private_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    from agor_reactive.cli import web

    opened: list[str] = []
    monkeypatch.setattr(web.webbrowser, "open", opened.append)
    web._open("http://127.0.0.1:1/?token=abc&x", tmp_path)
    file = tmp_path / "agor-sessions.html"
    assert opened == [file.as_uri()]
    assert "token=abc&amp;x" in file.read_text(encoding="utf-8")
    assert file.stat().st_mode & 0o077 == 0


def test_a_wrong_session_and_a_taken_port_are_one_line(cli: Cli, served: Served) -> None:
    ended = cli("web", "0" * 8, "--no-browser")
    assert (ended.code, ended.err.count("\n")) == (1, 1)
    ended = cli("web", "--no-browser", "--port", served.port)
    assert ended.code == 1
    assert "try another --port" in ended.err
