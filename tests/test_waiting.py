"""Just bought: who waits for the cloud's word on a code, for how long, and what is said then."""

import threading
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from kiosk import clock, decode, words
from kiosk.errors import NotRecorded
from kiosk.gate import Gate
from kiosk.model import (
    Answer,
    Direction,
    EventRules,
    Listed,
    Lookup,
    Moment,
    Notice,
    Reading,
    Reason,
    Rules,
    Ticket,
    is_barcode,
)
from kiosk.store import journal as journals
from kiosk.store import past, wanted
from kiosk.store.cache import Cache
from kiosk.store.journal import Journal
from kiosk.store.ticketlist import TicketList
from kiosk.store.tickets import WORD_HOLDS_S, ListState
from kiosk.variants import RULES as CODE_RULES
from kiosk.waiting import Waiting

AT = datetime(2026, 6, 1, 19, 30, tzinfo=UTC)
EVENT, ABROAD = "e-1", "e-2"
WAIT_S, HOLD_OFF_S = 0.8, 3.0
RULES = Rules({EVENT: EventRules()})
ADA = Ticket("t-1", "TKT-ADA-1", EVENT, "type-1")
LATE = Ticket("t-9", "JUST-BOUGHT", EVENT, "type-1")
OTHER = "ALSO-UNKNOWN"
IN, OUT = Direction.CHECKIN, Direction.CHECKOUT


def moment(seconds: float = 0.0, boot: str = "boot-1") -> Moment:
    return Moment(AT + timedelta(seconds=seconds), 10**12 + round(seconds * 1e9), boot)


def reading(code: str = LATE.barcode, seconds: float = 0.0, lane: str = "left", asker=None, direction=None) -> Reading:
    return Reading(lane, code, code.encode(), moment(seconds), None, direction, asker)


class Door:
    """A gate with its real files, asked without a thread; the cloud answers when the test says so."""

    def __init__(self, directory, wait_s: float = WAIT_S) -> None:
        self.directory, self.reachable, self.rules = directory, True, RULES
        self.journal, self.cache = Journal(directory, "north"), Cache(directory)
        self.tickets = TicketList(directory, tuple(CODE_RULES))
        self.cache.store([Listed(ADA)], ListState(EVENT, "cloud", complete=True, checked=moment()))
        self.waiting = Waiting(self.tickets, self.journal.want, lambda: self.reachable, round(wait_s * 1000))
        self.gate = Gate(
            self.journal, self.tickets, lambda: self.rules, hold_off_s=HOLD_OFF_S, waiting=self.waiting
        )  # fmt: skip

    def scan(self, code: str = LATE.barcode, seconds: float = 0.0, lane: str = "left", **more) -> Answer | None:
        return self.gate.take(reading(code, seconds, lane, **more))

    def tend(self, seconds: float) -> None:
        self.gate.tend(moment(seconds).boottime_ns)

    def answer(self, seconds: float, *tickets: Ticket, code: str = LATE.barcode) -> None:
        """Store the cloud's word on a code, as sync does."""
        rows = [Listed(ticket) for ticket in tickets]
        self.cache.store_answer(code, rows, self.cache.list_of(EVENT), moment(seconds))

    def rows(self) -> list[tuple[str, Reason]]:
        with closing(journals.reader(self.directory)) as database:
            return [(scan.barcode, scan.verdict.reason) for scan in past.scans_after(database, 0)]

    def wanted(self) -> list[str]:
        with closing(journals.reader(self.directory)) as database:
            return [row.barcode for row in wanted.after(database, 0)]

    def close(self) -> None:
        self.tickets.close()
        self.cache.close()
        self.journal.close()


@pytest.fixture
def door(tmp_path):
    with closing(Door(tmp_path)) as opened:
        yield opened


UNKNOWN = words.SENTENCES[Reason.UNKNOWN]


# --- who waits -------------------------------------------------------------------------------------------------------


def test_a_code_that_is_not_found_is_asked_for_and_neither_decided_nor_recorded_yet(door):
    assert door.scan() is None
    assert (door.wanted(), door.rows(), door.gate.shown.turn) == ([LATE.barcode], [], 0)


