"""`tickets.db`: what the cloud last told us — the list, the settings, the scans of other doors. Sync writes it.

Disposable: losing it costs a download. Whoever reads it must be able to do without it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from kiosk.model import Direction, Moment, Passage, Ticket
from kiosk.store.database import Schema, from_ms, open_for_reading, open_for_writing, to_ms, transaction

SCHEMA = Schema(
    "tickets",
    (
        (
            "CREATE TABLE event (id TEXT PRIMARY KEY, name TEXT NOT NULL) STRICT, WITHOUT ROWID",
            """
            CREATE TABLE list (
                event_id TEXT PRIMARY KEY,
                source TEXT NOT NULL,
                complete INTEGER NOT NULL,
                watermark TEXT,
                upto TEXT,
                skip INTEGER NOT NULL DEFAULT 0,
                unreadable INTEGER NOT NULL DEFAULT 0,
                checked_ms INTEGER,
                checked_boot_id TEXT,
                checked_boottime_ns INTEGER
            ) STRICT, WITHOUT ROWID
            """,
            """
            CREATE TABLE ticket (
                id TEXT PRIMARY KEY,
                barcode TEXT NOT NULL,
                event_id TEXT NOT NULL,
                ticket_type_id TEXT NOT NULL,
                ticket_name TEXT,
                name TEXT,
                status TEXT NOT NULL,
                area TEXT,
                seat_row TEXT,
                seat TEXT,
                entry TEXT,
                slot_start_ms INTEGER,
                expires_ms INTEGER,
                excluded_event_ids TEXT,
                parent_event_id TEXT,
                seller_id TEXT,
                updated_at TEXT NOT NULL
            ) STRICT, WITHOUT ROWID
            """,
            "CREATE INDEX ticket_by_barcode ON ticket (barcode)",
            # A ticket that gets a new code keeps the old one in mind, so that the door can say `reissued`.
            """
            CREATE TABLE former_code (
                barcode TEXT NOT NULL, ticket_id TEXT NOT NULL, PRIMARY KEY (barcode, ticket_id)
            ) STRICT, WITHOUT ROWID
            """,
            """
            CREATE TRIGGER ticket_gets_a_new_code AFTER UPDATE OF barcode ON ticket WHEN old.barcode <> new.barcode
            BEGIN
                INSERT INTO former_code SELECT old.barcode, old.id
                WHERE NOT EXISTS (SELECT 1 FROM former_code WHERE barcode = old.barcode AND ticket_id = old.id);
            END
            """,
            """
            CREATE TABLE elsewhere (
                id TEXT PRIMARY KEY,
                ticket_id TEXT NOT NULL,
                type TEXT NOT NULL,
                time_ms INTEGER NOT NULL,
                device_id TEXT
            ) STRICT, WITHOUT ROWID
            """,
            "CREATE INDEX elsewhere_by_ticket ON elsewhere (ticket_id, time_ms)",
            "CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
        ),
    ),
)

FILE = "tickets.db"
DEVICE_SETTINGS = "me"
"""The setting that holds the cloud's answer to `GET /accessusers/me`."""

_COLUMNS = (
    "id, barcode, event_id, ticket_type_id, ticket_name, name, status, area, seat_row, seat, entry, slot_start_ms, "
    "expires_ms, excluded_event_ids, parent_event_id, seller_id"
)
_UPDATES = ", ".join(f"{column} = excluded.{column}" for column in (*_COLUMNS.split(", ")[1:], "updated_at"))
_UPSERT = (
    f"INSERT INTO ticket ({_COLUMNS}, updated_at) VALUES ({', '.join('?' * 17)}) "  # noqa: S608
    f"ON CONFLICT (id) DO UPDATE SET {_UPDATES} WHERE excluded.updated_at >= ticket.updated_at"
)
_BY_BARCODE = f"SELECT {_COLUMNS} FROM ticket WHERE barcode = ? ORDER BY id"  # noqa: S608


@dataclass(frozen=True, slots=True)
class ListState:
    """How far the list of one event can be trusted. `watermark`: the cloud's own time up to which we have everything.

    While a first download is under way, `upto` is the end of its window and `skip` where the next page begins.
    """

    event_id: str
    source: str
    complete: bool = False
    watermark: str | None = None
    upto: str | None = None
    skip: int = 0
    unreadable: int = 0
    checked: Moment | None = None

    def age_s(self, now: Moment) -> float | None:
        """Return the seconds since the list was last known to be current, None when it never was.

        Within one boot this is counted by a clock that nobody sets; across boots only the wall clock can tell.
        """
        if self.checked is None:
            return None
        if self.checked.boot_id == now.boot_id:
            return (now.boottime_ns - self.checked.boottime_ns) / 1e9
        return max(0.0, (now.at - self.checked.at).total_seconds())


@dataclass(frozen=True, slots=True)
class ElsewhereScan:
    """An approved scan of another door, as the cloud has it."""

    id: str
    ticket_id: str
    passage: Passage


