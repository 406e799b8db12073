"""What other doors did: the cloud's scans, newest first, until everything it counts is known here.

The service's time filter is not asked for: where it works it would hide what a door delivers hours late, where it does
not it hides nothing. Its count says whether something is still missing further down.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from kiosk.cloud.answers import ScanRow
from kiosk.cloud.portier import ScanPage
from kiosk.errors import CloudError, NoListYet
from kiosk.model import Passage, Result
from kiosk.store import dates, journal, ledger, past, tickets
from kiosk.store.cache import Cache, ElsewhereScan, children_of
from kiosk.store.database import to_ms

log = logging.getLogger(__name__)

FIRST = 100
"""How many of the newest are asked for each time; more only where that does not reach what is known."""

PAGE = 1000
MOST_PAGES = 200


class StoredScans(Protocol):
    """Raises CloudError."""

    def page(self, event_id: str, skip: int, top: int) -> ScanPage: ...
    def children(self, parent_event_id: str, skip: int, top: int) -> ScanPage: ...


@dataclass(slots=True)
class Elsewhere:
    """Keeps the history of other doors. Belongs to one thread."""

    store: Cache
    scans: StoredScans
    directory: Path
    events: Callable[[], Iterable[str]]
    _journal: sqlite3.Connection | None = None
    _ledger: sqlite3.Connection | None = None

    def look(self) -> None:
        """Fetch what is new of every event. Raises the first CloudError, after all were tried."""
        failed: CloudError | None = None
        for event_id in self.events():
            try:
                self._look(event_id, event_id, self.scans.page)
                if tickets.has_children(self.store.database, event_id):
                    self._look(children_of(event_id), event_id, self.scans.children)
            except CloudError as error:
                failed = failed or error
        if failed is not None:
            raise failed

    def _look(self, whose: str, event_id: str, ask: Callable[[str, int, int], ScanPage]) -> None:
        """Fetch what is new of an event; `whose` is by what name it is counted here."""
        mark = f"scans of {whose} that cannot be had"
        lacking = tickets.setting(self.store.database, mark) or 0
        known, skip = self.store.known_elsewhere(whose), 0
        for number in range(MOST_PAGES):
            page = ask(event_id, skip, PAGE if number else FIRST)
            fresh = self.store.store_elsewhere(self._told(row, whose) for row in page.rows if row.id)
            known, skip = known + fresh, skip + page.count
            if page.count == 0 or skip >= page.total:  # everything was looked at
                if page.total - known != lacking:
                    self.store.store_setting(mark, page.total - known)
                return
            if fresh < page.count and page.total - known <= lacking:
                if page.total - known < lacking:  # some were removed; a late one must not pass for one of them
                    self.store.store_setting(mark, page.total - known)
                return
        log.warning("event %s has more scans of other doors than can be fetched at once", event_id)

    def _told(self, row: ScanRow, event_id: str) -> ElsewhereScan:
        """An admission or exit at another door; our own we know better ourselves."""
        scan_id = str(row.id)
        if row.scan_result is not Result.APPROVED or row.at is None or self._is_ours(row):
            return ElsewhereScan(scan_id, event_id)
        return ElsewhereScan(scan_id, event_id, row.ticket_id, Passage(row.type, row.at, row.device_id))

    def _is_ours(self, row: ScanRow) -> bool:
        """Ours is what our journal has: a device that got a new card does not forget what the old one did."""
        if row.time is None:
            return False
        try:
            self._journal = self._journal or journal.reader(self.directory)
        except NoListYet:
            return False
        if past.was_here(self._journal, row.ticket_id, to_ms(row.time), row.device_id):
            return True
        return self._went_out_as(row)

    def _went_out_as(self, row: ScanRow) -> bool:
        """Whether a scan of ours whose clock was not set went out with this time."""
        assert self._journal is not None
        assert row.time is not None
        try:
            self._ledger = self._ledger or ledger.reader(self.directory)
        except NoListYet:
            return False
        seq = dates.seq_at(self._ledger, to_ms(row.time))
        found = past.scans(self._journal, [seq]) if seq is not None else []
        return any(
            scan.verdict.ticket is not None
            and scan.verdict.ticket.id == row.ticket_id
            and row.device_id in {scan.device_id, None}
            for scan in found
        )

    def close(self) -> None:
        for database in (self._journal, self._ledger):
            if database is not None:
                database.close()
