"""One walk through the pages of a list that changes meanwhile, without leaving a row out.

The cloud pages by counting rows: when a row before us leaves the list, all behind it move up, and one slips past
between two pages. So each page begins a little before the end of the last one and must show some of its rows again;
where it does not, the walk steps further back until it does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from kiosk.cloud import access
from kiosk.cloud.access import TicketPage

OVERLAP_ROWS = 20
"""How many rows of the last page the next one shows again; of small pages a tenth."""

MINUTE = timedelta(minutes=1)

STRIDE = 8
"""By how much more the walk steps back each time it finds nothing it knows."""

SLICE = 10
"""How many pages are fetched at once before other things get their turn."""

MOST_STEPS_BACK = 50
"""A list that never shows the same rows twice is walked through as it is; the count then tells what is missing."""

MOST_PAGES_BEYOND = 100
"""How far a walk goes on beyond the total: whoever always shows full pages is not followed for ever."""


BELIEVED = 0.9
"""A count that falls by more in the middle of a walk is not what there is."""


class Pages(Protocol):
    """Raises CloudError."""

    def tickets(self, event_id: str, *, skip: int, since: str | None, until: str | None) -> TicketPage: ...


@dataclass(slots=True)
class Walk:
    """Where a walk stands. `since` and `until` are its window, `tail` names the last rows, oldest first.

    `began` is the cloud's own time of the first page, `changes` how many rows changed in which minute. `total` is
    what the cloud counts, by the last page; `least` the smaller of the last two, for a count that moves meanwhile, and
    `most` the largest. `open_ended`: the window must not get an end.
    """

    event_id: str
    since: str | None = None
    until: str | None = None
    skip: int = 0
    tail: Sequence[str] = ()
    total: int | None = None
    least: int = 0
    began: datetime | None = None
    changes: Counter[datetime] = field(default_factory=Counter)
    most: int = 0
    open_ended: bool = False
    over: bool = False
    steps_back: int = 0
    unreadable: dict[str, str] = field(default_factory=dict)

    def step(self, pages: Pages) -> list[Any]:
        """Fetch the next page and return the rows on it that the last one did not show. Raises CloudError."""
        back = len(self.tail)
        while True:
            start = max(0, self.skip - back)
            page = pages.tickets(self.event_id, skip=start, since=self.since, until=self.until)
            if self._is_cut_off(page):
                self.until, self.open_ended = None, True
                continue
            names = [name_of(row) for row in page.rows]
            if not self._lost(start, names):
                return self._arrive(page, names, start)
            self.steps_back += 1
            back *= STRIDE

    @property
    def newest(self) -> datetime | None:
        """The minute of the latest change that came."""
        return max(self.changes, default=None)

    def note_changes(self, times: Iterable[datetime]) -> None:
        self.changes.update(at.replace(second=0, microsecond=0) for at in times)

    def changed_since(self, at: datetime) -> int:
        """Return how many rows came that changed since then, to the minute."""
        return sum(count for minute, count in self.changes.items() if minute >= at - MINUTE)

    def _lost(self, start: int, names: list[str]) -> bool:
        """Nothing on this page was on the last one: there may be rows between them."""
        known = bool(set(self.tail) & set(names))
        return start > 0 and bool(self.tail) and not known and self.steps_back < MOST_STEPS_BACK

    def _arrive(self, page: TicketPage, names: list[str], start: int) -> list[Any]:
        known = set(self.tail)
        fresh = [row for row, name in zip(page.rows, names, strict=True) if name not in known]
        self.skip = start + len(page.rows)
        last = page.total if self.total is None else self.total
        self.most = max(self.most, page.total)
        self.least, self.total = max(min(page.total, last), int(BELIEVED * self.most)), page.total
        self.over = not fresh or (self.skip >= max(page.total, last) and not self._goes_on(page))
        overlap = min(OVERLAP_ROWS, len(names) // 10)
        self.tail = names[len(names) - overlap :]
        self.began = self.began or page.date
        return fresh

    def close(self, until: str | None) -> None:
        """Let what changes from now on fall out of the window."""
        if self.until is None and not self.open_ended:
            self.until = until

    def _is_cut_off(self, page: TicketPage) -> bool:
        """The end of the window, by a clock that is not the list's, must not cut off what was there before it."""
        return self.until is not None and self.since is None and page.total < BELIEVED * self.most

    def _goes_on(self, page: TicketPage) -> bool:
        """A full page that reaches beyond the total shows that the total is wrong."""
        beyond = self.skip - page.total
        return 0 < beyond <= MOST_PAGES_BEYOND * access.PAGE and len(page.rows) >= access.PAGE


def name_of(row: object) -> str:
    """What tells this row from others, whether it can be read or not."""
    given = row.get("_id") if isinstance(row, dict) else None
    return given if isinstance(given, str) else repr(row)
