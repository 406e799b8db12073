"""The mind: decides, records, and only then tells; and the whole program, as it runs at the door."""

import json
import logging
import os
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk import decode, pulse, words
from kiosk.errors import GateNotRunning, NotRecorded
from kiosk.gate import Gate
from kiosk.model import (
    Answer,
    Direction,
    EventRules,
    Listed,
    Lookup,
    Moment,
    Notice,
    Passage,
    Reading,
    Reason,
    Result,
    Rules,
    Ticket,
)
from kiosk.scanners.socket import ask
from kiosk.signals import Signal, passage
from kiosk.signals import signal as signal_of
from kiosk.store import journal as journals
from kiosk.store import past
from kiosk.store.cache import Cache, ElsewhereScan
from kiosk.store.journal import Journal
from kiosk.store.ticketlist import TicketList
from kiosk.store.tickets import DEVICE_SETTINGS, ListState
from kiosk.variants import RULES as CODE_RULES

NO_EVENT, NOT_RECORDED = words.notice(Notice.NO_EVENT), words.notice(Notice.NOT_RECORDED)
AT = datetime(2026, 6, 1, 19, 30, tzinfo=UTC)
EVENT = "e-1"
RULES = Rules({EVENT: EventRules()})
HOLD_OFF_S = 3.0
ADA = Ticket("t-1", "TKT-ADA1", EVENT, "type-1", name="Ada Löwe")
BOB = Ticket("t-2", "TKT-BOB2", EVENT, "type-1", name="Bob")


def moment(seconds: float = 0.0, *, wall_s: float | None = None, boot: str = "boot-1") -> Moment:
    at = AT + timedelta(seconds=seconds if wall_s is None else wall_s)
    return Moment(at, 10**12 + int(seconds * 1e9), boot)


def reading(code: str, seconds: float = 0.0, lane: str = "left", direction: Direction | None = None) -> Reading:
    return Reading(lane, code, code.encode(), moment(seconds), None, direction)


class Door:
    """A gate with its real files, asked without a thread."""

    def __init__(self, directory, rules: Rules = RULES, code_rules=tuple(CODE_RULES)) -> None:
        self.directory, self.rules = directory, rules
        self.journal, self.tickets = Journal(directory, "north"), TicketList(directory, code_rules)
        self.gate = Gate(self.journal, self.tickets, lambda: self.rules, hold_off_s=HOLD_OFF_S)

    def scan(self, code: str, seconds: float = 0.0, lane: str = "left", direction: Direction | None = None) -> Answer:
        return self.gate.take(reading(code, seconds, lane, direction))

    def reasons(self) -> list[Reason]:
        return [scan.verdict.reason for scan in recorded(self.directory)]

    def close(self) -> None:
        self.tickets.close()
        self.journal.close()


def recorded(directory):
    with closing(journals.reader(directory)) as database:
        return list(past.scans_after(database, 0))


@pytest.fixture
def pen(tmp_path):
    """A list with two tickets, whole and fresh."""
    with closing(Cache(tmp_path)) as opened:
        opened.store([Listed(ADA), Listed(BOB)], ListState(EVENT, "cloud", complete=True, checked=moment()))
        yield opened


@pytest.fixture
def door(tmp_path, pen):
    with closing(Door(tmp_path)) as opened:
        yield opened


def reason(answer: Answer) -> Reason:
    assert answer.scan is not None
    return answer.scan.verdict.reason


# --- the verdict, and its history ------------------------------------------------------------------------------------


def test_a_ticket_is_welcome_once_and_then_already_in_since_then_at_this_gate(door):
    first, again = door.scan(ADA.barcode), door.scan(ADA.barcode, 60)
    assert (reason(first), first.message, first.repeated) == (Reason.OK, words.SENTENCES[Reason.OK], False)
    assert reason(again) is Reason.ALREADY_IN
    assert again.scan.verdict.facts == {"at": AT.isoformat(), "gate": "north"}
    assert door.reasons() == [Reason.OK, Reason.ALREADY_IN]


def test_every_answer_is_the_scan_that_was_recorded(door):
    answers = [door.scan(code, n * 10) for n, code in enumerate([ADA.barcode, "NOBODY", BOB.barcode, ADA.barcode])]
    assert [answer.scan for answer in answers] == recorded(door.directory)
    assert [answer.scan.seq for answer in answers] == [1, 2, 3, 4]


def test_an_unreadable_code_is_declined_and_recorded_with_its_bytes(door):
    answer = door.gate.take(decode.whole(b"AB\xff\xfe", "left", moment()))
    assert (reason(answer), answer.scan.raw) == (Reason.UNREADABLE, b"AB\xff\xfe")
    assert recorded(door.directory) == [answer.scan]


def test_who_went_in_elsewhere_is_already_in_and_told_where(door, pen):
    pen.store_elsewhere(
        [ElsewhereScan("s-1", EVENT, ADA.id, Passage(Direction.CHECKIN, AT - timedelta(hours=1), "south"))]
    )
    answer = door.scan(ADA.barcode)
    assert reason(answer) is Reason.ALREADY_IN
    assert answer.scan.verdict.facts == {"at": (AT - timedelta(hours=1)).isoformat(), "gate": "south"}