def test_who_is_found_never_waits(door):
    assert door.scan(ADA.barcode).scan.verdict.reason is Reason.OK
    door.cache.store([Listed(replace(ADA, barcode="TKT-ADA-2"))], door.cache.list_of(EVENT))
    assert door.scan(ADA.barcode, 1, "right").scan.verdict.reason is Reason.REISSUED
    door.cache.mark_gone([ADA.id], door.cache.list_of(EVENT))
    door.rules = replace(RULES, direction=OUT)
    assert door.scan("TKT-ADA-2", 2).scan.verdict.reason is Reason.OK
    assert door.wanted() == []


def test_without_a_cloud_nobody_waits(door):
    door.reachable = False
    assert door.scan().message == UNKNOWN
    assert door.wanted() == []


def test_who_may_wait_no_time_does_not_wait(tmp_path):
    with closing(Door(tmp_path, wait_s=0)) as door:
        assert door.scan().message == UNKNOWN
        assert door.wanted() == []


def test_a_code_with_a_flaw_does_not_wait(door):
    torn = replace(reading(), flaw=decode.KEYS_LOST)
    assert door.gate.take(torn).scan.verdict.reason is Reason.UNREADABLE
    assert door.wanted() == []


def test_a_closed_gate_asks_for_nothing(door):
    door.rules = Rules({})
    assert door.scan().notice is Notice.NO_EVENT
    assert door.wanted() == []


HOSTILE = {
    "short": "1234567", "long": "x" * 129, "empty": "", "slash": "../../me1", "backslash": "..\\..\\me",
    "dots": ".........", "line": "TICKET\r\nHost: x", "nul": "TICKET\x0001", "turned": "TICKET\u202e01",
    "half a character": "TICKET\ud80001", "tab": "TICKET\t01",
}  # fmt: skip


@pytest.mark.parametrize("code", HOSTILE.values(), ids=HOSTILE)
def test_what_can_be_no_barcode_does_not_wait(door, code):
    assert not is_barcode(code)
    assert not door.waiting.begin(waiting_case(code))
    assert door.wanted() == []


def waiting_case(code: str):
    from kiosk.waiting import Case

    return Case(Reading("left", code, b"", moment()), RULES, code)


@pytest.mark.parametrize("code", ["12345678", "x" * 128, "a b?c=d#e%2F", "Zoë-李-€€€", "v2.....e1"])
def test_what_can_be_a_barcode_waits(door, code):
    assert is_barcode(code)
    assert door.scan(code) is None


def test_one_code_a_second_is_asked_for_whoever_waves_them(door):
    asked = [door.scan(f"UNKNOWN-{n:03}", n / 10, f"lane {n}") is None for n in range(25)]
    assert [n for n, waits in enumerate(asked) if waits] == [0, 10, 20]
    assert door.wanted() == ["UNKNOWN-000", "UNKNOWN-010", "UNKNOWN-020"]


def test_a_code_that_is_asked_for_already_is_waited_for_at_another_lane_too(door):
    assert door.scan(seconds=0, lane="left") is None
    assert door.scan(seconds=0.1, lane="right") is None
    door.answer(0.2, LATE)
    door.tend(0.2)
    assert door.rows() == [(LATE.barcode, Reason.OK), (LATE.barcode, Reason.ALREADY_IN)]
    assert door.wanted() == [LATE.barcode]


def test_a_code_that_was_asked_for_a_moment_ago_is_waited_for_again_and_not_asked_for_twice(door):
    door.scan()
    door.scan(ADA.barcode, 0.1)
    assert door.scan(seconds=0.2) is None
    assert door.scan(OTHER, 0.3, "right").message == UNKNOWN
    assert door.wanted() == [LATE.barcode]


def test_a_journal_in_which_nothing_can_be_wanted_keeps_nobody_waiting(door, caplog):
    def full(code, moment) -> None:
        raise NotRecorded("journal.db: full")

    door.waiting._want = full
    assert door.scan().message == UNKNOWN
    assert "could not be asked for" in caplog.text


# --- what is before a code -------------------------------------------------------------------------------------------

SENT = f"]Q1\\000026{LATE.barcode}"


@pytest.mark.parametrize("sent", [SENT, f"]Q1{LATE.barcode}", f"https://t.example/a/{LATE.barcode}?x=1"])
def test_the_cloud_is_asked_for_the_bare_code_and_its_ticket_is_the_one_that_is_meant(door, sent):
    assert door.scan(sent) is None
    assert door.wanted() == [LATE.barcode]
    door.answer(0.3, LATE)
    door.tend(0.3)
    assert door.rows() == [(LATE.barcode, Reason.OK)]
    assert door.gate.shown.answer.scan.raw == sent.encode()


