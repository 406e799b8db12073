"""The evening in numbers: the journal's scans, counted by minute, lane, ticket type and reason.

SQLite counts; no row is loaded. What was counted is kept, so that the next look only counts what came since.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from dataclasses import dataclass, field

from kiosk.model import Direction, Reason, Result
from kiosk.store import past
from kiosk.store.anchors import KNOWN_MS
from kiosk.store.scanrows import first_at

MOST_NAMES = 500
"""How many lanes, and types, are told apart in one look."""

LOOK_BACK = 20_000
"""How many scans before the evening's first, by the journal's own time, may have been in it by what is known since."""

LONGEST_NAME = 161
"""How much of a type's name tells it apart: one sign more than a screen shows, so that a cut can be seen."""

PORTION = 5_000
"""How many scans are counted by type in one go: some hundredths of a second on a slow machine."""

_BETWEEN = f"FROM scan WHERE seq > ?1 AND seq <= ?2 AND {KNOWN_MS} >= ?3"
_ADMITTED = f"{_BETWEEN} AND result = 'approved' AND type = 'checkin' AND reason <> 'practice'"
_MINUTES = f"SELECT {KNOWN_MS} / 60000, type, result, reason, count(*) {_BETWEEN} GROUP BY 1, 2, 3, 4"
_LANES = f"SELECT lane, count(*) {_ADMITTED} GROUP BY 1 ORDER BY 2 DESC LIMIT {MOST_NAMES}"
_TYPES = (
    f"SELECT coalesce(ticket_name, ticket_type_id, '?'), count(*) {_ADMITTED} "
    f"GROUP BY 1 ORDER BY 2 DESC LIMIT {MOST_NAMES}"
)
_FEW = (
    f"SELECT substr(coalesce(ticket_name, ticket_type_id, '?'), 1, {LONGEST_NAME}), count(*) FROM scan "  # noqa: S608
    "WHERE seq > ? AND seq <= ? AND result = 'approved' AND type = 'checkin' AND reason <> 'practice' "
    f"GROUP BY 1 ORDER BY 2 DESC LIMIT {MOST_NAMES}"
)


@dataclass(slots=True)
class Types:
    """How many were admitted of each ticket type, as far as their scans are kept, up to the scan `upto`."""

    upto: int = 0
    admitted: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Tallies:
    """Counts of one evening. Minutes are those since 1970; `steps` is by how many those inside changed in one."""

    since_ms: int
    upto: int = -1
    admitted: Counter[int] = field(default_factory=Counter)
    left: Counter[int] = field(default_factory=Counter)
    declined: Counter[int] = field(default_factory=Counter)
    steps: Counter[int] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    lanes: Counter[str] = field(default_factory=Counter)
    types: Counter[str] = field(default_factory=Counter)


def count(database: sqlite3.Connection, tallies: Tallies) -> Tallies:
    """Add what happened since they were counted."""
    if tallies.upto < 0:
        tallies.upto = max(0, first_at(database, tallies.since_ms) - 1 - LOOK_BACK)
    between = (tallies.upto, max(tallies.upto, past.last_seq(database)), tallies.since_ms)
    for minute, kind, result, reason, number in database.execute(_MINUTES, between):
        _add(tallies, (minute, kind, result, reason), number)
    for counter, query in ((tallies.lanes, _LANES), (tallies.types, _TYPES)):
        for name, number in database.execute(query, between):
            counter[name] += number
    tallies.upto = between[1]
    return tallies


def count_types(database: sqlite3.Connection, types: Types) -> bool:
    """Add a portion of what happened since they were counted. Return whether that was all."""
    newest = past.last_seq(database)
    if newest - types.upto > PORTION:  # what is no longer kept needs no portions
        (first,) = database.execute("SELECT min(seq) FROM scan WHERE seq > ?", (types.upto,)).fetchone()
        types.upto = max(types.upto, (first or newest) - 1)
    upto = min(newest, types.upto + PORTION)
    for name, number in database.execute(_FEW, (types.upto, upto)):
        if name in types.admitted or len(types.admitted) < MOST_NAMES:
            types.admitted[name] += number
    types.upto = max(types.upto, upto)
    return types.upto >= newest


def _add(tallies: Tallies, what: tuple[int, str, str, str], number: int) -> None:
    minute, kind, result, reason = what
    if reason == Reason.PRACTICE:
        return
    if result == Result.DECLINED:
        tallies.declined[minute] += number
        tallies.reasons[reason] += number
    elif kind == Direction.CHECKIN:
        tallies.admitted[minute] += number
        tallies.steps[minute] += number
    else:
        tallies.left[minute] += number
        tallies.steps[minute] -= number if reason != Reason.NOT_INSIDE else 0
