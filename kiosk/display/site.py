"""The pages, and who may have them: this machine's own addresses, GET and HEAD, nothing from outside, nothing kept.

What staff ask for (`staff/`) is posted; whatever else is sent here is refused.
"""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePath

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kiosk import languages, tones
from kiosk.display.feed import Feed
from kiosk.display.speech import Speaking, english
from kiosk.signals import Signal

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
MEDIA_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
RETRY = b"retry: 500\n\n"
"""How soon a browser comes back when the stream breaks, in milliseconds."""


STAFF = "/staff/api/"


def site(feed: Feed, host: str, staff: Sequence[Route] = (), speaking: Speaking = english) -> ASGIApp:
    """Return the application; `host` is the configured one, `staff` is what staff may ask."""
    folder = files("kiosk.display") / "page"
    pages = [*_pages(folder), *_pages(folder / "staff", "/staff")]

    async def health(_: Request) -> Response:
        return JSONResponse({"ok": True})

    async def words(_: Request) -> Response:
        return JSONResponse(languages.page(speaking()))

    async def events(request: Request) -> Response:
        if request.method == "HEAD":
            return Response(media_type="text/event-stream")
        return StreamingResponse(_stream(feed), media_type="text/event-stream")

    async def icon(_: Request) -> Response:  # browsers ask for one by themselves
        return Response(status_code=204)

    async def sound(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in set(Signal):
            return Response(status_code=404)
        return Response(await run_in_threadpool(tones.wav, Signal(name)), media_type="audio/wav")

    own = [
        Route("/sounds/{name}.wav", sound),
        Route("/health", health),
        Route("/events", events),
        Route("/words", words),
        Route("/favicon.ico", icon),
    ]
    return Guard(Starlette(routes=[*pages, *own, *staff]), host)


def _pages(folder: Traversable, place: str = "") -> list[Route]:
    return [_page(file, place) for file in folder.iterdir() if PurePath(file.name).suffix in MEDIA_TYPES]


def _page(file: Traversable, place: str) -> Route:
    body, media_type = file.read_bytes(), MEDIA_TYPES[PurePath(file.name).suffix]

    async def page(_: Request) -> Response:
        return Response(body, media_type=media_type)

    places = {"index.html": "/", "staff.html": "/staff"}
    return Route(places.get(file.name, f"{place}/{file.name}"), page)


async def _stream(feed: Feed) -> AsyncIterator[bytes]:
    yield RETRY
    async for event in feed.follow():
        yield event


class Guard:
    """Refuses requests that were meant for somebody else, and puts the headers on every answer."""

    def __init__(self, app: ASGIApp, host: str) -> None:
        self._app, self._host = app, host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        app = self._app
        if not self._is_ours(scope):
            app = PlainTextResponse("this display is not called that\n", 421)
        elif scope["method"] not in ({"POST"} if scope["path"].startswith(STAFF) else {"GET", "HEAD"}):
            app = PlainTextResponse("this display can only be looked at\n", 405, {"Allow": "GET, HEAD"})
        await app(scope, receive, send_with_headers)

    def _is_ours(self, scope: Scope) -> bool:
        """A foreign page could have its own name resolve to this machine; it cannot pass as an address."""
        name = _without_port(Headers(scope=scope).get("host", ""))
        own = (scope.get("server") or ("", 0))[0]
        return name in {"localhost", self._host.lower()} or _is_loopback(name) or (name == own != "")


def _without_port(host: str) -> str:
    """Return the name of a Host header (RFC 9110, section 7.2), small, and an IPv6 address without its brackets."""
    name, bracket, _ = host.lower().removeprefix("[").partition("]")
    return name if bracket else host.lower().partition(":")[0]


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
