"""`journal.db`: everything that happened at this door, in order, append-only. The gate writes it, all others read.

FULL sync, one transaction a scan: when `append` returns, the scan outlives a pulled plug. Rows are wide enough to be
delivered and shown without the ticket list, which may have changed by then. What is delivered and old goes, portion by
portion, in the gate's pauses; numbers are never used again, and may be missing.
"""

from __future__ import annotations

import itertools
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from kiosk import clock
from kiosk.errors import Damaged, NoListYet, NotRecorded, StoreError
from kiosk.model import (
    ANNULS,
    Anchor,
    Direction,
    Moment,
    Parcel,
    Passage,
    Passed,
    Reading,
    Reason,
    Result,
    Scan,
    Ticket,
    Verdict,
)
from kiosk.store import anchors, pruning, scanrows, turns, wanted
from kiosk.store.ballast import Ballast
from kiosk.store.database import Schema, from_ms, is_damage, open_for_reading, open_for_writing, to_ms, transaction
from kiosk.store.pruning import Pruning
from kiosk.store.scanrows import COLUMNS, INSERT, as_row, as_scan, uuid7

SCHEMA = Schema("journal", (scanrows.TABLE, (wanted.TABLE,), pruning.TABLES, (anchors.TABLE,), (turns.TABLE,)))

FILE = "journal.db"
PAGES_BEFORE_CHECKPOINT = 500
"""The write-ahead log is folded in while nobody scans, once it has this many pages; SQLite's own limit of 1,000
pages stays as the backstop for a door without a pause."""

WAIT_MS = 1_000
"""How long a scan waits for somebody who holds the file, which nobody should: the guest waits, too."""

RECENT = 32
"""How many scans a restarted gate looks back on: more than its lanes can have seen within one hold-off."""


_PARCELS = """
SELECT seq, time_ms, device_id, barcode, type, result, ticket_id, event_id, parent_event_id, ticket_type_id,
       ticket_name, name, seller_id
FROM scan WHERE seq IN (SELECT value FROM json_each(?)) ORDER BY seq
"""


_PASSAGES = f"""
SELECT seq, type, time_ms, device_id, NULL FROM passage WHERE ticket_id = ?1 UNION ALL
SELECT seq, type, {anchors.KNOWN_MS}, device_id, iif(reason = 'annulled', facts, NULL)
FROM scan WHERE ticket_id = ?1 AND result = 'approved' ORDER BY 1
"""  # noqa: S608  # a constant


@dataclass(slots=True)
class Counts:
    """What happened at this door, counted. `inside` is this door's own view: in less out."""

    checkin: int = 0
    checkout: int = 0
    declined: int = 0
    inside: int = 0
    upto: int = 0


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
            found = scans(self._database, [seq])
            return (found[0] if found else None), turns.between(self._database, seq, seq).get(seq)

    def history(self, ticket: Ticket) -> Sequence[Passage]:
        """Return the ticket's approved scans at this door, in order. Raises NotRecorded."""
        with _or_not_recorded():
            return passages(self._database, ticket.id)

    def recent(self, boot_id: str, since_ns: int) -> Sequence[Scan]:
        """Return the last few readable scans since this time of this boot, oldest first. Raises NotRecorded."""
        with _or_not_recorded():
            newest = scans(self._database, range(max(0, self._seq - RECENT), self._seq + 1))
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


def passages(database: sqlite3.Connection, ticket_id: str) -> Sequence[Passage]:
    """Return the ticket's approved scans in order, those that are no longer kept included.

    An admission that was taken back never was one, and what took it back is none.
    """
    rows = database.execute(_PASSAGES, (ticket_id,)).fetchall()
    annulled = {int(json.loads(facts)[ANNULS]) for *_, facts in rows if facts is not None}
    return [
        Passage(Direction(kind), from_ms(time_ms), gate, seq)
        for seq, kind, time_ms, gate, facts in rows
        if facts is None and seq not in annulled
    ]


def last_seq(database: sqlite3.Connection) -> int:
    """Return the newest scan's number, 0 when there is none. Costs microseconds."""
    return int(database.execute("SELECT coalesce(max(seq), 0) FROM scan").fetchone()[0])


def first_seq(database: sqlite3.Connection) -> int:
    """Return the oldest scan's number that is still kept, 0 when there is none. Costs microseconds."""
    return int(database.execute("SELECT coalesce(min(seq), 0) FROM scan").fetchone()[0])


def is_of_another_boot(directory: Path) -> bool:
    """Tell whether the journal was begun in another boot than this one: then it may come from another card."""
    try:
        database = reader(directory)
    except NoListYet:
        return False
    row = database.execute("SELECT boot_id FROM scan ORDER BY seq LIMIT 1").fetchone()
    database.close()
    return row is not None and row[0] != clock.boot_id()


def count_after(database: sqlite3.Connection, seq: int) -> tuple[int, int, int | None]:
    """Return how many scans after this one can be delivered, how many cannot, and the first one that can."""
    deliverable, local, first = database.execute(
        "SELECT count(ticket_id), count(*) - count(ticket_id), min(iif(ticket_id IS NULL, NULL, seq)) "
        "FROM scan WHERE seq > ?",
        (seq,),
    ).fetchone()
    return deliverable, local, first


def scans_after(database: sqlite3.Connection, seq: int) -> Iterator[Scan]:
    """Return the scans after this one, oldest first; no read stays open to keep the log from being folded in."""
    query = f"SELECT {COLUMNS} FROM scan WHERE seq > ? ORDER BY seq LIMIT 500"  # noqa: S608
    while rows := database.execute(query, (seq,)).fetchall():
        yield from map(as_scan, rows)
        seq = rows[-1][0]


