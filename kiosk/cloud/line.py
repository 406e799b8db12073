"""One line to one host of the cloud: requests out, JSON or a CloudError back. The only user of httpx.

Redirects are never followed and the environment's proxies never used: a captive portal must not pass for the cloud.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol

import httpx

from kiosk.cloud.budget import UNLIMITED, Budget, Share, Use
from kiosk.errors import CloudError, Misaddressed, NoAnswer, NotSent, Rejected, TooMany, Unauthorized

TIMEOUT = httpx.Timeout(10.0, connect=3.0)
"""A half-open connection must be noticed before the next guest, not before the next morning."""

PATIENCE_S = 20.0
"""How long a request may take in all: an answer that dribbles, or a name that does not resolve, knows no time-out."""

NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)

REFUSALS: Mapping[int, type[CloudError]] = {
    HTTPStatus.BAD_REQUEST: Rejected,
    HTTPStatus.UNPROCESSABLE_ENTITY: Rejected,
    HTTPStatus.UNAUTHORIZED: Unauthorized,
    HTTPStatus.FORBIDDEN: Unauthorized,
    HTTPStatus.NOT_FOUND: Misaddressed,
    HTTPStatus.METHOD_NOT_ALLOWED: Misaddressed,
}
"""What a refusal of the API itself means; the same status without the API's JSON comes from somebody in between."""

Credential = Callable[[], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Reply:
    """A JSON answer, and the cloud's own time when it gave it."""

    body: Any
    date: datetime | None


class Allowance(Protocol):
    """How many requests may be made. `claim` raises Paced; `hold` is told when the cloud wants to be left alone."""

    def claim(self) -> None: ...
    def wait_s(self) -> float: ...
    def hold(self, wait_s: float | None) -> None: ...


class Line:
    """A kept-alive connection. The credential is read for each request, so that a new one needs no restart."""

    def __init__(self, base_url: str, credential: Credential, allowance: Allowance | None = None) -> None:
        self._credential = credential
        self._allowance = allowance or Share(Budget(UNLIMITED), Use.DELIVERY)
        self._url = httpx.URL(base_url)
        self._client = self._connect()

    def _connect(self) -> httpx.Client:
        return httpx.Client(
            base_url=self._url, timeout=TIMEOUT, follow_redirects=False, trust_env=False,
            headers={"Accept": "application/json", "User-Agent": "kiosk"},
        )  # fmt: skip

    def get(self, path: str, **query: str | int) -> Reply:
        return self._ask("GET", path, params=query)

    def post(self, path: str, body: object) -> Reply:
        return self._ask("POST", path, json=body)

    def wait_s(self) -> float:
        """Return how long the next request must wait."""
        return self._allowance.wait_s()

    def _ask(self, method: str, path: str, **content: Any) -> Reply:
        headers, attempt = self._credential(), _Attempt()
        self._allowance.claim()
        extensions = {"trace": attempt.notice}
        ask = partial(self._client.request, method, path, headers=headers, extensions=extensions, **content)
        try:
            response = attempt.answer(ask, PATIENCE_S)
        except NOTHING_SENT as error:
            raise NotSent(f"cannot reach {self._url.host}: {_say(error)}") from error
        except httpx.HTTPError as error:
            raise NoAnswer(f"no answer from {self._url.host}: {_say(error)}") from error
        except TimeoutError as error:
            self._client.close()  # and with it the connection on which somebody still waits
            self._client = self._connect()
            late = NoAnswer if attempt.was_sent else NotSent
            raise late(f"no whole answer from {self._url.host} within {PATIENCE_S:.0f} s") from error
        try:
            return _read(response)
        except TooMany as error:
            self._allowance.hold(error.wait_s)
            raise

    def close(self) -> None:
        self._client.close()


class _Attempt:
    """One request on a thread that may be left behind, but never sends anything once it has been given up.

    A name that resolves after we stopped waiting would otherwise send a batch behind the back of the read-back.
    """

    def __init__(self) -> None:
        self.was_sent = False
        self._given_up = False
        self._lock = threading.Lock()

    def answer(self, ask: Callable[[], httpx.Response], seconds: float) -> httpx.Response:
        """Return the answer. Raises TimeoutError when there is none in time, and then gives the request up."""
        found: Future[httpx.Response] = Future()

        def wait() -> None:
            try:
                found.set_result(ask())
            except Exception as error:  # noqa: BLE001  # it is raised again where the answer is waited for
                found.set_exception(error)

        threading.Thread(target=wait, name="line", daemon=True).start()
        try:
            return found.result(seconds)
        except TimeoutError:
            with self._lock:
                self._given_up = True
            raise

    def notice(self, event: str, _details: Mapping[str, Any]) -> None:
        """Hear from httpcore what it is about to do (its trace extension); an error raised here stops it."""
        if event.endswith(".send_request_headers.started"):
            with self._lock:
                if self._given_up:
                    raise ConnectionAbortedError("given up before anything was sent")
                self.was_sent = True


def _say(error: Exception) -> str:
    return str(error) or type(error).__name__


def _read(response: httpx.Response) -> Reply:
    """Return the answer, or raise what it means instead."""
    date = _date(response)
    if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        raise TooMany("the cloud asks us to slow down (429)", wait_s=_retry_after_s(response, date))
    if response.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        raise Rejected("the cloud finds the batch too large (413)")
    body = _json(response)
    if response.status_code != HTTPStatus.OK:
        raise _refusal(response, body)
    return Reply(body, date)


def _json(response: httpx.Response) -> Any:
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise NoAnswer(f"status {response.status_code} with {kind or 'no content'}: somebody in between answers")
    try:
        return response.json()
    except (ValueError, RecursionError) as error:
        raise NoAnswer(f"status {response.status_code} with JSON that is cut or broken") from error


def _refusal(response: httpx.Response, body: Any) -> CloudError:
    meaning = REFUSALS.get(response.status_code, NoAnswer)
    words = body.get("message") or body.get("error") if isinstance(body, dict) else None
    return meaning(f"the cloud answers {response.status_code}: {str(words or response.reason_phrase)[:300]}")


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
        at = parsedate_to_datetime(text)
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
    """Read a credential: systemd's of that name when there is one, else the file. Raises Unauthorized."""
    handed = Path(os.environ.get("CREDENTIALS_DIRECTORY", "/nonexistent")) / path.name
    found = handed if handed.exists() else path
    try:
        secret = found.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Unauthorized(f"{key}: the credential {found} cannot be read: {_say(error)}") from error
    if not secret or not secret.isprintable():
        raise Unauthorized(f"{key}: the credential {found} is empty or not one line of text")
    return secret
