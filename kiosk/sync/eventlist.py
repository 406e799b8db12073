"""One event's list, from the cloud to the door.

    load       a list that is not here yet: page by page to where it can be looked up at once, settled at the end
    increment  what has changed since the cloud's own time of the last look, with an overlap
    compare    the whole list once more, beside what is here (`comparison.py`)

A list is complete when a whole walk through it came to the cloud's own count, and a second look over the time of that
walk found nothing more. The kiosk's clock plays no part in it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from kiosk import clock, config
from kiosk.cloud import access
from kiosk.cloud.access import TicketPage
from kiosk.cloud.answers import ticket_rows
from kiosk.model import Listed
from kiosk.store import tickets
from kiosk.store.cache import Cache
from kiosk.store.database import from_ms
from kiosk.store.tickets import ListState
from kiosk.sync.comparison import Comparison
from kiosk.sync.walk import OVERLAP_ROWS, SLICE, Walk
from kiosk.sync.watermark import GRAIN, end, mark, was_set_back, whole
from kiosk.words import stamp

log = logging.getLogger(__name__)

SMALL = 1_000
"""A list of which no more than this is here is loaded; one of which more is here is compared with the cloud's."""

COUNT_EVERY_S = 300.0
"""How often the cloud is asked how many tickets there are; a difference is looked into at once."""

Progress = Callable[[str, int, int], None]
"""Is told the event, how many of its tickets are here, and how many there are."""


class TicketPages(Protocol):
    """Raises CloudError."""

    def tickets(
        self, event_id: str, *, skip: int, since: str | None, until: str | None, top: int | None = None
    ) -> TicketPage: ...


