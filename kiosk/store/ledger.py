"""`ledger.db`: what the cloud has of our journal, scan by scan. Sync writes it, FULL sync: it holds what was promised.

Losing it never costs a scan, but everything would be delivered again. A scan that is not in it yet is `pending`, or
`local` when the cloud cannot take it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

from kiosk.model import Delivery, Scan
from kiosk.store.database import Schema, open_for_reading, open_for_writing, transaction

SCHEMA = Schema(
    "ledger",
    (
        (
            "CREATE TABLE delivery (seq INTEGER PRIMARY KEY, state TEXT NOT NULL, error TEXT) STRICT",
            "CREATE INDEX delivery_to_settle ON delivery (state, seq) WHERE state <> 'acked'",
        ),
    ),
)

FILE = "ledger.db"


class Ledger:
    """Sync's pen."""

    def __init__(self, directory: Path) -> None:
        self._database = open_for_writing(directory / FILE, SCHEMA, "FULL")

    @property
    def upto(self) -> int:
        """The newest scan that is in the ledger."""
        return int(self._database.execute("SELECT coalesce(max(seq), 0) FROM delivery").fetchone()[0])

    def take_in(self, scans: Iterable[Scan]) -> None:
        """Enter new scans as what they begin as."""
        rows = ((scan.seq, scan.begins_as.value) for scan in scans)
        with transaction(self._database):
            self._database.executemany("INSERT OR IGNORE INTO delivery (seq, state) VALUES (?, ?)", rows)

    def mark(self, numbers: Iterable[int], state: Delivery, error: str | None = None) -> None:
        """Change the state of these scans, on disk when this returns."""
        rows = [(state, error, seq) for seq in numbers]
        with transaction(self._database):
            self._database.executemany("UPDATE delivery SET state = ?, error = ? WHERE seq = ?", rows)

    def doubt_inflight(self) -> None:
        """What was under way when sync was stopped may have arrived or not."""
        self.mark(self.numbers(Delivery.INFLIGHT), Delivery.UNKNOWN, "sync was stopped while this was under way")

    def numbers(self, state: Delivery, limit: int = -1) -> list[int]:
        """Return the oldest scans in this state, in order."""
        rows = self._database.execute(
            "SELECT seq FROM delivery WHERE state = ? AND state <> 'acked' ORDER BY seq LIMIT ?", (state, limit)
        )
        return [seq for (seq,) in rows]

    def hand_out_again(self, numbers: Sequence[int]) -> list[int]:
        """Make refused scans pending again, all of them when none is named; return which."""
        refused = [seq for seq in self.numbers(Delivery.REFUSED) if not numbers or seq in numbers]
        self.mark(refused, Delivery.PENDING)
        return refused

    def close(self) -> None:
        self._database.close()


def reader(directory: Path) -> sqlite3.Connection:
    """Open the ledger for reading. Raises NoListYet while sync has not made one, TooNew."""
    return open_for_reading(directory / FILE, SCHEMA)


def unsettled(database: sqlite3.Connection) -> dict[Delivery, int]:
    """Return how many scans are in each state that is not `acked`."""
    rows = database.execute("SELECT state, count(*) FROM delivery WHERE state <> 'acked' GROUP BY state")
    return {Delivery(state): number for state, number in rows}


def oldest(database: sqlite3.Connection) -> int | None:
    """Return the oldest scan that is still to be delivered."""
    query = "SELECT min(seq) FROM delivery WHERE state <> 'acked' AND state IN ('pending', 'inflight', 'unknown')"
    found: int | None = database.execute(query).fetchone()[0]
    return found


def newest(database: sqlite3.Connection) -> int:
    return int(database.execute("SELECT coalesce(max(seq), 0) FROM delivery").fetchone()[0])


def states(database: sqlite3.Connection, first: int, last: int) -> dict[int, tuple[Delivery, str | None]]:
    """Return the state, and the error if there is one, of the scans from first to last."""
    rows = database.execute("SELECT seq, state, error FROM delivery WHERE seq BETWEEN ? AND ?", (first, last))
    return {seq: (Delivery(state), error) for seq, state, error in rows}
