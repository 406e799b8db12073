"""The names of the list, kept up to date beside it: read at the first need, then row by row, and anew at leisure.

A row that only changed keeps its number, so its new name is found once all are read anew: after half a minute, or a
hundred times as long as that takes.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

from kiosk.display.staff.names import Roll, fold, rank, words_of
from kiosk.errors import StoreError
from kiosk.model import Ticket
from kiosk.store import ticketrows, tickets

log = logging.getLogger(__name__)

FRESH_S, LEISURE = 30.0, 100
PORTION = 5_000
"""How many rows are read at once: a reader of a table must not keep its log from being folded in."""

MOST_FOUND = 200
"""How many names are looked at more closely, for the best of them."""


class _Rolls:
    """What was read of the list, and of which file: numbers of rows are good for one layout of it only."""

    def __init__(self, layout: tuple[int, int]) -> None:
        self.layout = layout
        self.parts = [Roll("ticket"), Roll("arrival")]
        self.took_s, self.at = 0.0, time.monotonic()

    def is_old(self) -> bool:
        return time.monotonic() - self.at > max(FRESH_S, LEISURE * self.took_s)


class People:
    """`find` belongs to one thread; reading everything is done on another."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._rolls: _Rolls | None = None
        self._reading: threading.Thread | None = None

    def prepare(self) -> None:
        """Begin to read, if that was not done yet: somebody is about to ask."""
        if self._reading is None or not self._reading.is_alive():
            self._reading = threading.Thread(target=self._read, name="names", daemon=True)
            self._reading.start()

    def find(self, database: sqlite3.Connection, text: str) -> list[Ticket] | None:
        """Return the tickets whose holders' names have all these words, the best first; None while names are read."""
        words, rolls = words_of(text), self._rolls
        layout = _layout(database, self._directory)
        if rolls is None or rolls.layout != layout:
            self.prepare()
            return None
        if rolls.is_old():
            self.prepare()
        if not words:
            return []
        found: dict[str, Ticket] = {}
        for roll in rolls.parts:
            roll.read(database, PORTION)
            for ticket in tickets.by_numbers(database, roll.table, roll.find(words, MOST_FOUND)):
                found.setdefault(ticket.id, ticket)
        return _best(found.values(), words)

    def _read(self) -> None:
        """Read all names; a list that is missing or broken is tried again at the next question."""
        began = time.monotonic()
        try:
            with closing(tickets.reader(self._directory)) as database:
                rolls = _Rolls(_layout(database, self._directory))
                for roll in rolls.parts:
                    while roll.read(database, PORTION):
                        pass
        except (StoreError, sqlite3.Error) as error:
            log.warning("the names on the list cannot be read: %s", error)
            return
        rolls.at = time.monotonic()
        rolls.took_s = rolls.at - began
        self._rolls = rolls


def _best(found: Iterable[Ticket], words: Sequence[str]) -> list[Ticket]:
    places = ((rank(fold(ticket.name or ""), words), ticket.id, ticket) for ticket in found)
    kept = [(place, ticket_id, ticket) for place, ticket_id, ticket in places if place is not None]
    return [ticket for _, _, ticket in sorted(kept, key=lambda each: each[:2])]


def _layout(database: sqlite3.Connection, directory: Path) -> tuple[int, int]:
    """Which file this is, and how its tables lie: when that is another, rows may have other numbers."""
    version = int(database.execute("PRAGMA schema_version").fetchone()[0])
    return (directory / ticketrows.FILE).stat().st_ino, version
