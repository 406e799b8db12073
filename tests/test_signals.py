"""What lamps, sounds and relays are told of an answer."""

from datetime import UTC, datetime

import pytest

from kiosk.model import CLOCK, PLAYED, Answer, Direction, Moment, Reason, Result, Scan, Ticket, Verdict
from kiosk.signals import Signal, of, passage, signal

AT = datetime(2026, 6, 1, 19, 30, tzinfo=UTC)
IN, OUT = Direction.CHECKIN, Direction.CHECKOUT
APPROVED = {Reason.OK, Reason.OVERRIDDEN, Reason.NOT_INSIDE, Reason.ANNULLED}


def answer(reason, direction=IN, *, repeated=False):
    result = Result.APPROVED if reason in APPROVED else Result.DECLINED
    return Answer(scan_of(Verdict(direction, result, reason, Ticket("t", "CODE", "e", "tt"))), "", repeated)


def scan_of(verdict):
    return Scan(1, "id", AT, "north", Moment(AT, 0, "boot"), "left", "CODE", verdict)


@pytest.mark.parametrize(
    ("told", "heard"),
    [
        (answer(Reason.OK), Signal.APPROVED),
        (answer(Reason.OVERRIDDEN), Signal.APPROVED),
        (answer(Reason.OK, OUT), Signal.CHECKOUT),
        (answer(Reason.NOT_INSIDE, OUT), Signal.SEE_STAFF),
        (answer(Reason.OK, repeated=True), Signal.REPEATED),
        (answer(Reason.OK, OUT, repeated=True), Signal.REPEATED),
        (answer(Reason.ALREADY_IN), Signal.REPEATED),
        (answer(Reason.UNKNOWN), Signal.DECLINED),
        (answer(Reason.UNKNOWN, repeated=True), Signal.DECLINED),
        (answer(Reason.UNREADABLE), Signal.DECLINED),
        (answer(Reason.UNKNOWN_STALE), Signal.SEE_STAFF),
        (answer(Reason.AMBIGUOUS), Signal.SEE_STAFF),
        (answer(Reason.DETAILS_REQUIRED), Signal.SEE_STAFF),
        (answer(Reason.UNKNOWN_STATUS), Signal.SEE_STAFF),
        (answer(Reason.CLOCK_NOT_SET), Signal.SEE_STAFF),
        (Answer(None, "cannot be recorded"), Signal.SEE_STAFF),
        (answer(Reason.ANNULLED, OUT), None),
    ],
)
def test_each_answer_has_one_signal(told, heard):
    assert signal(told) == heard


@pytest.mark.parametrize("reason", sorted(APPROVED - {Reason.ANNULLED}))
@pytest.mark.parametrize(("direction", "way"), [(IN, Signal.APPROVED), (OUT, Signal.CHECKOUT)])
def test_whoever_is_approved_may_pass_once_and_nobody_is_kept_inside(reason, direction, way):
    assert passage(answer(reason, direction)) is way
    assert passage(answer(reason, direction, repeated=True)) is None


def test_who_is_admitted_without_a_look_at_the_time_passes_and_is_worth_a_look():
    untimed = Answer(scan_of(Verdict(IN, Result.APPROVED, Reason.OK, facts={CLOCK: "not set"})), "")
    assert (signal(untimed), passage(untimed)) == (Signal.SEE_STAFF, Signal.APPROVED)


@pytest.mark.parametrize("reason", sorted(set(Reason) - APPROVED | {Reason.ANNULLED}))
@pytest.mark.parametrize("direction", [IN, OUT])
def test_nobody_else_may_pass(reason, direction):
    assert passage(answer(reason, direction)) is None


def test_nobody_passes_whose_scan_is_not_on_disk():
    assert passage(Answer(None, "Welcome")) is None


@pytest.mark.parametrize("played", sorted(set(Reason) - {Reason.ANNULLED, Reason.PRACTICE}))
def test_practice_sounds_like_what_it_plays_and_opens_nothing(played):
    result = Result.APPROVED if played in APPROVED else Result.DECLINED
    told = Verdict(IN, result, Reason.PRACTICE, facts={PLAYED: played})
    assert of(told, repeated=False) is of(Verdict(IN, result, played), repeated=False)
    assert passage(Answer(scan_of(told), "")) is None