def test_the_clouds_word_on_the_bare_code_is_its_word_on_what_was_sent(door):
    door.scan(SENT)
    door.answer(0.2)
    door.tend(0.2)
    assert door.rows() == [(SENT, Reason.UNKNOWN)]
    assert not door.gate.shown.answer.scan.verdict.unanswered


def test_a_code_that_is_sent_twice_in_two_forms_waits_once_and_is_one_scan(door):
    told: list[Answer] = []
    for number, code in enumerate([SENT, LATE.barcode, SENT]):
        assert door.scan(code, number / 10, asker=told.append) is None
    assert (door.wanted(), door.rows()) == ([LATE.barcode], [])
    door.answer(0.3, LATE)
    door.tend(0.3)
    assert [answer.message for answer in told] == ["Welcome"] * 3
    assert door.rows() == [(LATE.barcode, Reason.OK)]
    assert door.scan(SENT, 0.2 + HOLD_OFF_S - 0.001).repeated  # it was last seen at 0.2
    assert len(door.rows()) == 1


@pytest.mark.parametrize("seconds", [0.1, 1.1])
def test_a_code_that_is_asked_for_in_another_form_at_another_lane_is_waited_for_there_too(door, seconds):
    assert door.scan(SENT, 0, "left") is None
    assert door.scan(f"]d1{LATE.barcode}", seconds, "right") is None
    assert door.wanted() == [LATE.barcode]


def test_a_code_that_was_asked_for_a_moment_ago_in_another_form_is_not_asked_for_twice(door):
    door.scan(SENT)
    door.scan(ADA.barcode, 0.1)
    assert door.scan(f"]d1{LATE.barcode}", 0.2) is None
    assert door.wanted() == [LATE.barcode]


def test_a_ticket_that_comes_under_a_code_nobody_asked_for_holds_that_code_off_too(door):
    door.scan(SENT.lower())
    door.cache.store([Listed(LATE)], door.cache.list_of(EVENT))
    door.tend(0.3)
    assert door.rows() == [(LATE.barcode, Reason.OK)]
    assert door.scan(LATE.barcode, 1).repeated
    assert door.scan(SENT.lower(), 2).repeated


def test_a_code_that_is_read_again_while_its_gate_gets_other_rules_is_still_the_same_presentation(door):
    door.scan(SENT)
    door.rules = replace(RULES, direction=OUT)
    assert door.scan(LATE.barcode, 0.1) is None
    assert door.rows() == []


def test_who_was_told_to_scan_again_may_do_so_in_another_form(door):
    door.scan(SENT)
    door.tend(WAIT_S)
    assert door.scan(LATE.barcode, 1).message == words.NOT_YET
    door.answer(1.5, LATE)
    assert door.scan(SENT, 1.6).message == "Welcome"
    assert door.rows() == [(SENT, Reason.UNKNOWN), (LATE.barcode, Reason.OK)]


# --- how waiting ends ------------------------------------------------------------------------------------------------


def test_a_ticket_that_comes_in_time_is_admitted_with_one_row_of_the_moment_it_was_read(door):
    told: list[Answer] = []
    door.scan(asker=told.append)
    door.tend(0.2)
    assert told == []
    door.answer(0.3, LATE)
    door.tend(0.3)
    assert [(answer.message, answer.scan.moment) for answer in told] == [("Welcome", moment(0))]
    assert door.rows() == [(LATE.barcode, Reason.OK)]
    assert door.gate.shown.answer == told[0]
    door.tend(5)
    assert len(told) == 1


def test_a_ticket_that_comes_with_an_increment_is_as_good(door):
    door.scan()
    door.cache.store([Listed(LATE)], door.cache.list_of(EVENT))
    door.tend(0.3)
    assert door.rows() == [(LATE.barcode, Reason.OK)]


def test_a_ticket_that_is_for_another_event_is_said_to_be(door):
    door.scan()
    door.answer(0.3, replace(LATE, event_id=ABROAD))
    door.tend(0.3)
    assert door.rows() == [(LATE.barcode, Reason.WRONG_EVENT)]


