"""The times with which scans go to the cloud are found again by them, and outlive the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kiosk.dating import Stamp
from kiosk.model import ClockQuality, Delivery
from kiosk.store.dates import Date
from kiosk.store.ledger import Entry, Ledger


class Numbered:
    def __init__(self, seq: int) -> None:
        self.seq, self.id = seq, f"id-{seq}"


def of(seq: int, scan_id: str | None = None) -> Stamp:
    return Stamp(seq, 0, 0, "boot-1", 0, ClockQuality.GUESSED, scan_id or f"id-{seq}")


@pytest.fixture
def ledger(tmp_path) -> Iterator[Ledger]:
    with closing(Ledger(tmp_path)) as made:
        yield made


def test_a_time_is_what_was_written_down_last(ledger):
    ledger.dates().write({of(1): Date(100), of(2): Date(200, estimated=True)})
    ledger.dates().write({of(2): Date(999), of(3): Date(300)})
    assert ledger.dates().of([1, 2, 3, 4]) == {1: Date(100), 2: Date(999), 3: Date(300)}


def test_a_scan_is_found_by_its_time_and_a_portion_by_its_ends(ledger):
    dates = ledger.dates()
    assert (dates.newest(), dates.span(1, 9)) == (None, None)
    dates.write({of(1): Date(100), of(2): Date(50), of(3): Date(300, estimated=True)})
    assert [dates.seq_at(time_ms) for time_ms in (100, 50, 300, 301)] == [1, 2, 3, None]
    assert (dates.span(1, 3), dates.span(2, 2)) == ((50, 300), (50, 50))
    assert dates.newest() == 300


def test_times_go_with_their_scans_and_with_the_journal_they_were_of(ledger):
    states = (Delivery.ACKED, Delivery.REFUSED, Delivery.ACKED)
    ledger.take_in(Entry(Numbered(seq), state) for seq, state in enumerate(states, start=1))
    ledger.dates().write({of(seq): Date(100 * seq) for seq in (1, 2, 3)})
    ledger.prune(3)
    assert ledger.dates().of([1, 2, 3]).keys() == {2, 3}
    ledger.begin_anew()
    assert ledger.dates().of([1, 2, 3]) == {}
    ledger.dates().recall(lambda numbers: map(of, numbers))
    assert ledger.dates().of([1, 2, 3]).keys() == {2, 3}


def lose(directory: Path) -> None:
    for path in directory.glob("ledger.db*"):
        path.unlink()


def test_times_outlive_their_ledger_and_are_known_by_their_scans_not_by_their_numbers(tmp_path):
    with closing(Ledger(tmp_path)) as ledger:
        ledger.dates().write({of(1): Date(100), of(2): Date(200, estimated=True), of(3): Date(300)})
    lose(tmp_path)
    with closing(Ledger(tmp_path)) as ledger:
        dates = ledger.dates()
        assert dates.of([1, 2, 3]) == {}
        ours = {1: of(1), 2: of(2), 3: of(3, "a scan of another journal")}
        dates.recall(lambda numbers: [ours[seq] for seq in numbers])
        assert dates.of([1, 2, 3]) == {1: Date(100), 2: Date(200, estimated=True)}


def test_another_journals_times_do_not_take_the_place_of_ours(tmp_path):
    with closing(Ledger(tmp_path)) as ledger:
        ledger.dates().write({of(1): Date(100)})
        ledger.begin_anew()
        ledger.dates().write({of(1, "another"): Date(900)})
        ledger.begin_anew()
        ledger.dates().recall(lambda numbers: map(of, numbers))
        assert ledger.dates().of([1]) == {1: Date(100)}
