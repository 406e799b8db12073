"""`ledger.db`: what the cloud has of our journal, scan by scan. Sync writes it, FULL sync: it holds what was promised.

Losing it costs a look at everything the cloud has: a new ledger beside a journal with scans takes them for `unknown`.
It belongs to one journal, by whose newest scan it knows it. A scan that is not in it yet is `pending`, or `local` when
the cloud cannot take it. A `report` goes to the access-control API instead: a code that no ticket has.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from kiosk.errors import StoreError
from kiosk.model import Delivery, Moment, Scan
from kiosk.outcome import TRANSITIONS, Outcome
from kiosk.store import dates
from kiosk.store.database import Schema, open_for_reading, open_for_writing, transaction
from kiosk.store.dates import Dates

SCHEMA = Schema(
    "ledger",
    (
        (
            "CREATE TABLE delivery (seq INTEGER PRIMARY KEY, state TEXT NOT NULL, error TEXT) STRICT",
            "CREATE INDEX delivery_to_settle ON delivery (state, seq) WHERE state <> 'acked'",
        ),
        (
            # Where a scan was, or is to be, sent; reports are 1.
            "ALTER TABLE delivery ADD COLUMN event_id TEXT",
            "ALTER TABLE delivery ADD COLUMN report INTEGER NOT NULL DEFAULT 0",
            "DROP INDEX delivery_to_settle",
            "CREATE INDEX delivery_to_settle ON delivery (state, report, seq) WHERE state <> 'acked'",
            # The journal's newest scan in here: another journal has another.
            "CREATE TABLE journal (only INTEGER PRIMARY KEY, seq INTEGER NOT NULL, scan_id TEXT NOT NULL) STRICT",
            # When the last batch of each kind went out.
            """
            CREATE TABLE attempt (
                report INTEGER PRIMARY KEY, boot_id TEXT NOT NULL, boottime_ns INTEGER NOT NULL
            ) STRICT
            """,
        ),
        dates.TABLE,
    ),
)

FILE = "ledger.db"

LOOK_BACK = 1_000
"""How far back is looked for what was sent last."""

_OPEN = "state IN ('pending', 'inflight', 'unknown')"


class Numbered(Protocol):
    """A scan, or as much of it as the ledger keeps."""

    @property
    def seq(self) -> int: ...
    @property
    def id(self) -> str: ...


class Entry(NamedTuple):
    """A scan as it enters the ledger."""

    scan: Numbered
    state: Delivery
    event_id: str | None = None
    report: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """The scans of one event of which nobody knows whether they arrived: the first and the last of them."""

    event_id: str
    first: int
    last: int


class Ledger:
    """Sync's pen, for what goes one way: `report` says which. Belongs to one thread."""

    def __init__(self, directory: Path, *, report: bool = False) -> None:
        self._report = int(report)
        self._database = open_for_writing(directory / FILE, SCHEMA, "FULL")
        try:
            self._copy = open_for_writing(directory / dates.FILE, dates.SCHEMA, "FULL")
        except StoreError:
            self._database.close()
            raise

    @property
    def upto(self) -> int:
        """The newest scan that is in the ledger."""
        return newest(self._database)

    def journal_mark(self) -> tuple[int, str] | None:
        """Return the number and the id of the journal's scan by which it is known, None before it ever took any in.

        Number 0 stands for a journal that was empty.
        """
        row: tuple[int, str] | None = self._database.execute("SELECT seq, scan_id FROM journal").fetchone()
        return row

    def begin_anew(self) -> None:
        """Forget everything: it was about another journal."""
        with transaction(self._database):
            for table in ("delivery", "journal", "attempt", "date"):
                self._database.execute(f"DELETE FROM {table}")  # noqa: S608

    def take_in(self, entries: Iterable[Entry]) -> None:
        """Enter new scans, oldest first, all or none; from the first time on the ledger knows its journal."""
        insert = "INSERT OR IGNORE INTO delivery (seq, state, event_id, report) VALUES (?, ?, ?, ?)"
        last: Numbered | None = None

        def rows() -> Iterator[tuple[object, ...]]:
            nonlocal last
            for entry in entries:
                last = entry.scan
                yield last.seq, entry.state.value, entry.event_id, entry.report

        with transaction(self._database):
            self._database.executemany(insert, rows())
            if last is not None:
                self._database.execute("INSERT OR REPLACE INTO journal VALUES (1, ?, ?)", (last.seq, last.id))
            else:
                self._database.execute("INSERT OR IGNORE INTO journal VALUES (1, 0, '')")

    def place(self, scans: Iterable[Scan]) -> None:
        """Say where scans belong that came in before that was written down."""
        places = [(scan.verdict.ticket.event_id, scan.seq) for scan in scans if scan.verdict.ticket is not None]
        with transaction(self._database):
            self._database.executemany("UPDATE delivery SET event_id = ? WHERE seq = ?", places)

    def unplaced(self) -> list[int]:
        """Return unsettled scans that came in before it was written down where they belong."""
        query = "SELECT seq FROM delivery WHERE state NOT IN ('acked', 'local') AND event_id IS NULL AND report = 0"
        return [seq for (seq,) in self._database.execute(query)]

    def move(self, outcome: Outcome, numbers: Iterable[int], error: str | None = None) -> int:
        """Let these scans go where the outcome leads them, on disk when this returns; return how many went."""
        with transaction(self._database):
            return self._move(outcome, numbers, error)

    def _move(self, outcome: Outcome, numbers: Iterable[int], error: str | None) -> int:
        listed = json.dumps(list(numbers))
        update = (
            "UPDATE delivery SET state = ?, error = ? WHERE seq IN (SELECT value FROM json_each(?)) AND state = ?"
        )  # fmt: skip
        moves = TRANSITIONS[outcome].items()
        return sum(self._database.execute(update, (after, error, listed, before)).rowcount for before, after in moves)

    def post(self, numbers: Sequence[int], now: Moment, confirmed: Sequence[int] = ()) -> int:
        """Mark a batch as under way, with when that was, and the one before it as delivered; return how many are."""
        attempt = "INSERT OR REPLACE INTO attempt VALUES (?, ?, ?)"
        with transaction(self._database):
            self._move(Outcome.CONFIRMED, confirmed, None)
            moved = self._move(Outcome.POSTED, numbers, None)
            self._database.execute(attempt, (self._report, now.boot_id, now.boottime_ns))
        return moved

    def attempt(self) -> tuple[str, int] | None:
        """Return when the last batch went out: the boot, and the nanoseconds since then."""
        query = "SELECT boot_id, boottime_ns FROM attempt WHERE report = ?"
        row: tuple[str, int] | None = self._database.execute(query, (self._report,)).fetchone()
        return row

    def missing(self, event_id: str, upto: int) -> int:
        """A look found no more of an event's unknown scans up to this one: they did not arrive. Return how many."""
        return self.move(Outcome.MISSING, [seq for seq in self.unknown_of(event_id) if seq <= upto])

    def unknown(self) -> list[Unknown]:
        """Return, event by event, where the scans lie of which nobody knows whether they arrived."""
        query = (
            "SELECT coalesce(event_id, ''), min(seq), max(seq) FROM delivery "
            "WHERE state = 'unknown' AND report = ? GROUP BY event_id ORDER BY min(seq)"
        )
        return [Unknown(*row) for row in self._database.execute(query, (self._report,))]

    def unknown_of(self, event_id: str) -> list[int]:
        """Return the scans of one event of which nobody knows whether they arrived, in order."""
        where = "state = 'unknown' AND report = ? AND coalesce(event_id, '') = ?"
        query = f"SELECT seq FROM delivery WHERE {where} ORDER BY seq"  # noqa: S608
        return [seq for (seq,) in self._database.execute(query, (self._report, event_id))]

    def numbers(self, state: Delivery, limit: int = -1) -> list[int]:
        """Return the oldest scans in this state, in order."""
        rows = self._database.execute(
            "SELECT seq FROM delivery WHERE state = ? AND state <> 'acked' AND report = ? ORDER BY seq LIMIT ?",
            (state, self._report, limit),
        )
        return [seq for (seq,) in rows]

    def outstanding(self) -> int:
        """Return how many are still to be delivered."""
        query = f"SELECT count(*) FROM delivery WHERE {_OPEN} AND state <> 'acked' AND report = ?"  # noqa: S608
        return int(self._database.execute(query, (self._report,)).fetchone()[0])

    def prune(self, before: int) -> None:
        """Forget settled scans before this one: the journal has forgotten them, too."""
        with transaction(self._database):
            self._database.execute("DELETE FROM delivery WHERE seq < ? AND state IN ('acked', 'local')", (before,))
        self.dates().prune(before)

    def dates(self) -> Dates:
        """Return the pen for the times with which scans go to the cloud."""
        return Dates(self._database, self._copy)

    def last_sent(self, before: int, *, known: bool = False) -> int:
        """Return the newest scan before this one that has been sent, 0 when none has.

        `known`: only those of which more was known than an estimate.
        """
        query = (
            "SELECT coalesce(max(seq), 0) FROM delivery WHERE seq < ? AND seq >= ? AND report = ? "
            "AND state NOT IN ('pending', 'local')"
        )
        if known:
            query += " AND seq NOT IN (SELECT seq FROM date WHERE estimated)"
        return int(self._database.execute(query, (before, before - LOOK_BACK, self._report)).fetchone()[0])

    def close(self) -> None:
        self._database.close()
        self._copy.close()


