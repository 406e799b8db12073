"""What the cloud has of our journal, scan by scan: states, what may follow which, and which journal it is about."""

import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from kiosk.errors import NoListYet, TooNew
from kiosk.model import Delivery, Direction, Moment, Reason, Result, Scan, Ticket, Verdict
from kiosk.outcome import TRANSITIONS, Outcome
from kiosk.store import ledger as files
from kiosk.store.database import Schema, open_for_writing
from kiosk.store.ledger import Entry, Ledger, Unknown, hand_out_again, withdraw_reports

AT = datetime(2026, 6, 1, 19, 30, tzinfo=UTC)
TICKET = Ticket("t-1", "TKT1", "e-1", "type-1")
KNOWN = Verdict(Direction.CHECKIN, Result.APPROVED, Reason.OK, TICKET)
NOBODY = Verdict(Direction.CHECKIN, Result.DECLINED, Reason.UNKNOWN)
OPEN = {Delivery.PENDING, Delivery.INFLIGHT, Delivery.UNKNOWN}
UNSETTLED = {state for state in Delivery if state is not Delivery.ACKED}
NOW = Moment(AT, 17, "boot-1")


def scan(seq: int, verdict: Verdict = KNOWN) -> Scan:
    return Scan(seq, f"id-{seq}", AT, "gate-1", Moment(AT, seq, "boot-1"), "left", "TKT1", verdict)


def entry(seq: int, state: Delivery = Delivery.PENDING, event: str | None = "e-1", *, report: bool = False) -> Entry:
    return Entry(scan(seq, NOBODY if report else KNOWN), state, None if report else event, report)


def entries(*states: Delivery) -> list[Entry]:
    """Scans in these states, from number 1 on."""
    return [entry(seq, state) for seq, state in enumerate(states, start=1)]


@pytest.fixture
def ledger(tmp_path):
    with closing(Ledger(tmp_path)) as opened:
        yield opened


@pytest.fixture
def reports(tmp_path):
    """The same file, by the pen for reports."""
    with closing(Ledger(tmp_path, report=True)) as opened:
        yield opened


@pytest.fixture
def seen(ledger, tmp_path):
    """The ledger as another program sees it."""
    with closing(files.reader(tmp_path)) as opened:
        yield opened


def found(seen: sqlite3.Connection) -> dict[int, Delivery]:
    return {seq: state for seq, (state, _) in files.states(seen, 0, 999).items()}


# --- taking in -------------------------------------------------------------------------------------------------------


def test_an_empty_ledger_knows_of_nothing(ledger, seen):
    assert (ledger.upto, files.newest(seen), files.oldest(seen)) == (0, 0, None)
    assert (files.unsettled(seen), files.states(seen, 0, 99)) == ({}, {})
    assert all(ledger.numbers(state) == [] for state in Delivery)
    assert (ledger.unknown(), ledger.unplaced(), ledger.outstanding()) == ([], [], 0)
    assert (ledger.attempt(), ledger.journal_mark()) == (None, None)


@pytest.mark.parametrize("state", Delivery)
def test_a_scan_enters_in_the_state_that_is_said(ledger, seen, state):
    ledger.take_in([entry(1, state)])
    assert files.states(seen, 0, 9) == {1: (state, None)}
    assert ledger.upto == files.newest(seen) == 1


def test_a_scan_that_is_taken_in_again_keeps_its_state(ledger, seen):
    ledger.take_in([entry(1, Delivery.ACKED)])
    ledger.take_in([entry(1), entry(2)])
    assert found(seen) == {1: Delivery.ACKED, 2: Delivery.PENDING}


def test_scans_are_taken_in_all_or_none_and_so_is_the_mark_of_their_journal(ledger, seen):
    ledger.take_in([entry(1)])

    def half() -> Iterator[Entry]:
        yield entry(2)
        raise ConnectionError

    with pytest.raises(ConnectionError):
        ledger.take_in(half())
    assert (ledger.upto, ledger.journal_mark()) == (1, (1, "id-1"))


