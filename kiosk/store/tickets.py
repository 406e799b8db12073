"""`tickets.db`: what the cloud last told us — the list, the settings, the scans of other doors — as everybody reads it.

Disposable: losing it costs a download. Whoever reads it must be able to do without it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kiosk.model import Direction, Moment, Passage, Ticket
from kiosk.store.database import from_ms, open_for_reading
from kiosk.store.ticketrows import COLUMNS, FILE, PORTION_BITS, SCHEMA, ticket_of

DEVICE_SETTINGS = "me"
"""The setting that holds the cloud's answer to `GET /accessusers/me`."""

WORD_HOLDS_S = 10.0
"""For how long the cloud's word on one code is good: it is not asked for the same one again before."""

MOST_TYPES = 2_000

_BY_ID = f"SELECT {COLUMNS} FROM ticket WHERE id = ? AND gone = 0"  # noqa: S608
_BY_BARCODE = f"SELECT {COLUMNS} FROM ticket WHERE barcode = ? AND gone = 0 ORDER BY id"  # noqa: S608
_GONE = f"SELECT {COLUMNS} FROM ticket WHERE barcode = ? AND gone = 1"  # noqa: S608
_FORMER = f"SELECT {COLUMNS} FROM ticket WHERE id IN (SELECT ticket_id FROM former_code WHERE barcode = ?)"  # noqa: S608
_ARRIVED = f"""
WITH RECURSIVE portion (number) AS (
    SELECT 0 UNION ALL SELECT number + 1 FROM portion WHERE number < (SELECT max(n) >> {PORTION_BITS} FROM arrival)
)
SELECT {COLUMNS} FROM portion CROSS JOIN arrival ON n >> {PORTION_BITS} = number AND barcode = ?
WHERE NOT EXISTS (SELECT 1 FROM ticket WHERE ticket.id = arrival.id)
ORDER BY updated_ms, n
"""  # noqa: S608
_USED_TWICE = """
SELECT barcode, event_id, json_group_array(id)
FROM (SELECT barcode FROM ticket WHERE gone = 0 GROUP BY barcode HAVING count(*) > 1) JOIN ticket USING (barcode)
WHERE gone = 0 GROUP BY barcode, event_id HAVING count(*) > 1 LIMIT ?
"""
_LISTS = """
SELECT no, event_id, source, complete, watermark, upto, skip, expected, whole_at, shrunk_to,
       checked_ms, checked_boot_id, checked_boottime_ns
FROM list
"""
_HELD = """
SELECT (SELECT count(*) FROM ticket WHERE list_no = ?1 AND gone = 0)
     + (SELECT count(DISTINCT id) FROM arrival WHERE list_no = ?1)
"""


@dataclass(frozen=True, slots=True)
class ListState:
    """How far the list of one event can be trusted. Times are the cloud's own, as it writes them.

    `watermark`: up to when we have everything. While a list is fetched for the first time, `upto` is the end of its
    window and `skip` where the next page begins. `expected`: how many tickets the cloud says there are. `whole_at`:
    when it was last looked at from end to end. `shrunk_to`: how many the cloud has now, where that is too few to be
    believed. `no` is the list's number in the file, 0 for one that is not there yet.
    """

    event_id: str
    source: str
    complete: bool = False
    watermark: str | None = None
    upto: str | None = None
    skip: int = 0
    expected: int | None = None
    whole_at: str | None = None
    shrunk_to: int | None = None
    checked: Moment | None = None
    no: int = 0

    def age_s(self, now: Moment) -> float | None:
        """Return the seconds since the list was last known to be current, None when it never was.

        Within one boot this is counted by a clock that nobody sets; across boots only the wall clock can tell.
        """
        if self.checked is None:
            return None
        if self.checked.boot_id == now.boot_id:
            return (now.boottime_ns - self.checked.boottime_ns) / 1e9
        return max(0.0, (now.at - self.checked.at).total_seconds())


