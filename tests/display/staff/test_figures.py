"""The evening's numbers: as many points as a picture has room for, and none of them wrong."""

from datetime import UTC, datetime, timedelta

import pytest

from kiosk.display.staff.figures import BEGINS_AT, MOST_BARS, MOST_POINTS, OTHERS, evening, figures
from kiosk.store.tallies import Tallies

NOW = datetime(2026, 6, 1, 22, 0, tzinfo=UTC)
MINUTE = int(NOW.timestamp()) // 60


def tallied(**counts):
    found = Tallies(0)
    for name, numbers in counts.items():
        getattr(found, name).update(numbers)
    return found


def test_an_evening_goes_on_after_midnight_and_ends_in_the_morning():
    local = NOW.astimezone()
    late = local.replace(hour=BEGINS_AT - 1, minute=59) + timedelta(days=1)
    assert evening(late) == evening(local.replace(hour=23))
    assert evening(late + timedelta(minutes=1)) == evening(late) + timedelta(days=1)


def test_admissions_are_told_minute_by_minute():
    found = figures(tallied(admitted={MINUTE - 2: 3, MINUTE: 1}, steps={MINUTE - 2: 3, MINUTE: 1}), 4, NOW)
    assert found["perMinute"]["admitted"] == [3, 0, 1]
    assert (found["perMinute"]["minutes"], found["inside"]["people"]) == (1, [3, 3, 4])
    assert (found["checkin"], found["insideNow"]) == (4, 4)


def test_who_was_inside_before_the_evening_is_reckoned_back():
    found = figures(tallied(left={MINUTE: 2}, steps={MINUTE: -2}), 5, NOW)
    assert found["inside"]["people"] == [5]


@pytest.mark.parametrize("minutes", [1, 119, 120, 500, 1_440, 100_000])
def test_a_picture_has_a_bounded_number_of_points_and_every_scan_is_in_one(minutes):
    admitted = {MINUTE - n: 2 for n in range(0, minutes, max(1, minutes // 700))}
    found = figures(tallied(admitted=admitted, steps=admitted), 10_000, NOW)
    series = found["perMinute"]
    assert len(series["admitted"]) <= MOST_POINTS + 1
    assert sum(series["admitted"]) * series["minutes"] == pytest.approx(2 * len(admitted), rel=0.05)
    assert found["inside"]["people"][-1] == 10_000


def test_a_clock_that_was_ahead_and_came_back_breaks_nothing():
    found = figures(tallied(admitted={MINUTE + 90_000: 1}), 1, NOW)
    assert len(found["perMinute"]["admitted"]) <= MOST_POINTS + 1


def test_the_smallest_of_many_are_one():
    tallies = tallied(types={f"type {n}": n for n in range(1, 31)})
    found = figures(tallies, 0, NOW)["perType"]
    assert figures(tallies, 0, NOW, "andere")["perType"][-1]["name"] == "andere"
    assert (len(found), found[0], found[-1]["name"]) == (MOST_BARS, {"name": "type 30", "number": 30}, OTHERS)
    assert sum(bar["number"] for bar in found) == sum(range(1, 31))


def test_an_evening_without_a_scan_is_all_noughts():
    found = figures(Tallies(0), 0, NOW)
    assert (found["perMinute"]["admitted"], found["perLane"], found["checkin"]) == ([0], [], 0)
