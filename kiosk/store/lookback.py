"""What the desk must know of scans that are done: one by its number, and what became of its ticket since."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from kiosk.errors import NotRecorded, StoreError
from kiosk.model import Scan
from kiosk.store import journal, past

T = TypeVar("T")


class LookBack:
    """Reads the journal beside its pen. A journal that cannot be read raises NotRecorded: nothing is admitted by it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def scan(self, seq: int) -> Scan | None:
        return self._read(lambda database: next(iter(past.scans(database, [seq])), None))

    def admitted_since(self, ticket_id: str, seq: int) -> Scan | None:
        """Return the ticket's first approved check-in after this scan."""
        return self._read(lambda database: past.admitted_after(database, ticket_id, seq))

    def _read(self, ask: Callable[[sqlite3.Connection], T]) -> T:
        try:
            with closing(journal.reader(self._directory)) as database:
                return ask(database)
        except (StoreError, sqlite3.Error) as error:
            raise NotRecorded(f"journal.db: {error}") from error
