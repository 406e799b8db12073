"""One event's list, from the cloud to the door.

    load       a list that is not here yet: page by page to where it can be looked up at once, settled at the end
    increment  what has changed since the cloud's own time of the last look, with an overlap
    verify     the whole list once more, compared with what is here: finds what vanished, or never came

A list is complete when a whole walk through it came to the cloud's own count, and a second look over the time of that
walk found nothing more. The kiosk's clock plays no part in it. A list that suddenly lacks too much is not believed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from kiosk import clock, config
from kiosk.cloud import access
from kiosk.cloud.access import TicketPage
from kiosk.cloud.answers import ticket_rows
from kiosk.model import Listed
from kiosk.store import tickets
from kiosk.store.cache import Cache
from kiosk.store.database import to_ms
from kiosk.store.tickets import ListState
from kiosk.sync.walk import OVERLAP_ROWS, Walk
from kiosk.words import stamp

log = logging.getLogger(__name__)

OVERLAP, SHORT_OVERLAP = timedelta(minutes=2), timedelta(seconds=10)
"""How far each look reaches back behind the last one: what was stored there late is not missed. Less far where that
would fetch a whole list again which was just imported."""

FEW = 500
"""How many rows may be fetched again for the sake of the overlap."""

GRAIN = timedelta(seconds=1)
"""An HTTP date knows whole seconds."""

SMALL = 1_000
"""A list of which no more than this is here is loaded; one of which more is here is compared with the cloud's."""

SLICE = 10
"""How many pages are fetched at once before other things get their turn."""

COUNT_EVERY_S = 300.0
"""How often the cloud is asked how many tickets there are; a difference is looked into at once."""

VERIFY_AGAIN_S = 60.0
"""How long after a walk that did not come to the cloud's count the next one begins; twice as long each time."""

