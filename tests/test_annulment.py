"""An admission that is taken back: when it may be, and what is recorded then."""

from contextlib import closing
from dataclasses import replace

import pytest

from kiosk import clock
from kiosk.annulment import take_back
from kiosk.gate import Gate
from kiosk.model import (
    ANNULS,
    Annulment,
    Direction,
    EventRules,
    Listed,
    Passage,
    Passed,
    Reading,
    Reason,
    Result,
    Rules,
    Ticket,
    Verdict,
)  # fmt: skip
from kiosk.store import journal as journals
from kiosk.store import past
from kiosk.store.cache import Cache
from kiosk.store.journal import Journal
from kiosk.store.ticketlist import TicketList
from kiosk.store.tickets import ListState

ADA = Ticket("t-1", "TKT-ADA1", "e-1", "type-1", name="Ada")
IN, OUT = Direction.CHECKIN, Direction.CHECKOUT


def reading(code="", **more):
    return Reading("manual", code, code.encode(), clock.now(), **more)


@pytest.fixture
def journal(tmp_path):
    with closing(Journal(tmp_path, "north")) as opened:
        yield opened


def record(journal, direction=IN, result=Result.APPROVED, reason=Reason.OK, ticket=ADA):
    return journal.append(reading(ADA.barcode), Verdict(direction, result, reason, ticket))


def taken_back(journal, seq, *, force=False, others=()):
    def history(ticket):
        return [*journal.history(ticket), *others]

    return take_back(journal, Annulment(seq, force), reading(), history)


def test_who_did_not_pass_is_checked_out_under_the_same_ticket_and_code(journal):
    scan = record(journal)
    journal.turn(scan.seq, Passed.TIMED_OUT, clock.now())
    out = taken_back(journal, scan.seq).scan
    assert (out.seq, out.barcode, out.raw, out.lane) == (2, ADA.barcode, None, "manual")
    assert (out.verdict.direction, out.verdict.result, out.verdict.reason) == (OUT, Result.APPROVED, Reason.ANNULLED)
    assert (out.verdict.ticket.id, out.verdict.facts) == (ADA.id, {ANNULS: "1"})
    assert out.deliverable


@pytest.mark.parametrize(
    ("passed", "force", "no"),
    [
        (Passed.TIMED_OUT, False, None),
        (Passed.TIMED_OUT, True, None),
        (Passed.TURNED, False, "has passed the turnstile"),
        (Passed.TURNED, True, None),
        (None, False, "no turnstile said"),
        (None, True, None),
    ],
)
def test_it_takes_a_turnstile_that_saw_nobody_pass_or_a_person_who_insists(journal, passed, force, no):
    scan = record(journal)
    if passed is not None:
        journal.turn(scan.seq, passed, clock.now())
    answer = taken_back(journal, scan.seq, force=force)
    assert (answer.scan is None) == (no is not None)
    assert no is None or (no in answer.message and "--force" in answer.message)
    assert journal.upto == (1 if no else 2)


@pytest.mark.parametrize("force", [True, False])
@pytest.mark.parametrize(
    ("scene", "no"),
    [
        ([(IN, Result.DECLINED, Reason.INVALID)], "let nobody in"),
        ([(OUT, Result.APPROVED, Reason.OK)], "let nobody in"),
        ([(IN, Result.APPROVED, Reason.OK), (OUT, Result.APPROVED, Reason.OK)], "was in or out since"),
        ([(IN, Result.APPROVED, Reason.OK), (IN, Result.APPROVED, Reason.OVERRIDDEN)], "was in or out since"),
        ([(IN, Result.DECLINED, Reason.UNKNOWN, None)], "no scan 1 of a ticket here"),
        ([], "no scan 1 of a ticket here"),
    ],
)
def test_nothing_else_can_be_taken_back_whoever_insists(journal, scene, no, force):
    for each in scene:
        record(journal, *each)
    journal.turn(1, Passed.TIMED_OUT, clock.now())
    assert no in taken_back(journal, 1, force=force).message
    assert journal.upto == len(scene)


def test_a_ticket_that_went_through_another_door_since_is_left_alone(journal):
    scan = record(journal)
    elsewhere = Passage(OUT, clock.now().at, "south")
    assert "in or out since" in taken_back(journal, scan.seq, force=True, others=[elsewhere]).message


def test_it_can_be_taken_back_once(journal):
    record(journal)
    assert taken_back(journal, 1, force=True).scan is not None
    assert "taken back already" in taken_back(journal, 1, force=True).message
    assert "let nobody in" in taken_back(journal, 2, force=True).message


def test_the_history_knows_nothing_of_either_and_the_counts_are_even(journal, tmp_path):
    record(journal)
    taken_back(journal, 1, force=True)
    assert journal.history(ADA) == []
    with closing(journals.reader(tmp_path)) as database:
        assert past.count(database, past.Counts()).inside == 0


@pytest.fixture
def gate(tmp_path, journal):
    with closing(Cache(tmp_path)) as pen:
        pen.store([Listed(ADA)], ListState("e-1", "cloud", complete=True, checked=clock.now()))
    with closing(TicketList(tmp_path)) as tickets:
        yield a_gate(journal, tickets)


def a_gate(journal, tickets):
    return Gate(journal, tickets, lambda: Rules({"e-1": EventRules()}), hold_off_s=600)


def test_the_guest_may_come_in_again_at_once_even_within_the_hold_off(gate):
    first = gate.take(replace(reading(ADA.barcode), lane="left"))
    assert gate.take(replace(reading(ADA.barcode), lane="left")).repeated
    told = []
    gate.take(reading(annuls=Annulment(first.scan.seq, force=True), asker=told.append))
    assert told[0].scan.verdict.reason is Reason.ANNULLED
    again = gate.take(replace(reading(ADA.barcode), lane="left"))
    assert (again.scan.seq, again.scan.verdict.reason, again.repeated) == (3, Reason.OK, False)


def test_a_gate_that_was_restarted_holds_nobody_off_whose_admission_was_taken_back(gate):
    first = gate.take(replace(reading(ADA.barcode), lane="left"))
    gate.take(reading(annuls=Annulment(first.scan.seq, force=True)))
    restarted = a_gate(gate._journal, gate._tickets)
    restarted.remember(clock.now())
    assert not restarted.take(replace(reading(ADA.barcode), lane="left")).repeated


def test_a_refusal_is_for_whoever_asked_and_not_for_the_screen(gate):
    told, shown = [], []
    gate.show = lambda lane, answer: shown.append(answer)
    gate.take(reading(annuls=Annulment(99), asker=told.append))
    assert [answer.scan for answer in told] == [None]
    assert (gate.shown.turn, shown) == (0, [])