def reader(directory: Path) -> sqlite3.Connection:
    """Open the list for reading. Raises NoListYet while sync has not made one, TooNew."""
    return open_for_reading(directory / FILE, SCHEMA)


def by_id(database: sqlite3.Connection, ticket_id: str, barcode: str) -> Ticket | None:
    """Return this ticket; by its code, where a list still arrives, which has no index of ids."""
    row = database.execute(_BY_ID, (ticket_id,)).fetchone()
    if row is not None:
        return ticket_of(row)
    return next((each for each in by_barcode_arrived(database, barcode) if each.id == ticket_id), None)


def by_barcode(database: sqlite3.Connection, barcode: str) -> tuple[Ticket, ...]:
    """Return the tickets that have this code; a list that still arrives does not show here."""
    return tuple(map(ticket_of, database.execute(_BY_BARCODE, (barcode,))))


def by_barcode_arrived(database: sqlite3.Connection, barcode: str) -> tuple[Ticket, ...]:
    """Return the tickets with this code in a list that still arrives; of each the newest row."""
    newest = {row[0]: ticket_of(row) for row in database.execute(_ARRIVED, (barcode,))}
    return tuple(newest.values())


def arriving(database: sqlite3.Connection) -> bool:
    """Tell whether a list is on its way. Costs microseconds."""
    return database.execute("SELECT 1 FROM arrival LIMIT 1").fetchone() is not None


def by_former_code(database: sqlite3.Connection, barcode: str) -> Ticket | None:
    """Return the ticket that once had this code."""
    row = database.execute(_FORMER, (barcode,)).fetchone()
    return ticket_of(row) if row is not None else None


def by_barcode_gone(database: sqlite3.Connection, barcode: str) -> Ticket | None:
    """Return a ticket with this code that the cloud's list no longer has."""
    row = database.execute(_GONE, (barcode,)).fetchone()
    return ticket_of(row) if row is not None else None


def find(database: sqlite3.Connection, text: str, limit: int = 50) -> Iterator[Ticket]:
    """Return tickets whose code begins with, or whose holder's name contains, this text."""
    literal = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    where = "WHERE gone = 0 AND (barcode LIKE ?1 ESCAPE '\\' OR name LIKE ?2 ESCAPE '\\')"
    query = (
        f"SELECT {COLUMNS} FROM ticket {where} UNION SELECT {COLUMNS} FROM arrival {where} "  # noqa: S608
        "ORDER BY name, id LIMIT ?3"
    )
    return map(ticket_of, database.execute(query, (f"{literal}%", f"%{literal}%", limit)))


def by_numbers(database: sqlite3.Connection, table: str, numbers: Sequence[int]) -> Iterator[Ticket]:
    """Return the tickets in these rows of `ticket` or `arrival`."""
    query = f"SELECT {COLUMNS} FROM {table} WHERE n IN (SELECT value FROM json_each(?)) AND gone = 0"  # noqa: S608
    return map(ticket_of, database.execute(query, (json.dumps(numbers),)))


def ticket_types(database: sqlite3.Connection) -> dict[str, dict[str, str]]:
    """Return, by event, the names of the types that its tickets have. Looks at every row."""
    query = (
        "SELECT event_id, ticket_type_id, max(coalesce(ticket_name, '')) FROM ticket WHERE gone = 0 "
        "GROUP BY 1, 2 LIMIT ?"
    )
    found: dict[str, dict[str, str]] = {}
    for event_id, type_id, name in database.execute(query, (MOST_TYPES,)):
        found.setdefault(event_id, {})[type_id] = name or type_id
    return found


def total(database: sqlite3.Connection) -> int:
    query = "SELECT (SELECT count(*) FROM ticket WHERE gone = 0) + (SELECT count(*) FROM arrival)"
    return int(database.execute(query).fetchone()[0])