IN, OUT = Direction.CHECKIN, Direction.CHECKOUT


@pytest.mark.parametrize(
    ("here", "elsewhere", "expected"),
    [
        ([(10, IN)], [(20, OUT)], Reason.OK),
        ([(10, IN), (20, OUT)], [(30, IN)], Reason.ALREADY_IN),
        ([(20, OUT)], [(10, IN)], Reason.OK),
        ([(10, IN), (30, OUT)], [(40, IN), (50, OUT)], Reason.OK),
        ([(10, IN), (40, IN)], [(20, OUT)], Reason.ALREADY_IN),
    ],
)
def test_history_is_what_happened_here_and_elsewhere_together(door, pen, here, elsewhere, expected):
    door.rules = replace(RULES, multi_checkin=True)
    events = [(at_s, direction, True) for at_s, direction in here]
    events += [(at_s, direction, False) for at_s, direction in elsewhere]
    for at_s, direction, at_this_door in sorted(events):
        if at_this_door:
            assert door.scan(ADA.barcode, at_s, direction=direction).scan.verdict.result is Result.APPROVED
        else:
            passage = Passage(direction, AT + timedelta(seconds=at_s), "south")
            pen.store_elsewhere([ElsewhereScan(f"s-{at_s}", EVENT, ADA.id, passage)])
    assert reason(door.scan(ADA.barcode, 100)) is expected


def test_the_last_time_in_is_told_wherever_it_was(door, pen):
    door.rules = replace(RULES, multi_checkin=True)
    for at_s, direction in ((10, IN), (20, OUT)):
        door.scan(ADA.barcode, at_s, direction=direction)
    pen.store_elsewhere([ElsewhereScan("s-1", EVENT, ADA.id, Passage(IN, AT + timedelta(seconds=15), "south"))])
    facts = door.scan(ADA.barcode, 30).scan.verdict.facts
    assert facts == {"at": (AT + timedelta(seconds=15)).isoformat(), "gate": "south"}


def test_a_lane_may_say_the_direction_and_else_the_rules_do(door):
    assert door.scan(ADA.barcode, 0, direction=OUT).scan.verdict.direction is OUT
    assert door.scan(ADA.barcode, 10).scan.verdict.direction is IN
    door.rules = replace(RULES, direction=OUT)
    assert door.scan(ADA.barcode, 20).scan.verdict.direction is OUT
    assert door.scan(ADA.barcode, 30, direction=IN).scan.verdict.direction is IN


def test_rules_that_change_hold_from_the_next_code_on(door):
    door.rules = replace(RULES, events={EVENT: EventRules(ticket_types=frozenset({"vip"}))})
    assert reason(door.scan(ADA.barcode)) is Reason.TICKET_TYPE
    door.rules = RULES
    assert reason(door.scan(ADA.barcode, 10)) is Reason.OK


def test_without_an_event_the_gate_is_closed_and_nothing_is_recorded(door):
    door.rules = Rules({})
    answer = door.scan(ADA.barcode)
    assert (answer.scan, answer.message, answer.repeated) == (None, NO_EVENT, False)
    assert recorded(door.directory) == []
    door.rules = RULES
    assert reason(door.scan(ADA.barcode, 1)) is Reason.OK  # it was not held off either


# --- the hold-off ----------------------------------------------------------------------------------------------------


def test_the_same_code_within_the_hold_off_is_the_same_answer_and_no_new_row(door):
    first = door.scan(ADA.barcode)
    again = door.scan(ADA.barcode, HOLD_OFF_S - 0.001)
    assert again == replace(first, repeated=True)
    assert door.reasons() == [Reason.OK]


def test_the_hold_off_ends_exactly_when_it_should(door):
    door.scan(ADA.barcode)
    assert reason(door.scan(ADA.barcode, HOLD_OFF_S)) is Reason.ALREADY_IN


def test_a_code_that_stays_in_front_of_its_scanner_is_one_scan_however_long_it_stays(door):
    first = door.scan(ADA.barcode)
    for number in range(1, 30):
        assert door.scan(ADA.barcode, number * (HOLD_OFF_S - 0.5)) == replace(first, repeated=True)
    assert door.reasons() == [Reason.OK]
    gone = 29 * (HOLD_OFF_S - 0.5) + HOLD_OFF_S
    assert reason(door.scan(ADA.barcode, gone)) is Reason.ALREADY_IN


def test_the_same_code_at_another_lane_is_a_scan_of_its_own(door):
    assert reason(door.scan(ADA.barcode, 0, "left")) is Reason.OK
    assert reason(door.scan(ADA.barcode, 0.1, "right")) is Reason.ALREADY_IN
    assert door.scan(ADA.barcode, 0.2, "left").repeated
    assert door.scan(ADA.barcode, 0.3, "right").repeated


def test_the_same_code_in_the_other_direction_is_a_scan_of_its_own(door):
    door.scan(ADA.barcode)
    assert reason(door.scan(ADA.barcode, 0.1, direction=OUT)) is Reason.OK
    assert door.reasons() == [Reason.OK, Reason.OK]


def test_another_code_is_never_held_off(door):
    door.scan(ADA.barcode)
    assert reason(door.scan(BOB.barcode, 0.01)) is Reason.OK


