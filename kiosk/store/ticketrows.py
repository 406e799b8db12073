"""How `tickets.db` is laid out, and how a ticket lies in it.

    ticket    every ticket once, found by its id and by its code; `gone`: the cloud's list no longer has it
    arrival   tickets in the order in which they come, until they are settled into `ticket`

A list that is loaded for the first time only grows at its end: its index begins with a portion of the row numbers, so
that a page of tickets touches a few pages of the card and not all of them. Once it is whole, the larger of the two
tables becomes `ticket`, with its indexes built in one go, and the smaller is merged into it.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from kiosk.model import Ticket
from kiosk.store.database import Schema, from_ms, to_ms

FILE = "tickets.db"

PORTION_BITS = 14
"""A portion of `arrival` has 16,384 rows: half a megabyte of index, and 61 places to look at in a million."""

COLUMNS = (
    "id, barcode, event_id, ticket_type_id, ticket_name, name, status, area, seat_row, seat, entry, slot_start_ms, "
    "expires_ms, excluded_event_ids, parent_event_id, seller_id"
)
"""A ticket, in the order of the noun's fields."""

STORED = f"{COLUMNS}, list_no, updated_ms, unread"
CHANGING = [column for column in STORED.split(", ") if column not in {"id", "list_no"}]
SET = (
    ", ".join(f"{column} = excluded.{column}" for column in CHANGING)
    + ", list_no = iif(excluded.event_id <> ticket.event_id, excluded.list_no, ticket.list_no)"
)
"""What a newer row of the same ticket overwrites; one that moved to another event is on that one's list now."""

_TABLE = """
    n INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    barcode TEXT NOT NULL,
    list_no INTEGER NOT NULL,
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
    updated_ms INTEGER NOT NULL DEFAULT 0,
    unread TEXT,
    gone INTEGER NOT NULL DEFAULT 0
"""


def ticket_table(name: str) -> str:
    """Return the statement that makes a table of tickets."""
    return f"CREATE TABLE {name} ({_TABLE}) STRICT"


