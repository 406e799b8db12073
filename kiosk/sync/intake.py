"""A ticket list from a file, into the cache. A row that cannot be read is reported with its line and left out."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from kiosk.cloud.answers import ticket_rows
from kiosk.model import Listed, Moment
from kiosk.store import alike
from kiosk.store.cache import Cache
from kiosk.sync.listfile import Row

CHUNK = 5_000
KEPT_REJECTS = 1_000


@dataclass(slots=True)
class Intake:
    """Stores rows and counts what became of them."""

    store: Cache
    event_id: str
    now: Moment
    taken: int = 0
    rejected: int = 0
    rejects: list[tuple[int, str]] = field(default_factory=list)

    def take(self, rows: Iterable[Row]) -> None:
        """Store all rows that can be read; the list counts as complete and current afterwards.

        What is here already and newer stays; a file whose rows do not say when they changed is older than the cloud.
        """
        state = self.store.list_of(self.event_id, "file")
        source = iter(rows)
        while chunk := list(itertools.islice(source, CHUNK)):
            self.store.append(self._readable(chunk), state)
        self.store.settle()
        if self.taken:
            self.store.store_state(replace(state, complete=True, checked=self.now))
        alike.compare(self.store.database)

    def _readable(self, chunk: list[Row]) -> list[Listed]:
        good: list[Listed] = []
        for line, row in chunk:
            read, bad = ticket_rows([self._completed(row)])
            good += read
            self._reject(line, [row if isinstance(row, str) else problem for problem in bad.values()])
        self.taken += len(good)
        return good

    def _completed(self, row: object) -> object:
        return {"eventId": self.event_id} | row if isinstance(row, dict) else row

    def _reject(self, line: int, problems: list[str]) -> None:
        self.rejected += len(problems)
        if len(self.rejects) < KEPT_REJECTS:
            self.rejects += ((line, problem) for problem in problems)