def held(database: sqlite3.Connection, state: ListState) -> int:
    """Return how many tickets of a list are here, each counted once."""
    return int(database.execute(_HELD, (state.no,)).fetchone()[0])


def unread(database: sqlite3.Connection, state: ListState) -> int:
    """Return how many tickets of a list lack a field that could not be read."""
    query = "SELECT count(*) FROM ticket WHERE list_no = ? AND unread IS NOT NULL"
    return int(database.execute(query, (state.no,)).fetchone()[0])


def unreadable(database: sqlite3.Connection, state: ListState) -> int:
    """Return how many rows of a list could not be read at all."""
    return int(database.execute("SELECT count(*) FROM unreadable WHERE list_no = ?", (state.no,)).fetchone()[0])


def codes_used_twice(database: sqlite3.Connection, limit: int = 20) -> list[tuple[str, str, list[str]]]:
    """Return codes that more than one ticket of the same event has, with the event and the ids of the tickets."""
    rows = database.execute(_USED_TWICE, (limit,))
    return [(barcode, event_id, sorted(json.loads(ids))) for barcode, event_id, ids in rows]


def elsewhere(database: sqlite3.Connection, ticket_id: str) -> list[Passage]:
    """Return the ticket's approved scans at other doors, by the time they carry; one that came twice is one."""
    rows = database.execute(
        "SELECT DISTINCT type, time_ms, device_id FROM elsewhere WHERE ticket_id = ? ORDER BY time_ms", (ticket_id,)
    )
    return [Passage(Direction(kind), from_ms(time_ms), device_id) for kind, time_ms, device_id in rows]


def has_children(database: sqlite3.Connection, event_id: str) -> bool:
    """Tell whether tickets of other events are admitted as this one's: it is their parent."""
    query = "SELECT 1 FROM ticket WHERE parent_event_id = ? AND event_id <> ? LIMIT 1"
    return database.execute(query, (event_id, event_id)).fetchone() is not None


def newest_change(database: sqlite3.Connection, state: ListState) -> int | None:
    """Return the time, in milliseconds, of the latest change of a list that is here; None where no row has one."""
    query = "SELECT max(updated_ms) FROM ticket WHERE list_no = ?"
    return database.execute(query, (state.no,)).fetchone()[0] or None


def asked(database: sqlite3.Connection, barcode: str) -> tuple[str, int] | None:
    """Return when (boot, nanoseconds since then) the cloud last answered about this one code."""
    row: tuple[str, int] | None = database.execute(
        "SELECT boot_id, boottime_ns FROM asked WHERE barcode = ?", (barcode,)
    ).fetchone()
    return row


def has_word(database: sqlite3.Connection, barcode: str, moment: Moment) -> bool:
    """Tell whether the cloud has answered about this one code since, or so shortly before that it still holds."""
    boot_id, boottime_ns = asked(database, barcode) or ("", 0)
    return boot_id == moment.boot_id and moment.boottime_ns - boottime_ns < WORD_HOLDS_S * 1e9


def event_names(database: sqlite3.Connection) -> dict[str, str]:
    return dict(database.execute("SELECT id, name FROM event"))


def setting(database: sqlite3.Connection, name: str) -> Any:
    """Return a stored setting, None when there is none."""
    row = database.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
    return json.loads(row[0]) if row is not None else None


def lists(database: sqlite3.Connection) -> dict[str, ListState]:
    """Return what is known of each event's list."""
    return {row[1]: _state(row) for row in database.execute(_LISTS)}


def _state(row: tuple[Any, ...]) -> ListState:
    no, event_id, source, complete, watermark, upto, skip, expected, whole_at, shrunk_to, *marks = row
    checked_ms, boot_id, boottime_ns = marks
    checked = Moment(from_ms(checked_ms), boottime_ns, boot_id) if checked_ms is not None else None
    return ListState(
        event_id, source, bool(complete), watermark, upto, skip, expected, whole_at, shrunk_to, checked, no
    )  # fmt: skip
