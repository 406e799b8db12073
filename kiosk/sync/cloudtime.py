"""The cloud's own time, as its answers carried it, beside the time since boot: what a clock that nobody set lacks.

Sync's threads share one; the gate learns of it from sync's sign of life, and makes it an anchor.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kiosk import dating
from kiosk.dating import AGREE_MS, EARLIEST, LATEST
from kiosk.model import Anchor, Moment, Source
from kiosk.store.database import to_ms


class CloudTime:
    """Keeps the best of what was heard. Replaced whole, so that no lock is needed."""

    def __init__(self, said: Any = None) -> None:
        """`said` is what an earlier sync of this boot had heard."""
        self.anchor = dating.read(said, Source.HTTP_DATE)

    def note(self, date: datetime | None, now: Moment) -> None:
        """Take note of what an answer said the time was, when it came.

        A date has no fraction, and an answer is late: of two that agree, the one that says it is later is nearer.
        """
        if date is None or not EARLIEST <= date < LATEST:
            return
        fresh, last = Anchor(now.boot_id, now.boottime_ns, to_ms(date), Source.HTTP_DATE), self.anchor
        if last is None or last.boot_id != fresh.boot_id or not 0 <= last.began_ms - fresh.began_ms <= AGREE_MS:
            self.anchor = fresh

    def facts(self) -> dict[str, object] | None:
        """Return what sync's sign of life says of it."""
        anchor = self.anchor
        return dating.facts(anchor) if anchor is not None else None
