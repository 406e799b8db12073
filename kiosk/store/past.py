"""What may be asked of the journal, by every program that has it open for reading: its past, in SQL."""

from __future__ import annotations

import itertools
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from kiosk.model import ANNULS, Direction, Parcel, Passage, Reason, Result, Scan
from kiosk.store import anchors, scanrows
from kiosk.store.database import from_ms, to_ms
from kiosk.store.scanrows import COLUMNS, as_scan

_PARCELS = """
SELECT seq, time_ms, device_id, barcode, type, result, ticket_id, event_id, parent_event_id, ticket_type_id,
       ticket_name, name, seller_id
FROM scan WHERE seq IN (SELECT value FROM json_each(?)) ORDER BY seq
"""

_PASSAGES = f"""
SELECT seq, type, time_ms, device_id, NULL FROM passage WHERE ticket_id = ?1 UNION ALL
SELECT seq, type, {anchors.KNOWN_MS}, device_id, iif(reason = 'annulled', facts, NULL)
FROM scan WHERE ticket_id = ?1 AND result = 'approved' ORDER BY 1
"""  # noqa: S608  # a constant


@dataclass(slots=True)
class Counts:
    """What happened at this door, counted. `inside` is this door's own view: in less out."""

    checkin: int = 0
    checkout: int = 0
    declined: int = 0
    inside: int = 0
    upto: int = 0


def passages(database: sqlite3.Connection, ticket_id: str) -> Sequence[Passage]:
    """Return the ticket's approved scans in order, those that are no longer kept included.

    An admission that was taken back never was one, and what took it back is none.
    """
    rows = database.execute(_PASSAGES, (ticket_id,)).fetchall()
    annulled = {int(json.loads(facts)[ANNULS]) for *_, facts in rows if facts is not None}
    return [
        Passage(Direction(kind), from_ms(time_ms), gate, seq)
        for seq, kind, time_ms, gate, facts in rows
        if facts is None and seq not in annulled
    ]


def last_seq(database: sqlite3.Connection) -> int:
    """Return the newest scan's number, 0 when there is none. Costs microseconds."""
    return int(database.execute("SELECT coalesce(max(seq), 0) FROM scan").fetchone()[0])


def first_seq(database: sqlite3.Connection) -> int:
    """Return the oldest scan's number that is still kept, 0 when there is none. Costs microseconds."""
    return int(database.execute("SELECT coalesce(min(seq), 0) FROM scan").fetchone()[0])


def count_after(database: sqlite3.Connection, seq: int) -> tuple[int, int, int | None]:
    """Return how many scans after this one can be delivered, how many cannot, and the first one that can."""
    deliverable, local, first = database.execute(
        "SELECT count(ticket_id), count(*) - count(ticket_id), min(iif(ticket_id IS NULL, NULL, seq)) "
        "FROM scan WHERE seq > ?",
        (seq,),
    ).fetchone()
    return deliverable, local, first


def scans_after(database: sqlite3.Connection, seq: int) -> Iterator[Scan]:
    """Return the scans after this one, oldest first; no read stays open to keep the log from being folded in."""
    query = f"SELECT {COLUMNS} FROM scan WHERE seq > ? ORDER BY seq LIMIT 500"  # noqa: S608
    while rows := database.execute(query, (seq,)).fetchall():
        yield from map(as_scan, rows)
        seq = rows[-1][0]


class Recorded(NamedTuple):
    """As much of a scan as it takes to know whether, and where, it is to be delivered."""

    seq: int
    id: str
    event_id: str | None
    reason: str
    barcode: str


def recorded_after(database: sqlite3.Connection, seq: int) -> Iterator[Recorded]:
    """Return the scans after this one, oldest first."""
    query = "SELECT seq, id, event_id, reason, barcode FROM scan WHERE seq > ? ORDER BY seq LIMIT 1000"
    while rows := database.execute(query, (seq,)).fetchall():
        yield from itertools.starmap(Recorded, rows)
        seq = rows[-1][0]


def parcels(database: sqlite3.Connection, numbers: Iterable[int]) -> list[Parcel]:
    """Return what goes to the cloud of these scans, oldest first."""
    rows = database.execute(_PARCELS, (json.dumps(list(numbers)),))
    return [Parcel(seq, from_ms(time_ms), *rest) for seq, time_ms, *rest in rows]


