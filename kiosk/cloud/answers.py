"""What the cloud's JSON means: rows and answers into nouns. The second of the two doors where pydantic stands.

Unknown fields are ignored; a row that lacks what every row must have is refused by itself, never the page it is on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)  # fmt: skip
from pydantic.alias_generators import to_camel

from kiosk.model import Direction, Listed, Result, Ticket
from kiosk.plan import Mark
from kiosk.settings import Lenient
from kiosk.words import stamp

Id = Annotated[str, Field(min_length=1, max_length=512)]


def _aware(value: object) -> object:
    """A time without an offset is UTC, as all of the cloud's are."""
    if isinstance(value, str) and "T" in value:
        at = datetime.fromisoformat(value)
        try:
            return at.astimezone(UTC) if at.tzinfo is not None else at.replace(tzinfo=UTC)
        except OverflowError as error:
            raise ValueError("outside the calendar") from error
    return value


Time = Annotated[AwareDatetime, BeforeValidator(_aware)]

MAX_STATUS = 64
MAX_KEY = 128
MAX_TEXT = 1_000
Text = Annotated[str, Field(max_length=MAX_TEXT)]
"""Bounded, which also lets nothing through that is no Unicode: half an emoji can be in no file."""


class _Row(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, alias_generator=to_camel)

    @model_validator(mode="before")
    @classmethod
    def _whole_characters(cls, row: object) -> object:
        """Half an emoji, cut by somebody's database, is no text that any file or screen can hold."""
        return _whole_row(row) if isinstance(row, dict) else row


def _whole_row(row: Mapping[str, object]) -> dict[str, object]:
    return {name: _whole(value) if isinstance(value, str) else value for name, value in row.items()}


