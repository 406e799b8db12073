"""How a scan lies in `journal.db`: its columns, and what may never be done to them."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Sequence
from typing import Any

from kiosk.model import ClockQuality, Direction, Moment, Reason, Result, Scan, Ticket, Verdict
from kiosk.store.database import from_ms

TABLE = (
    """
    CREATE TABLE scan (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL,
        device_id TEXT NOT NULL,
        lane TEXT NOT NULL,
        time_ms INTEGER NOT NULL,
        wall_ms INTEGER NOT NULL,
        boot_id TEXT NOT NULL,
        boottime_ns INTEGER NOT NULL,
        clock TEXT NOT NULL,
        barcode TEXT NOT NULL,
        raw BLOB,
        type TEXT NOT NULL,
        result TEXT NOT NULL,
        reason TEXT NOT NULL,
        facts TEXT,
        ticket_id TEXT,
        event_id TEXT,
        parent_event_id TEXT,
        ticket_type_id TEXT,
        ticket_name TEXT,
        name TEXT,
        seller_id TEXT,
        area TEXT,
        seat_row TEXT,
        seat TEXT
    ) STRICT
    """,
    # The one index: a random key costs a page a scan, so declined scans are left out.
    "CREATE INDEX scan_by_ticket ON scan (ticket_id) WHERE result = 'approved'",
    """
    CREATE TRIGGER scan_is_never_replaced BEFORE INSERT ON scan
    WHEN new.seq <= (SELECT coalesce(max(seq), 0) FROM scan)
    BEGIN SELECT raise(ABORT, 'the journal is append-only'); END
    """,
    """
    CREATE TRIGGER scan_is_never_changed BEFORE UPDATE ON scan
    BEGIN SELECT raise(ABORT, 'the journal is append-only'); END
    """,
    """
    CREATE TRIGGER scan_is_never_removed BEFORE DELETE ON scan
    BEGIN SELECT raise(ABORT, 'the journal is append-only'); END
    """,
)

COLUMNS = (
    "seq, id, device_id, lane, time_ms, wall_ms, boot_id, boottime_ns, clock, barcode, raw, type, result, reason, "
    "facts, ticket_id, event_id, parent_event_id, ticket_type_id, ticket_name, name, seller_id, area, seat_row, seat"
)
INSERT = f"INSERT INTO scan ({COLUMNS}) VALUES ({', '.join('?' * len(COLUMNS.split(',')))})"  # noqa: S608


def as_row(scan: Scan, time_ms: int, wall_ms: int) -> tuple[object, ...]:
    """The columns; enums as plain text, because sqlite3 looks up an adapter for anything else at each scan."""
    verdict, moment, ticket = scan.verdict, scan.moment, scan.verdict.ticket
    facts = json.dumps(verdict.facts) if verdict.facts else None
    return (
        scan.seq, scan.id, scan.device_id, scan.lane, time_ms, wall_ms, moment.boot_id, moment.boottime_ns,
        moment.quality.value, scan.barcode, scan.raw, verdict.direction.value, verdict.result.value,
        verdict.reason.value, facts,
        *(_ticket_columns(ticket) if ticket is not None else (None,) * 10),
    )  # fmt: skip


def _ticket_columns(ticket: Ticket) -> tuple[str | None, ...]:
    return (
        ticket.id, ticket.event_id, ticket.parent_event_id, ticket.ticket_type_id, ticket.ticket_name,
        ticket.name, ticket.seller_id, ticket.area, ticket.row, ticket.seat,
    )  # fmt: skip


_CLOCKS, _KINDS = {each.value: each for each in ClockQuality}, {each.value: each for each in Direction}
_RESULTS, _REASONS = {each.value: each for each in Result}, {each.value: each for each in Reason}
"""By their words: to look an enum's member up takes a third of the time that a whole scan may take."""


def as_scan(row: Sequence[Any]) -> Scan:
    (
        seq, id_, device_id, lane, time_ms, wall_ms, boot_id, boottime_ns, clock, barcode, raw,
        kind, result, reason, facts, *ticket,
    ) = row  # fmt: skip
    moment = Moment(from_ms(wall_ms), boottime_ns, boot_id, _CLOCKS[clock])
    verdict = Verdict(
        _KINDS[kind], _RESULTS[result], _REASONS[reason], _ticket(ticket, barcode), json.loads(facts) if facts else {}
    )
    return Scan(seq, id_, from_ms(time_ms), device_id, moment, lane, barcode, verdict, raw)


def _ticket(columns: Sequence[Any], barcode: str) -> Ticket | None:
    """The ticket as it was when it was scanned, as far as it was kept."""
    id_, event_id, parent_event_id, ticket_type_id, ticket_name, name, seller_id, area, row, seat = columns
    if id_ is None:
        return None
    return Ticket(
        id=id_, barcode=barcode, event_id=event_id, ticket_type_id=ticket_type_id, ticket_name=ticket_name,
        name=name, parent_event_id=parent_event_id, seller_id=seller_id,
        area=area, row=row, seat=seat,
    )  # fmt: skip


def first_at(database: sqlite3.Connection, time_ms: int) -> int:
    """Return the number below which every scan is before this time, and from which on none is.

    Times grow with the numbers, so that no index is needed; numbers may be missing.
    """
    low, high = 1, 1 + int(database.execute("SELECT coalesce(max(seq), 0) FROM scan").fetchone()[0])
    while low < high:
        query = "SELECT seq, time_ms FROM scan WHERE seq >= ? ORDER BY seq LIMIT 1"
        seq, found = database.execute(query, ((low + high) // 2,)).fetchone()
        low, high = (seq + 1, high) if found < time_ms else (low, (low + high) // 2)
    return low


def uuid7(time_ms: int) -> str:
    """A version 7 UUID (RFC 9562): 48 bits of time, then 74 random ones."""
    value = (time_ms & (1 << 48) - 1) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62
    text = f"{value:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