def test_a_code_with_a_flaw_is_never_held_off_and_holds_nothing_off(door):
    door.scan(ADA.barcode)
    for number, code in enumerate(["AB", "AB", ADA.barcode]):
        torn = Reading("left", code, code.encode(), moment(0.1 * number), decode.KEYS_LOST)
        assert reason(door.gate.take(torn)) is Reason.UNREADABLE
    assert door.scan(ADA.barcode, 0.5).repeated
    assert not door.scan("AB", 0.6).repeated


@pytest.mark.parametrize("step_s", [-7200, 7200])
def test_the_hold_off_counts_by_a_clock_that_nobody_sets(door, step_s):
    door.scan(ADA.barcode)
    stepped = replace(reading(ADA.barcode), moment=moment(1, wall_s=step_s))
    assert door.gate.take(stepped).repeated
    assert not door.gate.take(replace(stepped, moment=moment(10, wall_s=step_s))).repeated


# --- the hold-off, and what a scanner makes of a code ----------------------------------------------------------------

FORMS = ["TKT-ADA1", "]Q1TKT-ADA1", "\\000026TKT-ADA1", "]Q2\\000026TKT-ADA1", "https://t.example/TKT-ADA1", "tkt-ada1"]


@pytest.mark.parametrize("second", FORMS)
@pytest.mark.parametrize("first", FORMS)
def test_a_scanner_that_sends_every_code_twice_in_two_forms_makes_one_scan_of_it(door, first, second):
    answer = door.scan(first)
    assert (reason(answer), answer.scan.barcode) == (Reason.OK, ADA.barcode)
    assert door.scan(second, 0.05) == replace(answer, repeated=True)
    assert door.reasons() == [Reason.OK]
    assert reason(door.scan(second, 0.05 + HOLD_OFF_S)) is Reason.ALREADY_IN


def test_a_code_that_nobody_has_is_one_scan_too_when_it_is_sent_twice_in_two_forms(door):
    for number, code in enumerate(["]Q1NOBODY-01", "NOBODY-01", "]Q1NOBODY-01", "\\000026NOBODY-01"]):
        assert door.scan(code, number).repeated == bool(number)
    assert [scan.barcode for scan in recorded(door.directory)] == ["]Q1NOBODY-01"]


def test_a_ticket_held_in_front_of_its_scanner_for_five_seconds_is_one_scan_in_whatever_form_it_comes(door):
    for tenth in range(0, 50, 2):
        assert reason(door.scan(FORMS[tenth % len(FORMS)], tenth / 10)) is Reason.OK
    assert door.scan(FORMS[0], 4.8 + HOLD_OFF_S - 0.001).repeated
    assert door.reasons() == [Reason.OK]


def test_two_tickets_that_differ_by_a_prefix_alone_are_two_scans(door, pen):
    """A look at the whole list will refuse the rule; until then exact comes first."""
    pen.append([Listed(replace(ADA, id="t-3", barcode=f"https://t.example/{ADA.barcode}"))], pen.list_of(EVENT))
    pen.settle()
    for seconds, form in ((0, FORMS[0]), (0.1, FORMS[4]), (0.2, FORMS[0])):
        door.scan(form, seconds)
    assert [scan.verdict.ticket.id for scan in recorded(door.directory)] == ["t-1", "t-3", "t-1"]


def test_two_tickets_within_the_hold_off_are_two_scans_whatever_is_before_their_codes(door):
    for number, code in enumerate([ADA.barcode, f"]Q1{BOB.barcode}", f"]Q1{ADA.barcode}", BOB.barcode]):
        assert not door.scan(code, number / 10).repeated
    assert door.reasons() == [Reason.OK, Reason.OK, Reason.ALREADY_IN, Reason.ALREADY_IN]


def test_the_hold_off_of_a_code_with_a_prefix_outlives_a_restart(door):
    first = door.scan("]Q1TKT-ADA1")
    restarted(door, moment(1))
    again = door.scan("]Q1TKT-ADA1", 2)
    assert (again.repeated, again.scan.id) == (True, first.scan.id)


# --- by rule ---------------------------------------------------------------------------------------------------------


def test_a_code_that_is_a_tickets_by_rule_goes_on_under_the_tickets_code_with_its_bytes_as_they_came(door, caplog):
    caplog.set_level(logging.INFO)
    sent = "]Q2\\000026TKT-ADA1"
    scan = door.scan(sent).scan
    assert (scan.barcode, scan.raw, scan.verdict.ticket.id) == (ADA.barcode, sent.encode(), ADA.id)
    assert (scan.verdict.reason, scan.verdict.rule) == (Reason.OK, "aim+eci")
    assert recorded(door.directory) == [scan]
    assert "scan 1 left checkin approved ok …ADA1 by aim+eci" in caplog.text
    assert "000026" not in caplog.text
    declined = door.scan(sent, 60).scan.verdict
    assert (declined.reason, declined.rule, declined.facts["gate"]) == (Reason.ALREADY_IN, "aim+eci", "north")