ARRIVAL = (
    ticket_table("arrival"),
    f"CREATE INDEX arrival_by_portion ON arrival (n >> {PORTION_BITS}, barcode)",
)
INDEXES = (
    "CREATE UNIQUE INDEX ticket_by_id ON ticket (id)",
    "CREATE INDEX ticket_by_barcode ON ticket (barcode, list_no, gone)",
    "CREATE INDEX ticket_unread ON ticket (list_no) WHERE unread IS NOT NULL",
    "CREATE INDEX ticket_by_parent ON ticket (parent_event_id) WHERE parent_event_id IS NOT NULL",
    # A ticket that gets a new code keeps the old one in mind, so that the door can say `reissued`.
    """
    CREATE TRIGGER ticket_gets_a_new_code AFTER UPDATE OF barcode ON ticket WHEN old.barcode <> new.barcode
    BEGIN
        INSERT INTO former_code SELECT old.barcode, old.id
        WHERE NOT EXISTS (SELECT 1 FROM former_code WHERE barcode = old.barcode AND ticket_id = old.id);
    END
    """,
)
SWAP = (
    "DROP INDEX arrival_by_portion",
    *(f"DROP INDEX {name}" for name in ("ticket_by_id", "ticket_by_barcode", "ticket_unread", "ticket_by_parent")),
    "DROP TRIGGER ticket_gets_a_new_code",
    "ALTER TABLE ticket RENAME TO smaller",
    "ALTER TABLE arrival RENAME TO ticket",
    "ALTER TABLE smaller RENAME TO arrival",
    ARRIVAL[1],
)
"""Make the arrivals the tickets; `INDEXES` have to follow."""

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
        (
            "ALTER TABLE list RENAME TO old_list",
            """
            CREATE TABLE list (
                no INTEGER PRIMARY KEY,
                event_id TEXT NOT NULL UNIQUE,
                source TEXT NOT NULL,
                complete INTEGER NOT NULL,
                watermark TEXT,
                upto TEXT,
                skip INTEGER NOT NULL,
                expected INTEGER,
                whole_at TEXT,
                shrunk_to INTEGER,
                checked_ms INTEGER,
                checked_boot_id TEXT,
                checked_boottime_ns INTEGER
            ) STRICT
            """,
            """
            INSERT INTO list (event_id, source, complete, watermark, skip, checked_ms, checked_boot_id,
                              checked_boottime_ns)
            SELECT event_id, source, complete, iif(complete, watermark, NULL), 0, checked_ms, checked_boot_id,
                   checked_boottime_ns
            FROM old_list
            """,
            "DROP TABLE old_list",
            "DROP TRIGGER ticket_gets_a_new_code",
            "DROP INDEX ticket_by_barcode",
            "ALTER TABLE ticket RENAME TO old_ticket",
            ticket_table("ticket"),
            f"""
            INSERT INTO ticket ({COLUMNS}, list_no, updated_ms)
            SELECT {COLUMNS}, coalesce((SELECT no FROM list WHERE list.event_id = old_ticket.event_id), 0),
                   coalesce(1000 * CAST(strftime('%s', updated_at) AS INTEGER), 0)
            FROM old_ticket
            """,  # noqa: S608
            "DROP TABLE old_ticket",
            *ARRIVAL,
            *INDEXES,
            # Rows of the cloud's that this version cannot read; `key` is the ticket's id, or what the row was.
            """
            CREATE TABLE unreadable (
                list_no INTEGER NOT NULL, key TEXT NOT NULL, problem TEXT NOT NULL, PRIMARY KEY (list_no, key)
            ) STRICT, WITHOUT ROWID
            """,
            # What a list that shrank too much no longer has, until a person accepts it.
            "CREATE TABLE missing (ticket_id TEXT PRIMARY KEY, list_no INTEGER NOT NULL) STRICT, WITHOUT ROWID",
            # Codes that were looked up one by one, for the gate that waits for the answer.
            """
            CREATE TABLE asked (
                barcode TEXT PRIMARY KEY, boot_id TEXT NOT NULL, boottime_ns INTEGER NOT NULL
            ) STRICT, WITHOUT ROWID
            """,
            "DROP INDEX elsewhere_by_ticket",
            "DROP TABLE elsewhere",
            # Every scan that the cloud has; `ticket_id` only where it is history that our journal does not have.
            """
            CREATE TABLE elsewhere (
                id TEXT PRIMARY KEY,
                event_id TEXT NOT NULL,
                ticket_id TEXT,
                type TEXT,
                time_ms INTEGER,
                device_id TEXT
            ) STRICT, WITHOUT ROWID
            """,
            "CREATE INDEX elsewhere_by_ticket ON elsewhere (ticket_id, time_ms) WHERE ticket_id IS NOT NULL",
            "CREATE INDEX elsewhere_by_event ON elsewhere (event_id)",
        ),
    ),
)


def row_of(ticket: Ticket) -> tuple[object, ...]:
    """Return the columns of a ticket, as `COLUMNS` has them."""
    return (
        ticket.id, ticket.barcode, ticket.event_id, ticket.ticket_type_id, ticket.ticket_name, ticket.name,
        ticket.status, ticket.area, ticket.row, ticket.seat, _joined(ticket.entry),
        to_ms(ticket.slot_start) if ticket.slot_start is not None else None,
        to_ms(ticket.expires_at) if ticket.expires_at is not None else None,
        _joined(ticket.excluded_event_ids), ticket.parent_event_id, ticket.seller_id,
    )  # fmt: skip


def ticket_of(row: tuple[Any, ...]) -> Ticket:
    """Return the ticket in these columns."""
    values: tuple[Any, ...] = (*row[:10], _split(row[10]), _time(row[11]), _time(row[12]), _split(row[13]), *row[14:])
    return Ticket(*values)


def _joined(words: frozenset[str]) -> str | None:
    return json.dumps(sorted(words)) if words else None


def _split(text: str | None) -> frozenset[str]:
    return frozenset(json.loads(text)) if text else frozenset()


def _time(milliseconds: int | None) -> datetime | None:
    return from_ms(milliseconds) if milliseconds is not None else None
