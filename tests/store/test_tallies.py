"""The evening counted, and only once."""

from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from kiosk.model import Anchor, ClockQuality, Direction, Moment, Reading, Reason, Result, Source, Ticket, Verdict
from kiosk.store import tallies as module
from kiosk.store.database import to_ms
from kiosk.store.journal import Journal, reader
from kiosk.store.tallies import Tallies, Types, count, count_types

AT = datetime(2026, 6, 1, 19, 30, tzinfo=UTC)
SYNCED, GUESSED = ClockQuality.SYNCED, ClockQuality.GUESSED
MINUTE = to_ms(AT) // 60_000


@pytest.fixture
def evening(tmp_path):
    """Scans in, by minute, reason, direction, lane and type; and how they are counted."""
    with closing(Journal(tmp_path, "gate")) as journal:

        def scan(
            minute, reason=Reason.OK, direction=Direction.CHECKIN, lane="left", ticket_name="Standing", clock=SYNCED
        ):
            approved = reason in {Reason.OK, Reason.OVERRIDDEN, Reason.NOT_INSIDE}
            verdict = Verdict(
                direction, Result.APPROVED if approved else Result.DECLINED, reason,
                Ticket("t", "CODE", "e", "type-1", ticket_name),
            )  # fmt: skip
            moment = Moment(AT + timedelta(minutes=minute), 1, "boot", clock)
            journal.append(Reading(lane, "CODE", b"CODE", moment), verdict)

        def counted(tallies):
            with closing(reader(tmp_path)) as database:
                return count(database, tallies)

        scan.journal = journal
        yield scan, counted


def test_everything_is_counted_where_it_belongs(evening):
    scan, counted = evening
    scan(0)
    scan(0, lane="right", ticket_name=None)
    scan(1, Reason.OVERRIDDEN)
    scan(1, Reason.ALREADY_IN)
    scan(2, direction=Direction.CHECKOUT)
    scan(2, Reason.NOT_INSIDE, Direction.CHECKOUT)
    found = counted(Tallies(0))
    assert found.admitted == {MINUTE: 2, MINUTE + 1: 1}
    assert found.left == {MINUTE + 2: 2}
    assert {minute: step for minute, step in found.steps.items() if step} == {MINUTE: 2, MINUTE + 1: 1, MINUTE + 2: -1}
    assert (found.declined, found.reasons) == ({MINUTE + 1: 1}, {"already_in": 1})
    assert found.lanes == {"left": 2, "right": 1}
    assert found.types == {"Standing": 2, "type-1": 1}


def test_what_was_counted_is_not_counted_again(evening):
    scan, counted = evening
    tallies = Tallies(0)
    scan(0)
    assert counted(tallies).admitted.total() == 1
    assert counted(tallies).admitted.total() == 1
    scan(1)
    assert counted(tallies).lanes == {"left": 2}


def test_what_was_before_the_evening_is_left_out(evening):
    scan, counted = evening
    scan(0)
    scan(5)
    assert counted(Tallies(to_ms(AT + timedelta(minutes=5)))).admitted == {MINUTE + 5: 1}
    assert counted(Tallies(to_ms(AT + timedelta(hours=5)))).admitted == {}


def test_scans_of_a_clock_that_was_wrong_count_where_they_are_known_to_have_been(evening):
    scan, counted = evening
    scan(-2 * 24 * 60, clock=GUESSED)
    scan(0)
    tonight = to_ms(AT - timedelta(hours=1))
    assert counted(Tallies(tonight)).admitted == {MINUTE: 1}
    scan.journal.anchor(Anchor("boot", 1, to_ms(AT - timedelta(minutes=7)), Source.NTP))
    found = counted(Tallies(tonight))
    assert (found.admitted, found.lanes) == ({MINUTE - 7: 1, MINUTE: 1}, {"left": 2})


def test_scans_of_a_clock_that_was_ahead_are_not_of_this_evening(evening):
    scan, counted = evening
    scan(5, clock=GUESSED)
    scan.journal.anchor(Anchor("boot", 1, to_ms(AT - timedelta(days=2)), Source.NTP))
    found = counted(Tallies(to_ms(AT)))
    assert (found.admitted, found.lanes, found.types) == ({}, {}, {})


def test_an_empty_journal_is_an_empty_evening_that_begins_with_the_first_scan(evening):
    scan, counted = evening
    tallies = counted(Tallies(0))
    assert tallies.admitted == {}
    scan(0)
    assert counted(tallies).admitted.total() == 1


@pytest.fixture
def by_type(evening, tmp_path):
    """Count by type once more; say whether that was all."""
    types = Types()

    def counted():
        with closing(reader(tmp_path)) as database:
            return count_types(database, types), dict(types.admitted)

    return counted


def test_those_admitted_are_counted_by_type_and_only_once(evening, by_type):
    scan, _ = evening
    scan(0)
    scan(0, ticket_name="Crew")
    scan(0, Reason.INVALID)
    scan(0, direction=Direction.CHECKOUT)
    assert by_type() == (True, {"Standing": 1, "Crew": 1})
    assert by_type() == (True, {"Standing": 1, "Crew": 1})
    scan(1)
    assert by_type() == (True, {"Standing": 2, "Crew": 1})


def test_a_long_evening_is_counted_by_type_in_portions(evening, by_type, monkeypatch):
    scan, _ = evening
    for minute in range(5):
        scan(minute)
    monkeypatch.setattr(module, "PORTION", 2)
    assert [by_type() for _ in range(3)] == [
        (False, {"Standing": 2}),
        (False, {"Standing": 4}),
        (True, {"Standing": 5}),
    ]


def test_names_of_types_are_cut_and_no_more_are_kept_than_can_be_told_apart(evening, by_type, monkeypatch):
    scan, _ = evening
    monkeypatch.setattr(module, "MOST_NAMES", 2)
    scan(0, ticket_name="x" * 10_000)
    by_type()
    for name in ("Standing", "Crew", "Standing", "x" * 9_000):
        scan(0, ticket_name=name)
        by_type()
    assert by_type() == (True, {"x" * 161: 2, "Standing": 2})
