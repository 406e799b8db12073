"""Which time a scan goes to the cloud with: given oldest scan first, before it is sent, and kept from then on.

Where nobody knows yet when a scan was, it waits for an anchor, and all that came after it wait with it; then it goes
with the best estimate. What the cloud does not have yet is given a better time as soon as there is one. Times rise with
the numbers and no two are the same; only what is known does not stand behind what was estimated, or was wrong by hours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from kiosk import dating
from kiosk.dating import EARLIEST, Bounds, Stamp
from kiosk.model import Anchor, ClockQuality, Moment, Source
from kiosk.store.database import to_ms
from kiosk.store.dates import Date
from kiosk.store.ledger import Ledger
from kiosk.sync.cloudtime import CloudTime
from kiosk.sync.register import Register

EARLIEST_MS = to_ms(EARLIEST)

WRONG_MS = 3 * 3_600_000
"""What went out later than this after a known time was wrong, and moves nothing: a year that was mistyped, say.

An hour too many is not: a clock that is set back by that goes on behind what it had said.
"""


@dataclass(slots=True)
class _Row:
    """The times given so far: the last one, the last one that is known, and how the last one's boot lies."""

    last_ms: int = 0
    known_ms: int = 0
    boot_id: str = ""
    began_ms: int = 0

    def allows(self, date: Date) -> bool:
        """Tell whether it is in order: an estimate may be from when a scan before it was in doubt."""
        return not date.estimated or date.time_ms > self.last_ms

    def add(self, stamp: Stamp, date: Date) -> None:
        self.last_ms = date.time_ms
        if not date.estimated:
            self.known_ms = date.time_ms
        self.boot_id, self.began_ms = stamp.boot_id, date.time_ms - stamp.booted_ms


class Stamping:
    """Gives scans their times. Belongs to one thread. `waits_s`: how long until the first that waits may go anyway."""

    def __init__(self, register: Register, ledger: Ledger, cloud_time: CloudTime, wait_s: float) -> None:
        self._register, self._ledger, self._cloud_time = register, ledger, cloud_time
        self._dates = ledger.dates()
        self._wait_ns = int(wait_s * 1e9)
        self.waits_s: float | None = None

    def hear(self, date: datetime | None, now: Moment) -> None:
        """Take note of what the cloud says the time is."""
        self._cloud_time.note(date, now)

    def ready(self, numbers: Sequence[int], now: Moment) -> Sequence[int]:
        """Return those of these scans, oldest first, that have a time; the first that must wait holds the others."""
        self.waits_s = None
        stamps = self._register.stamps(numbers)
        if not stamps or self._goes_without_saying(stamps):
            return numbers
        dates, anchors = self._dates.of(numbers), self.anchors(now) + _set(stamps)
        row, fresh = self._row_before(stamps[0].seq), dict[Stamp, Date]()
        for stamp in stamps:
            given = dates.get(stamp.seq)
            kept = given if given is not None and row.allows(given) else None
            date = self._known(stamp, row, anchors) or kept or self._estimate(stamp, row, anchors, now)
            if date is None:
                self.waits_s = self._left_ns(stamp, now) / 1e9
                numbers = [seq for seq in numbers if seq < stamp.seq]
                break
            if date != given and (given or date.time_ms != stamp.time_ms or not stamp.plain):
                fresh[stamp] = date
            row.add(stamp, date)
        if fresh:
            self._dates.write(fresh)
        return numbers

    def _goes_without_saying(self, stamps: Sequence[Stamp]) -> bool:
        """The journal's own times are right where its clock was set, and nothing later was given away."""
        return all(stamp.plain for stamp in stamps) and (self._dates.newest() or 0) < stamps[0].time_ms

    def anchors(self, now: Moment) -> list[Anchor]:
        """Return all that is known of any clock."""
        found = self._register.anchors()
        if self._cloud_time.anchor is not None:
            found.append(self._cloud_time.anchor)
        if now.quality is ClockQuality.SYNCED:
            found.append(Anchor(now.boot_id, now.boottime_ns, to_ms(now.at), Source.NTP))
        return found

    def _row_before(self, seq: int) -> _Row:
        """Begin behind the scan that was sent last before this one, and the last of which the time was known."""
        row, before = _Row(), {self._ledger.last_sent(seq), self._ledger.last_sent(seq, known=True)}
        given = self._dates.of(before)
        for stamp in self._register.stamps(sorted(before)):
            row.add(stamp, given.get(stamp.seq) or Date(stamp.time_ms))
        return row

    def _known(self, stamp: Stamp, row: _Row, anchors: Sequence[Anchor]) -> Date | None:
        known_ms = dating.known_ms(stamp, anchors)
        if known_ms is None:
            return None
        return Date(self._free(stamp, known_ms, row.known_ms if row.known_ms - known_ms <= WRONG_MS else 0))

    def _estimate(self, stamp: Stamp, row: _Row, anchors: Sequence[Anchor], now: Moment) -> Date | None:
        if self._left_ns(stamp, now) > 0 and dating.best(anchors, now.boot_id, now.boottime_ns) is None:
            return None
        if row.boot_id != stamp.boot_id:
            bounds = self._bounds(stamp, anchors, now)
            row.boot_id, row.began_ms = stamp.boot_id, dating.began_ms(bounds, max(row.last_ms, EARLIEST_MS))
        return Date(self._free(stamp, row.began_ms + stamp.booted_ms, row.last_ms), estimated=True)

    def _left_ns(self, stamp: Stamp, now: Moment) -> int:
        """A scan of another boot waits since this one began: what came before cannot be known."""
        since_ns = stamp.boottime_ns if stamp.boot_id == now.boot_id else 0
        return self._wait_ns - (now.boottime_ns - since_ns)

    def _bounds(self, stamp: Stamp, anchors: Sequence[Anchor], now: Moment) -> Bounds:
        bounds, next_boot = self._register.boot_of(stamp)
        later = [boot for boot in (next_boot, now.boot_id) if boot not in {None, stamp.boot_id}]
        known = [anchor for boot in later if (anchor := dating.best(anchors, str(boot), 0)) is not None]
        return bounds if not known else Bounds(bounds.said_began, bounds.length, known[0].began_ms)

    def _free(self, stamp: Stamp, at_ms: int, floor_ms: int) -> int:
        """Return this time, or the first one after it that comes after `floor_ms` and is no other scan's."""
        at_ms = max(at_ms, floor_ms + 1)
        while self._is_taken(at_ms, stamp.seq):
            at_ms += 1
        return at_ms

    def _is_taken(self, at_ms: int, seq: int) -> bool:
        """Tell whether another scan goes, or went, with this time, be it the journal's own."""
        given = self._dates.seq_at(at_ms)
        return given != seq if given is not None else self._register.goes_at(at_ms) not in {None, seq}


def _set(stamps: Sequence[Stamp]) -> list[Anchor]:
    """What a clock that was set has stamped is as good as an anchor."""
    return [
        Anchor(stamp.boot_id, stamp.boottime_ns, stamp.wall_ms, Source.NTP)
        for stamp in stamps
        if stamp.clock is ClockQuality.SYNCED
    ]
