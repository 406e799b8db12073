"""The clock, held beside its own past and beside the cloud's."""

from datetime import UTC, datetime, timedelta

import pytest

from kiosk.doctor.finding import Colour
from kiosk.doctor.times import BUILT, FAR, STEP, clock, skew
from kiosk.model import ClockQuality, Moment

GREEN, AMBER, RED = Colour.GREEN, Colour.AMBER, Colour.RED
AT = datetime(2026, 6, 1, 19, 30, tzinfo=UTC)


def moment(at: datetime = AT, quality: ClockQuality = ClockQuality.SYNCED) -> Moment:
    return Moment(at, 10**12, "boot-1", quality)


@pytest.mark.parametrize(
    ("now", "newest", "colour"),
    [
        (moment(), None, GREEN), (moment(), AT - timedelta(days=9), GREEN), (moment(), AT + FAR, GREEN),
        (moment(), AT + FAR + timedelta(seconds=1), RED), (moment(datetime(1970, 1, 1, tzinfo=UTC)), None, RED),
        (moment(BUILT - timedelta(seconds=1)), None, RED), (moment(quality=ClockQuality.RTC), None, AMBER),
        (moment(quality=ClockQuality.GUESSED), None, AMBER),
    ],
)  # fmt: skip
def test_a_clock_that_goes_back_is_red_and_one_that_nobody_set_is_amber(now, newest, colour):
    assert clock(now, newest).colour is colour


@pytest.mark.parametrize(
    ("known_by", "colour"), [("http-date", GREEN), ("operator", AMBER), ("ntp", AMBER), (None, RED)],
)  # fmt: skip
def test_a_wrong_clock_is_as_bad_as_what_else_is_known_of_the_time(known_by, colour):
    found = clock(moment(datetime(1970, 1, 1, tzinfo=UTC), ClockQuality.GUESSED), AT, known_by)
    assert found.colour is colour
    assert (found.mend is None or found.mend == "") == (colour is GREEN)
    assert known_by is None or known_by in found.found


def test_a_clock_that_the_network_set_is_judged_by_itself():
    assert clock(moment(AT - 2 * FAR), AT, "ntp").colour is RED


@pytest.mark.parametrize(
    ("off", "colour"),
    [
        (timedelta(0), GREEN), (STEP, GREEN), (STEP * 2, AMBER), (-FAR, AMBER), (-FAR - STEP, RED), (2 * FAR, RED),
    ],
)  # fmt: skip
def test_how_far_the_clock_is_off_the_clouds_is_told_either_way(off, colour):
    found = skew(AT + off, AT, "cloud.example")
    assert found.colour is colour
    assert ("ahead of" in found.found) == (off > timedelta(0))
