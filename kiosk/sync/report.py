"""Codes that no ticket has, reported to the access-control API: the scans service cannot take them.

It has no way to look up what it was told, so a report whose answer was lost stays unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from kiosk.cloud.portier import ScanPage
from kiosk.errors import Misaddressed
from kiosk.model import Direction, Parcel
from kiosk.words import stamp


class Reporting(Protocol):
    """Raises CloudError."""

    def report(self, event_id: str, rows: Sequence[Mapping[str, str]]) -> None: ...
    def wait_s(self) -> float: ...


class Reports:
    """The access-control API as `Upload` sees it. Reports go to the first of the selected events."""

    can_look = False

    def __init__(self, access: Reporting, events: Callable[[], Sequence[str]]) -> None:
        self._access, self._events = access, events
        self.wait_s = access.wait_s

    def prepare(self, parcels: Sequence[Parcel]) -> None:
        """There is nothing to prepare."""

    def hand_in(self, parcels: Sequence[Parcel], meanwhile: Callable[[], object] | None = None) -> None:
        """Report these scans. Raises CloudError."""
        if meanwhile is not None:
            meanwhile()
        events = self._events()
        if not events:
            raise Misaddressed("no event is selected: unknown codes cannot be reported yet")
        self._access.report(events[0], [_row(parcel) for parcel in parcels])

    def page(self, event_id: str, *_: object, **__: object) -> ScanPage:
        raise Misaddressed(f"reports to event {event_id} cannot be read back")


def _row(parcel: Parcel) -> dict[str, str]:
    direction = "IN" if parcel.direction == Direction.CHECKIN else "OUT"
    return {"barcode": parcel.barcode, "scanned_at": stamp(parcel.at), "type": "FAIL", "direction": direction}
