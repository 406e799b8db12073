"""The scans service: hand scans in, read back what it has."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from kiosk.cloud.answers import Page, ScanRow, confirms, scan_rows
from kiosk.cloud.line import Line, packed
from kiosk.errors import NoAnswer
from kiosk.model import Parcel
from kiosk.words import stamp

PAGE = 1000
"""The most that the service returns at once."""


@dataclass(frozen=True, slots=True)
class ScanPage:
    """The rows that could be read, how many there were on the page and are in all, and the cloud's own time."""

    rows: list[ScanRow]
    count: int
    total: int
    date: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Pack:
    """Scans as they go over the wire."""

    parcels: Sequence[Parcel]
    rows: list[dict[str, object]]
    body: bytes


class Portier:
    """Raises CloudError, whose kind says whether anything can have arrived."""

    can_look = True

    def __init__(self, line: Line) -> None:
        self._line = line
        self._pack: _Pack | None = None

    def wait_s(self) -> float:
        """Return how long the next request must wait."""
        return self._line.wait_s()

    def prepare(self, parcels: Sequence[Parcel]) -> None:
        """Pack these scans for the next `hand_in`, which then need not."""
        rows = [wire(parcel) for parcel in parcels]
        self._pack = _Pack(parcels, rows, packed(rows))

    def hand_in(self, parcels: Sequence[Parcel], meanwhile: Callable[[], object] | None = None) -> None:
        """Upload these scans; returns only when the service has confirmed all of them.

        `meanwhile` is done while the answer is on its way.
        """
        if self._pack is None or self._pack.parcels is not parcels:
            self.prepare(parcels)
        pack, self._pack = self._pack, None
        assert pack is not None
        answer = self._line.post("/scans", pack.body, meanwhile)
        if not confirms(answer.body, pack.rows):
            raise NoAnswer("the answer to an upload does not name our scans", running=False)

    def children(self, parent_event_id: str, skip: int, top: int) -> ScanPage:
        """Read some of the scans of an event's children, newest first."""
        return self._page(skip, top, parentEventId=parent_event_id)

    def page(
        self, event_id: str, skip: int, top: int, since: datetime | None = None, until: datetime | None = None
    ) -> ScanPage:
        """Read some of an event's scans, newest first.

        The service may ignore the times: whoever asks filters again.
        """
        window = {"$gte": since, "$lte": until}
        limits = {name: stamp(at) for name, at in window.items() if at is not None}
        query = {"time": json.dumps(limits)} if limits else {}
        return self._page(skip, top, eventId=event_id, **query)

    def _page(self, skip: int, top: int, **query: str) -> ScanPage:
        answer = self._line.get("/scans", top=top, skip=skip, **query)
        try:
            found = Page.model_validate(answer.body)
        except ValidationError as error:
            raise NoAnswer("the answer is not a page of scans") from error
        return ScanPage(scan_rows(found.docs), len(found.docs), found.total, answer.date)


def wire(parcel: Parcel) -> dict[str, object]:
    """Return a scan as the service takes it: only known fields, only those that have a value."""
    if parcel.ticket_id is None:
        raise ValueError(f"scan {parcel.seq} has no ticket: the cloud cannot take it")
    fields = {
        "ticketId": parcel.ticket_id,
        "eventId": parcel.event_id,
        "barcode": parcel.barcode,
        "ticketTypeId": parcel.ticket_type_id,
        "type": parcel.direction,
        "scanResult": parcel.result,
        "time": stamp(parcel.at),
        "parentEventId": parcel.parent_event_id,
        "name": parcel.name,
        "ticketName": parcel.ticket_name,
        "deviceId": parcel.device_id,
        "sellerId": parcel.seller_id,
    }
    return {name: value for name, value in fields.items() if value is not None}