class Recorded(NamedTuple):
    """As much of a scan as it takes to know whether, and where, it is to be delivered."""

    seq: int
    id: str
    event_id: str | None
    reason: str
    barcode: str


def recorded_after(database: sqlite3.Connection, seq: int) -> Iterator[Recorded]:
    """Return the scans after this one, oldest first."""
    query = "SELECT seq, id, event_id, reason, barcode FROM scan WHERE seq > ? ORDER BY seq LIMIT 1000"
    while rows := database.execute(query, (seq,)).fetchall():
        yield from itertools.starmap(Recorded, rows)
        seq = rows[-1][0]


def parcels(database: sqlite3.Connection, numbers: Iterable[int]) -> list[Parcel]:
    """Return what goes to the cloud of these scans, oldest first."""
    rows = database.execute(_PARCELS, (json.dumps(list(numbers)),))
    return [Parcel(seq, from_ms(time_ms), *rest) for seq, time_ms, *rest in rows]


def scans(database: sqlite3.Connection, numbers: Iterable[int]) -> list[Scan]:
    """Return these scans, oldest first."""
    query = f"SELECT {COLUMNS} FROM scan WHERE seq IN (SELECT value FROM json_each(?)) ORDER BY seq"  # noqa: S608
    return [as_scan(row) for row in database.execute(query, (json.dumps(list(numbers)),))]


def admitted_after(database: sqlite3.Connection, ticket_id: str, seq: int) -> Scan | None:
    """Return the ticket's first approved check-in after this scan."""
    query = (
        f"SELECT {COLUMNS} FROM scan WHERE ticket_id = ? AND result = 'approved' AND type = 'checkin' AND seq > ? "  # noqa: S608
        "ORDER BY seq LIMIT 1"
    )
    row = database.execute(query, (ticket_id, seq)).fetchone()
    return as_scan(row) if row is not None else None


def scans_of(database: sqlite3.Connection, ticket_id: str, look_back: int, limit: int) -> list[Scan]:
    """Return a ticket's scans, newest first: the approved ones, and the declined among the last `look_back`."""
    query = (
        f"SELECT {COLUMNS} FROM scan WHERE ticket_id = ?1 AND result = 'approved' UNION ALL "  # noqa: S608
        f"SELECT {COLUMNS} FROM scan WHERE seq > ?2 AND ticket_id = ?1 AND result = 'declined' "
        "ORDER BY 1 DESC LIMIT ?3"
    )
    return [as_scan(row) for row in database.execute(query, (ticket_id, last_seq(database) - look_back, limit))]


def last_declined(database: sqlite3.Connection, look_back: int) -> Scan | None:
    """Return the newest declined scan, if it is among the last `look_back`."""
    declined = "result = 'declined' AND reason <> 'practice'"
    query = f"SELECT {COLUMNS} FROM scan WHERE seq > ? AND {declined} ORDER BY seq DESC LIMIT 1"  # noqa: S608
    row = database.execute(query, (last_seq(database) - look_back,)).fetchone()
    return as_scan(row) if row is not None else None


def scan_at(database: sqlite3.Connection, time_ms: int) -> Scan | None:
    """Return the scan that carries this time."""
    query = f"SELECT {COLUMNS} FROM scan WHERE seq >= ? ORDER BY seq LIMIT 1"  # noqa: S608
    found = database.execute(query, (scanrows.first_at(database, time_ms),)).fetchone()
    scan = as_scan(found) if found is not None else None
    return scan if scan is not None and to_ms(scan.at) == time_ms else None


def was_here(database: sqlite3.Connection, ticket_id: str, time_ms: int, device_id: str | None) -> bool:
    """Tell whether this ticket's scan of this time is ours, still kept or not; declined ones are forgotten.

    The device is the one that it was then; None where nobody knows.
    """
    scan = scan_at(database, time_ms)
    if scan is not None and scan.verdict.ticket is not None and scan.verdict.ticket.id == ticket_id:
        return device_id in {scan.device_id, None}
    query = "SELECT 1 FROM passage WHERE ticket_id = ?1 AND time_ms = ?2 AND (?3 IS NULL OR device_id = ?3)"
    return database.execute(query, (ticket_id, time_ms, device_id)).fetchone() is not None


def count(database: sqlite3.Connection, counts: Counts) -> Counts:
    """Add what happened since `counts` was taken. Only the first time costs a look at every row.

    Scans that are no longer kept count as ever; one statement, so that what goes meanwhile is not counted twice.
    """
    newest = last_seq(database)
    rows = database.execute(
        "SELECT type, result, reason, number FROM tally WHERE ?1 = 0 UNION ALL "
        "SELECT type, result, reason, count(*) FROM scan WHERE seq > ?1 AND seq <= ?2 GROUP BY 1, 2, 3",
        (counts.upto, newest),
    )
    for kind, result, reason, number in rows:
        _add(counts, kind, Result(result), Reason(reason), number)
    counts.upto = newest
    return counts


def _add(counts: Counts, kind: str, result: Result, reason: Reason, number: int) -> None:
    if reason is Reason.PRACTICE:
        return
    if result is Result.DECLINED:
        counts.declined += number
    elif kind == Direction.CHECKIN:
        counts.checkin += number
        counts.inside += number
    else:
        counts.checkout += number
        counts.inside -= number if reason is not Reason.NOT_INSIDE else 0
