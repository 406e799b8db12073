"""What staff have the gate do by hand, with the gate's real files."""

from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from kiosk.desk import FINAL, OVERRIDE_WITHIN_S, Desk
from kiosk.errors import NotRecorded, Refused
from kiosk.gate import Gate
from kiosk.model import (
    Annulment,
    Direction,
    EventRules,
    Listed,
    Moment,
    Notice,
    Order,
    Reading,
    Reason,
    Result,
    Rules,
    Ticket,
    Verdict,
)  # fmt: skip
from kiosk.store.cache import Cache
from kiosk.store.journal import Journal
from kiosk.store.lookback import LookBack
from kiosk.store.ticketlist import TicketList
from kiosk.store.tickets import ListState
from kiosk.words import UNTIMED, sentence

AT = datetime(2026, 6, 1, 19, 30, tzinfo=UTC)
EVENT = "e-1"
ADA = Ticket("t-1", "TKT-ADA1", EVENT, "type-1", name="Ada Löwe")
LATE = Ticket("t-4", "TKT-LATE4", EVENT, "type-1", expires_at=AT - timedelta(hours=1))
BOB = Ticket("t-2", "TKT-BOB2", EVENT, "type-1", name="Bob", status="INVALID")
TWIN = Ticket("t-3", "TKT-ADA1", EVENT, "type-1", name="Ada's twin")


def moment(seconds=0.0, boot="boot-1"):
    return Moment(AT + timedelta(seconds=seconds), 10**12 + int(seconds * 1e9), boot)


class Door:
    """A gate with its real files and a desk, asked without a thread."""

    def __init__(self, directory):
        self.directory = directory
        with closing(Cache(directory)) as store:
            listed = [Listed(ticket) for ticket in (ADA, BOB, TWIN, LATE)]
            store.store(listed, ListState(EVENT, "cloud", complete=True, checked=moment()))
        self.rules = Rules({EVENT: EventRules()})
        self.tickets, self.noted, self.chosen = TicketList(directory), [], []
        self.open()

    def open(self):
        """Begin as a gate does that was started."""
        self.journal = Journal(self.directory, "north")
        self.gate = Gate(self.journal, self.tickets, lambda: self.rules, hold_off_s=3.0)
        self.gate.desk = self.desk = Desk(
            LookBack(self.directory), self.tickets.with_id, lambda words, by: self.chosen.append((words, by)), self.note
        )

    def note(self, action, **facts):
        self.noted.append((action, facts))

    def do(self, what, seconds=0.0, boot="boot-1", **words):
        told = []
        reading = Reading("manual", "", b"", moment(seconds, boot), asker=told.append, order=Order(what, words))
        answer = self.gate.take(reading)
        assert told == [answer]
        return answer

    def scan(self, code, seconds=0.0, boot="boot-1", direction=None):
        return self.gate.take(Reading("left", code, code.encode(), moment(seconds, boot), direction=direction))

    def override(self, seq, token="a", seconds=1.0, boot="boot-1", reason="known"):
        return self.do("override", seconds, boot, seq=seq, reason=reason, by="staff", token=token)

    def record(self, reason, ticket, seconds=0.0):
        """A declined scan for this reason, whatever its reason may be."""
        verdict = Verdict(Direction.CHECKIN, Result.DECLINED, reason, ticket)
        return self.journal.append(Reading("left", "TKT-ADA1", b"TKT-ADA1", moment(seconds)), verdict)

    def close(self):
        self.journal.close()
        self.tickets.close()


@pytest.fixture
def door(tmp_path):
    made = Door(tmp_path)
    yield made
    made.close()


def test_a_guest_who_was_found_is_judged_by_the_rules_and_recorded_with_the_tickets_own_code(door):
    answer = door.do("check", ticketId="t-1", token="a")
    scan = answer.scan
    assert (scan.barcode, scan.lane, scan.verdict.reason, scan.verdict.ticket) == ("TKT-ADA1", "manual", Reason.OK, ADA)
    assert door.gate.shown.answer == answer
    assert door.do("check", ticketId="t-2", token="b").scan.verdict.reason is Reason.INVALID
    assert door.do("check", ticketId="t-1", token="c").scan.verdict.reason is Reason.ALREADY_IN


def test_by_hand_too_a_ticket_is_judged_by_the_time_that_is_known_and_not_by_the_wall_clock(door):
    door.gate.time = lambda moment: replace(moment, at=moment.at - timedelta(hours=2))
    assert door.do("check", ticketId="t-4", token="a").scan.verdict.reason is Reason.OK
    door.gate.time = lambda moment: moment
    assert door.do("check", ticketId="t-4", token="b").scan.verdict.reason is Reason.EXPIRED


def test_by_hand_too_a_ticket_that_nobody_could_check_by_time_is_admitted_and_marked(door):
    door.gate.time = lambda _: None
    answer = door.do("check", ticketId="t-4", token="a")
    assert (answer.scan.verdict.reason, answer.scan.verdict.untimed, answer.message) == (Reason.OK, True, UNTIMED)
    assert door.desk.past.scan(answer.scan.seq).verdict.untimed, "it is in the journal"


