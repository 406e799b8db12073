"""What is asked of the journal: found by number, by ticket and by time, in pieces, and counted."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from kiosk import decode
from kiosk.model import Direction, Moment, Reading, Reason, Result, Ticket, Verdict
from kiosk.store import past
from kiosk.store.database import to_ms
from kiosk.store.past import Counts, Recorded

AT = datetime(2026, 6, 1, 19, 30, tzinfo=UTC)
TICKET = Ticket("t-1", "TKT1", "e-1", "type-1")
OTHER = replace(TICKET, id="t-2")
IN = Verdict(Direction.CHECKIN, Result.APPROVED, Reason.OK, TICKET)
OUT = replace(IN, direction=Direction.CHECKOUT)
TWICE = replace(IN, result=Result.DECLINED, reason=Reason.ALREADY_IN)
DECLINED = Verdict(Direction.CHECKIN, Result.DECLINED, Reason.UNKNOWN)
UNREADABLE = replace(DECLINED, reason=Reason.UNREADABLE, facts={"flaw": decode.NOT_TEXT})
PRACTICE = replace(DECLINED, reason=Reason.PRACTICE)


def record(journal, *verdicts, code="TKT1"):
    """Record scans, a second apart."""
    for verdict in verdicts:
        second = journal.upto + 1
        moment = Moment(AT + timedelta(seconds=second), second * 10**9, "boot-1")
        journal.append(Reading("left", code, code.encode(), moment), verdict)


def numbers(found):
    return [scan.seq for scan in found]


def test_a_long_journal_is_read_in_pieces_that_leave_no_read_open(journal, tmp_path, seen):
    for number in range(501):
        record(journal, DECLINED, code=f"K{number}")
    found = past.scans_after(seen, 0)
    assert next(found).barcode == "K0"
    assert journal._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0  # nobody is in the way
    record(journal, DECLINED, code="LATE")
    assert [scan.seq for scan in found] == list(range(2, 503))
    assert [scan.seq for scan in past.scans_after(seen, 500)] == [501, 502]
    assert list(past.scans_after(seen, 502)) == []


def test_scans_are_found_by_their_numbers_oldest_first(journal, seen):
    for code in "ABCDE":
        record(journal, DECLINED, code=code)
    assert [scan.barcode for scan in past.scans(seen, [4, 2, 2, 99])] == ["B", "D"]
    assert past.scans(seen, []) == []


def test_the_newest_number_and_what_can_be_delivered_after_one_are_counted(journal, seen):
    assert past.last_seq(seen) == 0
    assert past.count_after(seen, 0) == (0, 0, None)
    record(journal, DECLINED, IN, UNREADABLE, IN, DECLINED)
    assert past.last_seq(seen) == 5
    assert past.count_after(seen, 0) == (2, 3, 2)
    assert past.count_after(seen, 2) == (1, 2, 4)
    assert past.count_after(seen, 4) == (0, 1, None)


def test_what_was_recorded_after_a_scan_is_told_as_far_as_delivery_asks(journal, seen):
    record(journal, IN, DECLINED, OUT)
    found = list(past.recorded_after(seen, 1))
    assert found == [
        Recorded(scan.seq, scan.id, event, scan.verdict.reason, "TKT1")
        for scan, event in zip(past.scans(seen, [2, 3]), [None, "e-1"], strict=True)
    ]
    assert list(past.recorded_after(seen, 3)) == []


def test_an_admission_after_a_scan_is_the_first_of_its_own_ticket(journal, seen):
    record(journal, TWICE, OUT, replace(IN, ticket=OTHER), IN, IN)
    assert past.admitted_after(seen, "t-1", 1).seq == 4
    assert past.admitted_after(seen, "t-1", 4).seq == 5
    assert past.admitted_after(seen, "t-1", 5) is None


def test_a_tickets_scans_come_newest_first_and_its_declined_ones_from_the_last_few_only(journal, seen):
    record(journal, TWICE, IN, replace(IN, ticket=OTHER), TWICE, OUT, DECLINED)
    assert numbers(past.scans_of(seen, "t-1", 6, 10)) == [5, 4, 2, 1]
    assert numbers(past.scans_of(seen, "t-1", 5, 10)) == [5, 4, 2]
    assert numbers(past.scans_of(seen, "t-1", 6, 2)) == [5, 4]


def test_the_last_declined_scan_is_no_practice_and_not_long_ago(journal, seen):
    assert past.last_declined(seen, 10) is None
    record(journal, TWICE, DECLINED, IN, PRACTICE)
    assert past.last_declined(seen, 10).seq == 2
    assert past.last_declined(seen, 3).seq == 2
    assert past.last_declined(seen, 2) is None


def test_an_admission_that_was_taken_back_and_what_took_it_back_are_no_passages(journal, seen):
    taken_back = replace(OUT, reason=Reason.ANNULLED, facts={"annuls": "2"})
    record(journal, IN, IN, TWICE, taken_back, OUT)
    assert [(passage.direction, passage.seq) for passage in past.passages(seen, "t-1")] == [
        (Direction.CHECKIN, 1),
        (Direction.CHECKOUT, 5),
    ]


def test_a_scan_is_found_by_the_very_time_it_carries(journal, seen):
    record(journal, IN, OUT)
    assert past.scan_at(seen, to_ms(AT + timedelta(seconds=2))).seq == 2
    assert past.scan_at(seen, to_ms(AT + timedelta(seconds=2)) + 1) is None
    assert past.scan_at(seen, to_ms(AT + timedelta(seconds=2)) - 1) is None


def test_counts_are_added_to_and_out_without_in_leaves_nobody_fewer_inside(journal, seen):
    record(journal, IN, IN, TWICE, OUT, DECLINED, PRACTICE)
    counts = past.count(seen, Counts())
    assert counts == Counts(checkin=2, checkout=1, declined=2, inside=1, upto=6)
    record(journal, replace(OUT, reason=Reason.NOT_INSIDE))
    assert past.count(seen, counts) == Counts(2, 2, 2, 1, 7) == past.count(seen, Counts())
