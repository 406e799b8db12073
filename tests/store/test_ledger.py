"""What the cloud has of our journal, scan by scan: states, and what may follow which."""

import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from kiosk.errors import NoListYet, TooNew
from kiosk.model import Delivery, Direction, Moment, Reason, Result, Scan, Ticket, Verdict
from kiosk.store import ledger as files
from kiosk.store.ledger import Ledger

AT = datetime(2026, 6, 1, 19, 30, tzinfo=UTC)
KNOWN = Verdict(Direction.CHECKIN, Result.APPROVED, Reason.OK, Ticket("t-1", "TKT1", "e-1", "type-1"))
UNKNOWN = Verdict(Direction.CHECKIN, Result.DECLINED, Reason.UNKNOWN)
OPEN = [state for state in Delivery if state is not Delivery.ACKED]


def scan(seq: int, verdict: Verdict = KNOWN) -> Scan:
    return Scan(seq, f"id-{seq}", AT, "gate-1", Moment(AT, seq, "boot-1"), "left", "TKT1", verdict)


@pytest.fixture
def ledger(tmp_path):
    with closing(Ledger(tmp_path)) as opened:
        yield opened


@pytest.fixture
def seen(ledger, tmp_path):
    """The ledger as another program sees it."""
    with closing(files.reader(tmp_path)) as opened:
        yield opened


def test_a_scan_begins_as_pending_or_as_local_when_the_cloud_cannot_take_it(ledger, seen):
    ledger.take_in([scan(1), scan(2, UNKNOWN), scan(3)])
    assert files.states(seen, 1, 3) == {
        1: (Delivery.PENDING, None), 2: (Delivery.LOCAL, None), 3: (Delivery.PENDING, None),
    }  # fmt: skip
    assert ledger.upto == files.newest(seen) == 3


def test_an_empty_ledger_knows_of_nothing(ledger, seen):
    assert (ledger.upto, files.newest(seen), files.oldest(seen)) == (0, 0, None)
    assert (files.unsettled(seen), files.states(seen, 0, 99)) == ({}, {})
    assert all(ledger.numbers(state) == [] for state in Delivery)


def test_a_scan_that_is_taken_in_again_keeps_its_state(ledger, seen):
    ledger.take_in([scan(1)])
    ledger.mark([1], Delivery.ACKED)
    ledger.take_in([scan(1), scan(2)])
    assert files.states(seen, 1, 2) == {1: (Delivery.ACKED, None), 2: (Delivery.PENDING, None)}


def test_scans_are_taken_in_all_or_none(ledger, seen):
    def half():
        yield scan(1)
        raise ConnectionError

    with pytest.raises(ConnectionError):
        ledger.take_in(half())
    assert ledger.upto == 0


@pytest.mark.parametrize("state", Delivery)
def test_only_the_marked_scans_change_and_an_error_goes_with_the_state_it_came_with(ledger, seen, state):
    ledger.take_in(scan(seq) for seq in range(1, 5))
    ledger.mark([2, 3], Delivery.REFUSED, "no such ticket")
    assert files.states(seen, 2, 3) == dict.fromkeys([2, 3], (Delivery.REFUSED, "no such ticket"))
    ledger.mark([3], state)
    assert files.states(seen, 1, 4) == {
        1: (Delivery.PENDING, None), 2: (Delivery.REFUSED, "no such ticket"), 3: (state, None),
        4: (Delivery.PENDING, None),
    }  # fmt: skip


def test_marking_a_scan_that_is_not_in_the_ledger_enters_nothing(ledger, seen):
    ledger.mark([7], Delivery.ACKED)
    assert ledger.upto == 0
    assert files.states(seen, 0, 9) == {}


def test_numbers_are_the_oldest_in_order_and_no_more_than_asked_for(ledger):
    ledger.take_in(scan(seq) for seq in (9, 3, 7, 1, 5))
    ledger.mark([3], Delivery.UNKNOWN)
    assert ledger.numbers(Delivery.PENDING) == [1, 5, 7, 9]
    assert ledger.numbers(Delivery.PENDING, 2) == [1, 5]
    assert ledger.numbers(Delivery.UNKNOWN, 2) == [3]