def test_time_is_asked_at_the_moment_of_the_reading(door):
    door.rules = replace(RULES, check_timeslots=True)
    door.scan()
    door.answer(0.3, replace(LATE, slot_start=AT + timedelta(seconds=0.2)))
    door.tend(0.3)
    assert door.rows() == [(LATE.barcode, Reason.TOO_EARLY)]


def test_the_rules_are_those_of_the_reading(door):
    door.scan()
    door.rules = replace(RULES, direction=OUT)
    door.answer(0.3, LATE)
    door.tend(0.3)
    assert door.gate.shown.answer.scan.verdict.direction is IN


def test_the_clouds_word_that_there_is_no_such_ticket_is_said_at_once(door):
    door.scan()
    door.answer(0.2)
    door.tend(0.2)
    answer = door.gate.shown.answer
    assert (answer.message, answer.scan.verdict.facts) == (UNKNOWN, {})
    assert door.rows() == [(LATE.barcode, Reason.UNKNOWN)]


def test_on_a_list_that_is_old_it_stays_that(door):
    door.rules = replace(RULES, stale_after_s=0.001)
    door.scan(seconds=1)
    door.answer(1.2)
    door.tend(1.2)
    assert door.gate.shown.answer.message == words.SENTENCES[Reason.UNKNOWN_STALE]


def test_after_the_time_the_guest_is_told_to_scan_again(door):
    door.scan()
    door.tend(WAIT_S - 0.001)
    assert door.rows() == []
    door.tend(WAIT_S)
    assert door.gate.shown.answer.message == words.NOT_YET
    assert door.rows() == [(LATE.barcode, Reason.UNKNOWN)]


def test_the_word_of_another_boot_or_on_another_code_is_none(door):
    door.scan()
    door.cache.store_answer(LATE.barcode, (), door.cache.list_of(EVENT), moment(0.1, boot="boot-0"))
    door.answer(0.1, code=OTHER)
    door.tend(0.2)
    assert door.rows() == []


def test_a_code_that_was_answered_lately_is_not_asked_for_again(door):
    door.answer(0)
    assert door.scan(seconds=WORD_HOLDS_S - 0.1) is None
    door.tend(WORD_HOLDS_S - 0.1)
    assert door.gate.shown.answer.message == UNKNOWN
    assert door.wanted() == []
    assert door.scan(seconds=WORD_HOLDS_S + HOLD_OFF_S) is None
    assert door.wanted() == [LATE.barcode]


def test_a_list_that_is_lost_meanwhile_ends_in_a_verdict_too(door):
    door.scan()
    door.cache.close()
    for file in door.directory.glob("tickets.db*"):
        file.unlink()
    door.tend(0.1)
    assert door.rows() == []
    door.tend(WAIT_S)
    assert door.rows() == [(LATE.barcode, Reason.UNKNOWN_STALE)]
    assert door.gate.shown.answer.message == words.NOT_YET
    door.cache = Cache(door.directory)


class Meanwhile:
    """A list into which the cloud's word comes just while it is being asked for."""

    def __init__(self) -> None:
        self.here: tuple[Ticket, ...] = ()
        self.calls = 0

    def look_up(self, code, events, now) -> Lookup:
        return Lookup(self.here, complete=True, age_s=0.0)

    def answered(self, code, moment) -> bool:
        self.calls += 1
        before, self.here = self.here, (LATE,) if self.calls > 1 else ()
        return bool(before)

    def elsewhere(self, ticket):
        return ()

    def look_again(self) -> None:
        pass


@pytest.mark.parametrize("seconds", [0.1, WAIT_S])
def test_a_ticket_that_comes_at_the_very_moment_of_the_decision_is_not_overlooked(tmp_path, seconds):
    with closing(Journal(tmp_path, "north")) as journal:
        shelf = Meanwhile()
        waiting = Waiting(shelf, journal.want, lambda: True, round(WAIT_S * 1000))
        gate = Gate(journal, shelf, lambda: RULES, hold_off_s=HOLD_OFF_S, waiting=waiting)
        assert gate.take(reading()) is None
        gate.tend(moment(seconds).boottime_ns)
        assert gate.shown.answer.message == "Welcome"


# --- a lane goes on --------------------------------------------------------------------------------------------------


def test_another_lane_is_judged_meanwhile(door):
    door.scan(lane="left")
    assert door.scan(ADA.barcode, 0.1, "right").message == "Welcome"
    assert door.rows() == [(ADA.barcode, Reason.OK)]


