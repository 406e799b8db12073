"""The list as the gate sees it: opened when it appears, asked at each scan, done without when it is gone."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from kiosk.errors import StoreError
from kiosk.model import Lookup, Moment, Passage, Ticket
from kiosk.settings import Settings
from kiosk.store import alike, ticketrows, tickets
from kiosk.store.alike import Ends
from kiosk.store.tickets import ListState
from kiosk.variants import barest, variants

log = logging.getLogger(__name__)

UNREADABLE = (StoreError, sqlite3.Error, ValueError, TypeError, OverflowError)
"""What a list can raise that is damaged, or that another version wrote: the door does without it then."""


class TicketList:
    """What the decision asks of `tickets.db`. Never raises: a list that cannot be read is a list that is missing.

    `rules` are tried on a code that no ticket has as it came, unless the list says that one makes two tickets alike.
    """

    def __init__(self, directory: Path, rules: Sequence[str] = ()) -> None:
        self._directory = directory
        self._rules, self._refused = tuple(rules), dict[str, Ends]()
        self._database: sqlite3.Connection | None = None
        self._inode = 0
        self._version = -1
        self._arriving = False
        self._lists: dict[str, ListState] = {}
        self._names: dict[str, str] = {}
        self.settings: Settings | None = None
        self.problem: str | None = None

    def look_up(self, code: str, events: Iterable[str], now: Moment) -> Lookup:
        """Return what the list says of a code, with the list's completeness and age for these events."""
        try:
            database = self._database or self.refresh()
            found = tickets.by_barcode(database, code)
            if found and not self._arriving:
                lookup = Lookup(found, event_names=self._names)
            else:
                lookup = self._missing(code, events, now)
        except UNREADABLE as error:
            self._lose(error)
            return Lookup()
        self.problem = None
        return lookup

    def _missing(self, code: str, events: Iterable[str], now: Moment) -> Lookup:
        """Only where a code is not found does it matter how good the list is, to the last commit."""
        database = self.refresh()
        states = [self._lists.get(event) for event in events]
        nothing = Lookup((), None, _complete(states), _age_s(states, now), self._names)
        found = self._as_it_is(database, code, nothing)
        return found if found.means else self._by_rule(database, code, nothing)

    def _as_it_is(self, database: sqlite3.Connection, code: str, nothing: Lookup) -> Lookup:
        found = tickets.by_barcode(database, code)
        if self._arriving:
            found += tickets.by_barcode_arrived(database, code)
        if found:
            return replace(nothing, tickets=found)
        former, gone = tickets.by_former_code(database, code), tickets.by_barcode_gone(database, code)
        return replace(nothing, reissued=former, gone=gone)

    def _by_rule(self, database: sqlite3.Connection, code: str, nothing: Lookup) -> Lookup:
        """Try the rules; a code that may be one ticket's or another's is nobody's, because a door does not guess."""
        rules = [rule for rule in self._rules if rule not in self._refused]
        tried = [(other, self._as_it_is(database, other.code, nothing)) for other in variants(code, rules)[1:]]
        hits = [replace(found, code=other.code, rule="+".join(other.rules)) for other, found in tried if found.means]
        if hits:
            return hits[0] if len({hit.means for hit in hits}) == 1 else nothing
        bare = barest(code, rules)
        return replace(nothing, code=bare) if bare != code else nothing

    def with_id(self, ticket_id: str, code: str) -> Ticket | None:
        """Return the ticket that staff found, with its code."""
        try:
            return tickets.by_id(self.refresh(), ticket_id, code)
        except UNREADABLE as error:
            self._lose(error)
            return None

    @property
    def event_names(self) -> Mapping[str, str]:
        """What the events are called that the cloud knows."""
        return self._names

    def elsewhere(self, ticket: Ticket) -> Sequence[Passage]:
        """Return the ticket's approved scans at other doors."""
        try:
            return tickets.elsewhere(self._database or self.refresh(), ticket.id)
        except UNREADABLE as error:
            self._lose(error)
            return ()

    def answered(self, code: str, moment: Moment) -> bool:
        """Tell whether the cloud was asked for this one code and has answered, not much longer ago than this moment."""
        try:
            return tickets.has_word(self._database or self.refresh(), code, moment)
        except UNREADABLE as error:
            self._lose(error)
            return False

    def look_again(self) -> None:
        """Notice a list, a new file, or settings that have come. For the pauses: a scan is not to wait for it."""
        try:
            self.refresh()
        except UNREADABLE as error:
            self._lose(error)

    def refresh(self) -> sqlite3.Connection:
        """Return the open file, with states and settings as of its last commit. Raises UNREADABLE."""
        inode = _inode(self._directory / ticketrows.FILE)
        if self._database is None or inode != self._inode:
            self.close()
            self._database, self._inode, self._version = tickets.reader(self._directory), inode, -1
        version = self._database.execute("PRAGMA data_version").fetchone()[0]
        if version != self._version:
            self._lists = tickets.lists(self._database)
            self._names = tickets.event_names(self._database)
            self._arriving = tickets.arriving(self._database)
            self._read_settings(self._database)
            self._follow(alike.refused(self._database))
            self._version = version
        return self._database

    def _read_settings(self, database: sqlite3.Connection) -> None:
        """Take the settings over; ones that cannot be read leave the last good ones in force."""
        answer = tickets.setting(database, tickets.DEVICE_SETTINGS)
        try:
            found = Settings.model_validate(answer) if answer is not None else None
        except ValidationError as error:
            log.warning("the device settings cannot be read, the last ones stay: %s", error)
            return
        if found != self.settings:
            self.settings = found

    def _follow(self, refused: dict[str, Ends]) -> None:
        """Leave out the rules that the list refuses, and take them up again when it no longer does."""
        for rule in self._rules:
            if rule in refused and rule not in self._refused:
                log.warning("%s", alike.sentence(rule, refused[rule]))
            elif rule in self._refused and rule not in refused:
                log.info("rule %s is used again: it makes no two tickets alike any more", rule)
        self._refused = refused

    def close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None

    def _lose(self, error: Exception) -> None:
        self.problem = str(error)
        self.close()


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return 0


def _complete(states: Sequence[ListState | None]) -> bool:
    return bool(states) and all(state is not None and state.complete for state in states)


def _age_s(states: Sequence[ListState | None], now: Moment) -> float | None:
    """The oldest list counts; None as soon as one was never whole."""
    ages = [state.age_s(now) if state is not None else None for state in states]
    known = [age for age in ages if age is not None]
    return max(known) if known and len(known) == len(ages) else None
