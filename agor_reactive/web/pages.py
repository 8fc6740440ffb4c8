"""The answers of the web view that are no WebSocket: its page, and the script of ``<agor-session>``."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from agor_reactive.adapters.page.html import Html, html_of
from agor_reactive.adapters.page.pages import element
from agor_reactive.web.guard import Guard, header_of

__all__ = ["element_response", "page_response"]

_WITHOUT_SCRIPTS: Final = "This page needs JavaScript."

_SAFE: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@cache
def _page(root: str) -> Html:
    return html_of(
        "web", title="Agor sessions", text=_WITHOUT_SCRIPTS, data={"root": root}, looks="web", connect="'self'"
    )


def page_response(request: Request, guard: Guard) -> Response:
    """The page, without any content of a session: that comes over the WebSocket. `guard.origins` may frame it."""
    # Relative, so that it is right behind a proxy that removes a part of the path.
    page = _page("../" if "session_id" in request.path_params else "./")
    frames = " ".join(("'self'", *guard.origins))
    headers = {
        **_SAFE,
        "Content-Security-Policy": f"{page.policy}; frame-ancestors {frames}",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cache-Control": "no-store",
    }
    return Response(page.text, media_type="text/html", headers=headers)


def element_response(request: Request, guard: Guard) -> Response:
    """The script of ``<agor-session>``. Pages of other origins may load it if some are allowed."""
    body = element().encode()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {**_SAFE, "Cache-Control": "no-cache", "ETag": tag, "Vary": "Origin"}
    if guard.origins:
        headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    origin = header_of(request.scope, b"origin")
    if guard.is_allowed(origin):
        headers["Access-Control-Allow-Origin"] = origin
    if header_of(request.scope, b"if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="text/javascript", headers=headers)
