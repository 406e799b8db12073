"""The store: everything the sandbox cloud knows, reachable from any thread."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from kiosk.sandbox.database import Database
from kiosk.sandbox.messages import Document, timestamp
from kiosk.sandbox.scans import Scans
from kiosk.sandbox.tickets import Tickets

_COUNTS = "SELECT (SELECT count(*) FROM scans), (SELECT count(*) FROM tickets), (SELECT count(*) FROM events)"
_ADD_EVENT = "INSERT INTO events (id, name) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name"


class Records:
    """Keep events and settings, and hold the rooms for tickets and scans; `now` stamps what arrives."""

    def __init__(self, path: Path | None, now: Callable[[], datetime]) -> None:
        self._database = Database(path)
        self.now = now
        self.tickets = Tickets(self._database, self.stamp)
        self.scans = Scans(self._database, self.stamp)

    def close(self) -> None:
        """Close the file; what was temporary is gone."""
        self._database.close()

    def stamp(self) -> str:
        """Return the present moment the way the API writes it."""
        return timestamp(self.now())

    def add_event(self, event_id: str, name: str) -> None:
        """Add an event, or give a known one its new name."""
        with self._database.writing() as connection:
            connection.execute(_ADD_EVENT, (event_id, name))

    def events(self) -> list[Document]:
        """Return all events in the order in which they came."""
        rows = self._database.rows("SELECT id, name FROM events ORDER BY n")
        return [{"_id": event_id, "name": name} for event_id, name in rows]

    def change_settings(self, patch: Document) -> None:
        """Remember one more change of the device settings."""
        with self._database.writing() as connection:
            connection.execute("INSERT INTO settings (doc) VALUES (?)", (json.dumps(patch),))

    def settings(self) -> list[Document]:
        """Return the changes of the device settings, oldest first."""
        return self._database.documents("SELECT doc FROM settings ORDER BY n")

    def counts(self) -> Document:
        """Count everything; a duplicate is a scan that is stored again."""
        scans, tickets, events = self._database.rows(_COUNTS)[0]
        return {"scans": scans, "duplicates": self.scans.duplicates(), "tickets": tickets, "events": events}
