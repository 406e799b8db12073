"""What has arrived, put in its place: the larger of the two tables becomes `ticket`, the smaller is merged into it.

`ticketrows.py` says why there are two.
"""

from __future__ import annotations

import sqlite3

from kiosk.store import tickets
from kiosk.store.database import transaction
from kiosk.store.ticketrows import INDEXES, SET, STORED, SWAP

MERGE = 10_000
"""How many arrivals are merged in one transaction."""

_MERGE = (
    f"INSERT INTO ticket ({STORED}) SELECT {STORED} FROM arrival WHERE n <= ? ORDER BY n "  # noqa: S608
    f"ON CONFLICT (id) DO UPDATE SET {SET}, gone = 0 WHERE excluded.updated_ms >= ticket.updated_ms"
)
_OLDER_CODES = """
INSERT OR IGNORE INTO former_code
SELECT arrival.barcode, arrival.id FROM arrival JOIN ticket USING (id)
WHERE arrival.n <= ? AND arrival.barcode <> ticket.barcode AND arrival.updated_ms < ticket.updated_ms
"""


def settle(database: sqlite3.Connection) -> bool:
    """Put everything that has arrived in its place; return whether anything had.

    A kill in the middle is made up for by the next call.
    """
    if not tickets.arriving(database):
        return False
    counts = "SELECT (SELECT count(*) FROM arrival), (SELECT count(*) FROM ticket)"
    arrived, settled = database.execute(counts).fetchone()
    if arrived > settled:
        with transaction(database):
            _swap(database)
    while tickets.arriving(database):
        with transaction(database):
            _merge(database)
    return True


def _swap(database: sqlite3.Connection) -> None:
    for statement in SWAP:
        database.execute(statement)
    try:
        database.execute(INDEXES[0])
    except sqlite3.IntegrityError:  # rows that moved between pages came twice
        _keep_newest(database)
        database.execute(INDEXES[0])
    for statement in INDEXES[1:]:
        database.execute(statement)


def _keep_newest(database: sqlite3.Connection) -> None:
    database.execute("CREATE INDEX by_id ON ticket (id)")
    for (ticket_id,) in database.execute("SELECT id FROM ticket GROUP BY id HAVING count(*) > 1").fetchall():
        newest = "SELECT n, barcode FROM ticket WHERE id = ? ORDER BY updated_ms DESC, n DESC LIMIT 1"
        number, barcode = database.execute(newest, (ticket_id,)).fetchone()
        database.execute(
            "INSERT OR IGNORE INTO former_code SELECT barcode, id FROM ticket WHERE id = ? AND barcode <> ?",
            (ticket_id, barcode),
        )
        database.execute("DELETE FROM ticket WHERE id = ? AND n <> ?", (ticket_id, number))
    database.execute("DROP INDEX by_id")


def _merge(database: sqlite3.Connection) -> None:
    last = database.execute("SELECT max(n) FROM (SELECT n FROM arrival ORDER BY n LIMIT ?)", (MERGE,))
    upto = last.fetchone()
    database.execute(_OLDER_CODES, upto)
    database.execute(_MERGE, upto)
    database.execute("DELETE FROM arrival WHERE n <= ?", upto)
