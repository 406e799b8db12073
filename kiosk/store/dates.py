"""`date`, a table in `ledger.db`: the times with which scans go to the cloud, where that is not the journal's own.

A time is written down before it is sent, and never changes after that: what was sent is found again by it. A scan
without a row goes, or went, with the journal's time. All of it is in `dates.db` once more, by the ids of the scans, and
there first: nobody could work out again what was estimated, if it were lost with the ledger.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from kiosk.dating import Stamp
from kiosk.store.database import Schema, transaction

TABLE = (
    "CREATE TABLE date (seq INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, estimated INTEGER NOT NULL) STRICT",
    "CREATE INDEX date_by_time ON date (time_ms)",
)


SCHEMA = Schema(
    "dates",
    (
        (
            """
            CREATE TABLE date (
                scan_id TEXT PRIMARY KEY, seq INTEGER NOT NULL, time_ms INTEGER NOT NULL, estimated INTEGER NOT NULL
            ) STRICT, WITHOUT ROWID
            """,
        ),
    ),
)

FILE = "dates.db"


class Date(NamedTuple):
    """When a scan was, as the cloud is told. `estimated`: only order and bounds were known."""

    time_ms: int
    estimated: bool = False


class Dates:
    """Sync's pen on both. Belongs to the thread of its ledger."""

    def __init__(self, database: sqlite3.Connection, copy: sqlite3.Connection) -> None:
        self._database, self._copy = database, copy

    def write(self, found: Mapping[Stamp, Date]) -> None:
        """Write down when these scans were, on disk when this returns."""
        rows = [(stamp.scan_id, stamp.seq, date.time_ms, date.estimated) for stamp, date in found.items()]
        with transaction(self._copy):
            self._copy.executemany("INSERT OR REPLACE INTO date VALUES (?, ?, ?, ?)", rows)
        self._enter(row[1:] for row in rows)

    def _enter(self, rows: Iterable[Sequence[object]]) -> None:
        with transaction(self._database):
            self._database.executemany("INSERT OR REPLACE INTO date VALUES (?, ?, ?)", rows)

    def recall(self, stamps: Callable[[Iterable[int]], Iterable[Stamp]]) -> None:
        """Take over what was written down before the ledger was lost; `stamps` are those of the journal's scans."""
        rows = self._copy.execute("SELECT scan_id, seq, time_ms, estimated FROM date").fetchall()
        ours = {stamp.scan_id for stamp in stamps(row[1] for row in rows)}
        self._enter(row[1:] for row in rows if row[0] in ours)

    def of(self, numbers: Iterable[int]) -> dict[int, Date]:
        """Return what is written down of these scans."""
        return of(self._database, numbers)

    def newest(self) -> int | None:
        """Return the latest time that is given away. Costs microseconds."""
        found: int | None = self._database.execute("SELECT max(time_ms) FROM date").fetchone()[0]
        return found

    def seq_at(self, time_ms: int) -> int | None:
        """Return the scan that goes, or went, with this time."""
        return seq_at(self._database, time_ms)

    def prune(self, before: int) -> None:
        """Forget the dates of scans before this one that the ledger has forgotten."""
        with transaction(self._database):
            self._database.execute(
                "DELETE FROM date WHERE seq < ? AND seq NOT IN (SELECT seq FROM delivery)", (before,)
            )
        kept = self._database.execute("SELECT seq FROM date WHERE seq < ?", (before,)).fetchall()
        gone = "DELETE FROM date WHERE seq < ? AND seq NOT IN (SELECT value FROM json_each(?))"
        with transaction(self._copy):
            self._copy.execute(gone, (before, json.dumps([seq for (seq,) in kept])))

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