def _whole(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


class TicketRow(BaseModel):
    """A row of `GET /accessusers/tickets/v2/{eventId}`, in the form that is documented."""

    model_config = ConfigDict(extra="ignore", frozen=True, alias_generator=to_camel, strict=True)

    id: Id = Field(alias="_id")
    barcode: Id
    ticket_type_id: Id
    event_id: Id
    ticket_name: Text | None = None
    name: Text | None = None
    status: Text | None = None
    area: Text | None = None
    row: Text | None = None
    seat: Text | None = None
    entry: list[Text] | None = None
    slot_start_time: Text | None = None
    expires_at: Text | None = None
    excluded_event_ids: list[Text] | None = None
    parent_event_id: Text | None = None
    seller_id: Text | None = None
    updated_at: Text | None = None
    created_at: Text | None = None

    def listed(self) -> Listed:
        """Return what goes into the list; a time that cannot be read counts as not there, and is named."""
        slot, expires, unread = self._times() if self.slot_start_time or self.expires_at else (None, None, None)
        ticket = Ticket(
            self.id, self.barcode, self.event_id, self.ticket_type_id, self.ticket_name, self.name,
            "VALID" if self.status is None else self.status, self.area, self.row, self.seat,
            frozenset(self.entry) if self.entry else NOTHING, slot, expires,
            frozenset(self.excluded_event_ids) if self.excluded_event_ids else NOTHING,
            self.parent_event_id, self.seller_id,
        )  # fmt: skip
        return Listed(ticket, self._changed(), unread)

    def _changed(self) -> datetime | None:
        """Return the later of the two times, which compare as text; the API's own windows go by it."""
        times = sorted((self.updated_at or "", self.created_at or ""), reverse=True)
        return _time_or_none(times[0]) or _time_or_none(times[1])

    def _times(self) -> tuple[datetime | None, datetime | None, str | None]:
        slot, expires = _time_or_none(self.slot_start_time), _time_or_none(self.expires_at)
        lost = {
            "slotStartTime": self.slot_start_time and slot is None,
            "expiresAt": self.expires_at and expires is None,
        }
        return slot, expires, " ".join(name for name, is_lost in lost.items() if is_lost) or None


NOTHING: frozenset[str] = frozenset()
NEEDED = frozenset({"_id", "barcode", "ticketTypeId", "eventId"})
SEVERAL = frozenset({"entry", "excludedEventIds"})


def _time_or_none(text: str | None) -> datetime | None:
    """The form of some of these fields is not documented: what cannot be read counts as not there."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC) if at.tzinfo is not None else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _mended(row: object) -> object:
    """Return a row of another form as far as it can be had: what is optional and odd never costs the ticket."""
    if not isinstance(row, dict):
        return row
    return {name: value if name in NEEDED else _mended_value(name, value) for name, value in _whole_row(row).items()}


def _mended_value(name: str, value: object) -> object:
    if name in SEVERAL:
        items = value if isinstance(value, list) else [value]
        return [word for item in items if (word := _word_or_none(item))]
    if name == "status" and value is not None:  # never to pass for VALID
        return str(value)[:MAX_STATUS]
    if name in {"slotStartTime", "expiresAt"} and value is not None and not isinstance(value, str):
        return "?"  # there is one, and it cannot be read
    return _word_or_none(value)


def _word_or_none(value: object) -> str | None:
    """A seat may come as a number; what is no word at all is none."""
    if isinstance(value, str):
        return _whole(value)[:MAX_TEXT]
    return str(value)[:MAX_TEXT] if isinstance(value, int | float) and not isinstance(value, bool) else None


class Page(_Row):
    """A page of tickets or scans; its rows are read one by one."""

    docs: list[Any]
    total: Annotated[int, Field(ge=0)]


class EventRow(_Row):
    id: Id = Field(alias="_id")
    name: str | None = None


class ScanRow(_Row):
    """A stored scan. Other devices' may lack a device; what is odd and not needed counts as not there."""

    id: Annotated[str | None, Lenient] = Field(default=None, alias="_id")
    ticket_id: Id
    barcode: Annotated[str | None, Lenient] = None
    type: Direction
    scan_result: Result
    time: Annotated[Time | None, Lenient] = None
    created_at: Annotated[Time | None, Lenient] = None
    device_id: Annotated[str | None, Lenient] = None

    @property
    def at(self) -> datetime | None:
        return self.time or self.created_at

    def named(self) -> tuple[object, ...]:
        """What this says of a scan, for comparing it with one that was sent."""
        time = stamp(self.time) if self.time is not None else None
        return (self.ticket_id, self.barcode, self.type.value, self.scan_result.value, time, self.device_id)

    def mark(self) -> Mark | None:
        if self.time is None or self.barcode is None:
            return None
        return Mark(self.device_id, self.time, self.barcode, self.type, self.scan_result)


def ticket_rows(rows: Sequence[object]) -> tuple[list[Listed], dict[str, str]]:
    """Read tickets; return also what names the rows that cannot be read, with what is wrong with each."""
    try:
        return [row.listed() for row in _TICKETS.validate_python(rows)], {}
    except ValidationError:  # one of them is odd: each by itself
        good: list[Listed] = []
        bad: dict[str, str] = {}
        for row in rows:
            try:
                good.append(TicketRow.model_validate(_mended(row)).listed())
            except ValidationError as error:
                key, copies = _key(row), sum(name.startswith(_key(row)) for name in bad)
                bad[f"{key} {copies + 1}" if copies else key] = _first(error)
        return good, bad


_TICKETS = TypeAdapter(list[TicketRow])


def _key(row: object) -> str:
    """What tells this row from others: its id, or else a digest of what it says."""
    given = row.get("_id") if isinstance(row, dict) else None
    if isinstance(given, str) and given:
        return _whole(given)[:MAX_KEY]
    return "sha256 " + hashlib.sha256(repr(row).encode(errors="replace")).hexdigest()


def scan_rows(rows: Iterable[object]) -> list[ScanRow]:
    """Read the scans that can be read."""
    return [found for row in rows if (found := _scan_row(row)) is not None]


def _scan_row(row: object) -> ScanRow | None:
    try:
        return ScanRow.model_validate(row)
    except ValidationError:
        return None


def confirms(answer: object, sent: Sequence[Mapping[str, object]]) -> bool:
    """Tell whether an answer to an upload is the cloud's word that it has all of it.

    One scan object is what is documented, an array what was sent: both must be scans, and ours.
    """
    rows = answer if isinstance(answer, list) else [answer]
    known = {_named(scan, time=time, device=device) for scan in sent for time in (0, 1) for device in (0, 1)}
    ours = [row for row in scan_rows(rows) if row.named() in known]
    return bool(ours) and len(ours) == len(rows) and (not isinstance(answer, list) or len(rows) == len(sent))


def _named(scan: Mapping[str, object], *, time: int, device: int) -> tuple[object, ...]:
    """What an answer may say of a scan that was sent, with its time and its device or without."""
    said = (scan["ticketId"], scan["barcode"], scan["type"], scan["scanResult"])
    return (*said, scan.get("time") if time else None, scan.get("deviceId") if device else None)


def _first(error: ValidationError) -> str:
    problem = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(map(str, problem['loc'])) or 'row'}: {problem['msg']}"