def test_a_code_that_is_the_tickets_as_it_came_has_no_rule(door, caplog):
    caplog.set_level(logging.INFO)
    scan = door.scan(ADA.barcode).scan
    assert (scan.verdict.rule, scan.verdict.facts, scan.raw) == (None, {}, None)
    assert " by " not in caplog.text


def test_a_code_that_nobody_has_is_recorded_as_it_came(door):
    scan = door.scan("]Q1NOBODY-01").scan
    assert (scan.verdict.reason, scan.barcode, scan.verdict.rule) == (Reason.UNKNOWN, "]Q1NOBODY-01", None)


def restarted(door: Door, now: Moment) -> Door:
    door.close()
    door.__init__(door.directory, door.rules)
    door.gate.remember(now)
    return door


def test_the_hold_off_outlives_a_restart_lane_by_lane(door):
    first = door.scan(ADA.barcode, 0, "left")
    other = door.scan("NOBODY", 0.5, "right")
    door.gate.take(Reading("left", "AB", b"AB", moment(0.7), decode.KEYS_LOST))
    restarted(door, moment(1))
    again = door.scan(ADA.barcode, 2, "left")
    assert (again.repeated, again.scan.id, again.message) == (True, first.scan.id, first.message)
    assert door.scan("NOBODY", 2, "right").scan.id == other.scan.id
    assert len(door.reasons()) == 3


def test_after_a_restart_nothing_is_held_off_that_was_not_or_not_any_more(door):
    door.scan(ADA.barcode, 0)
    door.scan(BOB.barcode, 1)
    restarted(door, moment(2))
    assert reason(door.scan(ADA.barcode, 2)) is Reason.ALREADY_IN  # another code came after it
    restarted(door, moment(10))
    assert reason(door.scan(ADA.barcode, 10)) is Reason.ALREADY_IN


def test_after_a_reboot_nothing_is_held_off(door):
    door.scan(ADA.barcode)
    restarted(door, moment(1, boot="boot-2"))
    assert not door.gate.take(replace(reading(ADA.barcode), moment=moment(1, boot="boot-2"))).repeated


CODES = st.sampled_from([ADA.barcode, BOB.barcode, "NOBODY"])
READINGS = st.tuples(st.integers(0, 5_000), CODES, st.sampled_from(["left", "right"]), st.sampled_from([None, IN, OUT]))


@settings(max_examples=40, deadline=None)
@given(st.lists(READINGS, max_size=25))
def test_each_answer_is_a_new_row_or_the_last_one_of_its_lane_again(tmp_path_factory, evening):
    directory = tmp_path_factory.mktemp("door")
    with closing(Cache(directory)) as pen:
        pen.store([Listed(ADA), Listed(BOB)], ListState(EVENT, "cloud", complete=True, checked=moment()))
    last, rows, now_ms = {}, [], 0
    with closing(Door(directory)) as door:
        for pause_ms, code, lane, direction in evening:
            now_ms += pause_ms
            answer = door.scan(code, now_ms / 1000, lane, direction)
            shown = (code, direction or IN)
            seen, seen_ms, scan = last.get(lane, (None, 0, None))
            held = seen == shown and now_ms - seen_ms < HOLD_OFF_S * 1000
            assert answer.repeated == held
            if held:
                assert answer.scan == scan
            else:
                rows.append(answer.scan)
            last[lane] = (shown, now_ms, answer.scan)
            assert answer.scan.seq <= len(rows)
        assert recorded(directory) == rows
    approved = [row.verdict for row in rows if row.verdict.result is Result.APPROVED]
    for ticket in (ADA, BOB):
        ins = [verdict for verdict in approved if verdict.ticket.id == ticket.id and verdict.direction is IN]
        assert len(ins) <= 1  # without multi check-in nobody is let in twice


# --- recorded, or not admitted ---------------------------------------------------------------------------------------


def test_whoever_is_told_finds_the_scan_on_disk(door):
    found = []

    def asker(answer: Answer) -> None:
        found.append((answer.scan, recorded(door.directory)[-1]))

    for number, code in enumerate([ADA.barcode, "NOBODY"]):
        door.gate.take(replace(reading(code, number), asker=asker))
    assert len(found) == 2
    assert all(told == written for told, written in found)


def test_what_is_shown_counts_every_answer_even_one_without_a_row(door):
    for turn, (code, lane) in enumerate([(ADA.barcode, "left"), (ADA.barcode, "left"), ("NOBODY", "right")], start=1):
        answer = door.scan(code, turn, lane)
        shown = door.gate.shown
        assert (shown.turn, shown.lane, shown.answer) == (turn, lane, answer)
    door.rules = Rules({})
    door.scan(BOB.barcode, 10)
    assert (door.gate.shown.turn, door.gate.shown.answer.message) == (4, NO_EVENT)


@pytest.fixture
def full_disk(door):
    """Files cannot grow any more until this is closed."""
    door.scan("BEFORE")
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = (door.directory / "journal.db-wal").stat().st_size
    with ExitStack() as stack:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, usual[1]))
        stack.callback(resource.setrlimit, resource.RLIMIT_FSIZE, usual)
        yield stack


