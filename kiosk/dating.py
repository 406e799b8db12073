"""When a scan really was: from its raw stamps and what is known of its boot's clock. Pure; raw stamps never change.

Known is what a clock that was set said, and what an anchor of the same boot comes to. For a boot that nobody ever
anchored only order and bounds are known: not before what came before it, not after what came after it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from kiosk.model import Anchor, ClockQuality, Source

EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)
"""No clock that shows less was ever set: this program did not exist."""

LATEST = datetime(2200, 1, 1, tzinfo=UTC)

AGREE_MS = 2_000
"""So close a wall clock and an anchor agree: an HTTP date has whole seconds, and an answer takes its time."""

_RANKS = list(Source)


class Stamp(NamedTuple):
    """What the clocks said of one scan. `time_ms` is the journal's own time, which rises with `seq`."""

    seq: int
    time_ms: int
    wall_ms: int
    boot_id: str
    boottime_ns: int
    clock: ClockQuality
    scan_id: str = ""

    @property
    def booted_ms(self) -> int:
        """How long ago the boot had begun."""
        return self.boottime_ns // 1_000_000

    @property
    def plain(self) -> bool:
        """Whether the journal's own time is what a clock said that was set."""
        return self.clock is ClockQuality.SYNCED and self.wall_ms == self.time_ms


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is known of a boot without an anchor, in milliseconds.

    `said_began`: when it began by its own wall clock; `length`: how far into it its last scan was; `not_after`: when
    it was over, None where nobody knows.
    """

    said_began: int
    length: int
    not_after: int | None = None


def best(anchors: Iterable[Anchor], boot_id: str, boottime_ns: int) -> Anchor | None:
    """Return the anchor that dates this moment best: the most reliable source, then the nearest.

    What a person said last corrects what was said before.
    """

    def far(anchor: Anchor) -> tuple[int, int]:
        said_last = anchor.source is Source.OPERATOR
        return _RANKS.index(anchor.source), -anchor.boottime_ns if said_last else abs(anchor.boottime_ns - boottime_ns)

    return min((anchor for anchor in anchors if anchor.boot_id == boot_id), key=far, default=None)


def known_ms(stamp: Stamp, anchors: Iterable[Anchor]) -> int | None:
    """Return when a scan was, None where its clock was not set and its boot has no anchor.

    An anchor corrects a clock that it does not agree with. A real-time clock knows better than a person's watch.
    """
    if stamp.clock is ClockQuality.SYNCED:
        return stamp.wall_ms
    has_rtc = stamp.clock is ClockQuality.RTC
    told = [anchor for anchor in anchors if not (has_rtc and anchor.source is Source.OPERATOR)]
    anchor = best(told, stamp.boot_id, stamp.boottime_ns)
    if anchor is None:
        return stamp.wall_ms if has_rtc else None
    at_ms = anchor.began_ms + stamp.booted_ms
    return stamp.wall_ms if abs(at_ms - stamp.wall_ms) <= AGREE_MS else at_ms


def began_ms(bounds: Bounds, before_ms: int) -> int:
    """Return when a boot without an anchor began, as well as can be known: the scan before it was at `before_ms`.

    A clock that was saved lags by as long as the power was off, so that the later of the two is the better one.
    """
    began = max(bounds.said_began, before_ms)
    return began if bounds.not_after is None else max(before_ms, min(began, bounds.not_after - bounds.length))


def facts(anchor: Anchor) -> dict[str, object]:
    """Return an anchor as one program tells another of it."""
    return {"boot_id": anchor.boot_id, "boottime_ns": anchor.boottime_ns, "utc_ms": anchor.utc_ms}


def read(said: Any, source: Source) -> Anchor | None:
    """Return the anchor that these facts are; None where they are none, or cannot be true."""
    try:
        found = Anchor(str(said["boot_id"]), int(said["boottime_ns"]), int(said["utc_ms"]), source)
    except (TypeError, KeyError, ValueError):
        return None
    return found if EARLIEST.timestamp() <= found.utc_ms / 1000 < LATEST.timestamp() else None
