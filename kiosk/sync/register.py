"""From the journal into the ledger: what the gate has recorded since, and whether the two belong together.

A ledger that was lost, or that is about another journal, begins anew; then nobody knows what the cloud has, and every
scan is `unknown` until that was looked up.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from kiosk.dating import Bounds, Stamp
from kiosk.errors import NoListYet
from kiosk.model import Anchor, Delivery, Parcel, Reason, Scan, is_barcode
from kiosk.store import anchors, journal, past
from kiosk.store.database import from_ms
from kiosk.store.ledger import Entry, Ledger
from kiosk.store.past import Recorded

log = logging.getLogger(__name__)

PRUNE_EVERY = 100
"""How many scans the journal may have forgotten before the ledger does."""

REPORTED = frozenset({Reason.UNKNOWN, Reason.UNKNOWN_STALE})


class Register:
    """Reads the journal for one ledger. `ran_before`: sync may have delivered of it, so that a new ledger was lost.

    `report` says whether codes that no ticket has are to be reported.
    """

    def __init__(self, directory: Path, ledger: Ledger, *, ran_before: bool, report: bool = False) -> None:
        self._directory, self._ledger = directory, ledger
        self._dates = ledger.dates()
        self._ran_before, self._report = ran_before, report
        self._in_doubt = False
        self._pruned_to = 0
        self._journal: sqlite3.Connection | None = None
        self._inode = 0
        self._last: tuple[int, str] | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a journal."""
        return self._journal is not None

    def take_in(self) -> bool:
        """Enter what the gate has recorded since; return whether everything has fallen into doubt."""
        database = self._open()
        if database is not None:
            self._enter(database, Delivery.PENDING)
            self._prune(database)
        elif not self._ran_before and self._ledger.journal_mark() is None:
            self._ledger.take_in([])  # the first of all begins before there is anything to deliver
        self._last = self._ledger.journal_mark()
        in_doubt, self._in_doubt = self._in_doubt, False
        return in_doubt

    def _prune(self, database: sqlite3.Connection) -> None:
        """Follow the journal, now and then, in what it has forgotten."""
        first = past.first_seq(database)
        if first >= self._pruned_to + PRUNE_EVERY:
            self._ledger.prune(first)
            self._pruned_to = first

    def scans(self, numbers: Sequence[int]) -> list[Scan]:
        """Return these scans, oldest first, those of them that the journal had when scans were last taken in."""
        return past.scans(self._journal, numbers) if self._journal is not None else []

    def parcels(self, numbers: Sequence[int]) -> list[Parcel]:
        """Return what goes to the cloud of these scans, with the times that were given to them."""
        return self.dated(past.parcels(self._journal, numbers) if self._journal is not None else [])

    def dated(self, parcels: Sequence[Parcel]) -> list[Parcel]:
        """Return these with the times that are given to them by now."""
        dates = self._dates.of(parcel.seq for parcel in parcels)
        return [
            parcel if (date := dates.get(parcel.seq)) is None else parcel._replace(at=from_ms(date.time_ms))
            for parcel in parcels
        ]

    def stamps(self, numbers: Sequence[int]) -> list[Stamp]:
        """Return what the clocks said of these scans, oldest first."""
        return anchors.stamps(self._journal, numbers) if self._journal is not None else []

    def doubtful(self, first: int, last: int) -> list[Scan]:
        """Return the scans that may have gone out with a time that neither the ledger nor the journal knows."""
        if self._journal is None:
            return []
        numbers = anchors.doubtful(self._journal, first, last)
        return past.scans(self._journal, set(numbers) - self._dates.of(numbers).keys())

    def anchors(self) -> list[Anchor]:
        """Return what is known of every boot's clock."""
        return anchors.anchors(self._journal) if self._journal is not None else []

    def boot_of(self, stamp: Stamp) -> tuple[Bounds, str | None]:
        """Return how a scan's boot lies, and which boot came next."""
        assert self._journal is not None
        return anchors.boot_of(self._journal, stamp)

    def scan_at(self, time_ms: int) -> Scan | None:
        """Return the scan that carries this time, from the same journal."""
        return past.scan_at(self._journal, time_ms) if self._journal is not None else None

    def goes_at(self, time_ms: int) -> int | None:
        """Return the scan that goes, or went, with this time because it is the journal's own."""
        scan = self.scan_at(time_ms)
        return scan.seq if scan is not None and not self._dates.of([scan.seq]) else None

    def _open(self) -> sqlite3.Connection | None:
        """Return the journal, None while there is none; one that was put in the other's place is looked at anew."""
        inode = _inode(self._directory / journal.FILE)
        if self._journal is not None and inode == self._inode:
            return self._journal
        self.close()
        try:
            self._journal, self._inode = journal.reader(self._directory), inode
        except NoListYet:
            return None
        self._compare(self._journal)
        return self._journal

    def _compare(self, database: sqlite3.Connection) -> None:
        """See whether the ledger is about this journal, and put everything in doubt where it is not."""
        mark = self._ledger.journal_mark()
        if mark is None:
            self._adopt(database)
        elif not self._knows(database, *mark):
            log.warning("the ledger is about another journal: everything is looked up in the cloud")
            self._ledger.begin_anew()
            self._doubt_everything(database)
        self._pruned_to = 0
        if self._last is not None and not self._knows(database, *self._last):
            self._in_doubt = True  # whoever noticed it first has begun the ledger anew already
        if unplaced := self._ledger.unplaced():
            self._ledger.place(past.scans(database, unplaced))

    def _adopt(self, database: sqlite3.Connection) -> None:
        """A ledger that never took anything in: the first one of all, or one in the place of one that was lost."""
        if self._ran_before and not self._ledger.upto and past.last_seq(database):
            log.warning("the ledger was lost: everything is looked up in the cloud")
            self._doubt_everything(database)

    @staticmethod
    def _knows(database: sqlite3.Connection, seq: int, scan_id: str) -> bool:
        found = past.scans(database, [seq])
        return seq == 0 or bool(found and found[0].id == scan_id)

    def _doubt_everything(self, database: sqlite3.Connection) -> None:
        self._dates.recall(partial(anchors.stamps, database))
        self._enter(database, Delivery.UNKNOWN)
        self._in_doubt = True

    def _enter(self, database: sqlite3.Connection, state: Delivery) -> None:
        if self._ledger.journal_mark() is None or past.last_seq(database) > self._ledger.upto:
            self._ledger.take_in(self._entries(database, state))

    def _entries(self, database: sqlite3.Connection, state: Delivery) -> Iterator[Entry]:
        """From the newest that is in the ledger on, where that does not know its journal yet."""
        for scan in past.recorded_after(database, self._ledger.upto - (self._ledger.journal_mark() is None)):
            yield self._entry(scan, state)

    def _entry(self, scan: Recorded, state: Delivery) -> Entry:
        if scan.event_id is not None:
            return Entry(scan, state, scan.event_id)
        wanted = self._report and scan.reason in REPORTED and is_barcode(scan.barcode)
        # A report that may have been made already is not made again: nobody could look it up.
        return Entry(scan, Delivery.PENDING if wanted and state is Delivery.PENDING else Delivery.LOCAL, report=wanted)

    def close(self) -> None:
        if self._journal is not None:
            self._journal.close()
            self._journal = None


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return 0
