"""Sync's pen on `tickets.db`: what comes from the cloud, or from a file, goes in here; each step all or nothing."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kiosk.model import Listed, Moment, Passage
from kiosk.store import alike, settling, tickets
from kiosk.store.database import open_for_writing, to_ms, transaction
from kiosk.store.ticketrows import CHANGING, FILE, SCHEMA, SET, STORED, row_of
from kiosk.store.tickets import ListState

CACHE_KIB = 16_000

NEVER_MS = 1 << 62

KEPT_ANSWERS = 100
"""How many codes that were looked up one by one are kept in mind."""

_MARKS = ", ".join("?" * len(STORED.split(", ")))
_UPSERT = (  # what is here already is not written again
    f"INSERT INTO ticket ({STORED}) VALUES ({_MARKS}) ON CONFLICT (id) DO UPDATE SET {SET}, gone = 0 "  # noqa: S608
    f"WHERE gone OR ({', '.join(f'ticket.{column}' for column in CHANGING)}) "
    f"IS NOT ({', '.join(f'excluded.{column}' for column in CHANGING)})"
)
_UPSERT_IF_NEWER = (
    f"INSERT INTO ticket ({STORED}) VALUES ({_MARKS}) ON CONFLICT (id) DO UPDATE SET {SET}, gone = 0 "  # noqa: S608
    "WHERE excluded.updated_ms >= ticket.updated_ms"
)
_APPEND = f"INSERT INTO arrival ({STORED}) VALUES ({_MARKS})"  # noqa: S608
_STATE = """
INSERT INTO list (event_id, source, complete, watermark, upto, skip, expected, whole_at, shrunk_to,
                  checked_ms, checked_boot_id, checked_boottime_ns)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (event_id) DO UPDATE SET
    source = excluded.source, complete = excluded.complete, watermark = excluded.watermark, upto = excluded.upto,
    skip = excluded.skip, expected = excluded.expected, whole_at = excluded.whole_at,
    shrunk_to = excluded.shrunk_to, checked_ms = excluded.checked_ms, checked_boot_id = excluded.checked_boot_id,
    checked_boottime_ns = excluded.checked_boottime_ns
