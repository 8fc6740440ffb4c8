"""`Viewer.lifespan`: an app whose view opens and closes the client."""

from __future__ import annotations

import socket

import httpx2
import pytest
from fastapi import FastAPI

import agor_reactive as agor
from agor_reactive.daemon import EmbeddedDaemon
from agor_reactive.errors import CannotConnect
from agor_reactive.web import viewer
from tests.web.scene import anybody


def app_with_a_view(client: agor.Client) -> FastAPI:
    view = viewer(client, authorize=anybody, allowed_hosts=["portal"])
    app = FastAPI(lifespan=view.lifespan, openapi_url=None)
    app.mount("/agor", view)
    return app


async def test_the_client_is_open_as_long_as_the_app_runs() -> None:
    async with EmbeddedDaemon() as daemon:
        client = agor.create_client(daemon.url, api_key=daemon.api_key)
        app = app_with_a_view(client)
        async with app.router.lifespan_context(app):
            assert client.status.up
            async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://portal") as http:
                assert (await http.get("/agor/")).status_code == 200
        assert client.status.phase == "closed"


async def test_an_app_whose_daemon_cannot_be_reached_does_not_start() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # and does not listen
        app = app_with_a_view(agor.create_client(f"http://127.0.0.1:{silent.getsockname()[1]}"))
        with pytest.raises(CannotConnect):
            async with app.router.lifespan_context(app):
                pass
