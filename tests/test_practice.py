"""Practice: what a sheet's codes play, when they do, and that no trace of them reaches a count or the cloud."""

from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from kiosk import decode, practice
from kiosk.gate import Gate
from kiosk.model import Direction, EventRules, Listed, Moment, Reading, Reason, Result, Rules, Ticket
from kiosk.practice import CARDS, LONGEST_MINUTES, Practice, card, verdict
from kiosk.store import journal as journals
from kiosk.store import past
from kiosk.store.cache import Cache
from kiosk.store.journal import Journal
from kiosk.store.past import Counts
from kiosk.store.ticketlist import TicketList
from kiosk.store.tickets import ListState
from kiosk.waiting import Waiting

NOW = datetime(2026, 6, 1, 19, 30, tzinfo=UTC)
EVENT = "e-1"
MINUTE_NS = 60 * 10**9
WELCOME = card("PRACTICE-WELCOME")


def moment(seconds: float = 0.0) -> Moment:
    return Moment(NOW + timedelta(seconds=seconds), 10**12 + int(seconds * 1e9), "boot-1")


# --- the cards -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("each", CARDS, ids=[each.name for each in CARDS])
def test_each_card_is_known_by_its_code_and_plays_its_reason(each):
    found = verdict(card(each.code), NOW, on=True)
    assert (found.reason, found.played) == (Reason.PRACTICE, each.reason)
    assert (found.direction, found.result) == (each.direction, each.result)
    assert found.ticket is None


def test_each_card_is_approved_or_declined_as_what_it_plays_is():
    approving = {Reason.OK, Reason.OVERRIDDEN, Reason.NOT_INSIDE}
    assert all((each.result is Result.APPROVED) == (each.reason in approving) for each in CARDS)


def test_no_two_cards_have_the_same_code():
    assert len({each.code for each in CARDS}) == len(CARDS)


@pytest.mark.parametrize("code", ["]Q1PRACTICE-WELCOME", "practice-welcome", "]C0PRACTICE-WELCOME"])
def test_a_card_is_known_behind_a_symbology_identifier_and_in_any_case(code):
    assert card(code) is WELCOME


@pytest.mark.parametrize(
    "code",
    ["", "PRACTICE-", "PRACTICE-NOTHING", "PRACTICE-WELCOME ", "PRACTICE-WELCOME2", "WELCOME",
     "x" * 9 + "PRACTICE-WELCOME", "PRACTICE-PRACTICE-WELCOME"],
)  # fmt: skip
def test_nothing_else_is_a_card(code):
    assert card(code) is None


def test_times_lie_around_now():
    said = verdict(card("PRACTICE-ALREADY-IN"), NOW, on=True).facts["at"]
    assert datetime.fromisoformat(said) == NOW - practice.EARLIER


# --- on and off ------------------------------------------------------------------------------------------------------


def test_practice_begins_off_and_ends_by_itself():
    found = Practice()
    assert not found.on(0)
    found.begin(5, 10)
    assert found.on(5)
    assert found.on(5 + 10 * MINUTE_NS - 1)
    assert not found.on(5 + 10 * MINUTE_NS)


def test_practice_can_be_ended():
    found = Practice()
    found.begin(0, 10)
    found.begin(1, 0)
    assert not found.on(1)
    assert found.left_s(1) == 0


@pytest.mark.parametrize("minutes", [-1, LONGEST_MINUTES + 1, float("inf"), float("nan")])
def test_practice_takes_no_other_time_than_up_to_its_longest(minutes):
    found = Practice()
    with pytest.raises(ValueError, match="up to 120 minutes"):
        found.begin(0, minutes)
    assert not found.on(0)


def test_while_practice_is_off_every_card_is_declined_and_plays_nothing():
    found = [verdict(each, NOW, on=False) for each in CARDS]
    assert {(each.result, each.reason, each.played) for each in found} == {(Result.DECLINED, Reason.PRACTICE, None)}


# --- at the gate -----------------------------------------------------------------------------------------------------


class Door:
    def __init__(self, directory, rules=None):
        self.directory = directory
        self.journal, self.tickets = Journal(directory, "north"), TicketList(directory, ())
        found = rules if rules is not None else Rules({EVENT: EventRules()})
        self.gate = Gate(self.journal, self.tickets, lambda: found, hold_off_s=3.0)

    def scan(self, code, seconds=0.0, **more):
        return self.gate.take(replace(Reading("left", code, code.encode(), moment(seconds)), **more))

    def close(self):
        self.tickets.close()
        self.journal.close()


