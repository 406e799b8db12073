"""The evening's numbers as they are told and drawn. Pure: counts in, numbers out, as many as a picture has room for.

An evening begins at six in the morning, local time, so that one that goes on after midnight is one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from kiosk.store.tallies import Tallies
from kiosk.words import stamp

BEGINS_AT = 6
MOST_POINTS = 120
MOST_BARS = 12
WIDTHS = (1, 2, 5, 10, 15, 30, 60, 120)
"""How many minutes a point may stand for."""

OTHERS = "others"


def evening(now: datetime) -> datetime:
    """Return when the evening began of which this is a part."""
    local = now.astimezone()
    began = local.replace(hour=BEGINS_AT, minute=0, second=0, microsecond=0)
    return (began if began <= local else began - timedelta(days=1)).astimezone(UTC)


def figures(
    tallies: Tallies, inside_now: int, now: datetime, others: str = OTHERS, reason: Callable[[str], str] = str
) -> dict[str, Any]:
    """Return all numbers; `inside_now` is the door's own count, from which that of the evening is reckoned back.

    What there is no room for is told as `others`; `reason` says why somebody was declined in words.
    """
    first, width, points = _grid(tallies, now)
    admitted = _points(tallies.admitted, first, width, points)
    return {
        "since": stamp(evening(now)),
        "until": stamp(now),
        "checkin": tallies.admitted.total(),
        "checkout": tallies.left.total(),
        "declined": tallies.declined.total(),
        "insideNow": inside_now,
        "perMinute": {
            "begins": stamp(_at(first)),
            "minutes": width,
            "admitted": [round(number / width, 4) for number in admitted],
            "declined": [round(n / width, 4) for n in _points(tallies.declined, first, width, points)],
        },
        "inside": {
            "begins": stamp(_at(first)),
            "minutes": width,
            "people": _run(_points(tallies.steps, first, width, points), inside_now),
        },
        "perLane": _bars(tallies.lanes, others),
        "perType": _bars(tallies.types, others),
        "declines": _bars(Counter({reason(key): number for key, number in tallies.reasons.items()}), others),
    }


def _grid(tallies: Tallies, now: datetime) -> tuple[int, int, int]:
    """Return the first minute, how many minutes a point stands for, and how many points there are."""
    minutes = [*tallies.admitted, *tallies.left, *tallies.declined]
    last = max([int(now.timestamp()) // 60, *minutes])
    first = min(minutes, default=last)
    width = next(
        (width for width in WIDTHS if (last - first) // width < MOST_POINTS), (last - first) // MOST_POINTS + 1
    )
    first -= first % width
    return first, width, (last - first) // width + 1


def _points(counts: Counter[int], first: int, width: int, points: int) -> list[int]:
    found = [0] * points
    for minute, number in counts.items():
        found[(minute - first) // width] += number
    return found


def _run(steps: list[int], now: int) -> list[int]:
    """Return how many were inside at the end of each point, so that the last one is `now`."""
    people, found = now - sum(steps), []
    for step in steps:
        people += step
        found.append(people)
    return found


def _bars(counts: Counter[str], others: str) -> list[dict[str, Any]]:
    """Return the largest counts, and the rest as one."""
    ranked = counts.most_common()
    shown = ranked if len(ranked) <= MOST_BARS else ranked[: MOST_BARS - 1]
    rest = sum(number for _, number in ranked[len(shown) :])
    return [{"name": name, "number": number} for name, number in shown] + (
        [{"name": others, "number": rest}] if rest else []
    )


def _at(minute: int) -> datetime:
    return datetime.fromtimestamp(60 * minute, UTC)
