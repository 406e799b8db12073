"""`date`, a table in `ledger.db`: the times with which scans go to the cloud, where that is not the journal's own.

A time is written down before it is sent, and never changes after that: what was sent is found again by it. A scan
without a row goes, or went, with the journal's time.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from kiosk.store.database import transaction

TABLE = (
    "CREATE TABLE date (seq INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, estimated INTEGER NOT NULL) STRICT",
    "CREATE INDEX date_by_time ON date (time_ms)",
)


LOOK_BACK = 1_000
"""How far back is looked for what was given, or sent, last."""


class Date(NamedTuple):
    """When a scan was, as the cloud is told. `estimated`: only order and bounds were known."""

    time_ms: int
    estimated: bool = False


class Dates:
    """Sync's pen on it. Belongs to the thread of its ledger."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def write(self, found: Mapping[int, Date]) -> None:
        """Write these down, on disk when this returns. One that is there stays as it is."""
        with transaction(self._database):
            self._database.executemany(
                "INSERT OR IGNORE INTO date VALUES (?, ?, ?)",
                [(seq, date.time_ms, date.estimated) for seq, date in found.items()],
            )

    def of(self, numbers: Iterable[int]) -> dict[int, Date]:
        """Return what is written down of these scans."""
        return of(self._database, numbers)

    def newest(self) -> int | None:
        """Return the latest time that is given away. Costs microseconds."""
        found: int | None = self._database.execute("SELECT max(time_ms) FROM date").fetchone()[0]
        return found

    def newest_known(self, before: int) -> int | None:
        """Return the latest time, of scans shortly before this one, that was more than estimated."""
        query = "SELECT max(time_ms) FROM date WHERE seq < ? AND seq >= ? AND estimated = 0"
        found: int | None = self._database.execute(query, (before, before - LOOK_BACK)).fetchone()[0]
        return found

    def seq_at(self, time_ms: int) -> int | None:
        """Return the scan that goes, or went, with this time."""
        return seq_at(self._database, time_ms)

    def span(self, first: int, last: int) -> tuple[int, int] | None:
        """Return the earliest and the latest time of the scans from first to last, None where none has one."""
        query = "SELECT min(time_ms), max(time_ms) FROM date WHERE seq BETWEEN ? AND ?"
        earliest, latest = self._database.execute(query, (first, last)).fetchone()
        return (earliest, latest) if earliest is not None else None


def of(database: sqlite3.Connection, numbers: Iterable[int]) -> dict[int, Date]:
    """Return what is written down of these scans."""
    query = "SELECT seq, time_ms, estimated FROM date WHERE seq IN (SELECT value FROM json_each(?))"
    rows = database.execute(query, (json.dumps(list(numbers)),))
    return {seq: Date(time_ms, bool(estimated)) for seq, time_ms, estimated in rows}


def seq_at(database: sqlite3.Connection, time_ms: int) -> int | None:
    """Return the scan that goes, or went, with this time."""
    row = database.execute("SELECT seq FROM date WHERE time_ms = ?", (time_ms,)).fetchone()
    return int(row[0]) if row is not None else None


def prune(database: sqlite3.Connection, before: int) -> None:
    """Forget the dates of scans that the ledger has forgotten. The caller has opened the transaction."""
    database.execute("DELETE FROM date WHERE seq < ? AND seq NOT IN (SELECT seq FROM delivery)", (before,))
