"""Proxies and files named in the environment: used, or named in one of our errors."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping

import pytest
from pydantic import SecretStr

import agor_reactive as agor
from agor_reactive.errors import CannotConnect, UsageError
from agor_reactive.transport.address import Address
from agor_reactive.transport.environment import live_proxy

FAR = "http://agor.invalid:3030"
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def of(env: Mapping[str, str], url: str = FAR) -> str | None:
    found = live_proxy(None, Address.parse(url), from_env=True, env=env)
    return None if found is None else found.get_secret_value()


def test_a_live_connection_takes_the_proxy_for_its_scheme_then_the_one_for_all() -> None:
    env = {"HTTP_PROXY": "http://p:1", "https_proxy": "http://q:2", "ALL_PROXY": "http://r:3"}
    assert of(env) == "http://p:1"
    assert of(env, "https://agor.invalid") == "http://q:2"
    assert of({"ALL_PROXY": "r:3"}) == "http://r:3"
    assert of({}) is None
    assert of(env, "http://127.0.0.1:3030") is None
    assert live_proxy(None, Address.parse(FAR), from_env=False, env=env) is None
    mine = SecretStr("http://mine:4")
    assert live_proxy(mine, Address.parse("http://localhost"), from_env=True, env=env) == mine


@pytest.mark.parametrize(
    ("entry", "url", "excepted"),
    [
        ("agor.invalid", FAR, True),
        (".invalid", FAR, True),
        ("invalid", FAR, True),
        ("gor.invalid", FAR, False),
        ("agor.invalid:3030", FAR, True),
        ("*", FAR, True),
        ("10.0.0.0/8", "http://10.1.2.3:3030", True),
        ("10.0.0.0/8", "http://11.1.2.3:3030", False),
        ("fd07::/64", "http://[fd07::5]:3030", True),
        ("[fd07::5]", "http://[fd07::5]:3030", True),
        ("::1, fd07::5", "http://[fd07::5]:3030", True),
        ("fd07::/64,[::1]", FAR, False),
        ("", FAR, False),
    ],
)
def test_no_proxy_names_hosts_domains_and_networks(entry: str, url: str, excepted: bool) -> None:
    proxy = of({"HTTP_PROXY": "http://p:1", "NO_PROXY": entry}, url)
    assert proxy == (None if excepted else "http://p:1")


@pytest.mark.parametrize("entry", ["fd07::/64", "[::1]", "::1,10.0.0.0/8", "*", ",,"])
def test_no_proxy_of_any_shape_is_read_by_rest(monkeypatch: pytest.MonkeyPatch, entry: str) -> None:
    monkeypatch.setenv("NO_PROXY", entry)
    with agor.create_rest_client(FAR):
        pass


BAD = {
    "ALL_PROXY of SOCKS": ("ALL_PROXY", "socks5://127.0.0.1:9"),
    "HTTP_PROXY of SOCKS": ("HTTP_PROXY", "socks5h://127.0.0.1:9"),
    "half an address": ("HTTP_PROXY", "http://[::1"),
    "no proxy at all": ("ALL_PROXY", "ftp://user:secret@127.0.0.1:1"),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_proxy_that_cannot_be_used_is_named_by_its_variable(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    variable, value = BAD[name]
    monkeypatch.setenv(variable, value)
    with pytest.raises(UsageError, match=variable) as rest:
        agor.create_rest_client(FAR)
    with pytest.raises(UsageError, match=variable) as live:
        async with agor.create_client(FAR):
            pass
    assert "secret" not in f"{rest.value} {live.value}"
    assert not agor.is_daemon_running(FAR)
    assert not await agor.is_daemon_running_async(FAR)
    assert not agor.is_daemon_running("http://127.0.0.1:9"), "the environment is not asked for this machine"


async def test_a_socks_proxy_that_was_given_is_refused_by_a_live_client_and_explained_by_rest() -> None:
    with pytest.raises(UsageError, match="HTTP proxies only"):
        async with agor.create_client(FAR, proxy="socks5://127.0.0.1:9"):
            pass
    with pytest.raises(UsageError, match="httpx2\\[socks\\]"):
        agor.create_rest_client(FAR, proxy="socks5://127.0.0.1:9")


async def test_a_live_client_goes_through_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    request_lines: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request_lines.append(await reader.readline())
        writer.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}")
        with pytest.raises(CannotConnect, match="403"):
            async with agor.create_client(FAR):
                pass
    assert request_lines
    assert b"agor.invalid" in request_lines[0]


@pytest.mark.parametrize(
    ("make", "variable"), [("create_rest_client", "SSL_CERT_FILE"), ("create_client", "SSLKEYLOGFILE")]
)
def test_a_file_that_is_not_there_is_named_by_its_variable(make: str, variable: str) -> None:
    code = (
        "import agor_reactive as agor\n"
        f"try: agor.{make}('https://agor.invalid')\n"
        "except agor.UsageError as error: print(error)\n"
    )
    env = {**os.environ, variable: "/nonexistent/file"}
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    assert variable in ended.stdout
