"""The one SQLite file under the store, shared by all threads, one at a time."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kiosk.sandbox.messages import Document

_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS tickets (
    n INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    doc TEXT NOT NULL,
    event_id TEXT,
    barcode TEXT,
    changed_at TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS tickets_by_event ON tickets (event_id, n, changed_at);
CREATE INDEX IF NOT EXISTS tickets_by_id ON tickets (event_id, id);
CREATE INDEX IF NOT EXISTS tickets_by_barcode ON tickets (barcode, event_id);
CREATE TABLE IF NOT EXISTS scans (
    n INTEGER PRIMARY KEY, event_id TEXT NOT NULL, parent_event_id TEXT, barcode TEXT NOT NULL, type TEXT NOT NULL,
    result TEXT NOT NULL, device_id TEXT, time TEXT NOT NULL, doc TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS reports (n INTEGER PRIMARY KEY, doc TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS settings (n INTEGER PRIMARY KEY, doc TEXT NOT NULL) STRICT;
"""


_CACHE_KIB = 64_000


class Database:
    """Read and write rows; without a path in a temporary file of SQLite's own, which vanishes with the connection."""

    def __init__(self, path: Path | None) -> None:
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path or "", check_same_thread=False, isolation_level=None)
        # A crash of this program loses nothing; after a crash of the machine nobody asks for a sandbox's data.
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Open the transaction in which everything or nothing is written."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def rows(self, sql: str, *values: object, **named: object) -> list[tuple[Any, ...]]:
        """Return all rows of a query."""
        with self._lock:
            return self._connection.execute(sql, named or values).fetchall()

    def documents(self, sql: str, *values: object, **named: object) -> list[Document]:
        """Return the objects that the first column of a query holds as JSON."""
        return [json.loads(row[0]) for row in self.rows(sql, *values, **named)]

    def number(self, sql: str, *values: object, **named: object) -> int:
        """Return the one number that a query asks for."""
        return int(self.rows(sql, *values, **named)[0][0])