def test_who_is_declined_because_nobody_knows_the_time_may_be_admitted_with_a_reason(door):
    door.rules, door.gate.time = replace(door.rules, needs_clock=True), lambda _: None
    declined = door.scan("TKT-LATE4").scan
    assert declined.verdict.reason is Reason.CLOCK_NOT_SET
    answer = door.override(declined.seq, reason="her watch says so")
    facts = door.desk.past.scan(answer.scan.seq).verdict.facts
    assert (facts["why"], facts["declined"]) == ("her watch says so", "clock_not_set")
    assert answer.message == "Admitted by staff"


def test_a_verdict_of_people_is_worded_by_the_time_that_is_known(door):
    door.gate.time = lambda moment: replace(moment, at=moment.at - timedelta(days=9))
    verdict = Verdict(Direction.CHECKIN, Result.DECLINED, Reason.EXPIRED, ADA, {"at": AT.isoformat()})
    then = moment(-9 * 86_400).at
    answer = door.gate.record(Reading("manual", "TKT-ADA1", b"TKT-ADA1", moment()), verdict)
    assert answer.message == sentence(verdict, then) != sentence(verdict, AT)
    assert answer.scan.moment == moment(), "what the clock said stays in the journal"


def test_of_two_tickets_with_one_code_the_one_that_was_found_is_meant(door):
    assert door.scan("TKT-ADA1").scan.verdict.reason is Reason.AMBIGUOUS
    assert door.do("check", ticketId="t-3", token="a").scan.verdict.ticket == TWIN


def test_a_double_click_does_it_once(door):
    first, again = (door.do("check", ticketId="t-1", token="a") for _ in range(2))
    assert (again.scan.seq, again.repeated) == (first.scan.seq, True)
    assert door.do("check", ticketId="t-2", token="a").scan == first.scan, "a token stands for one decision"


def test_out_by_hand(door):
    door.do("check", ticketId="t-1", token="a")
    answer = door.do("check", ticketId="t-1", type="checkout", token="b")
    assert (answer.scan.verdict.direction, answer.scan.verdict.reason) == (Direction.CHECKOUT, Reason.OK)


def test_a_ticket_of_a_list_that_still_arrives_is_found_by_its_code(door):
    with closing(Cache(door.directory)) as store:
        store.append([Listed(Ticket("t-9", "TKT-NEW9", EVENT, "type-1"))], store.list_of(EVENT))
    assert door.do("check", ticketId="t-9", code="TKT-NEW9", token="a").scan.verdict.reason is Reason.OK
    assert door.do("check", ticketId="t-8", code="TKT-NEW9", token="b").facts["refused"] == "no_ticket"


def test_an_override_is_a_scan_of_its_own_that_knows_what_it_overrides(door):
    declined = door.scan("TKT-BOB2").scan
    scan = door.override(declined.seq, reason="  the organiser\nknows him ").scan
    verdict = scan.verdict
    assert (verdict.result, verdict.reason, verdict.ticket.id) == (Result.APPROVED, Reason.OVERRIDDEN, "t-2")
    assert verdict.facts == {"overrides": "1", "declined": "invalid", "why": "the organiser knows him", "by": "staff"}
    assert (scan.barcode, scan.lane, scan.deliverable) == ("TKT-BOB2", "manual", True)
    assert door.noted == [("override", {"by": "staff", "scan": 2, "overrides": 1, "declined": "invalid"})]
    assert door.scan("TKT-BOB2", 60).scan.verdict.reason is Reason.INVALID


def test_one_declined_scan_is_overridden_once_even_by_two_pages_and_across_a_restart(door):
    seq = door.scan("TKT-BOB2").scan.seq
    first = door.override(seq, "page one")
    second = door.override(seq, "page two")
    assert (second.scan.seq, second.repeated) == (first.scan.seq, True)
    door.journal.close()
    door.open()
    assert door.override(seq, "page one").scan.seq == first.scan.seq


@pytest.mark.parametrize("reason", sorted(FINAL))
def test_what_leaves_open_who_it_is_is_never_overridden(door, reason):
    ticket = ADA if reason is Reason.REISSUED else None
    assert door.override(door.record(reason, ticket).seq).facts["refused"] == "not_overridable"


@pytest.mark.parametrize("reason", sorted(set(Reason) - FINAL - {Reason.OK, Reason.OVERRIDDEN, Reason.NOT_INSIDE}))
def test_every_rule_may_be_overridden(door, reason):
    assert door.override(door.record(reason, ADA).seq).scan.verdict.reason is Reason.OVERRIDDEN


def test_an_old_verdict_or_one_of_another_boot_is_not_overridden(door):
    seq = door.scan("TKT-BOB2").scan.seq
    assert door.override(seq, seconds=OVERRIDE_WITHIN_S + 1).facts["refused"] == "too_old"
    assert door.override(seq, boot="boot-2").facts["refused"] == "too_old"
    assert door.override(seq, seconds=OVERRIDE_WITHIN_S - 1).scan is not None


