"""What became of the scans in doubt: a look at what the cloud has of their time, newest first, a page at a time.

Pages are filtered again here, because the service may ignore the times. A look ends at the end of the list, or where
everything is older than the scans and came to the cloud before they can have been sent, whichever way it is sorted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from kiosk.cloud.answers import ScanRow
from kiosk.cloud.portier import PAGE, ScanPage
from kiosk.errors import NoAnswer

SLACK = timedelta(seconds=1)
"""How much wider than the scans themselves the window is in which they are looked for."""

DRIFT = timedelta(minutes=1)
"""How much earlier than we think a scan of ours may have come to the cloud."""

MOST_PAGES = 5_000


class StoredScans(Protocol):
    """Raises CloudError."""

    def page(
        self, event_id: str, skip: int, top: int, since: datetime | None = None, until: datetime | None = None
    ) -> ScanPage: ...


@dataclass(frozen=True, slots=True)
class Window:
    """Where to look for an event's scans up to number `upto`: between these times."""

    event_id: str
    upto: int
    since: datetime
    until: datetime

    def holds(self, row: ScanRow) -> bool:
        return row.time is not None and self.since - SLACK <= row.time <= self.until + SLACK


@dataclass(slots=True)
class Look:
    """A look that is under way. `final`: what it does not find did not arrive.

    `sent_ago_s` is how long ago the scans were sent, None where that is not known.
    """

    windows: list[Window]
    final: bool
    sent_ago_s: float | None
    begun: bool = False
    _skip: int = 0
    _largest: int = 0
    _earliest: datetime | None = None

    @property
    def over(self) -> bool:
        return not self.windows

    def step(self, service: StoredScans, ours: Callable[[ScanRow], int | None]) -> list[int]:
        """Fetch a page of the first window and return which of our scans are on it; it is gone when it is done."""
        window = self.windows[0]
        page = service.page(window.event_id, self._skip, PAGE, window.since - SLACK, window.until + SLACK)
        self._note_time(page)
        self.begun, self._skip, self._largest = True, self._skip + page.count, max(self._largest, page.count)
        if self._is_done(page, window):
            self.leave()
        elif self._skip >= MOST_PAGES * PAGE:
            raise NoAnswer(f"more than {self._skip} scans to read back")
        return [seq for row in page.rows if window.holds(row) and (seq := ours(row)) is not None]

    def leave(self) -> None:
        """Go on to the next window."""
        del self.windows[0]
        self._skip = self._largest = 0

    def _note_time(self, page: ScanPage) -> None:
        if self._earliest is None and page.date is not None and self.sent_ago_s is not None:
            self._earliest = page.date - timedelta(seconds=self.sent_ago_s) - DRIFT

    def _is_done(self, page: ScanPage, window: Window) -> bool:
        """A count may be wrong, and pages smaller than asked for: one that is as large as any may not be the last."""
        if page.count == 0 or (self._skip >= page.total and page.count < self._largest):
            return True
        return len(page.rows) == page.count and all(self._is_too_old(row, window) for row in page.rows)

    def _is_too_old(self, row: ScanRow, window: Window) -> bool:
        if row.time is None or row.created_at is None or self._earliest is None:
            return False
        return row.time < window.since - SLACK and row.created_at < self._earliest