@pytest.fixture
def door(tmp_path):
    with closing(Cache(tmp_path)) as pen:
        tickets = [Listed(Ticket("t-1", "PRACTICE-GOODBYE", EVENT, "type-1"))]
        pen.store(tickets, ListState(EVENT, "cloud", complete=True, checked=moment()))
    with closing(Door(tmp_path)) as opened:
        opened.gate.practice.begin(moment().boottime_ns, 60)
        yield opened


def test_a_card_is_recorded_before_it_is_told_and_stays_here(door):
    scan = door.scan("PRACTICE-WELCOME").scan
    assert (scan.seq, scan.verdict.result, scan.verdict.played) == (1, Result.APPROVED, Reason.OK)
    with closing(journals.reader(door.directory)) as database:
        assert list(past.scans_after(database, 0)) == [scan]
    assert not scan.deliverable


def test_practice_is_in_no_count(door):
    for number, each in enumerate(CARDS):
        door.scan(each.code if each.name != "GOODBYE" else "PRACTICE-UNKNOWN", number * 10)
    with closing(journals.reader(door.directory)) as database:
        counts = past.count(database, Counts())
    assert (counts.checkin, counts.checkout, counts.declined, counts.inside) == (0, 0, 0, 0)
    assert counts.upto == len(CARDS)


def test_whoever_has_a_ticket_with_a_cards_code_is_a_guest(door):
    assert door.scan("PRACTICE-GOODBYE").scan.verdict.reason is Reason.OK


def test_a_card_held_before_the_scanner_is_recorded_once_whatever_it_plays(door):
    codes = ["PRACTICE-ODD-EXIT"] * 3
    assert [door.scan(code, number * 0.5).repeated for number, code in enumerate(codes)] == [False, True, True]


def test_a_card_that_stays_before_the_scanner_is_judged_anew_when_practice_ends_or_begins(door):
    assert door.scan("PRACTICE-WELCOME").scan.verdict.result is Result.APPROVED
    door.gate.practice.begin(moment().boottime_ns, 0)
    over = door.scan("PRACTICE-WELCOME", 1.0)
    assert (over.repeated, over.scan.verdict.result, over.scan.verdict.played) == (False, Result.DECLINED, None)
    door.gate.practice.begin(moment(2.0).boottime_ns, 60)
    assert door.scan("PRACTICE-WELCOME", 2.0).scan.verdict.played is Reason.OK


def test_a_gate_that_was_restarted_does_not_go_on_practising(door):
    door.scan("PRACTICE-WELCOME")
    restarted = Gate(door.journal, door.tickets, lambda: Rules({EVENT: EventRules()}), hold_off_s=3.0)
    restarted.remember(moment(1.0))
    again = restarted.take(Reading("left", "PRACTICE-WELCOME", b"PRACTICE-WELCOME", moment(1.0)))
    assert again.scan.verdict.result is Result.DECLINED


def test_half_a_card_is_what_it_is_unreadable(door):
    answer = door.scan("PRACTICE-WELCOME", flaw=decode.HALF)
    assert answer.scan.verdict.reason is Reason.UNREADABLE


def test_practice_is_over_when_its_time_is(door):
    assert door.scan("PRACTICE-WELCOME", 61 * 60).scan.verdict.played is None


def test_a_door_can_be_tried_before_it_has_an_event(tmp_path):
    with closing(Door(tmp_path, Rules({}))) as door:
        door.gate.practice.begin(moment().boottime_ns, 60)
        assert door.scan("PRACTICE-WELCOME").scan.verdict.played is Reason.OK
        assert door.scan("ANY", 1).scan is None


def test_a_card_is_never_asked_for_in_the_cloud_on_or_off(tmp_path, door):
    asked = []
    waiting = Waiting(door.tickets, lambda code, moment: asked.append(code), lambda: True, 800)
    gate = Gate(door.journal, door.tickets, lambda: Rules({EVENT: EventRules()}), hold_off_s=3.0, waiting=waiting)
    for seconds, on in ((0, True), (10, False)):
        gate.practice.begin(moment().boottime_ns, 60 if on else 0)
        answer = gate.take(Reading("left", "PRACTICE-UNKNOWN", b"PRACTICE-UNKNOWN", moment(seconds)))
        assert answer.scan.verdict.reason is Reason.PRACTICE
    gate.take(Reading("left", "STRANGER", b"STRANGER", moment(20)))
    assert asked == ["STRANGER"]


def test_a_card_plays_its_own_direction_whatever_the_doors_is(door):
    answer = door.scan("PRACTICE-WELCOME", direction=Direction.CHECKOUT)
    assert answer.scan.verdict.direction is Direction.CHECKIN
