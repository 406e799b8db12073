"""The clocks of this machine. Everything else gets its time as an argument.

How good the wall clock is, is judged by whoever set it: the network (`synced`), a real-time clock (`rtc`), or nobody
who knows (`guessed`). That it was set holds for the boot, because the kernel's own word for it lapses after nine hours
without a network; it ends where somebody moves the clock, which shows against the time since boot.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from kiosk.model import ClockQuality, Moment

SYNCHRONIZED = Path("/run/systemd/timesync/synchronized")
"""Made by systemd-timesyncd once the clock was set from the network in this boot (systemd-time-wait-sync(8))."""

RTC = Path("/sys/class/rtc/rtc0/hctosys")
"""1 where the kernel set the clock from it at boot (Documentation/ABI/testing/sysfs-class-rtc)."""

STEP_NS = 2_000_000_000
"""Wall clock and time since boot are slewed alike: by more than this they only part when the clock is set."""

TIME_ERROR = 5
"""What adjtimex(2) returns while nobody disciplines the clock; 208 bytes of struct timex, and room to spare."""
_TIMEX_BYTES = 512


@dataclass(slots=True)
class Latch:
    """Whether the clock was set in this boot. Offsets are those of the wall clock against the time since boot."""

    set_ns: int | None = None
    began_ns: int | None = None

    def quality(self, offset_ns: int, *, disciplined: bool, was_set: bool, from_rtc: bool) -> ClockQuality:
        """Judge the clock. `disciplined`: somebody sets it now; `was_set`: somebody did, some time in this boot."""
        if self.began_ns is None:
            self.began_ns = offset_ns
        if disciplined or (was_set and self.set_ns is None):
            self.set_ns = offset_ns
        if self.set_ns is not None:
            return ClockQuality.SYNCED if abs(offset_ns - self.set_ns) <= STEP_NS else ClockQuality.GUESSED
        return ClockQuality.RTC if from_rtc and abs(offset_ns - self.began_ns) <= STEP_NS else ClockQuality.GUESSED


_latch = Latch()


def now() -> Moment:
    """Return this moment. Costs microseconds and never waits."""
    return Moment(datetime.now(UTC), boottime_ns(), boot_id(), quality())


def boottime_ns() -> int:
    """Return the time since boot, sleep included: the clock that nobody sets."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


@cache
def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def quality() -> ClockQuality:
    offset_ns = time.time_ns() - boottime_ns()
    return _latch.quality(
        offset_ns, disciplined=is_disciplined(), was_set=SYNCHRONIZED.exists(), from_rtc=_was_set_from_rtc()
    )


def resume(offset_ns: int) -> None:
    """Go on from what an earlier program of this boot knew: by how much the wall clock was ahead when it was set."""
    if _latch.set_ns is None:
        _latch.set_ns = offset_ns


def is_disciplined() -> bool:
    """Tell whether the kernel says that somebody keeps the clock right; needs no privilege."""
    return _adjtimex()(ctypes.create_string_buffer(_TIMEX_BYTES)) not in {TIME_ERROR, -1}


@cache
def _adjtimex() -> Callable[[object], int]:
    found: Callable[[object], int] = ctypes.CDLL(None).adjtimex
    return found


@cache
def _was_set_from_rtc() -> bool:
    try:
        return RTC.read_text(encoding="ascii").strip() == "1"
    except OSError:
        return False