VERIFY_AT_LEAST_S = 3600.0

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
        self._store, self._access, self._sync, self._progress = store, access, sync, progress
        self._loading: Walk | None = None
        self._following: Walk | None = None
        self._followed_at = clock.now()
        self._verifying: Walk | None = None
        self._seen = bytearray()
        self._upto = 0
        self._layout = 0
        self._verify_at = 0.0
        self._misses = 0
        self._surplus = 0  # what the cloud counts that is here under another list, as a ticket of two events is

    def look(self) -> bool:
        """Bring the list up to date; return whether there is more to do at once. Raises CloudError."""
        state = self._store.list_of(self.event_id)
        if state.whole_at is None and (state.skip or tickets.held(self._store.database, state) <= SMALL):
            state, more = self._load(state)
            if more or state.whole_at is None:
                return more
            state = self._increment(state, state.whole_at or state.watermark)
        elif state.watermark is not None or state.whole_at is not None:
            state = self._increment(state, state.watermark)
        more = self._doubtful(state) and self._verify(state)
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
            walk.until = walk.until or _end(walk)
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
        whole = self._whole(walk, state)
        if here == 0 or here < walk.least:
            log.warning("%d tickets of event %s came, the cloud counts %d", here, state.event_id, walk.least)
            state = replace(whole, whole_at=None, watermark=whole.watermark if here else None)
        else:
            state = whole
        self._store.store_state(state)
        return state

    def _here(self, state: ListState) -> int:
        return tickets.held(self._store.database, state) + tickets.unreadable(self._store.database, state)

    @staticmethod
    def _whole(walk: Walk, state: ListState) -> ListState:
        """A walk came to the cloud's count: from its beginning on, increments will do."""
        at = walk.began or walk.newest
        return replace(
            state, skip=0, upto=None, watermark=_mark(walk, None), whole_at=stamp(at) if at is not None else ""
        )

    # --- increment ---------------------------------------------------------------------------------------------------

    def _increment(self, state: ListState, since: str | None) -> ListState:
        """Fetch what has changed; the watermark moves with the last rows, in one transaction."""
        if self._following is None:
            self._following, self._followed_at = Walk(state.event_id, since=since), clock.now()
        walk = self._following
        while not walk.over:
            good, bad = self._page(walk)
            walk.until = walk.until or _end(walk)
            if walk.over:
                self._following = None
                state = self._current(walk, state)
            self._store.store(good, state)
            self._store.note_unreadable(state, bad, (row.ticket.id for row in good))
        return state

    def _current(self, walk: Walk, state: ListState) -> ListState:
        """As of when the walk began: it may have taken a while."""
        mark = _mark(walk, state.watermark)
        whole = state.complete or state.whole_at is not None
        return replace(state, complete=whole, watermark=mark, checked=self._followed_at if whole else None)

    def _page(self, walk: Walk) -> tuple[list[Listed], dict[str, str]]:
        good, bad = ticket_rows(walk.step(self._access))
        for problem in list(bad.values())[:3]:
            log.warning("a ticket of event %s cannot be read: %s", walk.event_id, problem)
        walk.note_changes(row.updated for row in good if row.updated is not None)
        return good, bad

    # --- verify ------------------------------------------------------------------------------------------------------

    def _doubtful(self, state: ListState) -> bool:
        """Tell whether the list has to be looked at from end to end."""
        if self._verifying is not None:
            return True
        now_s = time.monotonic()
        if now_s < self._verify_at:
            return False
        if state.whole_at is None or self._is_old(state):
            return True
        if now_s < self.count_at:
            return False
        self.count_at = now_s + COUNT_EVERY_S
        return self._differs(state) and self._differs(self._increment(state, state.watermark))

    def _differs(self, state: ListState) -> bool:
        total = self._access.tickets(state.event_id, skip=0, since=None, until=None, top=1).total
        if total == self._here(state) and state.shrunk_to is not None:
            log.warning("the cloud's list of event %s is whole again", state.event_id)
            self._store.keep_aside((), replace(state, shrunk_to=None))
        return total not in {self._here(state) + self._surplus, state.shrunk_to}

    def _is_old(self, state: ListState) -> bool:
        if not state.whole_at or state.watermark is None:
            return False
        age = datetime.fromisoformat(state.watermark) - datetime.fromisoformat(state.whole_at)
        return abs(age.total_seconds()) >= self._sync.verify_interval_s  # the cloud's clock may have been set back

    def _verify(self, state: ListState) -> bool:
        """Walk some pages of the whole list, beside what is here; return whether there is more of it."""
        layout = self._store.layout()
        if self._verifying is None or layout != self._layout:  # another list was settled: rows have new numbers
            self._verifying, self._layout = Walk(state.event_id), layout
            self._seen, self._upto = bytearray(), self._store.newest_number()
        walk = self._verifying
        if walk.over:  # what changed meanwhile, and fell out of its window, has come since
            self._verifying = None
            self._verified(walk, state)
            return False
        for _ in range(SLICE):
            good, bad = self._page(walk)
            walk.until = walk.until or _end(walk)
            walk.unreadable |= bad
            self._store.store(good, state)
            self._see([row.ticket.id for row in good])
            if walk.over:
                break
        return True

    def _see(self, ids: list[str]) -> None:
        numbers = self._store.numbers(ids)
        if numbers and max(numbers) >= 8 * len(self._seen):
            self._seen.extend(bytes(max(numbers) // 8 + 1 - len(self._seen)))
        for number in numbers:
            self._seen[number >> 3] |= 1 << (number & 7)

    def _verified(self, walk: Walk, state: ListState) -> None:
        seen = int.from_bytes(self._seen, "little").bit_count() + len(walk.unreadable)
        if seen < walk.least:
            self._misses += 1
            self._verify_at = time.monotonic() + min(VERIFY_AT_LEAST_S, VERIFY_AGAIN_S * 2.0 ** min(self._misses, 16))
            log.warning("%d tickets of event %s came, the cloud counts %d", seen, state.event_id, walk.least)
            return
        self._misses = 0
        self._store.replace_unreadable(state, walk.unreadable)
        self._compare(walk, state)

    def _compare(self, walk: Walk, state: ListState) -> None:
        """Mark what the cloud no longer has; if that is too much to be believed, keep it aside for a person."""
        until_ms = to_ms(walk.began) if walk.began is not None else None
        vanished = self._store.unseen(state, self._upto, until_ms, self._seen)
        held = tickets.held(self._store.database, state)
        whole = self._whole(walk, state)
        whole = replace(whole, watermark=state.watermark or whole.watermark)
        if len(vanished) > self._sync.max_shrink * held:
            left = held - len(vanished)
            if state.shrunk_to != left:
                log.warning("%s", shrunk(state.event_id, held, left))
            self._store.keep_aside(vanished, replace(whole, shrunk_to=left))
            return
        if vanished:
            log.warning("%d tickets of event %s are no longer on the cloud's list", len(vanished), state.event_id)
        self._store.mark_gone(vanished, replace(whole, shrunk_to=None))
        self._surplus = self._store.seen_elsewhere(state, self._seen)


def _end(walk: Walk) -> str | None:
    """The end of a walk's window: what changes from now on is left to the second look."""
    return stamp(walk.began + GRAIN) if walk.began is not None else None


def _mark(walk: Walk, before: str | None) -> str | None:
    """From when on the next look is to ask, by the cloud's own time; it goes back only when the cloud's clock does."""
    at = walk.began or walk.newest
    if at is None:
        return before
    mark = at - (OVERLAP if walk.changed_since(at - OVERLAP) <= FEW else SHORT_OVERLAP)
    last = datetime.fromisoformat(before) if before is not None else mark
    return stamp(last if mark < last <= at else mark)


def shrunk(event_id: str, held: int, left: int) -> str:
    """Say that a list lacks too much to be believed, and what to do about it."""
    return (
        f"the cloud's list of event {event_id} shrank from {held} to {left}: it is kept as it was; "
        f"accept with `kiosk tickets accept --event {event_id}`"
    )