def test_what_cannot_be_recorded_is_never_approved_and_shows_a_fault_until_something_can_be(door, full_disk, caplog):
    told = []
    for number in range(3):
        answer = door.gate.take(replace(reading(ADA.barcode, number), asker=told.append))
        assert (answer.scan, answer.message, answer.repeated) == (None, NOT_RECORDED, False)
        assert "journal.db" in door.gate.fault
    assert told == [Answer(None, NOT_RECORDED, notice=Notice.NOT_RECORDED)] * 3
    assert "could not be recorded" in caplog.text
    full_disk.close()
    assert reason(door.scan(ADA.barcode, 3)) is Reason.OK  # the guest who waits is not held off, and not in yet
    assert door.gate.fault is None
    assert [scan.barcode for scan in recorded(door.directory)] == ["BEFORE", ADA.barcode]


def test_lamp_and_relay_are_told_after_the_commit_and_of_what_cannot_be_recorded_nothing_that_opens(door, caplog):
    told = []
    door.gate.show = lambda lane, answer: told.append((lane, passage(answer), len(recorded(door.directory))))
    door.scan(ADA.barcode)
    door.scan(ADA.barcode, 1)
    door.scan("NOBODY", 2, lane="right")
    assert told == [("left", Signal.APPROVED, 1), ("left", None, 1), ("right", None, 2)]


def test_what_cannot_be_recorded_opens_nothing(door, full_disk):
    told = []
    door.gate.show = lambda lane, answer: told.append((passage(answer), signal_of(answer)))
    assert door.scan(ADA.barcode).scan is None
    assert told == [(None, Signal.SEE_STAFF)]


def test_a_history_that_cannot_be_read_admits_nobody_and_ends_nothing(tmp_path, pen):
    with closing(Door(tmp_path)) as door:
        door.scan(ADA.barcode)
    with closing(sqlite3.connect(tmp_path / journals.FILE)) as database:
        (page,) = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'scan_by_ticket'").fetchone()
        (size,) = database.execute("PRAGMA page_size").fetchone()
    with (tmp_path / journals.FILE).open("r+b") as damaged:
        damaged.seek((page - 1) * size)
        damaged.write(b"\xff" * size)
    with closing(Door(tmp_path)) as door:
        answer = door.scan(ADA.barcode, 60)
        assert (answer.scan, answer.message) == (None, NOT_RECORDED)
        assert "malformed" in door.gate.fault


def test_a_list_that_is_damaged_is_a_list_that_is_missing_and_the_gate_goes_on(tmp_path):
    (tmp_path / "tickets.db").write_bytes(b"no database at all" * 300)
    with closing(Door(tmp_path)) as door:
        assert reason(door.scan(ADA.barcode)) is Reason.UNKNOWN_STALE
        (tmp_path / "tickets.db").unlink()
        with closing(Cache(tmp_path)) as pen:
            pen.store([Listed(ADA)], ListState(EVENT, "cloud", complete=True, checked=moment()))
            assert reason(door.scan(ADA.barcode, 10)) is Reason.OK


def test_the_log_names_nobody_and_of_a_code_only_its_end(door, caplog):
    caplog.set_level(logging.INFO)
    door.scan(ADA.barcode)
    door.scan("SECRET\x1b[2J", 10)
    assert ADA.name not in caplog.text
    assert ADA.barcode not in caplog.text
    assert "SECRET" not in caplog.text
    assert "scan 1 left checkin approved ok …ADA1" in caplog.text
    assert "\x1b" not in caplog.text


# --- the mind on its thread ------------------------------------------------------------------------------------------


class Mind:
    """A gate that runs on a thread of its own, with its journal."""

    def __init__(self, directory, rules=lambda: RULES) -> None:
        self.directory, self.rules = directory, rules
        self.beats: list[int] = []
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        assert self.ready.wait(10)

    def _run(self) -> None:
        with closing(Journal(self.directory, "north")) as journal, closing(TicketList(self.directory)) as tickets:
            self.gate = Gate(journal, tickets, self.rules, hold_off_s=HOLD_OFF_S)
            self.ready.set()
            self.gate.run(lambda: self.beats.append(self.gate.shown.turn))

    def stop(self) -> None:
        self.gate.stop()
        self.thread.join(10)
        assert not self.thread.is_alive()


@pytest.fixture
def mind(tmp_path, pen):
    started = Mind(tmp_path)
    yield started
    started.stop()


def test_readings_from_many_threads_are_each_answered_once(mind, eventually):
    told: list[Answer] = []

    def hear(lane: str) -> None:
        for number in range(50):
            mind.gate.hear(replace(reading(f"{lane}-{number}", number * 10, lane), asker=told.append))

    lanes = [threading.Thread(target=hear, args=(f"lane{number}",)) for number in range(4)]
    for lane in lanes:
        lane.start()
    eventually("all are answered", lambda: len(told) == 200)
    found = recorded(mind.directory)
    assert [answer.scan for answer in told] == found
    for number in range(4):
        ours = [scan.barcode for scan in found if scan.lane == f"lane{number}"]
        assert ours == [f"lane{number}-{n}" for n in range(50)]


def test_what_came_before_the_stop_is_answered(tmp_path, pen):
    mind, told = Mind(tmp_path), []
    for number in range(20):
        mind.gate.hear(replace(reading(f"K{number}", number), asker=told.append))
    mind.stop()
    assert [answer.scan.barcode for answer in told] == [f"K{number}" for number in range(20)]
    assert mind.gate.backlog("left") == 0