def test_who_was_admitted_since_is_not_admitted_again(door):
    seq = door.record(Reason.TOO_EARLY, ADA).seq
    door.do("check", 1.0, ticketId="t-1", token="x")
    assert door.override(seq, seconds=2.0).facts["refused"] == "admitted_since"


def test_an_override_that_was_taken_back_may_be_made_once_more_and_is_one_more_scan(door):
    seq = door.scan("TKT-BOB2").scan.seq
    first = door.override(seq).scan
    door.gate.take(Reading("manual", "", b"", moment(2.0), annuls=Annulment(first.seq, force=True)))
    again = door.override(seq, token="b", seconds=3.0)
    assert (again.scan.verdict.reason, again.repeated) == (Reason.OVERRIDDEN, False)
    assert again.scan.seq > first.seq, "nobody is told of an admission that is not in force"
    assert door.override(seq, token="c", seconds=4.0).scan.seq == again.scan.seq


def test_an_override_wants_a_reason_a_declined_scan_and_an_open_gate(door):
    seq = door.scan("TKT-BOB2").scan.seq
    assert door.override(seq, reason=" \n ").facts["refused"] == "no_reason"
    assert door.override(99).facts["refused"] == "no_scan"
    approved = door.do("check", ticketId="t-1", token="c").scan
    assert door.override(approved.seq).facts["refused"] == "not_declined"
    door.rules = Rules({})
    assert door.override(seq).notice is Notice.NO_EVENT


def test_what_cannot_be_recorded_is_not_admitted_and_may_be_tried_again(door):
    seq = door.scan("TKT-BOB2").scan.seq
    append = door.journal.append

    def broken(reading, verdict):
        raise NotRecorded("disk full")

    door.journal.append = broken
    assert door.override(seq).scan is None
    assert door.gate.fault == "disk full"
    assert door.noted == []
    door.journal.append = append
    assert door.override(seq).scan.verdict.result is Result.APPROVED


def test_choices_are_handed_on_and_a_refusal_is_told(door):
    assert door.do("choose", choices={"scanType": "checkout"}, by="staff").facts == {"done": True}
    assert door.chosen == [({"scanType": "checkout"}, "staff")]

    def refused(_words, _by):
        raise Refused("locked")

    door.desk.choose = refused
    answer = door.do("choose", choices={})
    assert (answer.message, answer.facts["refused"], answer.facts["text"]) == ("locked", "choice", "locked")


def test_pins_are_counted_and_who_is_locked_out_is_written_down_once(door):
    assert [door.do("try").facts for _ in range(4)] == [
        {"waitSeconds": 0, "thenSeconds": 0}, {"waitSeconds": 0, "thenSeconds": 0},
        {"waitSeconds": 0, "thenSeconds": 30}, {"waitSeconds": 30, "thenSeconds": 30},
    ]  # fmt: skip
    assert door.noted == [("PIN tried", {"times": 3, "lockedSeconds": 30})]
    door.do("signed in")
    assert door.do("try").facts == {"waitSeconds": 0, "thenSeconds": 0}


@pytest.mark.parametrize(
    ("what", "words"),
    [("dance", {}), ("check", {}), ("check", {"ticketId": "t-1"}),
     ("check", {"ticketId": "t-1", "type": "up", "token": "a"}),
     ("override", {"seq": "x", "reason": "a", "token": "b"}), ("override", {"seq": None, "reason": "a", "token": "b"}),
     ("override", {}), ("choose", {})],
)  # fmt: skip
def test_what_is_no_order_is_refused_and_records_nothing(door, what, words):
    assert door.do(what, **words).facts["refused"] == "malformed"
    assert door.journal.upto == 0


def test_a_gate_without_a_desk_takes_no_orders(door):
    door.gate.desk = None
    assert door.do("check", ticketId="t-1", token="a").facts["refused"] == "malformed"


def test_a_long_reason_is_cut(door):
    scan = door.override(door.scan("TKT-BOB2").scan.seq, reason="x" * 10_000).scan
    assert len(scan.verdict.facts["why"]) == 200


def test_an_order_to_calibrate_is_handed_on_and_its_refusal_is_an_answer(door):
    asked = []

    def bench(words, by, now_ns):
        asked.append((dict(words), by, now_ns))
        if words["step"] == "use":
            raise Refused("it is over")
        return {"state": "listening"}

    assert door.do("calibrate", scanner="left", step="begin").facts["refused"] == "malformed"
    door.desk.calibrate = bench
    answer = door.do("calibrate", scanner="left", step="begin", by="staff\n\x1b")
    assert (answer.scan, answer.facts) == (None, {"state": "listening"})
    assert asked[0][1:] == ("staff", moment().boottime_ns)
    refused = door.do("calibrate", scanner="left", step="use")
    assert (refused.facts["refused"], refused.message) == ("calibration", "it is over")
    assert door.do("calibrate", scanner="left").facts["refused"] == "malformed"
