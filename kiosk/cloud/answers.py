"""What the cloud's JSON means: rows and answers into nouns. The second of the two doors where pydantic stands.

Unknown fields are ignored; a row that lacks what every row must have is refused by itself, never the page it is on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from kiosk.model import Direction, Result, Ticket
from kiosk.plan import Mark

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


def _time_or_none(value: object) -> datetime | None:
    """The form of these fields is not documented: what cannot be read counts as not there."""
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
        return at.astimezone(UTC) if at.tzinfo is not None else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


Time = Annotated[AwareDatetime, BeforeValidator(_aware)]
LooseTime = Annotated[datetime | None, BeforeValidator(_time_or_none)]


class _Row(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, alias_generator=to_camel)

    @model_validator(mode="before")
    @classmethod
    def _whole_characters(cls, row: object) -> object:
        """Half an emoji, cut by somebody's database, is no text that any file or screen can hold."""
        if not isinstance(row, dict):
            return row
        return {name: _whole(value) if isinstance(value, str) else value for name, value in row.items()}


def _whole(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


class TicketRow(_Row):
    """A row of `GET /accessusers/tickets/v2/{eventId}`."""

    id: Id = Field(alias="_id")
    barcode: Id
    ticket_type_id: Id
    event_id: Id
    ticket_name: str | None = None
    name: str | None = None
    status: str | None = None
    area: str | None = None
    row: str | None = None
    seat: str | None = None
    entry: frozenset[str] | None = None
    slot_start_time: LooseTime = None
    expires_at: LooseTime = None
    excluded_event_ids: frozenset[str] | None = None
    parent_event_id: str | None = None
    seller_id: str | None = None
    updated_at: str | None = None
    created_at: str | None = None

    def ticket(self) -> Ticket:
        return Ticket(
            self.id, self.barcode, self.event_id, self.ticket_type_id, self.ticket_name, self.name,
            "VALID" if self.status is None else self.status, self.area, self.row, self.seat,
            self.entry or frozenset(), self.slot_start_time, self.expires_at,
            self.excluded_event_ids or frozenset(), self.parent_event_id, self.seller_id,
        )  # fmt: skip


class Page(_Row):
    """A page of tickets or scans; its rows are read one by one."""

    docs: list[Any]
    total: Annotated[int, Field(ge=0)]


class EventRow(_Row):
    id: Id = Field(alias="_id")
    name: str | None = None


class ScanRow(_Row):
    """A stored scan. Other devices' may lack a device."""

    id: str | None = Field(default=None, alias="_id")
    ticket_id: Id
    barcode: str
    type: Direction
    scan_result: Result
    time: Time | None = None
    created_at: Time | None = None
    device_id: str | None = None

    @property
    def at(self) -> datetime | None:
        return self.time or self.created_at

    def mark(self) -> Mark | None:
        if self.time is None:
            return None
        return Mark(self.device_id, self.time, self.barcode, self.type, self.scan_result)


def ticket_rows(rows: Iterable[object]) -> tuple[list[tuple[Ticket, str]], list[tuple[object, str]]]:
    """Read tickets, each with its time of change; return also the rows that cannot be read, with what is wrong."""
    good: list[tuple[Ticket, str]] = []
    bad: list[tuple[object, str]] = []
    for row in rows:
        try:
            found = TicketRow.model_validate(row)
        except ValidationError as error:
            bad.append((row, _first(error)))
        else:
            good.append((found.ticket(), found.updated_at or found.created_at or ""))
    return good, bad


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
    known = {(scan["ticketId"], scan["barcode"], scan["type"], scan["scanResult"]) for scan in sent}
    read = scan_rows(rows)
    ours = [row for row in read if (row.ticket_id, row.barcode, row.type, row.scan_result) in known]
    return bool(ours) and len(ours) == len(rows) and (not isinstance(answer, list) or len(rows) == len(sent))


def _first(error: ValidationError) -> str:
    problem = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(map(str, problem['loc'])) or 'row'}: {problem['msg']}"
