"""The clocks of this machine. Everything else gets its time as an argument."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from kiosk.model import ClockQuality, Moment

SYNCHRONIZED = Path("/run/systemd/timesync/synchronized")
"""Made by systemd-timesyncd once the clock was set from the network in this boot (systemd-time-wait-sync(8))."""

RTC = Path("/sys/class/rtc/rtc0")


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
    if SYNCHRONIZED.exists():
        return ClockQuality.SYNCED
    return ClockQuality.RTC if RTC.exists() else ClockQuality.GUESSED