def test_another_code_at_the_same_lane_settles_the_first_one_and_each_asker_gets_its_own_answer(door):
    first, second = [], []
    door.scan(asker=first.append)
    door.scan(ADA.barcode, 0.1, asker=second.append)
    assert [answer.message for answer in first + second] == [words.NOT_YET, "Welcome"]
    assert door.rows() == [(LATE.barcode, Reason.UNKNOWN), (ADA.barcode, Reason.OK)]


@pytest.mark.parametrize("found", [True, False])
def test_the_first_one_is_settled_with_what_is_known_by_then(door, found):
    door.scan()
    door.answer(0.05, *[LATE] * found)
    door.scan(ADA.barcode, 0.1)
    assert door.rows() == [(LATE.barcode, Reason.OK if found else Reason.UNKNOWN), (ADA.barcode, Reason.OK)]
    with closing(journals.reader(door.directory)) as database:
        assert not past.scans(database, [1])[0].verdict.unanswered


def test_a_torn_code_settles_the_first_one_as_well(door):
    door.scan()
    door.gate.take(replace(reading(seconds=0.1), flaw=decode.KEYS_LOST))
    assert door.rows() == [(LATE.barcode, Reason.UNKNOWN), (LATE.barcode, Reason.UNREADABLE)]


def test_the_other_direction_settles_the_first_one_as_well(door):
    door.scan()
    door.scan(seconds=0.1, direction=OUT)
    assert door.rows() == [(LATE.barcode, Reason.UNKNOWN)]
    door.answer(0.2, LATE)
    door.tend(0.2)
    assert door.rows() == [(LATE.barcode, Reason.UNKNOWN), (LATE.barcode, Reason.NOT_INSIDE)]


def test_the_same_code_read_again_is_the_same_presentation_and_all_who_ask_get_its_one_answer(door):
    told: list[Answer] = []
    for number in range(5):
        assert door.scan(seconds=number / 10, asker=told.append) is None
    door.answer(0.5, LATE)
    door.tend(0.5)
    assert len(told) == 5
    assert len(set(map(id, told))) == 1
    assert door.rows() == [(LATE.barcode, Reason.OK)]
    assert door.scan(seconds=0.4 + HOLD_OFF_S - 0.001).repeated  # it was last seen at 0.4


# --- scanned again ---------------------------------------------------------------------------------------------------


def test_who_was_told_to_scan_again_is_judged_anew_as_soon_as_the_ticket_is_there(door):
    door.scan()
    door.tend(WAIT_S)
    assert door.scan(seconds=1).message == words.NOT_YET
    door.answer(1.5, LATE)
    again = door.scan(seconds=1.6)
    assert (again.message, again.repeated) == ("Welcome", False)
    assert door.rows() == [(LATE.barcode, Reason.UNKNOWN), (LATE.barcode, Reason.OK)]


def test_who_was_told_to_scan_again_hears_it_when_the_cloud_knows_nothing(door):
    door.scan()
    door.tend(WAIT_S)
    door.answer(1.5)
    door.scan(seconds=1.6)
    door.tend(1.6)
    assert door.gate.shown.answer.message == UNKNOWN
    for number in range(20):
        assert door.scan(seconds=1.7 + number).repeated
    assert len(door.rows()) == 2


def test_a_code_that_stays_in_front_of_its_scanner_writes_no_row_for_each_reading_of_it(door):
    door.scan()
    door.tend(WAIT_S)
    for number in range(60):
        assert door.scan(seconds=1 + number / 2) == replace(door.gate.shown.answer, repeated=True)
    assert len(door.rows()) == len(door.wanted()) == 1
    door.cache.store([Listed(LATE)], door.cache.list_of(EVENT))
    assert door.scan(seconds=31).message == "Welcome"


def test_who_comes_back_after_the_hold_off_is_asked_for_again(door):
    door.scan()
    door.tend(WAIT_S)
    assert door.scan(seconds=HOLD_OFF_S) is None
    assert door.wanted() == [LATE.barcode] * 2


def test_a_ticket_that_is_not_there_yet_holds_no_other_answer_up(door):
    """The hold-off of a plain verdict is as it was."""
    assert door.scan(ADA.barcode, 0).message == "Welcome"
    assert door.scan(ADA.barcode, 1).repeated
    door.reachable = False
    door.scan(seconds=2)
    door.answer(2.5, LATE)
    assert door.scan(seconds=2.6).repeated