def test_a_mind_without_work_beats_every_second_and_looks_for_a_list(mind, pen, eventually):
    eventually("it beats", lambda: len(mind.beats) >= 3)
    pen.store([Listed(replace(ADA, id="t-9", barcode="LATE"))], ListState(EVENT, "cloud"))
    told: list[Answer] = []
    mind.gate.hear(replace(reading("LATE", 50), asker=told.append))
    eventually("it is answered", lambda: told)
    assert reason(told[0]) is Reason.OK


def test_an_answer_without_a_new_row_is_beaten_at_once(mind, eventually):
    """The display learns of it from the beat alone."""
    eventually("the first beat", lambda: mind.beats)
    for number in range(5):
        mind.gate.hear(reading(ADA.barcode, number))
    began = time.monotonic()
    eventually("the last one is told", lambda: 5 in mind.beats)
    assert time.monotonic() - began < 0.8


class Shelf:
    """A list that counts how often it is looked for."""

    def __init__(self) -> None:
        self.looked = 0

    def look_up(self, code, events, now) -> Lookup:
        return Lookup()

    def elsewhere(self, ticket):
        return ()

    def look_again(self) -> None:
        self.looked += 1


def test_a_door_without_a_pause_looks_for_a_list_every_second_all_the_same(tmp_path):
    shelf, deadline = Shelf(), time.monotonic() + 10
    with closing(Journal(tmp_path, "north")) as journal:
        gate = Gate(journal, shelf, lambda: RULES, hold_off_s=HOLD_OFF_S)

        def next_guest(answer: Answer) -> None:
            if shelf.looked < 3 and time.monotonic() < deadline:
                gate.hear(replace(reading(f"K{answer.scan.seq}", answer.scan.seq), asker=next_guest))
            else:
                gate.stop()

        gate.hear(replace(reading("K0"), asker=next_guest))
        gate.run(lambda: None)
    assert shelf.looked == 3