def scans(database: sqlite3.Connection, numbers: Iterable[int]) -> list[Scan]:
    """Return these scans, oldest first."""
    query = f"SELECT {COLUMNS} FROM scan WHERE seq IN (SELECT value FROM json_each(?)) ORDER BY seq"  # noqa: S608
    return [as_scan(row) for row in database.execute(query, (json.dumps(list(numbers)),))]


def admitted_after(database: sqlite3.Connection, ticket_id: str, seq: int) -> Scan | None:
    """Return the ticket's first approved check-in after this scan that was not taken back."""
    entries = [each for each in passages(database, ticket_id) if each.direction is Direction.CHECKIN]
    return next(iter(scans(database, [each.seq for each in entries if each.seq is not None and each.seq > seq])), None)


def scans_of(database: sqlite3.Connection, ticket_id: str, look_back: int, limit: int) -> list[Scan]:
    """Return a ticket's scans, newest first: the approved ones, and the declined among the last `look_back`."""
    query = (
        f"SELECT {COLUMNS} FROM scan WHERE ticket_id = ?1 AND result = 'approved' UNION ALL "  # noqa: S608
        f"SELECT {COLUMNS} FROM scan WHERE seq > ?2 AND ticket_id = ?1 AND result = 'declined' "
        "ORDER BY 1 DESC LIMIT ?3"
    )
    return [as_scan(row) for row in database.execute(query, (ticket_id, last_seq(database) - look_back, limit))]


def last_declined(database: sqlite3.Connection, look_back: int) -> Scan | None:
    """Return the newest declined scan, if it is among the last `look_back`."""
    declined = "result = 'declined' AND reason <> 'practice'"
    query = f"SELECT {COLUMNS} FROM scan WHERE seq > ? AND {declined} ORDER BY seq DESC LIMIT 1"  # noqa: S608
    row = database.execute(query, (last_seq(database) - look_back,)).fetchone()
    return as_scan(row) if row is not None else None


def scan_at(database: sqlite3.Connection, time_ms: int) -> Scan | None:
    """Return the scan that carries this time."""
    query = f"SELECT {COLUMNS} FROM scan WHERE seq >= ? ORDER BY seq LIMIT 1"  # noqa: S608
    found = database.execute(query, (scanrows.first_at(database, time_ms),)).fetchone()
    scan = as_scan(found) if found is not None else None
    return scan if scan is not None and to_ms(scan.at) == time_ms else None


def was_here(database: sqlite3.Connection, ticket_id: str, time_ms: int, device_id: str | None) -> bool:
    """Tell whether this ticket's scan of this time is ours, still kept or not; declined ones are forgotten.

    The device is the one that it was then; None where nobody knows.
    """
    scan = scan_at(database, time_ms)
    if scan is not None and scan.verdict.ticket is not None and scan.verdict.ticket.id == ticket_id:
        return device_id in {scan.device_id, None}
    query = "SELECT 1 FROM passage WHERE ticket_id = ?1 AND time_ms = ?2 AND (?3 IS NULL OR device_id = ?3)"
    return database.execute(query, (ticket_id, time_ms, device_id)).fetchone() is not None


def count(database: sqlite3.Connection, counts: Counts) -> Counts:
    """Add what happened since `counts` was taken. Only the first time costs a look at every row.

    Scans that are no longer kept count as ever; one statement, so that what goes meanwhile is not counted twice.
    """
    newest = last_seq(database)
    rows = database.execute(
        "SELECT type, result, reason, number FROM tally WHERE ?1 = 0 UNION ALL "
        "SELECT type, result, reason, count(*) FROM scan WHERE seq > ?1 AND seq <= ?2 GROUP BY 1, 2, 3",
        (counts.upto, newest),
    )
    for kind, result, reason, number in rows:
        _add(counts, kind, Result(result), Reason(reason), number)
    counts.upto = newest
    return counts


def _add(counts: Counts, kind: str, result: Result, reason: Reason, number: int) -> None:
    if reason is Reason.PRACTICE:
        return
    if result is Result.DECLINED:
        counts.declined += number
    elif kind == Direction.CHECKIN:
        counts.checkin += number
        counts.inside += number
    else:
        counts.checkout += number
        counts.inside -= number if reason is not Reason.NOT_INSIDE else 0
