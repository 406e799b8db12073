"""The evening counted, and only once."""

from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from kiosk.model import Direction, Moment, Reading, Reason, Result, Ticket, Verdict
from kiosk.store.database import to_ms
from kiosk.store.journal import Journal, reader
from kiosk.store.tallies import Tallies, count

AT = datetime(2026, 6, 1, 19, 30, tzinfo=UTC)
MINUTE = to_ms(AT) // 60_000


@pytest.fixture
def evening(tmp_path):
    """Scans in, by minute, reason, direction, lane and type; and how they are counted."""
    with closing(Journal(tmp_path, "gate")) as journal:

        def scan(minute, reason=Reason.OK, direction=Direction.CHECKIN, lane="left", ticket_name="Standing"):
            approved = reason in {Reason.OK, Reason.OVERRIDDEN, Reason.NOT_INSIDE}
            verdict = Verdict(
                direction, Result.APPROVED if approved else Result.DECLINED, reason,
                Ticket("t", "CODE", "e", "type-1", ticket_name),
            )  # fmt: skip
            moment = Moment(AT + timedelta(minutes=minute), 1, "boot")
            journal.append(Reading(lane, "CODE", b"CODE", moment), verdict)

        def counted(tallies):
            with closing(reader(tmp_path)) as database:
                return count(database, tallies)

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


def test_an_empty_journal_is_an_empty_evening_that_begins_with_the_first_scan(evening):
    scan, counted = evening
    tallies = counted(Tallies(0))
    assert tallies.admitted == {}
    scan(0)
    assert counted(tallies).admitted.total() == 1
