"""The same code at the same lane again: the last verdict, as long as it stays there."""

import pytest

from kiosk.clock import now
from kiosk.holdoff import HoldOff
from kiosk.model import Answer, Direction, Moment, Reading, Rules
from kiosk.waiting import Case

FIRST = Answer(None, "welcome")
NAMES = frozenset(("TKT1", "]Q1TKT1"))
SECOND = 10**9


def case(seconds: float = 0.0, code: str = "TKT1", lane: str = "left", **about: object) -> Case:
    moment = Moment(now().at, int(seconds * SECOND), "boot")
    return Case(Reading(lane, code, code.encode(), moment, **about), Rules({}), code)  # type: ignore[arg-type]


@pytest.fixture
def held():
    made = HoldOff(3.0)
    made.keep("left", NAMES, Direction.CHECKIN, 0, FIRST)
    return made


def test_a_code_gets_its_last_verdict_by_any_of_its_names(held):
    assert [held.again(case(code=name)) for name in sorted(NAMES)] == [FIRST, FIRST]


def test_another_code_or_lane_or_direction_does_not(held):
    others = [case(code="TKT2"), case(lane="right"), case(direction=Direction.CHECKOUT)]
    assert [held.again(other) for other in others] == [None, None, None]


def test_what_could_not_be_read_is_nobody(held):
    assert held.again(case(flaw="half")) is None


def test_it_ends_after_its_time_and_slides_while_the_code_stays(held):
    assert held.again(case(2.9)) is FIRST
    assert held.again(case(5.8)) is FIRST
    assert held.again(case(8.8)) is None


def test_what_another_code_asks_does_not_slide_it(held):
    held.again(case(2.0, code="TKT2"))
    assert held.again(case(3.0)) is None


def test_the_next_verdict_at_a_lane_takes_the_place_of_the_last(held):
    held.keep("left", frozenset(("TKT2",)), Direction.CHECKIN, 0, Answer(None, "no"))
    assert held.again(case()) is None
    assert held.again(case(code="TKT2")).message == "no"


def test_a_code_is_forgotten_at_every_lane_and_no_other(held):
    held.keep("right", frozenset(("TKT1",)), Direction.CHECKIN, 0, FIRST)
    held.keep("third", frozenset(("TKT2",)), Direction.CHECKIN, 0, FIRST)
    held.forget("TKT1")
    assert held.again(case()) is None
    assert held.again(case(lane="right")) is None
    assert held.again(case(lane="third", code="TKT2")) is FIRST


def test_no_time_holds_nothing_off():
    made = HoldOff(0.0)
    made.keep("left", NAMES, Direction.CHECKIN, 0, FIRST)
    assert made.again(case()) is None
