"""A whole list once more, beside what is here: finds what vanished, or never came.

A list that suddenly lacks too much is not believed: it is kept as it was, until a person accepts it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace

from kiosk import config
from kiosk.model import Listed
from kiosk.store import tickets
from kiosk.store.cache import Cache
from kiosk.store.database import to_ms
from kiosk.store.tickets import ListState
from kiosk.sync.walk import SLICE, Walk
from kiosk.sync.watermark import end, whole

log = logging.getLogger(__name__)

AGAIN_S, AGAIN_AT_LEAST_S = 60.0, 3600.0
"""How long after a walk that did not come to the cloud's count the next one begins: twice as long each time."""


class Comparison:
    """Walks through a list a few pages at a time. `fetch` returns a page's tickets and what cannot be read of it.

    `surplus`: how many tickets the cloud counts that are here under another list, as a ticket of two events is.
    """

    def __init__(
        self, store: Cache, sync: config.Sync, fetch: Callable[[Walk], tuple[list[Listed], dict[str, str]]]
    ) -> None:
        self.surplus = 0
        self._store, self._sync, self._fetch = store, sync, fetch
        self._walk: Walk | None = None
        self._seen = bytearray()
        self._upto = self._layout = self._misses = 0
        self._not_before_s = 0.0

    @property
    def under_way(self) -> bool:
        return self._walk is not None

    @property
    def may_begin(self) -> bool:
        """Not too soon after one that did not come to the cloud's count."""
        return time.monotonic() >= self._not_before_s

    def go_on(self, state: ListState) -> bool:
        """Walk some pages of the whole list, beside what is here; return whether there is more of it."""
        layout = self._store.layout()
        if self._walk is None or layout != self._layout:  # another list was settled: rows have new numbers
            self._walk, self._layout = Walk(state.event_id), layout
            self._seen, self._upto = bytearray(), self._store.newest_number()
        walk = self._walk
        if walk.over:  # what changed meanwhile, and fell out of its window, has come since
            self._walk = None
            self._verified(walk, state)
            return False
        for _ in range(SLICE):
            good, bad = self._fetch(walk)
            walk.close(end(walk))
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
            wait_s = min(AGAIN_AT_LEAST_S, AGAIN_S * 2.0 ** min(self._misses, 16))
            self._not_before_s = time.monotonic() + wait_s
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
        found = whole(walk, state)
        found = replace(found, watermark=state.watermark or found.watermark)
        if len(vanished) > self._sync.max_shrink * held:
            left = held - len(vanished)
            if state.shrunk_to != left:
                log.warning("%s", shrunk(state.event_id, held, left))
            self._store.keep_aside(vanished, replace(found, shrunk_to=left))
            return
        if vanished:
            log.warning("%d tickets of event %s are no longer on the cloud's list", len(vanished), state.event_id)
        self._store.mark_gone(vanished, replace(found, shrunk_to=None))
        self.surplus = self._store.seen_elsewhere(state, self._seen)


def shrunk(event_id: str, held: int, left: int) -> str:
    """Say that a list lacks too much to be believed, and what to do about it."""
    return (
        f"the cloud's list of event {event_id} shrank from {held} to {left}: it is kept as it was; "
        f"accept with `kiosk tickets accept --event {event_id}`"
    )