def test_what_was_under_way_when_sync_stopped_is_unknown_and_nothing_else_is(tmp_path):
    with closing(Ledger(tmp_path)) as ledger:
        ledger.take_in(scan(seq) for seq in range(1, 7))
        for seq, state in enumerate(Delivery, start=1):
            ledger.mark([seq], state)
    with closing(Ledger(tmp_path)) as ledger, closing(files.reader(tmp_path)) as seen:
        ledger.doubt_inflight()
        found = files.states(seen, 1, 6)
    expected = [Delivery.UNKNOWN if state is Delivery.INFLIGHT else state for state in Delivery]
    assert [state for state, _ in found.values()] == expected
    assert [seq for seq, (_, error) in found.items() if error] == [1 + list(Delivery).index(Delivery.INFLIGHT)]


@pytest.mark.parametrize(
    ("named", "again"), [([], [2, 3, 5]), ([3], [3]), ([5, 2], [2, 5]), ([1, 4, 6, 99], []), ([1, 2], [2])]
)
def test_only_refused_scans_are_handed_out_again_those_named_or_all(ledger, seen, named, again):
    ledger.take_in(scan(seq, UNKNOWN if seq == 4 else KNOWN) for seq in range(1, 7))
    ledger.mark([1], Delivery.ACKED)
    ledger.mark([2, 3, 5], Delivery.REFUSED, "no such ticket")
    before = files.states(seen, 1, 6)
    assert ledger.hand_out_again(named) == again
    assert files.states(seen, 1, 6) == before | dict.fromkeys(again, (Delivery.PENDING, None))


def test_what_is_not_settled_is_counted_by_state(ledger, seen):
    ledger.take_in(scan(seq) for seq in range(1, 13))
    for seq, state in enumerate(Delivery, start=1):
        ledger.mark([seq, seq + 6], state)
    assert files.unsettled(seen) == dict.fromkeys(OPEN, 2)


@pytest.mark.parametrize("state", Delivery)
def test_the_oldest_to_be_delivered_is_the_first_that_still_has_to_go(ledger, seen, state):
    ledger.take_in([scan(1), scan(2)])
    ledger.mark([1], state)
    waits = state in {Delivery.PENDING, Delivery.INFLIGHT, Delivery.UNKNOWN}
    assert files.oldest(seen) == (1 if waits else 2)


def test_states_are_given_for_the_range_asked_for(ledger, seen):
    ledger.take_in(scan(seq) for seq in range(1, 10))
    assert list(files.states(seen, 3, 5)) == [3, 4, 5]


MARKING = """
import sys
from pathlib import Path
from kiosk.model import Delivery
from kiosk.store.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]))
for _ in range(5):
    ledger.mark([1], Delivery.INFLIGHT)
    print("marked", flush=True)
"""


@pytest.mark.needs("strace")
def test_what_is_marked_is_on_disk_before_anything_is_sent(tmp_path):
    with closing(Ledger(tmp_path)) as ledger:
        ledger.take_in([scan(1)])
    calls = tmp_path / "calls"
    subprocess.run(
        ["strace", "-y", "-e", "trace=fsync,fdatasync,write", "-o", calls, sys.executable, "-c", MARKING, tmp_path],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    log = re.compile(r'(?P<sync>sync)\(\d+<\S*ledger\.db-wal>\) += 0|(?P<told>"marked)')
    happened = [found.lastgroup for found in map(log.search, calls.read_text().splitlines()) if found]
    assert happened.count("told") == 5
    assert all(before == "sync" for before, told in pairwise(happened) if told == "told")


def test_a_reader_before_sync_ever_ran_hears_so(tmp_path):
    with pytest.raises(NoListYet):
        files.reader(tmp_path)


def test_code_older_than_its_ledger_refuses(tmp_path):
    Ledger(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / files.FILE)) as newer:
        newer.execute("PRAGMA user_version = 99")
    with pytest.raises(TooNew, match=r"ledger\.db has version 99"):
        Ledger(tmp_path)
