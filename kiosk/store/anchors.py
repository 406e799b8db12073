"""`clock_anchor`, a table in `journal.db`: what time it really was at one moment of a boot, and who said so.

The gate adds them, nobody changes them. With one of its boot a scan has a time, whatever the wall clock said.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable

from kiosk.dating import Bounds, Stamp
from kiosk.model import Anchor, ClockQuality, Source

TABLE = """
CREATE TABLE clock_anchor (
    no INTEGER PRIMARY KEY,
    boot_id TEXT NOT NULL,
    boottime_ns INTEGER NOT NULL,
    utc_ms INTEGER NOT NULL,
    source TEXT NOT NULL
) STRICT
"""


KNOWN_MS = """
iif(clock = 'synced', time_ms, coalesce((
    SELECT known.utc_ms + (scan.boottime_ns - known.boottime_ns) / 1000000 FROM clock_anchor AS known
    WHERE known.boot_id = scan.boot_id
    ORDER BY CASE known.source WHEN 'ntp' THEN 0 WHEN 'http-date' THEN 1 ELSE 2 END, known.no DESC LIMIT 1
), time_ms))
"""
"""When a scan was, for people: by an anchor of its boot, else the journal's own time."""

_KNOWN = f"SELECT seq, {KNOWN_MS} FROM scan WHERE seq IN (SELECT value FROM json_each(?))"  # noqa: S608  # a constant

_SOURCES = frozenset(Source)


def add(database: sqlite3.Connection, anchor: Anchor) -> None:
    """Write an anchor down. The caller has opened the transaction."""
    database.execute(
        "INSERT INTO clock_anchor (boot_id, boottime_ns, utc_ms, source) VALUES (?, ?, ?, ?)",
        (anchor.boot_id, anchor.boottime_ns, anchor.utc_ms, anchor.source.value),
    )


def anchors(database: sqlite3.Connection) -> list[Anchor]:
    """Return all there are, a few a boot, oldest first; none that came damaged out of a damaged file."""
    rows = database.execute("SELECT boot_id, boottime_ns, utc_ms, source FROM clock_anchor ORDER BY no")
    return [
        Anchor(boot_id, boottime_ns, utc_ms, Source(source))
        for boot_id, boottime_ns, utc_ms, source in rows
        if source in _SOURCES
    ]


def high_water_ms(database: sqlite3.Connection) -> int:
    """Return the latest time that is known to have been: no clock before it is right. 0 when there is none.

    Only what the network said is: a battery, a person or a proxy that is ahead must not spoil the clock for ever.
    """
    scanned = (
        "SELECT coalesce(max(wall_ms), 0) FROM (SELECT wall_ms, clock FROM scan ORDER BY seq DESC LIMIT 1000) "
        "WHERE clock = 'synced'"
    )
    anchored = "SELECT coalesce(max(utc_ms), 0) FROM clock_anchor WHERE source = 'ntp'"
    return max(int(database.execute(query).fetchone()[0]) for query in (scanned, anchored))


def known_ms(database: sqlite3.Connection, numbers: Iterable[int]) -> dict[int, int]:
    """Return when these scans were, for people."""
    return dict(database.execute(_KNOWN, (json.dumps(list(numbers)),)).fetchall())


def newest(database: sqlite3.Connection) -> int:
    """Return the newest anchor's number, 0 when there is none: it changes when times may have."""
    return int(database.execute("SELECT coalesce(max(no), 0) FROM clock_anchor").fetchone()[0])


_STAMPS = """
SELECT seq, time_ms, wall_ms, boot_id, boottime_ns, clock, id
FROM scan WHERE seq IN (SELECT value FROM json_each(?)) ORDER BY seq
"""


def stamps(database: sqlite3.Connection, numbers: Iterable[int]) -> list[Stamp]:
    """Return what the clocks said of these scans, oldest first."""
    return [_stamp(row) for row in database.execute(_STAMPS, (json.dumps(list(numbers)),))]


def doubtful(database: sqlite3.Connection, first: int, last: int) -> list[int]:
    """Return the scans from first to last that may have gone out with another time than the journal's."""
    query = "SELECT seq FROM scan WHERE seq BETWEEN ? AND ? AND (clock <> 'synced' OR wall_ms <> time_ms) ORDER BY seq"
    return [seq for (seq,) in database.execute(query, (first, last))]


def boot_of(database: sqlite3.Connection, stamp: Stamp) -> tuple[Bounds, str | None]:
    """Return how a scan's boot lies from it on, and which boot came next, None while none has."""
    following = "SELECT seq, boot_id FROM scan WHERE seq > ? AND boot_id <> ? ORDER BY seq LIMIT 1"
    end, next_boot = database.execute(following, (stamp.seq, stamp.boot_id)).fetchone() or (1 << 62, None)
    began, length = database.execute(
        "SELECT max(wall_ms - boottime_ns / 1000000), max(boottime_ns) FROM scan WHERE seq >= ? AND seq < ?",
        (stamp.seq, end),
    ).fetchone()
    return Bounds(began, length // 1_000_000), next_boot


def _stamp(row: tuple[int, int, int, str, int, str, str]) -> Stamp:
    seq, time_ms, wall_ms, boot_id, boottime_ns, said, scan_id = row
    return Stamp(seq, time_ms, wall_ms, boot_id, boottime_ns, ClockQuality(said), scan_id)
