"""Indirect connections to a daemon: through TLS with a private certificate authority, through a proxy. On loopback."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

__all__ = ["certificate", "through_proxy", "through_tls"]


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for this machine, signed by itself, and its key. Skips where openssl is not there."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(cert), "-days", "2"]
    subprocess.run([*command, *names, *files], check=True, capture_output=True, timeout=30)
    return cert, key


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, ssl.SSLError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def _join(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int, first: bytes = b""
) -> None:
    there, back = await asyncio.open_connection(host, port)
    back.write(first)
    await asyncio.gather(_pipe(reader, back), _pipe(there, writer))


@contextlib.asynccontextmanager
async def through_tls(
    url: str, cert: Path, key: Path, callers: list[asyncio.WriteTransport] | None = None
) -> AsyncIterator[str]:
    """An https address of the daemon at `url`. `callers` gets the near end of each connection."""
    target = urlsplit(url)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if callers is not None:
            callers.append(writer.transport)
        await _join(reader, writer, target.hostname or "", target.port or 80)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


@contextlib.asynccontextmanager
async def through_proxy() -> AsyncIterator[tuple[str, list[str]]]:
    """The address of an HTTP proxy, and the request lines it has seen."""
    seen: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            line = (await reader.readline()).decode()
            if not line:
                writer.close()
                return
            seen.append(line.strip())
            method, target, version = line.split()
            if method == "CONNECT":
                await reader.readuntil(b"\r\n\r\n")
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                host, _, port = target.rpartition(":")
                await _join(reader, writer, host, int(port))
                return
            parts = urlsplit(target)
            path = parts.path + (f"?{parts.query}" if parts.query else "")
            first = f"{method} {path} {version}\r\n".encode()
            await _join(reader, writer, parts.hostname or "", parts.port or 80, first)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", seen
    finally:
        server.close()
