"""Requests as they came and replies as they will go out; the vocabulary of every other room here."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from http.client import responses
from typing import Any
from urllib.parse import parse_qsl, urlencode

Document = dict[str, Any]

JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=utf-8"


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON, although Python reads it")


@dataclass(frozen=True, slots=True)
class Request:
    """Hold one request; header names are in lower case, `args` are the named parts of its path."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    client: str = "127.0.0.1"
    args: Mapping[str, str] = field(default_factory=dict)

    @property
    def parameters(self) -> dict[str, str]:
        """Return the decoded query; of a repeated name the last counts."""
        return dict(parse_qsl(self.query, keep_blank_values=True))

    @property
    def json(self) -> Any:
        """Return the decoded body; raises RequestError (400) where it is not JSON."""
        try:
            return json.loads(self.body.decode(), parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            raise RequestError(400, "the body is not valid JSON") from None

    @property
    def items(self) -> list[Document]:
        """Return the objects of the body, none where it is not an array of them."""
        try:
            body = self.json
        except RequestError:
            return []
        return [item for item in body if isinstance(item, dict)] if isinstance(body, list) else []

    @property
    def skip(self) -> int:
        """Return how many rows the client asks to skip, 0 where it does not say so readably."""
        asked = self.parameters.get("skip", "")
        return int(asked) if asked.isascii() and asked.isdigit() else 0

    def asking(self, **changed: str | None) -> "Request":
        """Return the request with other query parameters; None leaves one out."""
        wanted = {name: value for name, value in (self.parameters | changed).items() if value is not None}
        return replace(self, query=urlencode(wanted))


@dataclass(frozen=True, slots=True)
class Delivery:
    """Say how a reply goes out on the wire."""

    wait_s: float = 0.0  # before the first byte; infinite: never
    pause_s: float = 0.0  # before every single byte of the body
    slow_head: bool = False  # the pause holds for the head as well
    share: float = 1.0  # of the body that is sent before hanging up
    silent: bool = False  # hang up without a byte
    reset: bool = False  # hang up rudely, so that the client's kernel reports an error


PROMPT = Delivery()


@dataclass(frozen=True, slots=True)
class Reply:
    """Hold one reply and the way in which it is delivered."""

    status: int
    body: bytes = b""
    content_type: str | None = JSON
    headers: tuple[tuple[str, str], ...] = ()
    delivery: Delivery = PROMPT

    @property
    def json(self) -> Any:
        """Return the decoded body."""
        return json.loads(self.body)

    @property
    def status_seen(self) -> int | None:
        """Return the status that reaches the client, None where none does."""
        return None if self.delivery.silent or self.delivery.wait_s == float("inf") else self.status


def encode(value: object) -> bytes:
    """Return a value as compact JSON in UTF-8."""
    # A lone surrogate, which JSON can escape and UTF-8 cannot hold, must not bring the server down.
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def success(value: object) -> Reply:
    """Return 200 with a value as JSON."""
    return Reply(200, encode(value))


def refusal(status: int, message: str, *headers: tuple[str, str]) -> Reply:
    """Return an error in the flat shape that both services document."""
    error = {"statusCode": status, "error": responses.get(status, "Unknown"), "message": message}
    return Reply(status, encode(error), headers=headers)


class RequestError(Exception):
    """Say with which status, and why, a request is refused."""

    def __init__(self, status: int, message: str, *headers: tuple[str, str]) -> None:
        super().__init__(message)
        self.reply = refusal(status, message, *headers)


def timestamp(at: datetime) -> str:
    """Return a moment the way the API writes it: UTC, milliseconds, Z."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def http_date(at: datetime) -> str:
    """Return a moment the way HTTP writes it."""
    return format_datetime(at.astimezone(UTC), usegmt=True)