def hand_out_again(directory: Path, numbers: Sequence[int], *, unknown: bool = False) -> list[int]:
    """Make refused scans pending again, all of them when none is named; `unknown` ones, too. Return which."""
    again: list[int] = []
    outcomes = {Delivery.REFUSED: Outcome.HANDED_OUT}
    if unknown:
        outcomes[Delivery.UNKNOWN] = Outcome.SENT_BLINDLY
    for report in (False, True):
        ledger = Ledger(directory, report=report)
        for state, outcome in outcomes.items():
            found = [seq for seq in ledger.numbers(state) if not numbers or seq in numbers]
            ledger.move(outcome, found)
            again += found
        ledger.close()
    return sorted(again)


def withdraw_reports(directory: Path) -> None:
    """Keep here what was to be reported: nobody wants it any more."""
    ledger = Ledger(directory, report=True)
    for state in TRANSITIONS[Outcome.WITHDRAWN]:
        ledger.move(Outcome.WITHDRAWN, ledger.numbers(state))
    ledger.close()


def reader(directory: Path) -> sqlite3.Connection:
    """Open the ledger for reading. Raises NoListYet while sync has not made one, TooNew."""
    return open_for_reading(directory / FILE, SCHEMA)


def unsettled(database: sqlite3.Connection) -> dict[Delivery, int]:
    """Return how many scans are in each state that is not `acked`."""
    rows = database.execute("SELECT state, count(*) FROM delivery WHERE state <> 'acked' GROUP BY state")
    return {Delivery(state): number for state, number in rows}


def oldest(database: sqlite3.Connection) -> int | None:
    """Return the oldest scan that is still to be delivered."""
    query = f"SELECT min(seq) FROM delivery WHERE state <> 'acked' AND {_OPEN}"  # noqa: S608
    found: int | None = database.execute(query).fetchone()[0]
    return found


def newest(database: sqlite3.Connection) -> int:
    return int(database.execute("SELECT coalesce(max(seq), 0) FROM delivery").fetchone()[0])


def states(database: sqlite3.Connection, first: int, last: int) -> dict[int, tuple[Delivery, str | None]]:
    """Return the state, and the error if there is one, of the scans from first to last."""
    rows = database.execute("SELECT seq, state, error FROM delivery WHERE seq BETWEEN ? AND ?", (first, last))
    return {seq: (Delivery(state), error) for seq, state, error in rows}


def errors(database: sqlite3.Connection, state: Delivery, limit: int) -> dict[int, str | None]:
    """Return the oldest scans in this state, with what the cloud said of each."""
    query = "SELECT seq, error FROM delivery WHERE state = ? AND state <> 'acked' ORDER BY seq LIMIT ?"
    return dict(database.execute(query, (state.value, limit)))
