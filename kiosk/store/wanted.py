"""`wanted`, a small table in `journal.db`: codes that the gate wants to be looked up at once.

The gate writes it, sync watches it. A row is worth nothing after some seconds: only the last ones are kept.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from kiosk.model import Moment

TABLE = """
CREATE TABLE wanted (
    no INTEGER PRIMARY KEY,
    barcode TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    boottime_ns INTEGER NOT NULL
) STRICT
"""

KEPT = 100
"""How many rows are kept: more than can be of use, and few enough to be no list of what was waved at the door."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A code, and when it was read: the boot, and the nanoseconds since then."""

    no: int
    barcode: str
    boot_id: str
    boottime_ns: int


def add(database: sqlite3.Connection, barcode: str, moment: Moment) -> None:
    """Write a code down; the oldest goes. The caller has opened the transaction."""
    database.execute(
        "INSERT INTO wanted (barcode, boot_id, boottime_ns) VALUES (?, ?, ?)",
        (barcode, moment.boot_id, moment.boottime_ns),
    )
    database.execute("DELETE FROM wanted WHERE no <= (SELECT max(no) FROM wanted) - ?", (KEPT,))


def after(database: sqlite3.Connection, number: int) -> list[Wanted]:
    """Return what was wanted after this number, oldest first."""
    rows = database.execute("SELECT no, barcode, boot_id, boottime_ns FROM wanted WHERE no > ? ORDER BY no", (number,))
    return [Wanted(*row) for row in rows]
