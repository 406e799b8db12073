"""The view over all files that people get: how good the list is, what is still to be delivered, how many are in.

Reads only, and answers whatever is missing: a file that does not exist yet counts as empty.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from kiosk.choices import Choices
from kiosk.errors import NoListYet
from kiosk.model import Delivery, Moment, Scan
from kiosk.store import alike, chosen, journal, ledger, past, tallies, tickets
from kiosk.store.alike import Ends
from kiosk.store.past import Counts
from kiosk.store.tallies import Types
from kiosk.store.tickets import ListState

MOST_TYPES = 6
"""How many ticket types are named; a screen has no room for more."""


class Outlook:
    """Keeps its files open and its counts up to date; belongs to one thread."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._open: dict[str, sqlite3.Connection] = {}
        self._counts = Counts()
        self._types = Types()
        self._totals = (-1, 0)
        self._settings: tuple[int, Any] = (-1, None)

    def newest(self) -> int:
        """Return the newest scan's number. Costs microseconds: this is what a display asks many times a second."""
        database = self._file("journal", journal.reader)
        return past.last_seq(database) if database is not None else 0

    def scan(self, seq: int) -> Scan | None:
        database = self._file("journal", journal.reader)
        found = past.scans(database, [seq]) if database is not None else []
        return found[0] if found else None

    def counts(self) -> dict[str, int]:
        database = self._file("journal", journal.reader)
        if database is not None:
            past.count(database, self._counts)
        found = self._counts
        return {
            "checkin": found.checkin,
            "checkout": found.checkout,
            "declined": found.declined,
            "inside": found.inside,
        }

    def types(self) -> list[tuple[str, int]] | None:
        """Return how many were admitted of each ticket type, those with the most; None until all are counted."""
        database = self._file("journal", journal.reader)
        if database is not None and not tallies.count_types(database, self._types):
            return None
        return self._types.admitted.most_common(MOST_TYPES)

    def tickets(self, events: Iterable[str], now: Moment) -> dict[str, Any]:
        """Return how good the list of these events is; `ageSeconds` is None when it never was whole."""
        database = self._file("tickets", tickets.reader)
        if database is None:
            nothing = {"total": 0, "complete": False, "ageSeconds": None, "expected": None}
            return {**nothing, "refused": [], "shrunkTo": None}
        known = tickets.lists(database)
        states = [known.get(event) for event in events]
        ages = [state.age_s(now) if state is not None else None for state in states]
        return {
            "total": self._total(database),
            "complete": bool(states) and all(state is not None and state.complete for state in states),
            "ageSeconds": round(max(age or 0.0 for age in ages)) if ages and None not in ages else None,
            "expected": _expected(states),
            **_shrunken([state for state in states if state is not None and state.shrunk_to is not None]),
        }

    def settings(self) -> Any:
        """Return the cloud's answer about this device, None while there is none. Read again when the file changes."""
        database = self._file("tickets", tickets.reader)
        if database is None:
            return None
        if (version := _version(database)) != self._settings[0]:
            self._settings = (version, tickets.setting(database, tickets.DEVICE_SETTINGS))
        return self._settings[1]

    def choices(self) -> Choices:
        """Return what staff chose at the door."""
        return chosen.read(self._directory)

    def event_names(self) -> dict[str, str]:
        database = self._file("tickets", tickets.reader)
        return tickets.event_names(database) if database is not None else {}

    def refused_rules(self) -> dict[str, Ends]:
        """Return which rules are not used, because they make two tickets alike."""
        database = self._file("tickets", tickets.reader)
        return alike.refused(database) if database is not None else {}

    def outbox(self, now: Moment) -> dict[str, int | None]:
        """Return how many scans are in each state but `acked`, and how long the oldest has been waiting."""
        states = dict.fromkeys((s.value for s in Delivery if s is not Delivery.ACKED), 0)
        entered = self._file("ledger", ledger.reader)
        if entered is not None:
            states |= {state.value: number for state, number in ledger.unsettled(entered).items()}
        fresh = self._file("journal", journal.reader)
        if fresh is None:
            return {**states, "oldestSeconds": None}
        after = ledger.newest(entered) if entered is not None else 0
        pending, local, first = past.count_after(fresh, after)
        states["pending"] += pending
        states["local"] += local
        oldest = (ledger.oldest(entered) if entered is not None else None) or first
        return {**states, "oldestSeconds": self._waiting_s(oldest, now)}

    def _waiting_s(self, seq: int | None, now: Moment) -> int | None:
        scan = self.scan(seq) if seq is not None else None
        if scan is None:
            return None
        if scan.moment.boot_id == now.boot_id:
            return (now.boottime_ns - scan.moment.boottime_ns) // 1_000_000_000
        return max(0, int((now.at - scan.at).total_seconds()))

    def _total(self, database: sqlite3.Connection) -> int:
        """Counting a million rows takes a while: it is done once for each change."""
        version = _version(database)
        if version != self._totals[0]:
            self._totals = (version, tickets.total(database))
        return self._totals[1]

    def _file(self, name: str, reader: Callable[[Path], sqlite3.Connection]) -> sqlite3.Connection | None:
        if name not in self._open:
            with contextlib.suppress(NoListYet):  # its owner has not made it yet: it is asked for again next time
                self._open[name] = reader(self._directory)
        return self._open.get(name)

    def close(self) -> None:
        for database in self._open.values():
            database.close()
        self._open.clear()


def _shrunken(states: Sequence[ListState]) -> dict[str, Any]:
    """The lists that shrank too much to be believed, and how many tickets the cloud has of them now."""
    left = sum(state.shrunk_to or 0 for state in states)
    return {"refused": [state.event_id for state in states], "shrunkTo": left if states else None}


def _expected(states: Sequence[ListState | None]) -> int | None:
    """Return how many tickets the lists that are still on their way will have, None when none is."""
    coming = [state.expected for state in states if state is not None and state.skip and state.expected is not None]
    return sum(coming) if coming else None


def _version(database: sqlite3.Connection) -> int:
    """Return what changes whenever another program has written to this file."""
    return int(database.execute("PRAGMA data_version").fetchone()[0])
