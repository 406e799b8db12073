"""The clock: where its time comes from, and whether it fits what is known otherwise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from kiosk.doctor.finding import Finding, amber, green, red
from kiosk.model import ClockQuality, Moment, Source
from kiosk.words import stamp

BUILT = datetime(2026, 1, 1, tzinfo=UTC)
"""No kiosk has ever run before this."""

STEP, FAR = timedelta(seconds=5), timedelta(minutes=2)

SET = (
    "give it a network with time (timesyncd: `timedatectl`), or set it by hand: "
    "timedatectl set-time 'YYYY-MM-DD HH:MM', or tell the kiosk alone: kiosk clock set 'YYYY-MM-DD HH:MM'"
)


def clock(now: Moment, newest_scan: datetime | None, known_by: str | None = None) -> Finding:
    """Check this machine's clock against its own past.

    `known_by` is who told the running gate what time it really is; then a wrong clock is wrong for this machine only.
    """
    at = stamp(now.at)
    if known_by is not None and (known_by != Source.NTP or now.quality is not ClockQuality.SYNCED):
        return _known(at, known_by)
    if now.at < BUILT:
        return red("clock", f"it says {at}, which is long over", SET)
    if newest_scan is not None and newest_scan - now.at > FAR:
        return red("clock", f"it says {at}, before the last scan ({stamp(newest_scan)}): it was set back", SET)
    if now.quality is ClockQuality.SYNCED:
        return green("clock", f"{at}, set from the network in this boot")
    source = "kept by a clock with a battery" if now.quality is ClockQuality.RTC else "guessed: nobody has set it"
    return amber("clock", f"{at}, {source}, not set from the network in this boot", SET)


def _known(at: str, known_by: str) -> Finding:
    if known_by == Source.HTTP_DATE:
        return green("clock", f"it says {at}; the time is known by the cloud's ({known_by}), and scans get it")
    if known_by == Source.OPERATOR:
        return amber("clock", f"it says {at}; the time is known only by what somebody said ({known_by})", SET)
    return amber("clock", f"it says {at}: moved since the network ({known_by}) set it; scans get the right time", SET)


def skew(now: datetime, cloud: datetime, host: str) -> Finding:
    """Check this machine's clock against the cloud's."""
    off = now - cloud
    found = f"{abs(off.total_seconds()):.0f} s {'ahead of' if off > timedelta(0) else 'behind'} {host}"
    if abs(off) > FAR:
        return red("clock against the cloud", found, SET)
    if abs(off) > STEP:
        return amber("clock against the cloud", found, SET)
    return green("clock against the cloud", found)
