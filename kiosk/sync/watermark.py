"""From when on the next look at a list is to ask: by the cloud's own time, reaching back a little."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from kiosk.store.tickets import ListState
from kiosk.sync.walk import Walk
from kiosk.words import stamp

OVERLAP, SHORT_OVERLAP = timedelta(minutes=2), timedelta(seconds=10)
"""How far each look reaches back behind the last one: what was stored there late is not missed. Less far where that
would fetch a whole list again which was just imported."""

FEW = 500
"""How many rows may be fetched again for the sake of the overlap."""

GRAIN = timedelta(seconds=1)
"""An HTTP date knows whole seconds."""


def end(walk: Walk) -> str | None:
    """The end of a walk's window: what changes from now on is left to the second look."""
    return stamp(walk.began + GRAIN) if walk.began is not None else None


def mark(walk: Walk, before: str | None) -> str | None:
    """From when on the next look is to ask, by the cloud's own time; it goes back only when the cloud's clock does."""
    at = walk.began or walk.newest
    if at is None:
        return before
    found = at - (OVERLAP if walk.changed_since(at - OVERLAP) <= FEW else SHORT_OVERLAP)
    last = datetime.fromisoformat(before) if before is not None else found
    return stamp(last if found < last <= at else found)


def whole(walk: Walk, state: ListState) -> ListState:
    """A walk came to the cloud's count: from its beginning on, increments will do."""
    at = walk.began or walk.newest
    return replace(state, skip=0, upto=None, watermark=mark(walk, None), whole_at=stamp(at) if at is not None else "")


def was_set_back(walk: Walk, before: str | None) -> bool:
    """Whether the cloud's clock stands before the last mark: what changed meanwhile may have been passed over."""
    return walk.began is not None and before is not None and walk.began < datetime.fromisoformat(before)
