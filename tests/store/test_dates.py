"""The times with which scans go to the cloud never change, and are found again by them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from kiosk.model import Delivery
from kiosk.store.dates import Date
from kiosk.store.ledger import Entry, Ledger


class Numbered:
    def __init__(self, seq: int) -> None:
        self.seq, self.id = seq, f"id-{seq}"


@pytest.fixture
def ledger(tmp_path) -> Iterator[Ledger]:
    with closing(Ledger(tmp_path)) as made:
        yield made


def test_a_time_that_was_written_down_stays_as_it_is(ledger):
    ledger.dates().write({1: Date(100), 2: Date(200, estimated=True)})
    ledger.dates().write({1: Date(999), 3: Date(300)})
    assert ledger.dates().of([1, 2, 3, 4]) == {1: Date(100), 2: Date(200, estimated=True), 3: Date(300)}


def test_a_scan_is_found_by_its_time_and_a_portion_by_its_ends(ledger):
    dates = ledger.dates()
    assert (dates.newest(), dates.newest_known(9), dates.span(1, 9)) == (None, None, None)
    dates.write({1: Date(100), 2: Date(50), 3: Date(300, estimated=True)})
    assert [dates.seq_at(time_ms) for time_ms in (100, 50, 300, 301)] == [1, 2, 3, None]
    assert (dates.span(1, 3), dates.span(2, 2)) == ((50, 300), (50, 50))
    assert (dates.newest(), dates.newest_known(9)) == (300, 100)
    assert dates.newest_known(1) is None


def test_times_go_with_their_scans_and_with_the_journal_they_were_of(ledger):
    states = (Delivery.ACKED, Delivery.REFUSED, Delivery.ACKED)
    ledger.take_in(Entry(Numbered(seq), state) for seq, state in enumerate(states, start=1))
    ledger.dates().write({seq: Date(100 * seq) for seq in (1, 2, 3)})
    ledger.prune(3)
    assert ledger.dates().of([1, 2, 3]).keys() == {2, 3}
    ledger.begin_anew()
    assert ledger.dates().of([1, 2, 3]) == {}
