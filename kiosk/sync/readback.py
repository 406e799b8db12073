"""What became of the scans in doubt: a look at what the cloud has of their time, newest first, a page at a time.

Pages are filtered again here, because the service may ignore the times. A look ends at the end of the list, or where
everything is older than the scans and came to the cloud before they can have been sent, whichever way it is sorted.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from kiosk import plan
from kiosk.cloud.answers import ScanRow
from kiosk.cloud.portier import PAGE, ScanPage
from kiosk.errors import CloudError, NoAnswer, Rejected
from kiosk.model import Anchor, Scan
from kiosk.outcome import Outcome
from kiosk.store.database import from_ms, to_ms
from kiosk.store.ledger import Ledger, Unknown
from kiosk.sync.losttimes import LostTimes
from kiosk.sync.register import Register

log = logging.getLogger(__name__)

VANISHED = "the journal no longer has this scan"

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
    plainly: bool = field(init=False)
    _skip: int = 0
    _largest: int = 0
    _earliest: datetime | None = None

    def __post_init__(self) -> None:
        self.plainly = self.final

    @property
    def over(self) -> bool:
        return not self.windows

    def step(self, service: StoredScans, ours: Callable[[ScanRow], int | None]) -> list[int]:
        """Fetch a page of the first window and return which of our scans are on it; it is gone when it is done."""
        window = self.windows[0]
        try:
            page = service.page(window.event_id, self._skip, PAGE, *self._times(window))
        except Rejected:
            if self.plainly:
                raise
            self.plainly = True  # perhaps it is only the times that it does not take
            return []
        self._note_time(page)
        self.begun, self._skip, self._largest = True, self._skip + page.count, max(self._largest, page.count)
        if self._is_done(page, window):
            self.leave()
        elif self._skip >= MOST_PAGES * PAGE:
            raise NoAnswer(f"more than {self._skip} scans to read back")
        return [seq for row in page.rows if window.holds(row) and (seq := ours(row)) is not None]

    def _times(self, window: Window) -> tuple[datetime, ...]:
        """What is not found must not have been hidden by a filter that means something else."""
        return () if self.plainly else (window.since - SLACK, window.until + SLACK)

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
        if self._is_oldest_first(page):  # what is new is yet to come
            return False
        return len(page.rows) == page.count and all(self._is_too_old(row, window) for row in page.rows)

    @staticmethod
    def _is_oldest_first(page: ScanPage) -> bool:
        times = [row.created_at for row in page.rows if row.created_at is not None]
        return len(times) > 1 and times[0] < times[-1]

    def _is_too_old(self, row: ScanRow, window: Window) -> bool:
        if row.time is None or row.created_at is None or self._earliest is None:
            return False
        return row.time < window.since - SLACK and row.created_at < self._earliest


class ReadBack:
    """Clears up what is unknown in the ledger, a page at a time. Belongs to one thread."""

    def __init__(
        self, register: Register, ledger: Ledger, service: StoredScans, anchors: Callable[[], Sequence[Anchor]]
    ) -> None:
        self._register, self._ledger, self._service = register, ledger, service
        self._dates = ledger.dates()
        self._lost = LostTimes(register, ledger, anchors)
        self._look: Look | None = None

    @property
    def under_way(self) -> bool:
        return self._look is not None

    def drop(self) -> None:
        """Forget the look that is under way."""
        self._look = None

    def step(self, *, final: bool, sent_ago_s: float | None) -> int:
        """Look at a page more, and return how many scans had arrived by it; where none is under way, begin a look.

        What a final look did not find of an event did not arrive. Raises CloudError.
        """
        look = self._look = self._look or Look(self._windows(), final, sent_ago_s)
        try:
            found = self._step(look) if not look.over else 0
        except CloudError:
            if not look.begun:  # how long ago the scans were sent would be wrong later
                self._look = None
            raise
        if look.over:
            self._look = None
        return found

    def _step(self, look: Look) -> int:
        window = look.windows[0]
        found = self._ledger.move(Outcome.FOUND, look.step(self._service, self._ours))
        if found:
            log.info("read back: %d scans of event %s had arrived", found, window.event_id)
        if look.windows[:1] == [window] and window.event_id not in {each.event_id for each in self._ledger.unknown()}:
            look.leave()  # all are found, so the rest of the pages need not be read
        if look.windows[:1] != [window] and look.final and (lost := self._ledger.missing(window.event_id, window.upto)):
            log.info("read back: %d scans of event %s had not arrived", lost, window.event_id)
        return found

    def _ours(self, row: ScanRow) -> int | None:
        if row.time is None:
            return None
        time_ms, mark = to_ms(row.time), row.mark()
        if (seq := self._dates.seq_at(time_ms)) is not None:
            scans = self._register.scans([seq])
        else:
            scan = self._register.scan_at(time_ms)
            scans = [scan] if scan is not None and not self._dates.of([scan.seq]) else []
        found = [scan.seq for scan in scans if replace(plan.mark(scan), at=row.time) == mark]
        return found[0] if found else self._lost.find(row.time, mark)

    def _windows(self) -> list[Window]:
        self._lost.clear()
        return [window for each in self._ledger.unknown() if (window := self._window(each)) is not None]

    def _window(self, unknown: Unknown) -> Window | None:
        """Times grow with the numbers. None where the journal has lost an end: the next look does without that."""
        ends = self._register.scans([unknown.first, unknown.last])
        if len(ends) < len({unknown.first, unknown.last}):
            lost = {unknown.first, unknown.last} - {scan.seq for scan in ends}
            self._ledger.move(Outcome.VANISHED, sorted(lost), VANISHED)
            return None
        return Window(unknown.event_id, unknown.last, *self._times(unknown, ends))

    def _times(self, unknown: Unknown, ends: Sequence[Scan]) -> tuple[datetime, datetime]:
        """Between which times an event's scans lie, by all that they may have been sent with."""
        span = self._dates.span(unknown.first, unknown.last) or ()
        times = [*(scan.at for scan in ends), *(from_ms(time_ms) for time_ms in span), *self._lost.search(unknown)]
        return min(times), max(times)