def test_states_are_given_for_the_range_asked_for(ledger, seen):
    ledger.take_in(map(entry, range(1, 10)))
    assert list(files.states(seen, 3, 5)) == [3, 4, 5]


# --- whose ledger it is ----------------------------------------------------------------------------------------------


def test_the_journal_is_known_by_its_newest_scan_that_is_in_here(ledger):
    ledger.take_in([entry(1), entry(2)])
    assert ledger.journal_mark() == (2, "id-2")
    ledger.take_in([entry(3)])
    assert ledger.journal_mark() == (3, "id-3")


def test_an_empty_journal_that_was_looked_at_is_known_too_and_forgets_no_other_mark(ledger):
    ledger.take_in([])
    assert ledger.journal_mark() == (0, "")
    ledger.take_in([entry(1)])
    ledger.take_in([])
    assert ledger.journal_mark() == (1, "id-1")


def test_beginning_anew_forgets_everything(ledger, reports, seen):
    ledger.take_in([*entries(*Delivery), entry(9, report=True)])
    ledger.post([1], NOW)
    reports.post([9], NOW)
    ledger.begin_anew()
    assert (ledger.upto, ledger.journal_mark(), ledger.attempt(), reports.attempt()) == (0, None, None, None)
    assert files.states(seen, 0, 99) == {}


# --- what may follow which -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", Delivery)
@pytest.mark.parametrize("outcome", Outcome)
def test_a_scan_goes_where_the_table_leads_and_stays_where_it_does_not(ledger, seen, outcome, before):
    ledger.take_in([entry(1, before)])
    expected = TRANSITIONS[outcome].get(before)
    assert ledger.move(outcome, [1], "as the cloud said") == (expected is not None)
    assert files.states(seen, 1, 1)[1] == ((expected, "as the cloud said") if expected else (before, None))


def test_only_the_scans_that_are_named_go_and_an_error_goes_with_the_state_it_came_with(ledger, seen):
    ledger.take_in(entries(*[Delivery.INFLIGHT] * 4))
    assert ledger.move(Outcome.REFUSED_ALONE, [2, 3], "no such ticket") == 2
    assert files.states(seen, 1, 4) == {
        1: (Delivery.INFLIGHT, None), 2: (Delivery.REFUSED, "no such ticket"),
        3: (Delivery.REFUSED, "no such ticket"), 4: (Delivery.INFLIGHT, None),
    }  # fmt: skip
    ledger.move(Outcome.HANDED_OUT, [3])
    assert files.states(seen, 2, 3) == {2: (Delivery.REFUSED, "no such ticket"), 3: (Delivery.PENDING, None)}


def test_moving_a_scan_that_is_not_in_the_ledger_enters_nothing(ledger, seen):
    assert ledger.move(Outcome.POSTED, [7]) == 0
    assert found(seen) == {}


def test_what_vanished_in_two_states_goes_in_one_move_and_no_scan_twice(ledger, seen):
    ledger.take_in(entries(Delivery.PENDING, Delivery.UNKNOWN, Delivery.ACKED))
    assert ledger.move(Outcome.VANISHED, [1, 2, 3]) == 2
    assert found(seen) == {1: Delivery.REFUSED, 2: Delivery.REFUSED, 3: Delivery.ACKED}


# --- a batch ---------------------------------------------------------------------------------------------------------


def test_a_batch_is_under_way_with_when_that_was(ledger, seen):
    ledger.take_in(entries(*[Delivery.PENDING] * 3))
    assert ledger.post([1, 2], NOW) == 2
    assert found(seen) == {1: Delivery.INFLIGHT, 2: Delivery.INFLIGHT, 3: Delivery.PENDING}
    assert ledger.attempt() == ("boot-1", 17)
    ledger.post([3], replace(NOW, boottime_ns=99, boot_id="boot-2"))
    assert ledger.attempt() == ("boot-2", 99)


