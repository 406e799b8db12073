"""What staff ask of the files: guests, scans, lists, numbers. Reads only, and belongs to one thread.

Files are opened for each question, so that one that was replaced is never read on from its old self; what is costly to
count or to read is kept.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from kiosk.config import Config
from kiosk.display.snapshot import short
from kiosk.display.speech import Speaking, english
from kiosk.display.staff.figures import OTHERS, evening, figures
from kiosk.display.staff.guests import MOST, Files, guest_facts, history, known, passages, scan_facts
from kiosk.display.staff.labels import reason
from kiosk.display.staff.people import People
from kiosk.errors import NoListYet
from kiosk.model import Delivery, Moment
from kiosk.store import anchors, journal, ledger, past, tallies, tickets
from kiosk.store.database import to_ms
from kiosk.store.tallies import Tallies
from kiosk.store.tickets import ListState
from kiosk.words import Language, stamp

TYPES_S = 60.0
"""For how long the types of tickets are taken to be the same: to count them looks at every ticket."""

LOOK_BACK = 1_000


class Records:
    """Raises StoreError, sqlite3.Error, OSError: the files cannot be read."""

    def __init__(self, config: Config, speaking: Speaking = english) -> None:
        self._speaking = speaking
        self._config, self._directory = config, config.device.data_dir
        self._people = People(self._directory)
        self._tallies: tuple[tuple[int, int], Tallies] | None = None
        self._codes: dict[str, str] = {}
        self._types: tuple[float, dict[str, dict[str, str]]] = (-TYPES_S, {})

    @property
    def _language(self) -> Language:
        return self._speaking()

    def prepare(self) -> None:
        """Somebody signed in, and will soon look for names."""
        self._people.prepare()

    def find(self, text: str) -> dict[str, Any]:
        """Return the guests whose names have all these words; `ready` False while the names are being read."""
        with self._open(tickets.reader) as listed, self._open(journal.reader) as scans:
            if listed is None:
                return {"guests": [], "more": False, "ready": True}
            found = self._people.find(listed, text)
            if found is None:
                return {"guests": [], "more": False, "ready": False}
            names = tickets.event_names(listed)
            self._codes = {each.id: each.barcode for each in found[:MOST]}
            guests = [
                guest_facts(each, names, passages(scans, listed, each.id), self._language) for each in found[:MOST]
            ]
        return {"guests": guests, "more": len(found) > MOST, "ready": True}

    def code_of(self, ticket_id: str) -> str:
        """Return the code of a guest who was found last: of a list that still arrives it is the way to the ticket."""
        return self._codes.get(ticket_id, "")

    def ticket(self, ticket_id: str) -> dict[str, Any] | None:
        """Return a guest and everything that is known of the ticket, None where there is no such ticket."""
        with (
            self._open(tickets.reader) as listed, self._open(journal.reader) as scans,
            self._open(ledger.reader) as delivered,
        ):  # fmt: skip
            found = tickets.by_id(listed, ticket_id, self.code_of(ticket_id)) if listed is not None else None
            if listed is None or found is None:
                return None
            language, went = self._language, passages(scans, listed, ticket_id)
            guest = guest_facts(found, tickets.event_names(listed), went, language)
            return {"guest": guest, "history": history(Files(scans, listed, delivered), ticket_id, language)}

    def scan(self, seq: int, now: datetime) -> dict[str, Any] | None:
        with self._open(journal.reader) as scans:
            found = known(scans, past.scans(scans, [seq])) if scans is not None else []
        return scan_facts(found[0], now, self._language) if found else None

    def last_declined(self, now: datetime) -> dict[str, Any] | None:
        with self._open(journal.reader) as scans:
            last = past.last_declined(scans, LOOK_BACK) if scans is not None else None
            if scans is None or last is None:
                return None
            ticket = last.verdict.ticket
            since = past.admitted_after(scans, ticket.id, last.seq) if ticket is not None else None
            told = [stamp(scan.at) for scan in known(scans, [since] if since is not None else [])]
            return scan_facts(known(scans, [last])[0], now, self._language, *told)

    def refused(self, now: datetime) -> list[dict[str, Any]]:
        """Return the oldest scans that the cloud refused, and why."""
        with self._open(journal.reader) as scans, self._open(ledger.reader) as delivered:
            if scans is None or delivered is None:
                return []
            errors = ledger.errors(delivered, Delivery.REFUSED, MOST)
            found = known(scans, past.scans(scans, errors))
        return [scan_facts(scan, now, self._language) | {"deliveryError": short(errors[scan.seq])} for scan in found]

    def lists(self, now: Moment) -> list[dict[str, Any]]:
        """Return how good each event's list is."""
        with self._open(tickets.reader) as listed:
            if listed is None:
                return []
            names = tickets.event_names(listed)
            return [_list(listed, state, names, now) for _, state in sorted(tickets.lists(listed).items())]

    def events(self) -> list[dict[str, Any]]:
        """Return the events that the cloud knows, with the types of their tickets as far as they are here."""
        with self._open(tickets.reader) as listed:
            names = tickets.event_names(listed) if listed is not None else {}
            if listed is not None and time.monotonic() - self._types[0] >= TYPES_S:
                self._types = (time.monotonic(), tickets.ticket_types(listed))
        return [
            {"id": event_id, "name": short(name), "types": _types(self._types[1].get(event_id, {}))}
            for event_id, name in sorted(names.items(), key=lambda item: item[1])
        ]

    def statistics(self, inside: int, now: datetime) -> dict[str, Any]:
        """Return the evening's numbers; only what came since the last time is counted."""
        since_ms = to_ms(evening(now))
        with self._open(journal.reader) as scans:
            basis = self._basis(scans)
            if self._tallies is None or (self._tallies[0], self._tallies[1].since_ms) != (basis, since_ms):
                self._tallies = (basis, Tallies(since_ms))
            if scans is not None:
                tallies.count(scans, self._tallies[1])
        language = self._language
        return figures(self._tallies[1], inside, now, language.say(OTHERS), lambda key: reason(key, language))

    def _basis(self, scans: sqlite3.Connection | None) -> tuple[int, int]:
        """Name the file and what is known of its clocks: what was counted by another is counted anew."""
        return ((self._directory / journal.FILE).stat().st_ino, anchors.newest(scans)) if scans is not None else (0, 0)

    @contextmanager
    def _open(self, reader: Callable[[Path], sqlite3.Connection]) -> Iterator[sqlite3.Connection | None]:
        """A file that its owner has not made yet is None."""
        try:
            database = reader(self._directory)
        except NoListYet:
            yield None
            return
        with closing(database):
            yield database


def _list(listed: sqlite3.Connection, state: ListState, names: Mapping[str, str], now: Moment) -> dict[str, Any]:
    age_s = state.age_s(now)
    return {
        "id": state.event_id,
        "name": short(names.get(state.event_id, state.event_id)),
        "tickets": tickets.held(listed, state),
        "complete": state.complete,
        "ageSeconds": round(age_s) if age_s is not None else None,
        "shrunkTo": state.shrunk_to,
    }


def _types(found: Mapping[str, str]) -> list[dict[str, str | None]]:
    return [{"id": type_id, "name": short(name)} for type_id, name in sorted(found.items(), key=lambda item: item[1])]
