"""What the cloud's answers say about the time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kiosk.model import Anchor, Moment, Source
from kiosk.store.database import to_ms
from kiosk.sync.cloudtime import CloudTime

DATE = datetime(2026, 6, 1, 19, 30, tzinfo=UTC)


def at(since_s: float, boot: str = "boot-1") -> Moment:
    return Moment(datetime(1970, 1, 1, tzinfo=UTC), int(since_s * 1e9), boot)


def noted(*answers: tuple[datetime | None, Moment]) -> Anchor | None:
    made = CloudTime()
    for answer in answers:
        made.note(*answer)
    return made.anchor


def test_a_date_is_what_time_it_was_when_the_answer_came():
    assert noted((DATE, at(100))) == Anchor("boot-1", 100_000_000_000, to_ms(DATE), Source.HTTP_DATE)


@pytest.mark.parametrize("date", [None, DATE.replace(year=2023), DATE.replace(year=2300)])
def test_no_date_and_one_that_cannot_be_true_are_nothing(date):
    assert noted((date, at(100))) is None


def test_of_two_that_agree_the_one_that_was_less_late_counts():
    early = (DATE, at(100.9))
    nearer = (DATE + timedelta(seconds=1), at(101.0))
    for answers in ((early, nearer), (nearer, early)):
        assert noted(*answers).boottime_ns == 101_000_000_000


def test_of_two_that_do_not_agree_the_last_one_counts_and_another_boot_begins_anew():
    for off_s in (-60, 60):
        assert noted((DATE, at(100)), (DATE + timedelta(seconds=off_s), at(100))).utc_ms == to_ms(DATE) + off_s * 1000
    assert noted((DATE, at(100)), (DATE, at(105, "boot-2"))).boot_id == "boot-2"


def test_a_sync_that_starts_again_knows_what_the_one_before_it_heard():
    first = CloudTime()
    assert first.facts() is None
    first.note(DATE, at(100))
    assert CloudTime(first.facts()).anchor == first.anchor
    assert CloudTime("junk").anchor is None