class EventList:
    """Keeps one list true, a few pages at a time; what is under way is kept here, what is done in the file."""

    def __init__(self, event_id: str, store: Cache, access: TicketPages, sync: config.Sync, progress: Progress) -> None:
        self.event_id = event_id
        self.looked_at = self.count_at = 0.0
        self.catch_up_at = time.monotonic() + COUNT_EVERY_S
        self._store, self._access, self._sync, self._progress = store, access, sync, progress
        self._loading: Walk | None = None
        self._following: Walk | None = None
        self._followed_at = clock.now()
        self.comparison = Comparison(store, sync, self._page)

    def look(self) -> bool:
        """Bring the list up to date; return whether there is more to do at once. Raises CloudError."""
        state = self._store.list_of(self.event_id)
        if state.whole_at is None and (state.skip or tickets.held(self._store.database, state) <= SMALL):
            state, more = self._load(state)
            if more or state.whole_at is None:
                return more
            state = self._increment(state, state.whole_at or state.watermark)
        elif state.watermark is not None or state.whole_at is not None:
            state = self._catch_up(self._increment(state, state.watermark))
        more = self._doubtful(state) and self.comparison.go_on(state)
        self.looked_at = time.monotonic()
        return more

    # --- load --------------------------------------------------------------------------------------------------------

    def _load(self, state: ListState) -> tuple[ListState, bool]:
        """Fetch some pages of a list for the first time; it goes on where it broke off, even after a kill."""
        walk = self._loading = self._loading or self._resumed(state)
        if walk.over:  # killed after everything had come
            self._loading = None
            return self._loaded(walk, state), False
        for _ in range(SLICE):
            good, bad = self._page(walk)
            walk.close(end(walk))
            state = replace(state, source="cloud", skip=walk.skip, upto=walk.until, expected=walk.total)
            self._store.append(good, state)
            self._store.note_unreadable(state, bad)
            self._progress(state.event_id, walk.skip, walk.total or 0)
            if walk.over:
                self._loading = None
                self.count_at = time.monotonic() + self._sync.tickets_interval_s / 2  # at the next look
                return self._loaded(walk, state), False
        return state, True

    def _resumed(self, state: ListState) -> Walk:
        tail = self._store.last_arrived(state, min(OVERLAP_ROWS, access.PAGE // 10))[::-1]
        began = datetime.fromisoformat(state.upto) - GRAIN if state.upto is not None else None
        here = state.skip if tail else 0
        over = not tail and state.expected is not None and state.skip >= state.expected > 0
        return Walk(
            state.event_id, until=state.upto, skip=here, tail=tail, began=began, over=over, least=state.expected or 0
        )

    def _loaded(self, walk: Walk, state: ListState) -> ListState:
        self._store.settle()
        here = self._here(state)
        found = whole(walk, state)
        if here == 0 or here < walk.least:
            log.warning("%d tickets of event %s came, the cloud counts %d", here, state.event_id, walk.least)
            state = replace(found, whole_at=None, watermark=found.watermark if here else None)
        else:
            state = found
        self._store.store_state(state)
        return state

    def _here(self, state: ListState) -> int:
        return tickets.held(self._store.database, state) + tickets.unreadable(self._store.database, state)

    # --- increment ---------------------------------------------------------------------------------------------------

    def _increment(self, state: ListState, since: str | None) -> ListState:
        """Fetch what has changed; the watermark moves with the last rows, in one transaction."""
        if self._following is None:
            self._following, self._followed_at = Walk(state.event_id, since=since), clock.now()
        walk = self._following
        while not walk.over:
            good, bad = self._page(walk)
            walk.close(end(walk))
            if walk.over:
                self._following = None
                state = self._current(walk, state)
            self._store.store(good, state)
            self._store.note_unreadable(state, bad, (row.ticket.id for row in good))
        return state

    def _current(self, walk: Walk, state: ListState) -> ListState:
        """As of when the walk began: it may have taken a while."""
        before = state.watermark
        is_whole = state.complete or state.whole_at is not None
        checked = self._followed_at if is_whole else None
        state = replace(state, complete=is_whole, watermark=mark(walk, state.watermark), checked=checked)
        return replace(state, whole_at=None) if was_set_back(walk, before) else state

    def _page(self, walk: Walk) -> tuple[list[Listed], dict[str, str]]:
        good, bad = ticket_rows(walk.step(self._access))
        for problem in list(bad.values())[:3]:
            log.warning("a ticket of event %s cannot be read: %s", walk.event_id, problem)
        walk.note_changes(row.updated for row in good if row.updated is not None)
        return good, bad

    # --- compare -----------------------------------------------------------------------------------------------------

    def _doubtful(self, state: ListState) -> bool:
        """Tell whether the list has to be looked at from end to end."""
        if self.comparison.under_way or not self.comparison.may_begin:
            return self.comparison.under_way
        if state.whole_at is None or self._is_old(state):
            return True
        if time.monotonic() < self.count_at:
            return False
        self.count_at = time.monotonic() + COUNT_EVERY_S
        return self._differs(state) and self._differs(self._increment(state, state.watermark))

    def _catch_up(self, state: ListState) -> ListState:
        """Fetch what has changed since the newest change that is here: the cloud's `Date` may not be its list's."""
        if time.monotonic() < self.catch_up_at:
            return state
        self.catch_up_at = time.monotonic() + COUNT_EVERY_S
        newest_ms = tickets.newest_change(self._store.database, state)
        since = stamp(from_ms(newest_ms + 1)) if newest_ms is not None else None
        if since is None or not self._access.tickets(self.event_id, skip=0, since=since, until=None, top=1).total:
            return state
        return self._increment(state, since)

    def _differs(self, state: ListState) -> bool:
        total = self._access.tickets(state.event_id, skip=0, since=None, until=None, top=1).total
        if total == self._here(state) and state.shrunk_to is not None:
            log.warning("the cloud's list of event %s is whole again", state.event_id)
            self._store.keep_aside((), replace(state, shrunk_to=None))
        return total not in {self._here(state) + self.comparison.surplus, state.shrunk_to}

    def _is_old(self, state: ListState) -> bool:
        if not state.whole_at or state.watermark is None:
            return False
        age = datetime.fromisoformat(state.watermark) - datetime.fromisoformat(state.whole_at)
        return abs(age.total_seconds()) >= self._sync.verify_interval_s  # the cloud's clock may have been set back
