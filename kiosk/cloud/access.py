"""The access-control API: the device's settings, the events, the ticket lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from pydantic import TypeAdapter, ValidationError

from kiosk.cloud.answers import EventRow, Page, ticket_rows
from kiosk.cloud.line import Line, Reply
from kiosk.errors import Misaddressed, NoAnswer
from kiosk.model import Listed
from kiosk.settings import Settings

PAGE = 1000
"""The most that the API returns at once."""

_EVENTS = TypeAdapter(list[EventRow])


@dataclass(frozen=True, slots=True)
class TicketPage:
    """Rows as they came; `date` is the cloud's own time."""

    rows: list[Any]
    total: int
    date: datetime | None


class Access:
    """Raises CloudError; an answer that does not have the promised form is NoAnswer."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def settings(self) -> Reply:
        """Return what the cloud says this device is to do, checked to be readable, as it came."""
        answer = self._line.get("/accessusers/me")
        try:
            found = Settings.model_validate(answer.body)
        except ValidationError as error:
            raise NoAnswer(f"the device settings cannot be read: {error.errors()[0]['msg']}") from error
        if not found.model_fields_set:
            raise NoAnswer("the answer is not the settings of a device")
        return answer

    def events(self) -> dict[str, str]:
        """Return the names of all events this device may know."""
        answer = self._line.get("/accessusers/events")
        try:
            return {event.id: event.name or event.id for event in _EVENTS.validate_python(answer.body)}
        except ValidationError as error:
            raise NoAnswer("the answer is not a list of events") from error

    def tickets(
        self, event_id: str, *, skip: int, since: str | None, until: str | None, top: int | None = None
    ) -> TicketPage:
        """Return a page of an event's tickets, those created or changed from `since` up to before `until`."""
        window = {name: at for name, at in (("from", since), ("until", until)) if at is not None}
        answer = self._line.get(
            f"/accessusers/tickets/v2/{quote(event_id, safe='')}", top=top or PAGE, skip=skip, **window
        )
        try:
            page = Page.model_validate(answer.body)
        except ValidationError as error:
            raise NoAnswer("the answer is not a page of tickets") from error
        return TicketPage(page.docs, page.total, answer.date)

    def report(self, event_id: str, rows: Sequence[Mapping[str, str]]) -> None:
        """Report scans of codes that no ticket has; returns only when the API has confirmed it."""
        answer = self._line.post(f"/accessusers/scans/{quote(event_id, safe='')}", list(rows))
        if not isinstance(answer.body, dict) or answer.body.get("status") != "OK":
            raise NoAnswer("the answer to a report does not say that it was taken", running=False)

    def wait_s(self) -> float:
        """Return how long the next request must wait."""
        return self._line.wait_s()

    def ticket(self, barcode: str, event_id: str | None) -> Listed | None:
        """Return the ticket with this code, of any event where none is named; None when the cloud says there is none.

        A ticket with another code is not the one that was asked for.
        """
        named = {"eventId": event_id} if event_id is not None else {}
        try:
            answer = self._line.get(f"/accessusers/tickets/{quote(barcode, safe='')}", **named)
        except Misaddressed:
            return None
        good, _ = ticket_rows([answer.body])
        if not good:
            raise NoAnswer("the answer is not a ticket")
        return good[0] if good[0].ticket.barcode == barcode else None
