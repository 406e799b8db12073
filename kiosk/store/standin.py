"""The newest backup, brought up to date: where it and the witness have everything, it is the journal within seconds.

To read every row of a damaged file, a backup and a witness takes a minute for each million on a small machine, and the
door waits. A copy that SQLite calls sound, and which the witness goes on from without a gap, needs a name only. It is
brought up to date where it lies, in one transaction: killed before it has the journal's name, it is a copy as before.
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

from kiosk.store import backup, salvage, witness
from kiosk.store.database import Schema, transaction
from kiosk.store.mending import Mending
from kiosk.store.scanrows import INSERT
from kiosk.store.witness import SEQ, Row

log = logging.getLogger(__name__)


def bring_up(copy: Path, schema: Schema, second: Path, damaged: Path, mending: Mending) -> bool:
    """Add to this copy what came behind it; return whether that is everything that anybody knows.

    The witness `second` goes on from it, and the damaged file from there: a power cut takes the witness's last second.
    Where it is not everything, the copy is as it was. Raises OSError.
    """
    try:
        with closing(sqlite3.connect(copy, isolation_level=None)) as database:
            mending.at("checking the newest backup", 0, 1)
            if not _is_sound(database, schema) or not witness.is_of(second, database):
                return False
            upto, left = backup.state(database)
            rows = list(witness.rows_after(second, upto))
            more = salvage.behind(damaged, upto + len(rows), left)
            if more is None or salvage.counted(database)["missing"]:
                return False
            rows += more
            if [row[SEQ] for row in rows] != list(range(upto + 1, upto + 1 + len(rows))):
                return False
            _append(database, rows)
            salvage.copy_beside(database, damaged)
    except sqlite3.Error as error:
        log.warning("the newest backup cannot stand in: %s", error)
        return False
    return True


def _is_sound(database: sqlite3.Connection, schema: Schema) -> bool:
    """Tell whether its tables and its index are whole: a ticket that the index has lost would be let in again."""
    version = database.execute("PRAGMA user_version").fetchone()[0]
    return bool(version == schema.version and database.execute("PRAGMA integrity_check(1)").fetchone()[0] == "ok")


def _append(database: sqlite3.Connection, rows: list[Row]) -> None:
    database.execute("PRAGMA synchronous = FULL")
    with transaction(database):
        database.executemany(INSERT, rows)
