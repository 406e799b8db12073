"""What a person's watch says: a local time as it is typed → when that is; and who is believed before a watch.

In the hour that is put back in autumn a local time is there twice, in the one that is put forward in spring not at all.
Pure but for the zone, which is this machine's.
"""

from __future__ import annotations

from datetime import UTC, datetime

from kiosk.dating import EARLIEST, LATEST
from kiosk.errors import Refused
from kiosk.model import ClockQuality, Source

REFUSALS = {
    "malformed": 'Needs a time such as "2026-06-01 19:30"',
    "bounds": "Is it that late? Needs a time from {first} on and before {last}",
    "never": "Needs another time: there is none such, because the clocks are put forward over it",
    "twice": "Needs an offset: the clocks are put back, and this time is there at {first} and at {second}",
    "synced": "The network has set this machine’s clock, which counts more than what somebody says",
    "heard": "The network has said what time it is, which counts more than what somebody says",
    "rtc": "This machine has a battery clock, which counts more than what somebody says: set it with `timedatectl`",
}


def read(text: str) -> datetime:
    """Return when that is. Raises Refused, where it is no time of today, none at all, or one of two."""
    found = readings(text)
    if len(found) > 1:
        raise Refused(REFUSALS["twice"], first=_offset(found[0]), second=_offset(found[1]))
    return found[0].astimezone(UTC)


def readings(text: str) -> list[datetime]:
    """Return what this may mean, the earlier one first, in local time with its offset. Raises Refused."""
    try:
        said = datetime.fromisoformat(text.strip())
        if len(text.strip()) <= len("2026-06-01"):
            raise ValueError
        found = [said.astimezone()] if said.tzinfo is not None else _local(said)
    except (ValueError, OverflowError):
        raise Refused(REFUSALS["malformed"]) from None
    if not found:
        raise Refused(REFUSALS["never"])
    if not all(EARLIEST <= at < LATEST for at in found):
        raise Refused(REFUSALS["bounds"], first=str(EARLIEST.year), last=str(LATEST.year))
    return found


def _local(said: datetime) -> list[datetime]:
    """Both readings of a wall clock (PEP 495): one time in most hours."""
    both = [said.replace(fold=fold).astimezone() for fold in (0, 1)]
    there = [at for at in both if at.replace(tzinfo=None, fold=0) == said.replace(fold=0)]
    return there[:1] if len({at.utcoffset() for at in there}) == 1 else there


def _offset(at: datetime) -> str:
    return at.isoformat()[-len("+02:00") :]


def outranked(quality: object, source: object) -> str | None:
    """Return by whom a watch is outdone, as a key of REFUSALS: what it says would date nothing (`dating.known_ms`)."""
    if quality == ClockQuality.SYNCED:
        return "synced"
    if source in {Source.NTP, Source.HTTP_DATE}:
        return "heard"
    return "rtc" if quality == ClockQuality.RTC else None
