"""One line to one host of the cloud: requests out, JSON or a CloudError back.

What an answer means is read here; `wire.py` carries it, `trouble.py` says what is wrong with the way.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol

import httpx

from kiosk import clock
from kiosk.cloud import trouble
from kiosk.cloud.budget import UNLIMITED, Budget, Share, Use
from kiosk.cloud.wire import Wire
from kiosk.errors import CloudError, Misaddressed, NoAnswer, Rejected, TooLarge, TooMany, Unauthorized
from kiosk.model import Moment
from kiosk.plan import GIVE_UP_S
from kiosk.words import plain

TIMEOUT = httpx.Timeout(10.0, connect=3.0)
"""A half-open connection must be noticed before the next guest, not before the next morning."""

PATIENCE_S = GIVE_UP_S
"""How long a request may take in all: an answer that dribbles, or a name that does not resolve, knows no time-out."""

REFUSALS: Mapping[int, type[CloudError]] = {
    HTTPStatus.BAD_REQUEST: Rejected,
    HTTPStatus.UNPROCESSABLE_ENTITY: Rejected,
    HTTPStatus.UNAUTHORIZED: Unauthorized,
    HTTPStatus.FORBIDDEN: Unauthorized,
    HTTPStatus.NOT_FOUND: Misaddressed,
    HTTPStatus.METHOD_NOT_ALLOWED: Misaddressed,
}
"""What a refusal of the API itself means; the same status without the API's JSON comes from somebody in between."""

AT_WORK = {202, 408, 499, 502, 503, 504, *range(520, 530)}
"""Said by somebody who stopped waiting, or does not wait, for the cloud itself: the request may still be running there.

499 is nginx's, 520 to 529 are Cloudflare's, 202 is RFC 9110's "not completed".
"""

_LEAP = re.compile(r"(:\d\d):60\b")
"""RFC 9110 5.6.7 knows the second 60; Python's calendar does not."""

Credential = Callable[[], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Reply:
    """A JSON answer, and the cloud's own time when it gave it."""

    body: Any
    date: datetime | None


def _by_nobody(_date: datetime | None, _now: Moment) -> None:
    pass


class Allowance(Protocol):
    """How many requests may be made. `claim` raises Paced; `hold` is told when the cloud wants to be left alone."""

    def claim(self) -> None: ...
    def wait_s(self) -> float: ...
    def hold(self, wait_s: float | None) -> None: ...


class Line:
    """A kept-alive connection. The credential is read for each request, so that a new one needs no restart.

    The environment's proxies are used only where `proxies` says so. `heard` is told the cloud's time with each answer.
    """

    def __init__(
        self, base_url: str, credential: Credential, allowance: Allowance | None = None, *, proxies: bool = False
    ) -> None:
        self.heard: Callable[[datetime | None, Moment], None] = _by_nobody
        self._credential = credential
        self._allowance = allowance or Share(Budget(UNLIMITED), Use.DELIVERY)
        self._url, self._proxies = httpx.URL(base_url), proxies
        self._wire = self._connect()

    def _connect(self) -> Wire:
        return Wire(self._url, TIMEOUT, proxies=self._proxies)

    def get(self, path: str, **query: str | int) -> Reply:
        return self._ask("GET", path, params=query)

    def post(self, path: str, body: object, meanwhile: Callable[[], object] | None = None) -> Reply:
        """Hand in what is to become JSON, or is in bytes; `meanwhile` is done while the answer is on its way."""
        content = body if isinstance(body, bytes) else packed(body)
        return self._ask("POST", path, meanwhile=meanwhile, content=content)

    def wait_s(self) -> float:
        """Return how long the next request must wait."""
        return self._allowance.wait_s()

    def _ask(self, method: str, path: str, **content: Any) -> Reply:
        headers = {**self._credential(), **({"Content-Type": "application/json"} if "content" in content else {})}
        self._allowance.claim()
        response = self._answer(method, path, headers=headers, **content)
        try:
            reply = _read(response, self._url)
        except (Rejected, Unauthorized, Misaddressed):  # the API's own words, and its time
            self.heard(_date(response), clock.now())
            raise
        except TooMany as error:
            self._allowance.hold(error.wait_s)
            raise
        self.heard(reply.date, clock.now())
        return reply

    def _answer(self, method: str, path: str, **content: Any) -> httpx.Response:
        wire, host = self._wire, self._url.host
        try:
            return wire.ask(method, path, PATIENCE_S, **content)
        except TimeoutError as error:
            self._wire = self._connect()
            raise trouble.late(host, wire.peer, unsent=wire.unsent) from error
        except httpx.HTTPError as error:
            raise trouble.failure(error, host, wire.peer, clock.now().at, unsent=wire.unsent) from error

    def close(self) -> None:
        self._wire.close()


def packed(body: object) -> bytes:
    """Return JSON as it goes over the wire: in ASCII, which every text can be."""
    return json.dumps(body, separators=(",", ":"), allow_nan=False).encode("ascii")


def _read(response: httpx.Response, url: httpx.URL) -> Reply:
    """Return the answer, or raise what it means instead."""
    date = _date(response)
    if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        raise TooMany("the cloud asks us to slow down (429)", wait_s=_retry_after_s(response, date))
    if response.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        raise TooLarge("the cloud finds the batch too large (413)")
    if response.has_redirect_location:
        raise NoAnswer(trouble.stranger(url.host, response.status_code, _target(response)), running=False)
    body = _json(response, url)
    if response.status_code != HTTPStatus.OK:
        raise _refusal(response, body, url)
    return Reply(body, date)


def _target(response: httpx.Response) -> str:
    """Say where a redirect leads: the host only, the rest may be another one each time."""
    return f"a redirect to {httpx.URL(response.headers['Location']).host or 'another page'}"


def _json(response: httpx.Response, url: httpx.URL) -> Any:
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    running = response.status_code in AT_WORK
    if kind != "application/json":
        raise NoAnswer(_foreign(response, kind or "no content", url), running=running)
    try:
        return response.json()
    except (ValueError, RecursionError) as error:
        page = response.content.lstrip()[:1] == b"<"
        text = f"no answer from {url.host}: status {response.status_code} with JSON that is cut or broken"
        told = trouble.stranger(url.host, response.status_code, "a page") if page else text
        raise NoAnswer(told, running=running) from error


def _foreign(response: httpx.Response, kind: str, url: httpx.URL) -> str:
    """Say what an answer without the API's JSON comes to."""
    status = response.status_code
    if status in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.GONE}:
        return f"{url.host} answers {status}, but not as the API does: is {_address(url)} the right address?"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.NETWORK_AUTHENTICATION_REQUIRED:
        return f"{url.host} is out of order ({status}): a web server answers in its place, and it may pass by itself"
    return trouble.stranger(url.host, status, kind)