def test_whoever_posts_is_told_how_many_really_are_under_way(ledger, seen):
    ledger.take_in(entries(Delivery.PENDING, Delivery.UNKNOWN, Delivery.PENDING))
    assert ledger.post([1, 2, 3, 4], NOW) == 2
    assert found(seen)[2] is Delivery.UNKNOWN


def test_when_the_last_batch_went_out_outlives_a_restart(tmp_path):
    with closing(Ledger(tmp_path)) as ledger:
        ledger.take_in([entry(1)])
        ledger.post([1], NOW)
    with closing(Ledger(tmp_path)) as ledger:
        assert ledger.attempt() == ("boot-1", 17)


POSTING = """
import sys
from pathlib import Path
from kiosk import clock
from kiosk.store.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]))
for seq in range(1, 6):
    ledger.post([seq], clock.now())
    print("posting", flush=True)
"""


@pytest.mark.needs("strace")
def test_what_is_under_way_is_on_disk_before_anything_is_sent(tmp_path):
    with closing(Ledger(tmp_path)) as ledger:
        ledger.take_in(entries(*[Delivery.PENDING] * 5))
    calls = tmp_path / "calls"
    subprocess.run(
        ["strace", "-y", "-e", "trace=fsync,fdatasync,write", "-o", calls, sys.executable, "-c", POSTING, tmp_path],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    log = re.compile(r'(?P<sync>sync)\(\d+<\S*ledger\.db-wal>\) += 0|(?P<told>"posting)')
    happened = [match.lastgroup for match in map(log.search, calls.read_text().splitlines()) if match]
    assert happened.count("told") == 5
    assert all(before == "sync" for before, told in pairwise(happened) if told == "told")


# --- what is where ---------------------------------------------------------------------------------------------------


def test_numbers_are_the_oldest_in_order_and_no_more_than_asked_for(ledger):
    ledger.take_in([entry(9), entry(3, Delivery.UNKNOWN), entry(7), entry(1), entry(5)])
    assert ledger.numbers(Delivery.PENDING) == [1, 5, 7, 9]
    assert ledger.numbers(Delivery.PENDING, 2) == [1, 5]
    assert ledger.numbers(Delivery.UNKNOWN, 2) == [3]


def test_what_is_unknown_is_told_event_by_event_from_the_first_to_the_last(ledger):
    ledger.take_in([
        entry(1), entry(2, Delivery.UNKNOWN, "fest"), entry(3, Delivery.UNKNOWN, "gala"), entry(4, event="fest"),
        entry(5, Delivery.UNKNOWN, "fest"), entry(6, Delivery.ACKED, "gala"), entry(7, Delivery.UNKNOWN, None),
    ])  # fmt: skip
    assert ledger.unknown() == [Unknown("fest", 2, 5), Unknown("gala", 3, 3), Unknown("", 7, 7)]


def test_what_a_look_did_not_find_is_pending_again_of_that_event_and_up_to_where_it_looked(ledger, seen):
    ledger.take_in([
        entry(1, Delivery.UNKNOWN, "fest"), entry(2, Delivery.UNKNOWN, "gala"), entry(3, Delivery.ACKED, "fest"),
        entry(4, Delivery.UNKNOWN, "fest"), entry(5, Delivery.UNKNOWN, "fest"),
    ])  # fmt: skip
    assert ledger.missing("fest", 4) == 2
    assert ledger.numbers(Delivery.PENDING) == [1, 4]
    assert ledger.numbers(Delivery.UNKNOWN) == [2, 5]
    assert found(seen)[3] is Delivery.ACKED


@pytest.mark.parametrize("state", Delivery)
def test_outstanding_is_what_may_still_have_to_go(ledger, state):
    ledger.take_in([entry(1), entry(2, state)])
    assert ledger.outstanding() == 1 + (state in OPEN)


@pytest.mark.parametrize("state", Delivery)
def test_the_oldest_to_be_delivered_is_the_first_that_still_has_to_go(ledger, seen, state):
    ledger.take_in([entry(1, state), entry(2)])
    assert files.oldest(seen) == (1 if state in OPEN else 2)


def test_what_is_not_settled_is_counted_by_state_reports_and_all(ledger, seen):
    ledger.take_in(entries(*Delivery))
    ledger.take_in(entry(100 + number, state, report=True) for number, state in enumerate(Delivery))
    assert files.unsettled(seen) == dict.fromkeys(UNSETTLED, 2)


def test_settled_scans_are_forgotten_before_a_number_and_nothing_else_ever_is(ledger, seen):
    ledger.take_in([*entries(*Delivery), *(entry(10 + n, state) for n, state in enumerate(Delivery))])
    ledger.prune(13)
    kept = [seq for seq, state in enumerate(Delivery, start=1) if state not in {Delivery.ACKED, Delivery.LOCAL}]
    assert list(found(seen)) == [*kept, 10, 11, 12, 13, 14, 15]
    assert found(seen)[13] is Delivery.ACKED
    assert ledger.journal_mark() == (15, "id-15")


# --- reports ---------------------------------------------------------------------------------------------------------


def test_scans_and_reports_lie_in_one_ledger_and_each_pen_sees_its_own(ledger, reports, seen):
    ledger.take_in(
        [entry(1), entry(2, report=True), entry(3, Delivery.UNKNOWN), entry(4, Delivery.UNKNOWN, report=True)]
    )
    assert (ledger.numbers(Delivery.PENDING), reports.numbers(Delivery.PENDING)) == ([1], [2])
    assert (ledger.unknown(), reports.unknown()) == ([Unknown("e-1", 3, 3)], [Unknown("", 4, 4)])
    assert (ledger.outstanding(), reports.outstanding()) == (2, 2)
    assert ledger.upto == reports.upto == 4
    assert reports.journal_mark() == (4, "id-4")


def test_when_a_report_went_out_is_kept_beside_when_a_scan_did(ledger, reports):
    ledger.take_in([entry(1), entry(2, report=True)])
    reports.post([2], replace(NOW, boottime_ns=5))
    assert (ledger.attempt(), reports.attempt()) == (None, ("boot-1", 5))
    ledger.post([1], NOW)
    assert (ledger.attempt(), reports.attempt()) == (("boot-1", 17), ("boot-1", 5))


def test_what_is_missing_of_the_scans_is_not_missing_of_the_reports(ledger, reports):
    ledger.take_in([entry(1, Delivery.UNKNOWN, None), entry(2, Delivery.UNKNOWN, report=True)])
    assert reports.missing("", 9) == 1
    assert (ledger.numbers(Delivery.UNKNOWN), reports.numbers(Delivery.PENDING)) == ([1], [2])


# --- handing out again -----------------------------------------------------------------------------------------------

MIXED = [Delivery.ACKED, Delivery.REFUSED, Delivery.UNKNOWN, Delivery.LOCAL, Delivery.REFUSED, Delivery.INFLIGHT]


@pytest.mark.parametrize(
    ("named", "again"), [([], [2, 5, 7]), ([2], [2]), ([7, 2], [2, 7]), ([1, 3, 4, 6, 8, 99], []), ([1, 5], [5])]
)
def test_only_refused_scans_and_reports_are_handed_out_again_those_named_or_all(tmp_path, ledger, seen, named, again):
    ledger.take_in([*entries(*MIXED), entry(7, Delivery.REFUSED, report=True), entry(8, Delivery.UNKNOWN, report=True)])
    before = found(seen)
    assert hand_out_again(tmp_path, named) == again
    assert found(seen) == before | dict.fromkeys(again, Delivery.PENDING)


@pytest.mark.parametrize(("named", "again"), [([], [2, 3, 5, 8]), ([3], [3]), ([8, 5], [5, 8]), ([1, 4, 6], [])])
def test_a_person_may_hand_out_the_unknown_ones_too_whatever_became_of_them(tmp_path, ledger, seen, named, again):
    ledger.take_in([*entries(*MIXED), entry(8, Delivery.UNKNOWN, report=True)])
    before = found(seen)
    assert hand_out_again(tmp_path, named, unknown=True) == again
    assert found(seen) == before | dict.fromkeys(again, Delivery.PENDING)


def test_what_the_cloud_said_of_a_scan_goes_when_it_is_handed_out_again(tmp_path, ledger, seen):
    ledger.take_in(entries(Delivery.INFLIGHT))
    ledger.move(Outcome.REFUSED_ALONE, [1], "no such ticket")
    hand_out_again(tmp_path, [])
    assert files.states(seen, 1, 1) == {1: (Delivery.PENDING, None)}


# --- withdrawing -----------------------------------------------------------------------------------------------------


def test_reports_that_nobody_wants_any_more_stay_here_and_no_scan_does(tmp_path, ledger, seen):
    ledger.take_in(entries(*Delivery))
    ledger.take_in(entry(10 + number, state, report=True) for number, state in enumerate(Delivery))
    before = found(seen)
    withdraw_reports(tmp_path)
    assert found(seen) == before | {
        10 + number: Delivery.LOCAL for number, state in enumerate(Delivery) if state is not Delivery.ACKED
    }


# --- files of other versions -----------------------------------------------------------------------------------------


@pytest.fixture
def old(tmp_path: Path) -> list[tuple[int, str, str | None]]:
    """A file of version 1, as the first release left it."""
    rows = [(seq, state.value, "no" if state is Delivery.REFUSED else None) for seq, state in enumerate(Delivery, 1)]
    first = Schema(files.SCHEMA.name, files.SCHEMA.steps[:1])
    with closing(open_for_writing(tmp_path / files.FILE, first, "FULL")) as database:
        database.executemany("INSERT INTO delivery VALUES (?, ?, ?)", rows)
    return rows


def test_a_file_of_version_1_keeps_every_state_and_knows_neither_events_nor_its_journal(tmp_path, old):
    with pytest.raises(NoListYet):
        files.reader(tmp_path)
    with closing(Ledger(tmp_path)) as ledger, closing(files.reader(tmp_path)) as seen:
        assert files.states(seen, 1, 9) == {seq: (Delivery(state), error) for seq, state, error in old}
        assert ledger.upto == len(old)
        assert (ledger.journal_mark(), ledger.attempt()) == (None, None)
        assert [seq for seq, state, _ in old if state not in {"acked", "local"}] == ledger.unplaced()


def test_rows_of_version_1_are_scans_and_none_of_them_a_report(tmp_path, old):
    with closing(Ledger(tmp_path)) as ledger, closing(Ledger(tmp_path, report=True)) as reports:
        assert ledger.outstanding() == len(OPEN)
        assert reports.outstanding() == 0


def test_where_a_scan_of_version_1_belongs_can_be_said_later(tmp_path, old):
    with closing(Ledger(tmp_path)) as ledger:
        ledger.place(scan(seq, NOBODY if seq == 1 else KNOWN) for seq in ledger.unplaced())
        assert ledger.unplaced() == [1]  # it has no ticket, so nobody can say
        (unknown,) = ledger.unknown()
        assert unknown.event_id == "e-1"


def test_what_enters_with_its_event_or_is_a_report_or_is_settled_needs_no_place(ledger):
    ledger.take_in([
        entry(1), entry(2, report=True), entry(3, Delivery.ACKED, None), entry(4, Delivery.LOCAL, None),
    ])  # fmt: skip
    assert ledger.unplaced() == []


def test_a_reader_before_sync_ever_ran_hears_so(tmp_path):
    with pytest.raises(NoListYet):
        files.reader(tmp_path)


def test_code_older_than_its_ledger_refuses(tmp_path):
    Ledger(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / files.FILE)) as newer:
        newer.execute("PRAGMA user_version = 99")
    with pytest.raises(TooNew, match=r"ledger\.db has version 99"):
        Ledger(tmp_path)
