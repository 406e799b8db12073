"""`turn`, a small table in `journal.db`: what the turnstile said of who was admitted.

The gate writes it, once a scan at most. It is worth less than a scan: the witness does not have it, nor does a journal
that was put together again.
"""

from __future__ import annotations

import sqlite3

from kiosk.model import Moment, Passed

TABLE = """
CREATE TABLE turn (
    seq INTEGER PRIMARY KEY,
    outcome TEXT NOT NULL CHECK (outcome IN ('turned', 'timed_out')),
    boot_id TEXT NOT NULL,
    boottime_ns INTEGER NOT NULL
) STRICT
"""


def add(database: sqlite3.Connection, seq: int, passed: Passed, moment: Moment) -> None:
    """Write down what became of a scan; who passed late has passed. The caller has opened the transaction."""
    database.execute(
        "INSERT INTO turn VALUES (?, ?, ?, ?) ON CONFLICT (seq) DO UPDATE SET outcome = excluded.outcome, "
        "boot_id = excluded.boot_id, boottime_ns = excluded.boottime_ns WHERE excluded.outcome = 'turned'",
        (seq, passed.value, moment.boot_id, moment.boottime_ns),
    )


def between(database: sqlite3.Connection, first: int, last: int) -> dict[int, Passed]:
    """Return what is known of the scans from the first to the last number."""
    rows = database.execute("SELECT seq, outcome FROM turn WHERE seq BETWEEN ? AND ?", (first, last))
    return {seq: Passed(outcome) for seq, outcome in rows}
