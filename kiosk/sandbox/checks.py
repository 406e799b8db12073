"""What a request must look like, to the letter: a client that passes here is not refused for its form elsewhere."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from kiosk.sandbox.messages import Document, RequestError

Check = Callable[[object], str]  # what is wrong with a value, "" for nothing

MAX_TOP = 1000
MIN_BARCODE = 8

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)


def text(value: object) -> str:
    """Accept a string, empty or not."""
    if not isinstance(value, str):
        return "must be a string"
    return "" if value.encode(errors="replace").decode() == value else "must be valid Unicode"


def filled(value: object) -> str:
    """Accept a string that is not empty."""
    return text(value) or ("" if value else "must not be empty")


def barcode(value: object) -> str:
    """Accept a string of at least 8 characters."""
    return text(value) or ("" if len(str(value)) >= MIN_BARCODE else f"must have at least {MIN_BARCODE} characters")


def moment(value: object) -> str:
    """Accept a time in ISO 8601, UTC, with milliseconds and Z."""
    problem = "must be a time such as 2030-01-23T23:00:00.123Z"
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        return problem
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return problem
    return ""


def one_of(*words: str) -> Check:
    """Return a check that accepts these words only."""
    return lambda value: "" if value in words else f"must be one of {', '.join(words)}"


@dataclass(frozen=True, slots=True)
class Shape:
    """Say which fields an object must and may have."""

    required: Mapping[str, Check]
    optional: Mapping[str, Check]

    def problem(self, item: object) -> str:
        """Return what is wrong with an object, field first, "" for nothing."""
        if not isinstance(item, dict):
            return " must be an object"
        checks = {**self.required, **self.optional}
        missing = (f".{name} is required" for name in self.required if name not in item)
        unknown = (f".{name} is not allowed" for name in item if name not in checks)
        wrong = (f".{name} {says}" for name, value in item.items() if name in checks and (says := checks[name](value)))
        return next((problem for kind in (missing, unknown, wrong) for problem in kind), "")


SCAN = Shape(
    required={
        "ticketId": filled,
        "eventId": filled,
        "barcode": filled,
        "ticketTypeId": filled,
        "type": one_of("checkin", "checkout"),
        "scanResult": one_of("approved", "declined"),
    },
    optional={
        "time": moment,
        "parentEventId": text,
        "name": text,
        "ticketName": text,
        "deviceId": text,
        "sellerId": text,
    },
)

REPORT = Shape(
    required={
        "barcode": barcode,
        "scanned_at": moment,
        "type": one_of("OK", "FAIL"),
        "direction": one_of("IN", "OUT"),
    },
    optional={"ticketId": filled},
)


def objects(body: object, shape: Shape) -> list[Document]:
    """Return the objects of an array; raises RequestError (400) naming the index and the field."""
    if not isinstance(body, list) or not body:
        raise RequestError(400, "the body must be an array of at least one object")
    for index, item in enumerate(body):
        if problem := shape.problem(item):
            raise RequestError(400, f"[{index}]{problem}")
    return body


def query(parameters: Mapping[str, str], known: Mapping[str, Check]) -> None:
    """Check a query; raises RequestError (400) naming a parameter that is unknown or wrong."""
    for name, value in parameters.items():
        if name not in known:
            raise RequestError(400, f"{name} is not a parameter of this route")
        if says := known[name](value):
            raise RequestError(400, f"{name} {says}")


def number(low: int, high: int) -> Check:
    """Return a check that accepts the decimal digits of a whole number within these bounds."""

    def check(value: object) -> str:
        digits = str(value)
        fits = digits.isascii() and digits.isdigit() and len(digits) <= 18 and low <= int(digits) <= high
        return "" if fits else f"must be a whole number from {low} to {high}"

    return check


TOP = number(1, MAX_TOP)
SKIP = number(0, 10**15)


_TIME_FILTER = Shape(required={}, optional=dict.fromkeys(("$gte", "$gt", "$lte", "$lt"), moment))


def time_filter(value: object) -> str:
    """Accept a JSON object of comparisons with times."""
    try:
        return _TIME_FILTER.problem(json.loads(str(value))).strip()
    except (ValueError, RecursionError):
        return "must be a JSON object"
