"""The way of a request: past the armed faults, through the door of its service, to the one function that answers it."""

import ipaddress
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from urllib.parse import unquote

from kiosk.sandbox import access, control, portier
from kiosk.sandbox.cloud import Cloud, Handler
from kiosk.sandbox.faults import Call
from kiosk.sandbox.messages import Reply, Request, RequestError

CONTROL = "/sandbox/"


def bearer(request: Request, cloud: Cloud) -> None:
    """Let pass who brings the API key."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not _accepted(key.strip(), cloud.api_key):
        raise RequestError(401, "Authorization must be: Bearer and a valid API key")


def token(request: Request, cloud: Cloud) -> None:
    """Let pass who brings the token of the access user."""
    if not _accepted(request.headers.get("token", "").strip(), cloud.token):
        raise RequestError(401, "the header token must hold a valid access user token")


def loopback(request: Request, _cloud: Cloud) -> None:
    """Let pass who is on this machine."""
    if not ipaddress.ip_address(request.client).is_loopback:
        raise RequestError(403, "the control routes answer to this machine only")


def _accepted(given: str, wanted: str | None) -> bool:
    return bool(given) if wanted is None else secrets.compare_digest(given.encode(), wanted.encode())


@dataclass(frozen=True, slots=True)
class Route:
    """Bind a method and a pattern of paths to a door and to what answers behind it."""

    method: str
    pattern: re.Pattern[str]
    door: Callable[[Request, Cloud], None]
    handler: Handler


def _routes(door: Callable[[Request, Cloud], None], handlers: Mapping[tuple[str, str], Handler]) -> list[Route]:
    return [Route(method, _pattern(path), door, handler) for (method, path), handler in handlers.items()]


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))


ROUTES = [
    *_routes(bearer, portier.ROUTES),
    *_routes(token, access.ROUTES),
    *_routes(loopback, control.ROUTES),
]


def answer(request: Request, cloud: Cloud, after: int = 0) -> Reply:
    """Answer a request by the next fault behind serial `after`, or by the service where there is none."""
    armed = None if request.path.startswith(CONTROL) else cloud.panel.claim(request, after)
    if armed is None:
        return serve(request, cloud)
    behind = partial(answer, cloud=cloud, after=armed.serial)
    return armed.fault.play(Call(request, armed.parameters, armed.played, cloud.records, behind))


def serve(request: Request, cloud: Cloud) -> Reply:
    """Answer a request as the service itself does."""
    try:
        route, args = _match(request)
        route.door(request, cloud)
        return route.handler(replace(request, args=args), cloud)
    except RequestError as error:
        return error.reply


def _match(request: Request) -> tuple[Route, dict[str, str]]:
    found = [(route, match) for route in ROUTES if (match := route.pattern.fullmatch(request.path))]
    if not found:
        raise RequestError(404, f"there is nothing at {request.path}")
    for route, match in found:
        if route.method == request.method:
            return route, {name: unquote(value) for name, value in match.groupdict().items()}
    allowed = ", ".join(sorted({route.method for route, _ in found}))
    raise RequestError(405, f"only {allowed} is possible here", ("Allow", allowed))
