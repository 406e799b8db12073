"""What somebody types as the time, read on a wall somewhere; and who is believed before them."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from kiosk import dating, wristwatch
from kiosk.errors import Refused
from kiosk.model import Anchor, ClockQuality, Source

BERLIN = "CET-1CEST,M3.5.0,M10.5.0/3"


@pytest.fixture(autouse=True)
def berlin(monkeypatch):
    monkeypatch.setenv("TZ", BERLIN)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("said", "utc"),
    [
        ("2026-06-01 19:30", "2026-06-01T17:30"),
        (" 2026-06-01T19:30:05 ", "2026-06-01T17:30:05"),
        ("2026-12-01 19:30", "2026-12-01T18:30"),
        ("2026-06-01 19:30+00:00", "2026-06-01T19:30"),
        ("2026-10-25 02:30+02:00", "2026-10-25T00:30"),
        ("2026-10-25 02:30+01:00", "2026-10-25T01:30"),
        ("2026-10-25 01:59", "2026-10-24T23:59"),
        ("2026-10-25 03:00", "2026-10-25T02:00"),
        ("2026-03-29 03:00", "2026-03-29T01:00"),
    ],
)
def test_a_time_is_local_time_unless_it_has_an_offset(said, utc):
    assert wristwatch.read(said) == datetime.fromisoformat(utc).replace(tzinfo=UTC)


def test_a_time_in_the_hour_that_is_put_back_may_mean_two_and_must_be_said_with_its_offset():
    early, late = wristwatch.readings("2026-10-25T02:30")
    assert (late - early, early.utcoffset()) == (timedelta(hours=1), timedelta(hours=2))
    with pytest.raises(Refused, match=r"at \+02:00 and at \+01:00"):
        wristwatch.read("2026-10-25T02:30")
    assert [wristwatch.read(at.isoformat()) for at in (early, late)] == [early, late]


@pytest.mark.parametrize("said", ["2026-03-29 02:00", "2026-03-29 02:30", "2026-03-29 02:59:59"])
def test_a_time_in_the_hour_that_is_put_forward_is_none(said):
    with pytest.raises(Refused, match="there is none such"):
        wristwatch.readings(said)


@pytest.mark.parametrize(
    "said", ["", " ", "19:30", "yesterday", "2026-06-01", "2026-06-31 10:00", "9999-12-31T23:59-12:00"]
)
def test_what_is_no_time_is_refused(said):
    with pytest.raises(Refused, match="Needs a time such as"):
        wristwatch.readings(said)


@pytest.mark.parametrize("said", ["2025-12-31 23:00", "1970-01-01 00:00", "2200-01-01 01:00", "2300-06-01 10:00"])
def test_what_is_no_time_of_today_is_refused_with_its_bounds(said):
    with pytest.raises(Refused, match="from 2026 on and before 2200"):
        wristwatch.readings(said)


@pytest.mark.parametrize("quality", ClockQuality)
@pytest.mark.parametrize("others", [[], [Source.OPERATOR], [Source.HTTP_DATE], [Source.NTP, Source.OPERATOR]])
def test_somebody_is_outdone_exactly_where_their_word_would_date_nothing(quality, others):
    before = [Anchor("b", 0, 1_780_000_000_000, source) for source in others]
    known = dating.best(before, "b", 10)
    mine = Anchor("b", 9, 1_790_000_000_000, Source.OPERATOR)
    stamp = dating.Stamp(1, 1_770_000_000_000, 1_770_000_000_000, "b", 10, quality)
    counts = dating.known_ms(stamp, [*before, mine]) == mine.utc_ms
    assert (wristwatch.outranked(quality, known.source if known else None) is None) == counts


def test_it_is_said_by_whom():
    assert wristwatch.outranked("synced", "ntp") == "synced"
    assert wristwatch.outranked("guessed", "http-date") == "heard"
    assert wristwatch.outranked("rtc", "operator") == "rtc"
    assert wristwatch.outranked("rtc", "http-date") == "heard"