class Tickets:
    """Sync's pen."""

    def __init__(self, directory: Path) -> None:
        self.database = open_for_writing(directory / FILE, SCHEMA, "NORMAL")

    def store_page(self, tickets: Iterable[tuple[Ticket, str]], state: ListState) -> None:
        """Store tickets (each with its `updatedAt`) and what is now known of their list, all or nothing."""
        with transaction(self.database):
            self.database.executemany(_UPSERT, (_row(ticket, updated_at) for ticket, updated_at in tickets))
            self._store_state(state)

    def store_state(self, state: ListState) -> None:
        with transaction(self.database):
            self._store_state(state)

    def _store_state(self, state: ListState) -> None:
        checked = state.checked
        marks = (to_ms(checked.at), checked.boot_id, checked.boottime_ns) if checked is not None else (None,) * 3
        self.database.execute(
            "INSERT OR REPLACE INTO list VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                state.event_id, state.source, state.complete, state.watermark, state.upto, state.skip,
                state.unreadable, *marks,
            ),
        )  # fmt: skip

    def store_events(self, names: Mapping[str, str]) -> None:
        with transaction(self.database):
            self.database.executemany("INSERT OR REPLACE INTO event VALUES (?, ?)", names.items())

    def store_elsewhere(self, found: Iterable[ElsewhereScan]) -> None:
        rows = ((s.id, s.ticket_id, s.passage.direction, to_ms(s.passage.at), s.passage.gate) for s in found)
        with transaction(self.database):
            self.database.executemany("INSERT OR IGNORE INTO elsewhere VALUES (?, ?, ?, ?, ?)", rows)

    def store_setting(self, name: str, value: object) -> None:
        with transaction(self.database):
            self.database.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, json.dumps(value)))

    def knows_elsewhere(self, scan_id: str) -> bool:
        return self.database.execute("SELECT 1 FROM elsewhere WHERE id = ?", (scan_id,)).fetchone() is not None

    def close(self) -> None:
        self.database.close()


def reader(directory: Path) -> sqlite3.Connection:
    """Open the list for reading. Raises NoListYet while sync has not made one, TooNew."""
    return open_for_reading(directory / FILE, SCHEMA)


def by_barcode(database: sqlite3.Connection, barcode: str) -> tuple[Ticket, ...]:
    return tuple(map(_ticket, database.execute(_BY_BARCODE, (barcode,))))


def by_former_code(database: sqlite3.Connection, barcode: str) -> Ticket | None:
    """Return the ticket that once had this code."""
    query = f"SELECT {_COLUMNS} FROM ticket WHERE id IN (SELECT ticket_id FROM former_code WHERE barcode = ?)"  # noqa: S608
    row = database.execute(query, (barcode,)).fetchone()
    return _ticket(row) if row is not None else None


def find(database: sqlite3.Connection, text: str, limit: int = 50) -> Iterator[Ticket]:
    """Return tickets whose code begins with, or whose holder's name contains, this text."""
    literal = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    query = (
        f"SELECT {_COLUMNS} FROM ticket WHERE barcode LIKE ? ESCAPE '\\' OR name LIKE ? ESCAPE '\\' "  # noqa: S608
        "ORDER BY name, id LIMIT ?"
    )
    return map(_ticket, database.execute(query, (f"{literal}%", f"%{literal}%", limit)))


def total(database: sqlite3.Connection) -> int:
    return int(database.execute("SELECT count(*) FROM ticket").fetchone()[0])


def totals(database: sqlite3.Connection) -> dict[str, int]:
    """Return how many tickets each event has."""
    return dict(database.execute("SELECT event_id, count(*) FROM ticket GROUP BY event_id"))


def codes_used_twice(database: sqlite3.Connection, limit: int = 20) -> list[str]:
    """Return codes that more than one ticket of the same event has."""
    rows = database.execute(
        "SELECT barcode FROM ticket GROUP BY event_id, barcode HAVING count(*) > 1 LIMIT ?", (limit,)
    )
    return [barcode for (barcode,) in rows]


def elsewhere(database: sqlite3.Connection, ticket_id: str) -> list[Passage]:
    """Return the ticket's approved scans at other doors, by the time they carry."""
    rows = database.execute(
        "SELECT type, time_ms, device_id FROM elsewhere WHERE ticket_id = ? ORDER BY time_ms", (ticket_id,)
    )
    return [Passage(Direction(kind), from_ms(time_ms), device_id) for kind, time_ms, device_id in rows]


def event_names(database: sqlite3.Connection) -> dict[str, str]:
    return dict(database.execute("SELECT id, name FROM event"))


def setting(database: sqlite3.Connection, name: str) -> Any:
    """Return a stored setting, None when there is none."""
    row = database.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
    return json.loads(row[0]) if row is not None else None


def lists(database: sqlite3.Connection) -> dict[str, ListState]:
    """Return what is known of each event's list."""
    return {row[0]: _state(row) for row in database.execute("SELECT * FROM list")}


def _state(row: tuple[Any, ...]) -> ListState:
    event_id, source, complete, watermark, upto, skip, unreadable, checked_ms, boot_id, boottime_ns = row
    checked = Moment(from_ms(checked_ms), boottime_ns, boot_id) if checked_ms is not None else None
    return ListState(event_id, source, bool(complete), watermark, upto, skip, unreadable, checked)


def _row(ticket: Ticket, updated_at: str) -> tuple[object, ...]:
    return (
        ticket.id, ticket.barcode, ticket.event_id, ticket.ticket_type_id, ticket.ticket_name, ticket.name,
        ticket.status, ticket.area, ticket.row, ticket.seat, _joined(ticket.entry),
        to_ms(ticket.slot_start) if ticket.slot_start is not None else None,
        to_ms(ticket.expires_at) if ticket.expires_at is not None else None,
        _joined(ticket.excluded_event_ids), ticket.parent_event_id, ticket.seller_id, updated_at,
    )  # fmt: skip


def _joined(words: frozenset[str]) -> str | None:
    return json.dumps(sorted(words)) if words else None


def _split(text: str | None) -> frozenset[str]:
    return frozenset(json.loads(text)) if text else frozenset()


def _time(milliseconds: int | None) -> datetime | None:
    return from_ms(milliseconds) if milliseconds is not None else None


def _ticket(row: tuple[Any, ...]) -> Ticket:
    """The columns stand in the order of the noun's fields."""
    values: tuple[Any, ...] = (*row[:10], _split(row[10]), _time(row[11]), _time(row[12]), _split(row[13]), *row[14:])
    return Ticket(*values)
