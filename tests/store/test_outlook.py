"""The view over all files: what is missing counts as empty, and counting as one goes is as good as counting all."""

from collections import Counter
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.model import Delivery, Direction, Listed, Moment, Reading, Reason, Result, Ticket, Verdict
from kiosk.store import past
from kiosk.store import tickets as lists
from kiosk.store.cache import Cache
from kiosk.store.journal import Journal
from kiosk.store.ledger import Entry, Ledger
from kiosk.store.outlook import Outlook
from kiosk.store.tickets import ListState

AT = datetime(2026, 6, 1, 19, 30, tzinfo=UTC)
TICKET = Ticket("t-1", "TKT1", "e-1", "type-1")
IN = Verdict(Direction.CHECKIN, Result.APPROVED, Reason.OK, TICKET)
OUT = Verdict(Direction.CHECKOUT, Result.APPROVED, Reason.OK, TICKET)
OUT_UNSEEN = Verdict(Direction.CHECKOUT, Result.APPROVED, Reason.NOT_INSIDE, TICKET)
AGAIN = Verdict(Direction.CHECKIN, Result.DECLINED, Reason.ALREADY_IN, TICKET)
NOBODY = Verdict(Direction.CHECKIN, Result.DECLINED, Reason.UNKNOWN)
NOBODY_OUT = Verdict(Direction.CHECKOUT, Result.DECLINED, Reason.UNKNOWN)
VERDICTS = [IN, OUT, OUT_UNSEEN, AGAIN, NOBODY, NOBODY_OUT]
EMPTY = {"pending": 0, "inflight": 0, "unknown": 0, "refused": 0, "local": 0, "oldestSeconds": None}
NO_LIST = {"total": 0, "complete": False, "ageSeconds": None, "expected": None, "refused": [], "shrunkTo": None}


def moment(seconds: float = 0.0, *, wall_s: float | None = None, boot: str = "boot-1") -> Moment:
    at = AT + timedelta(seconds=seconds if wall_s is None else wall_s)
    return Moment(at, 10**12 + int(seconds * 1e9), boot)


@pytest.fixture
def outlook(tmp_path):
    with closing(Outlook(tmp_path)) as opened:
        yield opened


def append(journal, *verdicts, at: Moment | None = None):
    return [journal.append(Reading("left", "TKT1", b"TKT1", at or moment()), verdict) for verdict in verdicts]


# --- nothing there yet -----------------------------------------------------------------------------------------------


def test_before_any_program_ran_everything_is_empty(outlook):
    assert outlook.newest() == 0
    assert outlook.scan(1) is None
    assert outlook.counts() == {"checkin": 0, "checkout": 0, "declined": 0, "inside": 0}
    assert outlook.tickets(["e-1"], moment()) == NO_LIST
    assert outlook.settings() is None
    assert outlook.event_names() == {}
    assert outlook.outbox(moment()) == EMPTY


def test_the_settings_are_read_again_when_their_file_has_changed_and_only_then(outlook, tmp_path):
    with closing(Cache(tmp_path)) as pen:
        pen.store_setting(lists.DEVICE_SETTINGS, {"a": 1})
        first = outlook.settings()
        assert outlook.settings() is first == {"a": 1}
        pen.store_setting(lists.DEVICE_SETTINGS, {"a": 2})
        assert outlook.settings() == {"a": 2}


def test_files_that_come_later_are_looked_into(outlook, tmp_path):
    test_before_any_program_ran_everything_is_empty(outlook)
    with closing(Journal(tmp_path, "gate-1")) as journal, closing(Cache(tmp_path)) as pen:
        append(journal, IN)
        pen.store([Listed(TICKET)], ListState("e-1", "cloud", complete=True, checked=moment()))
        pen.store_events({"e-1": "Summer"})
        pen.store_setting(lists.DEVICE_SETTINGS, {"a": 1})
        assert outlook.newest() == 1
        assert outlook.counts()["checkin"] == 1
        assert outlook.outbox(moment(5)) == {**EMPTY, "pending": 1, "oldestSeconds": 5}
        with closing(Ledger(tmp_path)) as ledger:
            ledger.take_in([Entry(outlook.scan(1), Delivery.ACKED)])
            assert outlook.outbox(moment(5)) == EMPTY
        assert outlook.tickets(["e-1"], moment(9)) == NO_LIST | {"total": 1, "complete": True, "ageSeconds": 9}
        assert outlook.event_names() == {"e-1": "Summer"}
        assert outlook.settings() == {"a": 1}


def test_a_scan_is_shown_as_it_is_in_the_journal(outlook, journal):
    scan = append(journal, IN)[0]
    assert outlook.scan(1) == scan
    assert outlook.scan(2) is None


# --- counted as one goes ---------------------------------------------------------------------------------------------


def counted(verdicts) -> dict[str, int]:
    ins = sum(verdict is IN for verdict in verdicts)
    outs = sum(verdict is OUT for verdict in verdicts)
    return {
        "checkin": ins,
        "checkout": outs + sum(verdict is OUT_UNSEEN for verdict in verdicts),
        "declined": sum(verdict.result is Result.DECLINED for verdict in verdicts),
        "inside": ins - outs,
    }


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.sampled_from(VERDICTS), max_size=6), max_size=8))
def test_counting_as_one_goes_gives_what_counting_from_scratch_gives(tmp_path_factory, evening):
    directory = tmp_path_factory.mktemp("outlook")
    so_far = []
    with closing(Journal(directory, "gate-1")) as journal, closing(Outlook(directory)) as outlook:
        for verdicts in evening:
            append(journal, *verdicts)
            so_far += verdicts
            with closing(Outlook(directory)) as fresh:
                assert outlook.counts() == fresh.counts() == outlook.counts() == counted(so_far)
            assert outlook.newest() == len(so_far)