def _refusal(response: httpx.Response, body: Any, url: httpx.URL) -> CloudError:
    status = response.status_code
    words = body.get("message") or body.get("error") if isinstance(body, dict) else None
    told = f"the cloud answers {status}: {plain(str(words or response.reason_phrase)[:300])}"
    meaning = REFUSALS.get(status)
    if meaning is None:
        return NoAnswer(f"{told} ({url.host})", running=status in AT_WORK)
    if meaning is Unauthorized:
        told += f" ({url.host} refuses the credential)"
    if meaning is Misaddressed:
        told += f" (is {_address(url)} the right address?)"
    return meaning(told)


def _address(url: httpx.URL) -> str:
    """Return an address as it is configured, without what may be secret in it."""
    return str(url.copy_with(userinfo=b"", query=None, fragment=None))


def _date(response: httpx.Response) -> datetime | None:
    return _parsed(response.headers.get("Date", ""))


def _retry_after_s(response: httpx.Response, date: datetime | None) -> float | None:
    """Seconds, or a date measured against the answer's own `Date` (our clock may be years off); junk is no wish."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text[:9])
    until = _parsed(text)
    return (until - date).total_seconds() if until is not None and date is not None else None


def _parsed(text: str) -> datetime | None:
    """Read an HTTP date; one without a zone is UTC, and one that no calendar knows is none."""
    try:
        at = parsedate_to_datetime(_LEAP.sub(r"\1:59", text))
        return at.astimezone(UTC) if at.tzinfo is not None else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError, TypeError):
        return None


def bearer(path: Path) -> Credential:
    """The scans service's credential."""
    return lambda: {"Authorization": f"Bearer {_secret(path, 'cloud.api_key_file')}"}


def token(path: Path) -> Credential:
    """The access-control API's credential."""
    return lambda: {"token": _secret(path, "cloud.token_file")}


def _secret(path: Path, key: str) -> str:
    """Read a credential. Raises Unauthorized."""
    found = credential_file(path)
    try:
        secret = found.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Unauthorized(f"{key}: the credential {found} cannot be read: {error}") from error
    if not secret or not secret.isprintable():
        raise Unauthorized(f"{key}: the credential {found} is empty or not one line of text")
    return secret


def credential_file(path: Path) -> Path:
    """Return where a credential is read from: systemd's of that name when there is one, else the file."""
    handed = Path(os.environ.get("CREDENTIALS_DIRECTORY", "/nonexistent")) / path.name
    return handed if handed.exists() else path
