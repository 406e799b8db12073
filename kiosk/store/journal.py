"""`journal.db`: everything that happened at this door, in order, append-only. The gate writes it, all others read.

FULL sync, one transaction a scan: when `append` returns, the scan outlives a pulled plug. Rows are wide enough to be
delivered and shown without the ticket list, which may have changed by then. What is delivered and old goes, portion by
portion, in the gate's pauses; numbers are never used again, and may be missing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from kiosk import clock
from kiosk.errors import Damaged, NoListYet, NotRecorded, StoreError
from kiosk.model import (
    Anchor,
    Moment,
    Passage,
    Passed,
    Reading,
    Reason,
    Scan,
    Ticket,
    Verdict,
)
from kiosk.store import anchors, past, pruning, scanrows, turns, wanted
from kiosk.store.ballast import Ballast
from kiosk.store.database import Schema, from_ms, is_damage, open_for_reading, open_for_writing, to_ms, transaction
from kiosk.store.pruning import Pruning
from kiosk.store.scanrows import INSERT, as_row, uuid7

SCHEMA = Schema("journal", (scanrows.TABLE, (wanted.TABLE,), pruning.TABLES, (anchors.TABLE,), (turns.TABLE,)))

FILE = "journal.db"
PAGES_BEFORE_CHECKPOINT = 500
"""The write-ahead log is folded in while nobody scans, once it has this many pages; SQLite's own limit of 1,000
pages stays as the backstop for a door without a pause."""

WAIT_MS = 1_000
"""How long a scan waits for somebody who holds the file, which nobody should: the guest waits, too."""

RECENT = 32
"""How many scans a restarted gate looks back on: more than its lanes can have seen within one hold-off."""


class Journal:
    """The gate's pen. Not for any other thread than the one that opened it."""

    def __init__(
        self,
        directory: Path,
        device_id: str,
        retention_days: float | None = None,
        note: Callable[[Sequence[object]], object] = len,
    ) -> None:
        """Open it; `retention_days` is how long delivered scans are kept, None for ever. Raises StoreError.

        `note` takes each row once it is on disk, and never raises.
        """
        self.device_id, self._note = device_id, note
        self._ballast = Ballast(directory)
        self._database = self._ballast.make_room_for(partial(open_for_writing, directory / FILE, SCHEMA, "FULL"))
        self._database.execute("PRAGMA cache_size = -8000")
        self._database.execute(f"PRAGMA busy_timeout = {WAIT_MS}")
        self._database.execute("PRAGMA secure_delete = ON").fetchone()  # or names would stay in what is free again
        self._seq, self._time_ms = self._last()
        self._unfolded, self._failed = 0, False
        self._ballast.keep()
        self._pruning = Pruning(self._database, directory, retention_days) if retention_days is not None else None

    def _last(self) -> tuple[int, int]:
        query = "SELECT seq, time_ms FROM scan ORDER BY seq DESC LIMIT 1"
        try:
            return self._database.execute(query).fetchone() or (0, 0)
        except sqlite3.Error as error:
            self._database.close()
            raise StoreError(f"journal.db: {error}") from error

    def append(self, reading: Reading, verdict: Verdict) -> Scan:
        """Record one scan and return it once it is on disk. Raises NotRecorded; nothing was recorded then."""
        wall_ms = to_ms(reading.moment.at)
        time_ms = max(wall_ms, self._time_ms + 1)  # device and time name one scan, even when the clock steps back
        raw = None if reading.raw == reading.code.encode() else reading.raw
        scan = Scan(
            self._seq + 1, uuid7(time_ms), from_ms(time_ms), self.device_id, reading.moment, reading.lane,
            reading.code, verdict, raw,
        )  # fmt: skip
        row = as_row(scan, time_ms, wall_ms)
        self._failed = True
        with _or_not_recorded():
            self._ballast.make_room_for(partial(self._insert, row))
        self._failed = False
        self._seq, self._time_ms = scan.seq, time_ms
        self._unfolded += 1
        self._note(row)
        return scan

    def _insert(self, row: Sequence[object]) -> None:
        with transaction(self._database):
            self._database.execute(INSERT, row)

    @property
    def upto(self) -> int:
        """The newest scan's number, 0 when there is none."""
        return self._seq

    def restore(self, rows: Iterable[Sequence[object]]) -> int:
        """Append scans that were lost, as they were; return how many. Raises NotRecorded; nothing was restored then.

        A file that has lost its log may lie to its index, which is built again.
        """
        with _or_not_recorded(), transaction(self._database):
            number = self._database.executemany(INSERT, rows).rowcount
            if number:
                self._database.execute("REINDEX scan_by_ticket")
        self._seq, self._time_ms = self._last()
        return number

    def want(self, barcode: str, moment: Moment) -> None:
        """Let sync look a code up at once. Raises NotRecorded."""
        with _or_not_recorded(), transaction(self._database):
            wanted.add(self._database, barcode, moment)
        self._unfolded += 1

    def anchor(self, anchor: Anchor) -> None:
        """Write down what time it really was. Raises NotRecorded."""
        with _or_not_recorded(), transaction(self._database):
            anchors.add(self._database, anchor)
        self._unfolded += 1

    def anchors(self) -> list[Anchor]:
        """Return what is known of every boot's clock, oldest first. Raises NotRecorded."""
        with _or_not_recorded():
            return anchors.anchors(self._database)

    def high_water_ms(self) -> int:
        """Return the latest time that is known to have been. Raises NotRecorded."""
        with _or_not_recorded():
            return anchors.high_water_ms(self._database)

    def turn(self, seq: int, passed: Passed, moment: Moment) -> None:
        """Write down what the turnstile said of a scan. Raises NotRecorded."""
        with _or_not_recorded(), transaction(self._database):
            turns.add(self._database, seq, passed, moment)
        self._unfolded += 1

    def admission(self, seq: int) -> tuple[Scan | None, Passed | None]:
        """Return a scan, if there is one of this number, and what the turnstile said of it. Raises NotRecorded."""
        with _or_not_recorded():
            found = past.scans(self._database, [seq])
            return (found[0] if found else None), turns.between(self._database, seq, seq).get(seq)

    def history(self, ticket: Ticket) -> Sequence[Passage]:
        """Return the ticket's approved scans at this door, in order. Raises NotRecorded."""
        with _or_not_recorded():
            return past.passages(self._database, ticket.id)

    def recent(self, boot_id: str, since_ns: int) -> Sequence[Scan]:
        """Return the last few readable scans since this time of this boot, oldest first. Raises NotRecorded."""
        with _or_not_recorded():
            newest = past.scans(self._database, range(max(0, self._seq - RECENT), self._seq + 1))
        return [
            scan
            for scan in newest
            if scan.moment.boot_id == boot_id
            and scan.moment.boottime_ns >= since_ns
            and scan.verdict.reason is not Reason.UNREADABLE
        ]

    def rest(self, now: Moment) -> None:
        """Use a pause: fold the write-ahead log in before it grows into a scan's time, or take a few old scans away.

        One of the two, so that whoever comes meanwhile waits for one only. Raises NotRecorded, as long as scans cannot
        be recorded: after one that could not be, it is tried whether they can again.
        """
        with _or_not_recorded():
            self._ballast.keep()
            if self._failed:
                self._ballast.make_room_for(self._try)
            elif 2 * self._unfolded >= PAGES_BEFORE_CHECKPOINT:
                self._database.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                self._unfolded = 0
            elif self._pruning is not None:
                self._unfolded += self._pruning.step(now)

    def _try(self) -> None:
        """Write what is there already."""
        with transaction(self._database):
            self._database.execute(f"PRAGMA user_version = {SCHEMA.version}")
        self._failed = False

    def close(self) -> None:
        self._database.close()


@contextmanager
def _or_not_recorded() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        meaning = Damaged if is_damage(error) else NotRecorded
        raise meaning(f"journal.db: {error}") from error


def reader(directory: Path) -> sqlite3.Connection:
    """Open the journal for reading. Raises NoListYet while no gate has made one, TooNew."""
    return open_for_reading(directory / FILE, SCHEMA)


def is_of_another_boot(directory: Path) -> bool:
    """Tell whether the journal was begun in another boot than this one: then it may come from another card."""
    try:
        database = reader(directory)
    except NoListYet:
        return False
    row = database.execute("SELECT boot_id FROM scan ORDER BY seq LIMIT 1").fetchone()
    database.close()
    return row is not None and row[0] != clock.boot_id()
