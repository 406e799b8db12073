"""The times that were lost with a ledger: scans whose clock was not set may have gone out with another than they have.

What the cloud has of them is known by all the rest of its mark, within what the time may have been.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from kiosk import dating, plan
from kiosk.dating import Stamp
from kiosk.model import Anchor, Scan
from kiosk.plan import Mark
from kiosk.store.database import EPOCH, from_ms, to_ms
from kiosk.store.dates import Date
from kiosk.store.ledger import Ledger, Unknown
from kiosk.sync.register import Register

NEAR_MS = 10_000
"""How far two anchors of one boot may lie apart: an answer may have been as late as that."""

ANY_TIME = (from_ms(0) + timedelta(days=1), datetime.max.replace(tzinfo=UTC) - timedelta(days=1))
"""Between which times a scan may have been sent of whose boot nobody knows anything."""


@dataclass(frozen=True, slots=True)
class _Lost:
    scan: Scan
    stamp: Stamp


class LostTimes:
    """Belongs to one look. `anchors` says what is known of all clocks at that moment."""

    def __init__(self, register: Register, ledger: Ledger, anchors: Callable[[], Sequence[Anchor]]) -> None:
        self._register, self._ledger, self._anchors = register, ledger, anchors
        self._dates = ledger.dates()
        self._lost: dict[Mark, list[_Lost]] = {}

    def clear(self) -> None:
        self._lost = {}

    def search(self, unknown: Unknown) -> list[datetime]:
        """Note which of an event's unknown scans have lost their times, and return between which these may lie."""
        among = set(self._ledger.unknown_of(unknown.event_id))
        scans = [scan for scan in self._register.doubtful(unknown.first, unknown.last) if scan.seq in among]
        stamps = {stamp.seq: stamp for stamp in self._register.stamps([scan.seq for scan in scans])}
        for scan in scans:
            self._lost.setdefault(_timeless(plan.mark(scan)), []).append(_Lost(scan, stamps[scan.seq]))
        anchors = self._anchors() if scans else ()
        near = [near_ms(stamp, anchors) for stamp in stamps.values()]
        if not all(near):
            return list(ANY_TIME)
        return [from_ms(at_ms + off_ms) for found in near for at_ms in found for off_ms in (-NEAR_MS, NEAR_MS)]

    def find(self, at: datetime, mark: Mark | None) -> int | None:
        """Return which scan a row of the cloud's is; from now on it has that time.

        Rows come newest first. Where one scan is taken for another that differs in nothing but its time, no harm is
        done.
        """
        lost = self._lost.get(_timeless(mark), []) if mark is not None and self._lost else []
        anchors, time_ms = self._anchors() if lost else (), to_ms(at)
        possible = [each for each in lost if _may_be(time_ms, near_ms(each.stamp, anchors))]
        if not possible:
            return None
        lost.remove(possible[-1])
        self._dates.write({possible[-1].stamp: Date(time_ms)})
        return possible[-1].scan.seq


def _timeless(mark: Mark) -> Mark:
    return replace(mark, at=EPOCH)


def near_ms(stamp: Stamp, anchors: Sequence[Anchor]) -> set[int]:
    """Return the times near which a scan may have been sent; none where that may have been any."""
    said = {anchor.began_ms + stamp.booted_ms for anchor in anchors if anchor.boot_id == stamp.boot_id}
    return {stamp.time_ms, stamp.wall_ms} | said if dating.known_ms(stamp, anchors) is not None else set()


def _may_be(time_ms: int, near: set[int]) -> bool:
    return not near or any(abs(time_ms - at_ms) <= NEAR_MS for at_ms in near)
