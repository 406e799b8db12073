"""The staff page's API. The display writes nothing: orders go to the gate and to sync, over their Unix sockets.

Everything is `POST /staff/api/NAME` with a JSON object, `{}` where nothing is asked, and answers a JSON object. Names
and codes are in bodies only, never in an address. A request needs `Content-Type: application/json`, an `Origin` that is
the page's own, at most 16 kB, and (but for `session` and `lock`) the cookie of a session. Nothing is kept by a browser.

An error has a status of 400 and more and `{"error": KEY, "message": SENTENCE}`, to be shown as it is, in the door's
language:

    400 malformed · 401 signed_out, no_pin · 403 foreign, network, wrong_pin · 404 unknown · 409 (refused by the gate or
    sync, the key says why: `desk.py`, `errands.py`) · 413 too_long · 415 not_json · 429 locked, with `waitSeconds`
    503 gate, sync, busy, not_readable

| name | asked | answered |
|---|---|---|
| session | {} or {pin} | {pin: "set"/"missing"/"unreadable", signedIn, leftSeconds, waitSeconds, howTo}: with a PIN
  signs in, else tells how it is. `leftSeconds` of the session, `waitSeconds` until a PIN is taken again |
| lock | {} | {}: ends the session |
| state | {} | {gate, sync: running or not, scanType, events: [{id, name}], locked, choices, scanners: [{name, kind,
  label, connected, problem, hint, calibrate: NAME or null, calibrating, calibrated: [{key, value}]}], clock: {time,
  local, zone, quality: `known` where the gate knows better than the wall clock, label, final: why nobody may say
  otherwise}, language, languages, counts: {checkin, checkout, declined, inside}, tickets: {total, complete,
  ageSeconds}, outbox: {pending, …, refused}, lastDeclined: SCAN or null, leftSeconds}. Asking again and again keeps no
  session open: this, and pictures, are no use of it |
| scan | {code, type?} | {scan: SCAN, repeated}: a code that was typed, as the gate judges it |
| find | {text} | {guests: [GUEST], more, ready}: at least three letters, words in any order; at most 50. `ready` false:
  the names are still being read, ask again in a second |
| ticket | {ticketId} | {guest: GUEST, history: [{time, type, scanResult, reason, message, gate, lane, seq, delivery,
  deliveryLabel, deliveryError, why, by}]}: newest first, other doors' scans among them, at most 50 |
| check | {ticketId, type, token} | {scan: SCAN, repeated}: in or out by hand, judged by all rules |
| override | {seq, reason, token} | {scan: SCAN, repeated}: admit against a verdict that is `overridable` |
| choices | {} or {choices: {scanType?, events?, ticketTypes?}} | {choices, locked, configured: {scanType, events:
  {id: [type] or null}}, events: [{id, name, types: [{id, name}]}]}: with `choices` sets them all, what is left out is
  as configured; `{"choices": {}}` is as configured altogether |
| clock | {time, sure?} | {readings: [{time, local, zone}], doubt, done}: what is said to be the time here, such as
  "2026-06-01T19:30", two `readings` in the hour that is there twice: ask again with one's `time`, and `sure`. `doubt`:
  when scans were made already, by the network's time; local, without an offset |
| language | {} or {language} | {language, languages: {chosen, configured, known: [name]}}: for this door, null for the
  configured one |
| calibration | {scanner: NAME, step: begin, look, cancel, use or forget; number with use} | {state: none, opening,
  listening, receiving, judging, found, wrong or ended, number, leftSeconds, text where wrong or ended; found: [{key,
  value}], changes: [{key, before, after}], notes: [text]}: values to be shown as they are, see `workbench.py` |
| outbox | {} | {states: {…}, refused: [SCAN with deliveryError]}: oldest first, at most 50 |
| retry | {numbers} | {again: [seq]}: [] for all that were refused |
| lists | {} | {events: [{id, name, tickets, complete, ageSeconds, shrunkTo}]} |
| accept | {eventId} | {accepted: {eventId: tickets taken off}} |
| statistics | {} | `figures.py`: {since, until, checkin, …, perMinute, perLane, perType, declines, inside} |

`token` is a random text that the page makes anew for each thing that a person decides to do; the same one again, from a
double click or after an answer that was lost, gets the first answer and does nothing. Nothing is green before it has
`scan.scanResult == "approved"`: then it is on disk.

SCAN: {seq, time, lane, type, scanResult, reason, headline, sign, signal: `signals.py`, message, name, ticketName,
ticketId, area, row, seat, codeEnd, overridable, admittedSince: when, for `lastDeclined` only}. GUEST: {ticketId, name,
ticketName, eventId, event, status, area, row, seat, codeEnd, inside}. What ends in `label`
is the key beside it in words.

`GET /staff/pictures/NAME.svg`, for an <img>: admissions, lanes, types, declines, inside. They need the session's
cookie, hold no guest's name, and are drawn here: `pictures.py`. A page cannot put an SVG into itself, because it trusts
no markup at all.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from kiosk.display.staff import calibration, machine, pictures
from kiosk.display.staff.entrance import Entrance
from kiosk.display.staff.overview import Overview
from kiosk.display.staff.problem import Problem, refused
from kiosk.display.staff.programs import Programs, Silent
from kiosk.display.staff.records import Records
from kiosk.display.staff.workers import Busy, Workers
from kiosk.errors import Refused, StoreError
from kiosk.model import Moment

T = TypeVar("T")

MOST_BODY = 16_384
MOST_CODE, MOST_ID, MOST_WORDS, MOST_FIND = 4_096, 64, 200, 100

Facts = dict[str, Any]


class Staff:
    """Answers the staff page. Belongs to one event loop; what may take a while is done on threads of its own."""

    def __init__(
        self, entrance: Entrance, programs: Programs, records: Records, overview: Overview, now: Callable[[], Moment]
    ) -> None:
        self._entrance, self._programs, self._records, self._overview = entrance, programs, records, overview
        self._now, self._speaking = now, entrance.speaking
        self._reading, self._counting = entrance.reading, Workers("staff-counts")
        self._asking = Workers("staff-asks", 2)
        self._asked: Mapping[str, Callable[[Facts], Awaitable[Facts]]] = {
            "state": self._state, "scan": self._scan, "find": self._find, "ticket": self._ticket,
            "check": self._check, "override": self._override, "choices": self._choices, "outbox": self._outbox,
            "retry": self._retry, "lists": self._lists, "accept": self._accept, "statistics": self._statistics,
            "clock": self._clock, "language": self._language, "calibration": self._calibration,
        }  # fmt: skip

    def routes(self) -> list[Route]:
        return [
            Route("/staff/api/{name}", self._api, methods=["POST"]),
            Route("/staff/pictures/{name}.svg", self._picture, methods=["GET"]),
        ]

    async def _api(self, request: Request) -> Response:
        try:
            return await self._answer(request.path_params["name"], request)
        except Problem as problem:
            return problem.answer(self._speaking())
        except Silent as error:
            return Problem(503, error.program).answer(self._speaking())
        except Busy:
            return Problem(503, "busy").answer(self._speaking())
        except (StoreError, sqlite3.Error, OSError, Refused):
            return Problem(503, "not_readable").answer(self._speaking())

    async def _answer(self, name: str, request: Request) -> Response:
        self._entrance.check(request)
        asked = await _body(request)
        if name == "session":
            digits = _text(asked, "pin", MOST_ID) if "pin" in asked else None
            answer = await self._entrance.session(request, digits, self._asking.do)
            if digits is not None:
                self._records.prepare()
            return answer
        if name == "lock":
            return self._entrance.lock(request)
        if name not in self._asked:
            raise Problem(404, "unknown")
        left_s = await self._entrance.signed_in(request, used=name != "state")
        facts = await self._asked[name](asked)
        return JSONResponse(facts | ({"leftSeconds": left_s} if name == "state" else {}))

    async def _picture(self, request: Request) -> Response:
        try:
            self._entrance.check_place(request)
            await self._entrance.signed_in(request, used=False)
            name = request.path_params["name"]
            if name not in pictures.pictures():
                raise Problem(404, "unknown")
            drawn = pictures.draw(name, await self._statistics({}), self._speaking())
            return Response(drawn, media_type="image/svg+xml")
        except Problem as problem:
            return problem.answer(self._speaking())
        except (Busy, StoreError, sqlite3.Error, OSError, Refused):
            return Problem(503, "not_readable").answer(self._speaking())

    # --- what is read ------------------------------------------------------------------------------------------------

    async def _state(self, _asked: Facts) -> Facts:
        def look() -> Facts:
            now = self._now()
            return self._overview.state(now) | {"lastDeclined": self._records.last_declined(now.at)}

        return await self._reading.do(look)

    async def _find(self, asked: Facts) -> Facts:
        text = _text(asked, "text", MOST_FIND)
        return await self._reading.do(lambda: self._records.find(text))

    async def _ticket(self, asked: Facts) -> Facts:
        ticket_id = _text(asked, "ticketId", MOST_ID)
        found = await self._reading.do(lambda: self._records.ticket(ticket_id))
        if found is None:
            raise Problem(404, "unknown")
        return found

    async def _outbox(self, _asked: Facts) -> Facts:
        now = self._now()
        return await self._reading.do(
            lambda: {"states": self._overview.outbox(now), "refused": self._records.refused(now.at)}
        )

    async def _lists(self, _asked: Facts) -> Facts:
        return {"events": await self._reading.do(lambda: self._records.lists(self._now()))}

    async def _statistics(self, _asked: Facts) -> Facts:
        inside = await self._reading.do(self._overview.inside)
        return await self._counting.do(lambda: self._records.statistics(inside, self._now().at))

    # --- what the gate does ------------------------------------------------------------------------------------------

    async def _scan(self, asked: Facts) -> Facts:
        return await self._at_gate({"code": _text(asked, "code", MOST_CODE), "type": _direction(asked)})

    async def _check(self, asked: Facts) -> Facts:
        ticket_id, token = _text(asked, "ticketId", MOST_ID), _text(asked, "token", MOST_ID)
        order = {"do": "check", "ticketId": ticket_id, "type": _direction(asked), "token": token}
        return await self._at_gate(order | {"code": self._records.code_of(ticket_id)})

    async def _override(self, asked: Facts) -> Facts:
        seq, why = asked.get("seq"), _text(asked, "reason", MOST_WORDS)
        if not isinstance(seq, int) or not 0 < seq < 1 << 63:
            raise Problem(400, "malformed")
        order = {"do": "override", "seq": seq, "reason": why, "by": "staff", "token": _text(asked, "token", MOST_ID)}
        return await self._at_gate(order)

    async def _at_gate(self, order: Mapping[str, object]) -> Facts:
        """Have the gate record a scan, and return it as the journal has it."""
        said = await self._asking.do(lambda: self._programs.gate(order))
        seq = said.get("seq")
        if not isinstance(seq, int):
            raise refused(said)
        scan = await self._reading.do(lambda: self._records.scan(seq, self._now().at))
        if scan is None:
            raise Problem(503, "not_readable")
        return {"scan": scan, "repeated": bool(said.get("repeated"))}

    async def _choices(self, asked: Facts) -> Facts:
        if "choices" in asked:
            order = {"do": "choose", "choices": asked["choices"], "by": "staff"}
            said = await self._asking.do(lambda: self._programs.gate(order))
            if not said.get("done"):
                raise refused(said)
        return await self._reading.do(lambda: self._overview.choices() | {"events": self._records.events()})

    async def _clock(self, asked: Facts) -> Facts:
        text, sure = _text(asked, "time", MOST_ID), asked.get("sure") is True
        return await self._asking.do(lambda: machine.clock(self._programs.gate, text, sure=sure))

    async def _language(self, asked: Facts) -> Facts:
        if "language" in asked:
            await self._asking.do(lambda: machine.language(self._programs.gate, asked["language"]))
        return await self._reading.do(self._overview.languages)

    async def _calibration(self, asked: Facts) -> Facts:
        order = calibration.order(asked)
        said = await self._asking.do(lambda: self._programs.gate(order))
        if "state" not in said:
            raise refused(said)
        return calibration.told(said, self._speaking())

    # --- what sync does ----------------------------------------------------------------------------------------------

    async def _retry(self, asked: Facts) -> Facts:
        numbers = asked.get("numbers")
        if not isinstance(numbers, list) or not all(isinstance(seq, int) for seq in numbers):
            raise Problem(400, "malformed")
        return await self._at_sync({"do": "retry", "numbers": numbers})

    async def _accept(self, asked: Facts) -> Facts:
        return await self._at_sync({"do": "accept", "eventId": _text(asked, "eventId", MOST_ID)})

    async def _at_sync(self, order: Mapping[str, object]) -> Facts:
        said = await self._asking.do(lambda: self._programs.sync(order))
        if "refused" in said:
            raise refused(said)
        return said


async def _body(request: Request) -> Facts:
    """Return the JSON object in a request, of which no more is read than is allowed."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Problem(415, "not_json")
    body = b""
    try:
        async for part in request.stream():
            body += part
            if len(body) > MOST_BODY:
                raise Problem(413, "too_long")
    except ClientDisconnect:
        raise Problem(400, "malformed") from None
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise Problem(400, "malformed") from None
    if not isinstance(found, dict):
        raise Problem(400, "malformed")
    return found


def _text(asked: Facts, name: str, most: int) -> str:
    text = asked.get(name)
    if not isinstance(text, str) or not text.strip() or not _is_whole(text):
        raise Problem(400, "malformed")
    if len(text) > most:
        raise Problem(413, "too_long")
    return text


def _is_whole(text: str) -> bool:
    """JSON may hold half of a surrogate pair, which nothing else can: no file, no hash, no answer."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _direction(asked: Facts) -> str | None:
    kind = asked.get("type")
    if kind is not None and kind not in ("checkin", "checkout"):  # anything may stand there, a list too
        raise Problem(400, "malformed")
    return str(kind) if kind is not None else None