STATES = {Delivery.PENDING, Delivery.INFLIGHT, Delivery.UNKNOWN}


@settings(max_examples=40, deadline=None)
@given(
    verdicts=st.lists(st.sampled_from(VERDICTS), max_size=12),
    entered=st.none() | st.integers(0, 12),
    states=st.lists(st.tuples(st.sampled_from(Delivery), st.booleans()), min_size=12, max_size=12),
)
def test_the_outbox_is_the_journal_less_what_the_ledger_knows_better(tmp_path_factory, verdicts, entered, states):
    directory = tmp_path_factory.mktemp("outlook")
    with closing(Journal(directory, "gate-1")) as journal, closing(Outlook(directory)) as outlook:
        scans = [append(journal, verdict, at=moment(number))[0] for number, verdict in enumerate(verdicts)]
        expected = {scan.seq: scan.begins_as for scan in scans}
        if entered is not None:
            with closing(Ledger(directory)) as ledger:
                known = [
                    Entry(scan, state, report=report)
                    for scan, (state, report) in zip(scans[:entered], states, strict=False)
                ]
                ledger.take_in(known)
                expected |= {entry.scan.seq: entry.state for entry in known}
        waiting = [seq for seq, state in expected.items() if state in STATES]
        by_state = Counter(state.value for state in expected.values() if state is not Delivery.ACKED)
        oldest_s = 100 - (min(waiting) - 1) if waiting else None
        assert outlook.outbox(moment(100)) == {**EMPTY, **by_state, "oldestSeconds": oldest_s}


@pytest.mark.parametrize("step_s", [-7200, 7200])
def test_how_long_the_oldest_waits_does_not_change_with_the_wall_clock(outlook, journal, step_s):
    append(journal, NOBODY, IN, at=moment(0))
    assert outlook.outbox(moment(40, wall_s=step_s))["oldestSeconds"] == 40


def test_after_a_reboot_the_wall_clock_tells_how_long_the_oldest_waits(outlook, journal):
    append(journal, IN, at=moment(0))
    assert outlook.outbox(moment(1, wall_s=3600, boot="boot-2"))["oldestSeconds"] == 3600
    assert outlook.outbox(moment(1, wall_s=-3600, boot="boot-2"))["oldestSeconds"] == 0


# --- how good the list is --------------------------------------------------------------------------------------------


def test_the_list_is_as_good_as_the_worst_of_the_events(outlook, tmp_path):
    whole = ListState("e-1", "cloud", complete=True, checked=moment(0))
    with closing(Cache(tmp_path)) as pen:
        pen.store([Listed(TICKET)], whole)
        pen.store([Listed(replace(TICKET, id="t-2"))], replace(whole, event_id="e-2", checked=moment(30)))
        pen.store_state(replace(whole, event_id="e-3", complete=False))
        pen.store_state(ListState("e-4", "cloud"))

        def found(*events):
            seen = outlook.tickets(events, moment(60))
            assert seen["total"] == 2
            return seen["complete"], seen["ageSeconds"]

        assert found("e-1") == (True, 60)
        assert found("e-2") == (True, 30)
        assert found("e-1", "e-2") == (True, 60)
        assert found("e-2", "e-3") == (False, 60)
        assert found("e-1", "e-4") == (False, None)
        assert found("e-1", "nowhere") == (False, None)
        assert found() == (False, None)


def test_lists_that_still_arrive_say_how_many_tickets_they_will_have(outlook, tmp_path):
    coming = ListState("e-1", "cloud", skip=1, expected=3000)
    with closing(Cache(tmp_path)) as pen:
        pen.append([Listed(TICKET)], coming)
        pen.store_state(replace(coming, event_id="e-2", expected=40))
        pen.store_state(replace(coming, event_id="e-3", skip=0, complete=True))
        assert outlook.tickets(["e-1", "e-2", "e-3", "nowhere"], moment())["expected"] == 3040
        assert outlook.tickets(["e-3"], moment())["expected"] is None
        assert outlook.tickets(["e-1"], moment())["total"] == 1


def test_lists_that_shrank_too_much_to_be_believed_are_named(outlook, tmp_path):
    whole = ListState("e-1", "cloud", complete=True, checked=moment())
    with closing(Cache(tmp_path)) as pen:
        pen.store([Listed(TICKET)], whole)
        pen.keep_aside(["t-1"], replace(whole, shrunk_to=0))
        assert outlook.tickets(["e-1", "e-2"], moment())["refused"] == ["e-1"]
        assert outlook.tickets(["e-2"], moment())["refused"] == []
        pen.accept(lists.lists(pen.database)["e-1"])
        assert outlook.tickets(["e-1"], moment())["refused"] == []


def test_the_tickets_are_counted_again_when_the_list_has_changed(outlook, tmp_path):
    whole = ListState("e-1", "cloud", complete=True, checked=moment(0))
    with closing(Cache(tmp_path)) as pen:
        for number in range(1, 4):
            pen.store([Listed(replace(TICKET, id=f"t-{number}"))], whole)
            assert outlook.tickets(["e-1"], moment())["total"] == number


def test_the_gate_can_write_while_somebody_looks(outlook, journal):
    for number in range(1, 20):
        append(journal, IN)
        assert outlook.newest() == number
        assert outlook.counts()["checkin"] == number
    assert journal._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0  # no read was left open
    assert past.last_seq(journal._database) == 19
