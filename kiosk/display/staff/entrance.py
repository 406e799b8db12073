"""Who may come to the staff page: from this machine, from the kiosk's own page, and with the PIN."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from kiosk.display.speech import Speaking, english
from kiosk.display.staff.problem import Problem
from kiosk.display.staff.programs import Programs, Tried
from kiosk.display.staff.sayings import SAYINGS
from kiosk.display.staff.sessions import Sessions
from kiosk.display.staff.workers import Workers
from kiosk.errors import Refused
from kiosk.store.pin import Pin

COOKIE = "kiosk_staff"

Asking = Callable[[Callable[[], Tried]], Awaitable[Tried]]


class Entrance:
    """Belongs to one event loop. `now_ns` is the time since boot."""

    def __init__(
        self,
        programs: Programs,
        reading: Workers,
        now_ns: Callable[[], int],
        *,
        from_network: bool = False,
        speaking: Speaking = english,
    ) -> None:
        self.reading, self.speaking = reading, speaking
        self._programs, self._now_ns, self._from_network = programs, now_ns, from_network
        self._sessions = Sessions()

    def check(self, request: Request) -> None:
        """Refuse what a page that is not ours could send: no browser lets it say another origin than its own."""
        self.check_place(request)
        scheme, _, place = request.headers.get("origin", "").partition("://")
        ours = scheme in {"http", "https"} and place == request.headers.get("host")
        if not ours or request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
            raise Problem(403, "foreign")

    def check_place(self, request: Request) -> None:
        if not self._from_network and not _is_loopback(_address(request)):
            raise Problem(403, "network")
        if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
            raise Problem(403, "foreign")

    async def signed_in(self, request: Request, *, used: bool) -> int:
        """Return for how many seconds the session is good. Raises Problem when there is none."""
        pin = await self._pin()
        if pin is None:
            raise Problem(401, "no_pin")
        left_s = self._left_s(request, pin, used=used)
        if not left_s:
            raise Problem(401, "signed_out")
        return left_s

    async def session(self, request: Request, digits: str | None, asking: Asking) -> Response:
        """Sign in with these digits, or tell how it is. Raises Problem."""
        try:
            pin = await self._pin()
        except Problem:
            return JSONResponse(self._how("unreadable", 0) | {"howTo": self.speaking().say(SAYINGS["unreadable_pin"])})
        if pin is None:
            return JSONResponse(self._how("missing", 0) | {"howTo": self.speaking().say(SAYINGS["no_pin"])})
        if digits is None:
            return JSONResponse(self._how("set", self._left_s(request, pin, used=False)))
        now_ns = self._now_ns()
        tried = await asking(lambda: self._programs.try_(digits, now_ns))
        if not tried.right:
            raise _not_right(tried)
        return self._begun(request, tried.pin)

    def lock(self, request: Request) -> Response:
        """End the session."""
        self._sessions.end(request.cookies.get(COOKIE, ""))
        answer = JSONResponse({})
        answer.delete_cookie(COOKIE, path="/staff", httponly=True, samesite="strict")
        return answer

    def _begun(self, request: Request, pin: Pin | None) -> Response:
        self._sessions.end(request.cookies.get(COOKIE, ""))
        token = self._sessions.begin(_address(request), pin, self._now_ns())
        left_s = self._sessions.left_s(token, _address(request), pin, self._now_ns(), used=True)
        answer = JSONResponse(self._how("set", left_s))
        answer.set_cookie(COOKIE, token, path="/staff", httponly=True, samesite="strict")
        return answer

    async def _pin(self) -> Pin | None:
        try:
            return await self.reading.do(self._programs.pin)
        except Refused:
            raise Problem(503, "unreadable_pin") from None

    def _left_s(self, request: Request, pin: Pin, *, used: bool) -> int:
        token = request.cookies.get(COOKIE, "")
        return self._sessions.left_s(token, _address(request), pin, self._now_ns(), used=used)

    def _how(self, pin: str, left_s: int) -> dict[str, object]:
        wait_s = self._programs.wait_s(self._now_ns())
        return {"pin": pin, "signedIn": left_s > 0, "leftSeconds": left_s, "waitSeconds": wait_s, "howTo": None}


def _not_right(tried: Tried) -> Problem:
    if tried.wait_s and tried.looked_at is False:
        return Problem(429, "locked", waitSeconds=tried.wait_s)
    return Problem(403, "wrong_pin", waitSeconds=tried.wait_s)


def _address(request: Request) -> str:
    return request.client.host if request.client is not None else ""


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