class SlowRecord:
    """A journal on a card that is nearly dead."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.history, self.recent, self.rest = journal.history, journal.recent, journal.rest

    def append(self, reading, verdict):
        time.sleep(0.02)
        return self._journal.append(reading, verdict)


def test_a_long_recording_does_not_keep_the_end_waiting(tmp_path):
    told: list[Answer] = []
    with closing(Journal(tmp_path, "north")) as journal:
        gate = Gate(SlowRecord(journal), Shelf(), lambda: RULES, hold_off_s=HOLD_OFF_S)
        for number in range(1_000):
            gate.hear(replace(reading(f"K{number}", number), asker=told.append))
        gate.stop()
        began = time.monotonic()
        gate.run(lambda: None)
        assert time.monotonic() - began < 2
    assert 0 < len(told) < 1_000
    assert [answer.scan for answer in told] == recorded(tmp_path)  # nobody was told what is not there, nor the reverse


class Diary:
    """A journal that cannot be tidied."""

    def append(self, reading, verdict):
        raise NotRecorded("full")

    def history(self, ticket):
        return ()

    def recent(self, boot_id, since_ns):
        return ()

    def rest(self, now) -> None:
        raise NotRecorded("journal.db: full")


def test_a_journal_that_cannot_be_tidied_stops_nobody(tmp_path, pen, eventually, caplog):
    beats, told = [], []
    with closing(TicketList(tmp_path)) as tickets:
        gate = Gate(Diary(), tickets, lambda: RULES, hold_off_s=HOLD_OFF_S)

        def beat() -> None:
            beats.append(1)
            if len(beats) == 3:
                gate.hear(replace(reading(ADA.barcode), asker=told.append))
            if told:
                gate.stop()

        gate.run(beat)
    assert told == [Answer(None, NOT_RECORDED, notice=Notice.NOT_RECORDED)]
    assert "could not be tidied" in caplog.text


def test_a_door_that_can_record_nothing_says_so_before_anybody_comes_and_says_it_once(tmp_path, pen, caplog):
    beats, faults = [], []
    with closing(TicketList(tmp_path)) as tickets:
        gate = Gate(Diary(), tickets, lambda: RULES, hold_off_s=HOLD_OFF_S)

        def beat() -> None:
            beats.append(1)
            faults.append(gate.fault)
            if len(beats) == 4:
                gate.stop()

        gate.run(beat)
    assert faults[-1] == "journal.db: full"
    assert caplog.text.count("could not be tidied") == 1


# --- the program -----------------------------------------------------------------------------------------------------


class Program:
    """`kiosk gate` as a process, with manual entry as its only scanner unless there is another."""

    def __init__(self, directory) -> None:
        self.data_dir, self.runtime_dir = directory / "data", directory / "run"
        self.data_dir.mkdir()
        self.desk = self.runtime_dir / "gate.sock"
        self.file, self.log = directory / "kiosk.toml", directory / "gate.log"
        self._running: list[subprocess.Popen[str]] = []
        self.configure(f'events = ["{EVENT}"]')

    def configure(self, gate: str, more: str = "") -> None:
        device = f'id = "north"\ndata_dir = "{self.data_dir}"\nruntime_dir = "{self.runtime_dir}"'
        self.file.write_text(f"[device]\n{device}\n[gate]\n{gate}\n{more}", encoding="utf-8")

    def start(self, *before: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
        with self.log.open("a", encoding="utf-8") as log:
            process = subprocess.Popen(
                [*before, sys.executable, "-m", "kiosk", "gate", "--config", str(self.file), "--allow-volatile"],
                stdin=stdin, stdout=log, stderr=log, text=True,
            )  # fmt: skip
        self._running.append(process)
        return process

    def open(self, *before: str) -> subprocess.Popen[str]:
        """Start, and return when it listens."""
        process = self.start(*before)
        deadline = time.monotonic() + 20
        while not self._listens():
            assert process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return process

    def _listens(self) -> bool:
        facts = pulse.feel(self.runtime_dir, "gate")
        return pulse.alive(facts) and all(scanner["connected"] for scanner in facts["scanners"])

    def scan(self, code: str, direction: Direction | None = None) -> dict[str, object]:
        return ask(self.desk, code, direction)

    def recorded(self):
        return recorded(self.data_dir)

    def close(self) -> None:
        for process in self._running:
            process.kill()
            process.wait()


@pytest.fixture
def program(tmp_path):
    made = Program(tmp_path)
    yield made
    made.close()


@pytest.fixture
def listed(program):
    """Sync's pen in the program's directory, with two tickets."""
    from kiosk import clock

    with closing(Cache(program.data_dir)) as opened:
        opened.store([Listed(ADA), Listed(BOB)], ListState(EVENT, "cloud", complete=True, checked=clock.now()))
        yield opened


def test_the_program_answers_manual_entry_and_records_it(program, listed):
    program.open()
    assert program.scan(ADA.barcode) == {"seq": 1, "message": words.SENTENCES[Reason.OK], "repeated": False}
    assert program.scan(ADA.barcode, Direction.CHECKOUT)["message"] == words.GOODBYE
    assert program.scan("NOBODY")["message"] == words.SENTENCES[Reason.UNKNOWN]
    assert [(scan.lane, scan.device_id, scan.verdict.reason) for scan in program.recorded()] == [
        ("manual", "north", Reason.OK), ("manual", "north", Reason.OK), ("manual", "north", Reason.UNKNOWN),
    ]  # fmt: skip


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_program_ends_cleanly_within_two_seconds_and_leaves_nothing_behind(program, number):
    process = program.open()
    began = time.monotonic()
    process.send_signal(number)
    assert process.wait(10) == 0
    assert time.monotonic() - began < 2
    assert not pulse.alive(pulse.feel(program.runtime_dir, "gate"))
    assert not program.desk.exists()
    assert "Traceback" not in program.log.read_text()
    with pytest.raises(GateNotRunning):
        program.scan("X")


def test_a_second_gate_on_the_same_files_is_refused_and_the_first_goes_on(program):
    first = program.open()
    second = program.start()
    assert second.wait(20) == 1
    assert f"already running here (process {first.pid})" in program.log.read_text()
    assert program.scan("X")["seq"] == 1


def test_kill_9_of_the_program_loses_no_scan_that_was_answered(program):
    answered = []
    for killing in range(3):
        process = program.open()
        lost: list[str] = []

        def hand_in(worker: int, killing: int = killing, lost: list[str] = lost) -> None:
            for number in range(10_000):
                code = f"K{killing}-{worker}-{number}"
                try:
                    answered.append((program.scan(code)["seq"], code))
                except GateNotRunning:
                    lost.append(code)
                    return

        workers = [threading.Thread(target=hand_in, args=(worker,)) for worker in range(3)]
        for worker in workers:
            worker.start()
        enough = len(answered) + 20
        while len(answered) < enough:
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        process.wait()
        for worker in workers:
            worker.join(15)
        assert len(lost) == 3
    found = [(scan.seq, scan.barcode) for scan in program.recorded()]
    assert set(answered) <= set(found)
    assert [seq for seq, _ in found] == list(range(1, len(found) + 1))
    assert len(found) <= len(answered) + 9  # those under way at a kill


@pytest.mark.needs("strace")
def test_nothing_is_told_before_the_sync_of_its_commit_has_ended(program, listed, tmp_path):
    calls = tmp_path / "calls"
    process = program.open(
        "strace", "-f", "-y", "-e", "trace=fdatasync,fsync,sendto,sendmsg", "-e", "signal=none", "-o", str(calls)
    )
    program.scan("FIRST")  # the first one also makes the log
    for number in range(10):
        program.scan(f"K{number}")
    gate = pulse.feel(program.runtime_dir, "gate")
    os.kill(gate["pid"], signal.SIGTERM)  # strace itself would let it run on
    process.wait(10)
    log = re.compile(
        r'(?P<sync>sync)(?:\(\d+<\S*journal\.db-wal>\)| resumed>\)) += 0|send\w+\(.*\\"seq\\": (?P<told>\d+)'
    )
    happened = [found.lastgroup for found in map(log.search, calls.read_text().splitlines()) if found]
    assert happened.count("told") == 11
    first = happened.index("told")
    assert happened[first - 1] == "sync"
    assert happened[first + 1 : first + 21] == ["sync", "told"] * 10


def test_a_full_disk_at_the_running_gate_is_see_staff_and_heals_by_itself(program, listed, eventually):
    process = program.open()
    program.scan("BEFORE")
    size = (program.data_dir / "journal.db-wal").stat().st_size
    usual = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, usual[1]))
    assert program.scan(ADA.barcode) == {"seq": None, "message": NOT_RECORDED, "repeated": False}
    eventually("the fault shows", lambda: (pulse.feel(program.runtime_dir, "gate") or {}).get("fault"))
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, usual)
    assert program.scan(ADA.barcode)["seq"] == 2
    eventually("the fault is gone", lambda: not pulse.feel(program.runtime_dir, "gate")["fault"])


def test_a_gate_whose_files_are_gone_is_not_ready_though_nobody_has_come(program, listed, eventually):
    program.open()
    shutil.rmtree(program.data_dir)
    eventually("the fault shows", lambda: (pulse.feel(program.runtime_dir, "gate") or {}).get("fault"))


def program_shown(program):
    return pulse.feel(program.runtime_dir, "gate")["shown"]


def test_settings_that_arrive_open_a_closed_gate_and_change_it_while_it_runs(program, listed, eventually):
    program.configure("")
    program.open()
    assert program.scan(ADA.barcode) == {"seq": None, "message": NO_EVENT, "repeated": False}
    eventually("the screen is told why", lambda: program_shown(program)["notice"] == "no_event")
    assert program.recorded() == []
    config = {"events": [{"eventId": EVENT}], "scanTypes": {"checkin": True, "checkout": False}}
    listed.store_setting(DEVICE_SETTINGS, {"deviceSettings": {"scanConfig": config}})
    eventually("the gate is open", lambda: pulse.feel(program.runtime_dir, "gate")["events"] == [EVENT])
    assert program.scan(ADA.barcode)["seq"] == 1
    config["scanTypes"] = {"checkin": False, "checkout": True}
    listed.store_setting(DEVICE_SETTINGS, {"deviceSettings": {"scanConfig": config}})
    number = iter(range(1000))
    eventually("it checks out", lambda: program.scan(f"K{next(number)}") and direction(program) is OUT)
    assert program.scan(ADA.barcode)["message"] == words.GOODBYE


def direction(program: Program) -> Direction:
    return program.recorded()[-1].verdict.direction


def test_a_list_that_comes_goes_and_is_damaged_while_the_gate_runs_never_stops_it(program, eventually):
    program.open()
    number = iter(range(1000))

    def said() -> object:
        return program.scan(f"K{next(number)}")["message"]

    stale, unknown = words.SENTENCES[Reason.UNKNOWN_STALE], words.SENTENCES[Reason.UNKNOWN]
    assert said() == stale
    from kiosk import clock

    def store() -> None:
        with closing(Cache(program.data_dir)) as pen:
            pen.store([Listed(ADA)], ListState(EVENT, "cloud", complete=True, checked=clock.now()))

    def remove() -> None:
        for file in program.data_dir.glob("tickets.db*"):
            file.unlink()

    for _ in range(2):
        store()
        eventually("the list is there", lambda: said() == unknown)
        remove()
        (program.data_dir / "tickets.db").write_bytes(b"no database at all" * 300)
        eventually("the list is gone", lambda: said() == stale)
        remove()


def test_a_sign_of_life_that_cannot_be_written_stops_no_gate(program, eventually):
    process = program.open()
    (program.runtime_dir / ".gate.json").mkdir()  # as a full /run: nothing can be written there
    eventually("a beat was missed", lambda: "gate.json" in program.log.read_text())
    assert program.scan("X")["seq"] == 1
    assert process.poll() is None, program.log.read_text()
    missed = pulse.feel(program.runtime_dir, "gate")
    (program.runtime_dir / ".gate.json").rmdir()
    eventually("it beats again", lambda: pulse.feel(program.runtime_dir, "gate") != missed)


def test_a_recording_on_standard_input_is_one_more_scanner(program, listed, eventually):
    program.configure(f'events = ["{EVENT}"]', '[[scanner]]\nname = "tape"\nkind = "replay"\ndevice = "-"\n')
    process = program.start(stdin=subprocess.PIPE)
    process.stdin.write(f"{ADA.barcode}\nNOBODY\n")
    process.stdin.close()
    eventually("both are recorded", lambda: (program.data_dir / "journal.db").exists() and len(seen(program)) == 2)
    assert [(scan.lane, scan.verdict.reason) for scan in program.recorded()] == [
        ("tape", Reason.OK), ("tape", Reason.UNKNOWN),
    ]  # fmt: skip
    assert program.scan("X")["seq"] == 3  # it has ended; the gate has not


def seen(program: Program):
    try:
        return program.recorded()
    except Exception:  # noqa: BLE001  # the file is being made
        return []


@pytest.mark.parametrize("library", ["kiosk.cloud", "httpx", "uvicorn", "starlette"])
def test_the_program_loads_nothing_that_knows_a_network(library):
    script = "import sys, json; import kiosk.cli.gate; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=os.environ)
    assert library not in json.loads(done.stdout)