def test_after_a_restart_it_is_known_still_who_was_told_to_scan_again(tmp_path):
    with closing(Door(tmp_path)) as door:
        door.scan()
        door.tend(WAIT_S)
    with closing(Door(tmp_path)) as door:
        door.gate.remember(moment(1))
        assert door.scan(seconds=1).message == words.NOT_YET
        door.answer(1.5, LATE)
        assert door.scan(seconds=1.6).message == "Welcome"


# --- the mind on its thread ------------------------------------------------------------------------------------------


class Mind:
    """A gate that runs on a thread of its own."""

    def __init__(self, directory, wait_ms: int) -> None:
        self.directory, self.wait_ms = directory, wait_ms
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        assert self.ready.wait(10)

    def _run(self) -> None:
        with closing(Journal(self.directory, "north")) as journal, closing(TicketList(self.directory)) as tickets:
            waiting = Waiting(tickets, journal.want, lambda: True, self.wait_ms)
            self.gate = Gate(journal, tickets, lambda: RULES, hold_off_s=HOLD_OFF_S, waiting=waiting)
            self.ready.set()
            self.gate.run(lambda: None)

    def stop(self) -> None:
        self.gate.stop()
        self.thread.join(10)
        assert not self.thread.is_alive()


def now_reading(code: str, lane: str, told: list) -> Reading:
    return Reading(lane, code, code.encode(), clock.now(), asker=lambda answer: told.append((answer, clock.now())))


def waited_s(read: Reading, told: Moment) -> float:
    return (told.boottime_ns - read.moment.boottime_ns) / 1e9


@pytest.fixture
def list_(tmp_path):
    with closing(Cache(tmp_path)) as opened:
        opened.store([Listed(ADA)], ListState(EVENT, "cloud", complete=True, checked=clock.now()))
        yield opened


def test_a_running_mind_answers_within_moments_of_the_clouds_word_and_others_at_once(tmp_path, list_, eventually):
    mind, late, ada = Mind(tmp_path, 5_000), [], []
    guest = now_reading(LATE.barcode, "left", late)
    mind.gate.hear(guest)
    other = now_reading(ADA.barcode, "right", ada)
    mind.gate.hear(other)
    eventually("the other lane is answered", lambda: ada)
    assert waited_s(other, ada[0][1]) < 0.4
    assert late == []
    answered = clock.now()
    list_.store_answer(LATE.barcode, [Listed(LATE)], list_.list_of(EVENT), answered)
    eventually("the guest is answered", lambda: late)
    assert (late[0][1].boottime_ns - answered.boottime_ns) / 1e9 < 0.4
    assert late[0][0].message == "Welcome"
    mind.stop()


def test_a_running_mind_waits_as_long_as_it_may_and_no_longer(tmp_path, list_, eventually):
    mind, told = Mind(tmp_path, 300), []
    guest = now_reading(LATE.barcode, "left", told)
    mind.gate.hear(guest)
    eventually("it is answered", lambda: told)
    assert 0.3 <= waited_s(guest, told[0][1]) < 0.8
    assert told[0][0].message == words.NOT_YET
    mind.stop()


def test_at_the_end_everybody_who_waits_is_answered_and_recorded(tmp_path, list_, eventually):
    mind, told = Mind(tmp_path, 5_000), []
    mind.gate.hear(now_reading(LATE.barcode, "left", told))
    mind.gate.hear(now_reading(LATE.barcode, "right", told))
    mind.stop()
    assert [answer.message for answer, _ in told] == [words.NOT_YET] * 2
    assert [answer.scan.lane for answer, _ in told] == ["left", "right"]


def test_a_mind_that_breaks_answers_who_waits_before_it_goes(tmp_path, list_):
    told: list[Answer] = []
    with closing(Journal(tmp_path, "north")) as journal, closing(TicketList(tmp_path)) as tickets:
        waiting = Waiting(tickets, journal.want, lambda: True, 5_000)
        gate = Gate(journal, tickets, lambda: RULES, hold_off_s=HOLD_OFF_S, waiting=waiting)
        gate.take(replace(reading(), moment=clock.now(), asker=told.append))

        def beat() -> None:
            raise RuntimeError("no beat")

        with pytest.raises(RuntimeError):
            gate.run(beat)
    assert [answer.message for answer in told] == [words.NOT_YET]
