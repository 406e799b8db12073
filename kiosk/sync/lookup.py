"""Just bought: codes that the gate wants are asked for one by one, on a line of their own, as soon as they are wanted.

    wanted, in the journal → each selected event, then any → the ticket, or that there is none → an increment

The journal is watched, the network is not: where nobody waves unknown codes, nothing is asked. Where somebody does, it
is one code a second at most, the newest first, and the same code not again while the cloud's word on it holds.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from kiosk import clock
from kiosk.errors import NoListYet
from kiosk.model import Listed, Moment, is_barcode
from kiosk.store import journal, tickets, wanted
from kiosk.store.cache import Cache
from kiosk.store.wanted import Wanted

PACE_S = 1.0
"""One code a second at most is asked for."""

FRESH_NS = 5_000_000_000
"""Nobody stands at the door any more for a code that was wanted before that."""

MOST_EVENTS = 3
"""How many events are asked one after the other: the guest waits."""

INCREMENT_EVERY_S = 5.0
"""How often look-ups may bring the next increment forward: where one ticket was bought, there are more."""


class TicketService(Protocol):
    """Raises CloudError."""

    def ticket(self, barcode: str, event_id: str | None) -> Listed | None: ...


@dataclass(slots=True)
class LookUps:
    """Asks for what is wanted from now on; `then` is called when an increment is due. Belongs to one thread."""

    store: Cache
    access: TicketService
    directory: Path
    events: Callable[[], Iterable[str]]
    then: Callable[[], None]
    _since_ns: int = field(default_factory=clock.boottime_ns)
    _journal: sqlite3.Connection | None = None
    _version: int = -1
    _upto: int = 0
    _stack: list[Wanted] = field(default_factory=list)
    _not_before_s: float = 0.0
    _increment_at_s: float = 0.0

    def look(self) -> bool:
        """Ask for the newest code that is wanted, if it is time; return whether the cloud was asked.

        Raises CloudError, sqlite3.Error, TooNew.
        """
        if time.monotonic() < self._not_before_s:
            return False
        code = self._next(clock.now())
        events = list(self.events()) if code is not None else []
        if code is None or not events:
            return False
        self._not_before_s = time.monotonic() + PACE_S
        self._ask(code, events)
        self._bring_increment_forward()
        return True

    def _ask(self, code: str, events: list[str]) -> None:
        """Find the ticket and store the cloud's word; whatever goes wrong before its end, nothing is stored."""
        for event_id in events[:MOST_EVENTS]:
            found = self.access.ticket(code, event_id)
            if found is not None:
                break
        else:
            event_id = events[0]
            found = self.access.ticket(code, None)
            if found is not None:
                event_id = found.ticket.belongs_to(dict.fromkeys(events)) or found.ticket.event_id
        rows = [found] if found is not None else []
        self.store.store_answer(code, rows, self.store.list_of(event_id), clock.now())

    def _bring_increment_forward(self) -> None:
        if time.monotonic() >= self._increment_at_s:
            self._increment_at_s = time.monotonic() + INCREMENT_EVERY_S
            self.then()

    def _next(self, now: Moment) -> str | None:
        """Return the newest code that is worth asking for."""
        self._notice()
        while self._stack:
            row = self._stack.pop()
            if self._is_worth_it(row, now):
                return row.barcode
        return None

    def _is_worth_it(self, row: Wanted, now: Moment) -> bool:
        since_ns = max(self._since_ns, now.boottime_ns - FRESH_NS)
        fresh = row.boot_id == now.boot_id and row.boottime_ns >= since_ns
        return fresh and is_barcode(row.barcode) and not tickets.has_word(self.store.database, row.barcode, now)

    def _notice(self) -> None:
        """See whether the gate has written anything. Costs microseconds."""
        try:
            self._journal = self._journal or journal.reader(self.directory)
        except NoListYet:
            return
        version = self._journal.execute("PRAGMA data_version").fetchone()[0]
        if version == self._version:
            return
        self._version = version
        rows = wanted.after(self._journal, self._upto)
        self._upto = max((row.no for row in rows), default=self._upto)
        self._stack = [*self._stack, *rows][-wanted.KEPT :]

    def close(self) -> None:
        if self._journal is not None:
            self._journal.close()