RETURNING no
"""


@dataclass(frozen=True, slots=True)
class ElsewhereScan:
    """A scan that the cloud has. `passage` is None for what is no history here: declined, or our own."""

    id: str
    event_id: str
    ticket_id: str | None = None
    passage: Passage | None = None


def children_of(event_id: str) -> str:
    """Return the name by which the scans of an event's children are counted, beside the event's own."""
    return f"children of {event_id}"


class Cache:
    """Belongs to one thread. Raises sqlite3.Error when the file cannot be written.

    Without `names` no holder's name gets into the file, and those that are in it are taken out.
    """

    def __init__(self, directory: Path, *, names: bool = True) -> None:
        self._names = names
        self.database = open_for_writing(directory / FILE, SCHEMA, "NORMAL")
        self.database.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        self.database.execute("PRAGMA secure_delete = ON")
        self.database.execute(f"PRAGMA journal_size_limit = {CACHE_KIB * 1024}")
        if not names:
            self.forget_names()

    # --- tickets -----------------------------------------------------------------------------------------------------

    def list_of(self, event_id: str, source: str = "cloud") -> ListState:
        """Return what is known of an event's list, entered now if it is new."""
        known = tickets.lists(self.database).get(event_id)
        if known is None:
            self.store_state(ListState(event_id, source))
            known = tickets.lists(self.database)[event_id]
        return known

    def store(self, rows: Iterable[Listed], state: ListState) -> None:
        """Store what changed in a list together with what is now known of it; the cloud's newest word counts."""
        rows = list(rows)
        with transaction(self.database):
            number = self._store_state(state)
            self.database.executemany(_UPSERT, (self._stored(row, number) for row in rows))
            self.database.executemany("DELETE FROM missing WHERE ticket_id = ?", ((row.ticket.id,) for row in rows))
        self._keep_apart(rows)

    def append(self, rows: Iterable[Listed], state: ListState) -> None:
        """Store a page of a list that comes for the first time; it can be looked up at once."""
        with transaction(self.database):
            number = self._store_state(state)
            self.database.executemany(_APPEND, (self._stored(row, number) for row in rows))

    def last_arrived(self, state: ListState, count: int) -> list[str]:
        """Return the ids of the last tickets that came of a list, newest first."""
        query = "SELECT id FROM arrival WHERE list_no = ? ORDER BY n DESC LIMIT ?"
        return [ticket_id for (ticket_id,) in self.database.execute(query, (state.no, count))]

    def settle(self) -> None:
        """Put everything that has arrived in its place. A kill in the middle is made up for by the next call."""
        if settling.settle(self.database):
            self.fold()

    def note_unreadable(self, state: ListState, rows: Mapping[str, str], readable: Iterable[str] = ()) -> None:
        """Remember which rows could not be read and why, and which can be read again."""
        with transaction(self.database):
            self.database.executemany(
                "INSERT OR REPLACE INTO unreadable VALUES (?, ?, ?)",
                ((state.no, key, problem) for key, problem in rows.items()),
            )
            self.database.executemany(
                "DELETE FROM unreadable WHERE list_no = ? AND key = ?", ((state.no, key) for key in readable)
            )

    def replace_unreadable(self, state: ListState, rows: Mapping[str, str]) -> None:
        """Remember which rows of a whole list could not be read."""
        with transaction(self.database):
            self.database.execute("DELETE FROM unreadable WHERE list_no = ?", (state.no,))
        self.note_unreadable(state, rows)

    # --- what the cloud no longer has --------------------------------------------------------------------------------

    def numbers(self, ids: Sequence[str]) -> list[int]:
        """Return the row numbers of tickets, for keeping track of a million of them in little memory."""
        query = "SELECT n FROM ticket WHERE id IN (SELECT value FROM json_each(?))"
        return [number for (number,) in self.database.execute(query, (json.dumps(ids),))]

    def newest_number(self) -> int:
        return int(self.database.execute("SELECT coalesce(max(n), 0) FROM ticket").fetchone()[0])

    def layout(self) -> int:
        """Return what changes when rows may have got new numbers."""
        return int(self.database.execute("PRAGMA schema_version").fetchone()[0])

    def unseen(self, state: ListState, upto: int, until_ms: int | None, seen: bytearray) -> list[str]:
        """Return the ids of a list's tickets that were not seen: those up to row `upto` that changed before `until_ms`.

        `seen` has a bit for each row number.
        """
        query = "SELECT n, id FROM ticket WHERE list_no = ? AND gone = 0 AND n <= ? AND updated_ms < ?"
        rows = self.database.execute(query, (state.no, upto, NEVER_MS if until_ms is None else until_ms))
        return [ticket_id for n, ticket_id in rows if not _is_seen(n, seen)]

    def seen_elsewhere(self, state: ListState, seen: bytearray) -> int:
        """Return how many of the tickets that were seen are here under another list: one may be of two events."""
        rows = self.database.execute("SELECT n FROM ticket WHERE list_no <> ? AND gone = 0", (state.no,))
        return sum(_is_seen(n, seen) for (n,) in rows)

    def mark_gone(self, ids: Iterable[str], state: ListState) -> None:
        """Mark tickets that the cloud's list no longer has; their history stays."""
        with transaction(self.database):
            self.database.executemany("UPDATE ticket SET gone = 1 WHERE id = ?", ((ticket_id,) for ticket_id in ids))
            self._clear_aside(state)
            self._store_state(state)

    def keep_aside(self, ids: Iterable[str], state: ListState) -> None:
        """Keep what a list would lose for a person to accept; nothing is marked."""
        with transaction(self.database):
            self._clear_aside(state)
            self.database.executemany("INSERT OR REPLACE INTO missing VALUES (?, ?)", ((i, state.no) for i in ids))
            self._store_state(state)

    def accept(self, state: ListState) -> int:
        """Believe a list that shrank: mark what was kept aside, and return how many tickets that were."""
        aside = "SELECT ticket_id FROM missing WHERE list_no = ?"
        with transaction(self.database):
            marked = self.database.execute(f"UPDATE ticket SET gone = 1 WHERE id IN ({aside})", (state.no,))  # noqa: S608
            self._clear_aside(state)
            self.database.execute("UPDATE list SET shrunk_to = NULL WHERE no = ?", (state.no,))
        return marked.rowcount

    def _clear_aside(self, state: ListState) -> None:
        self.database.execute("DELETE FROM missing WHERE list_no = ?", (state.no,))

    # --- everything else ---------------------------------------------------------------------------------------------

    def store_state(self, state: ListState) -> None:
        with transaction(self.database):
            self._store_state(state)

    def _store_state(self, state: ListState) -> int:
        checked = state.checked
        marks = (to_ms(checked.at), checked.boot_id, checked.boottime_ns) if checked is not None else (None,) * 3
        row = self.database.execute(
            _STATE,
            (
                state.event_id, state.source, state.complete, state.watermark, state.upto, state.skip,
                state.expected, state.whole_at, state.shrunk_to, *marks,
            ),
        ).fetchone()  # fmt: skip
        return int(row[0])

    def store_events(self, names: Mapping[str, str]) -> None:
        with transaction(self.database):
            self.database.executemany("INSERT OR REPLACE INTO event VALUES (?, ?)", names.items())

    def store_setting(self, name: str, value: Any) -> None:
        with transaction(self.database):
            self.database.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, json.dumps(value)))

    def store_answer(self, barcode: str, found: Iterable[Listed], state: ListState, now: Moment) -> None:
        """Store what the cloud said of one code, for the gate that waits for it; what is newer here stays."""
        found = list(found)
        with transaction(self.database):
            self.database.executemany(_UPSERT_IF_NEWER, (self._stored(row, state.no) for row in found))
            self.database.execute(
                "INSERT OR REPLACE INTO asked VALUES (?, ?, ?)", (barcode, now.boot_id, now.boottime_ns)
            )
            self.database.execute(
                "DELETE FROM asked WHERE barcode NOT IN (SELECT barcode FROM asked ORDER BY boottime_ns DESC LIMIT ?)",
                (KEPT_ANSWERS,),
            )
        self._keep_apart(found)

    def _keep_apart(self, rows: Iterable[Listed]) -> None:
        alike.compare_these(self.database, ((row.ticket.id, row.ticket.barcode) for row in rows))

    def store_elsewhere(self, found: Iterable[ElsewhereScan]) -> int:
        """Store what the cloud has of scans; return how many of them were new."""
        before = self.database.total_changes
        with transaction(self.database):
            self.database.executemany(
                "INSERT OR IGNORE INTO elsewhere VALUES (?, ?, ?, ?, ?, ?)", map(_elsewhere_row, found)
            )
        return self.database.total_changes - before

    def known_elsewhere(self, event_id: str) -> int:
        """Return how many scans of an event are known."""
        return int(
            self.database.execute("SELECT count(*) FROM elsewhere WHERE event_id = ?", (event_id,)).fetchone()[0]
        )

    # --- privacy -----------------------------------------------------------------------------------------------------

    def forget_names(self) -> int:
        """Take every holder's name out of the file, and out of the log that lies beside it; return how many."""
        count = 0
        for table in ("ticket", "arrival"):
            with transaction(self.database):
                forget = f"UPDATE {table} SET name = NULL WHERE name IS NOT NULL"  # noqa: S608
                count += self.database.execute(forget).rowcount
        if count:
            self.fold()
        return count

    def purge(self, over: Iterable[ListState]) -> None:
        """Remove lists with all their tickets and scans, and every copy of them in the log."""
        for state in over:
            with transaction(self.database):
                for table in ("ticket", "arrival"):
                    former = f"SELECT id FROM {table} WHERE list_no = ?"  # noqa: S608
                    self.database.execute(f"DELETE FROM former_code WHERE ticket_id IN ({former})", (state.no,))  # noqa: S608
                    self.database.execute(f"DELETE FROM {table} WHERE list_no = ?", (state.no,))  # noqa: S608
                for table in ("unreadable", "missing"):
                    self.database.execute(f"DELETE FROM {table} WHERE list_no = ?", (state.no,))  # noqa: S608
                names = (state.event_id, children_of(state.event_id))
                self.database.execute("DELETE FROM elsewhere WHERE event_id IN (?, ?)", names)
                self.database.execute("DELETE FROM list WHERE no = ?", (state.no,))
        self.fold()

    def _stored(self, row: Listed, list_no: int) -> tuple[object, ...]:
        ticket = row.ticket if self._names else replace(row.ticket, name=None)
        return (*row_of(ticket), list_no, to_ms(row.updated) if row.updated is not None else 0, row.unread)

    def fold(self) -> None:
        """Empty the log, and with it what was removed; a reader of an older state puts it off to the next time."""
        with suppress(sqlite3.OperationalError):
            self.database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    def close(self) -> None:
        self.database.close()


def _is_seen(number: int, seen: bytearray) -> bool:
    return number >> 3 < len(seen) and bool(seen[number >> 3] & 1 << (number & 7))


def _elsewhere_row(scan: ElsewhereScan) -> tuple[object, ...]:
    if scan.passage is None:
        return (scan.id, scan.event_id, None, None, None, None)
    passage = scan.passage
    return (scan.id, scan.event_id, scan.ticket_id, passage.direction, to_ms(passage.at), passage.gate)
