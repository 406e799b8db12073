"""What the journal knows of its clocks."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest

from kiosk.dating import Bounds
from kiosk.model import Anchor, ClockQuality, Direction, Moment, Reading, Reason, Result, Source, Ticket, Verdict
from kiosk.store import anchors, journal
from kiosk.store.database import EPOCH, from_ms
from kiosk.store.journal import Journal

GUESSED, RTC, SYNCED = ClockQuality.GUESSED, ClockQuality.RTC, ClockQuality.SYNCED


class Door:
    def __init__(self, directory) -> None:
        self.journal = Journal(directory, "gate-1")
        self.seen = journal.reader(directory)

    def record(self, wall_ms: int, since_ms: int, boot: str = "boot-1", quality: ClockQuality = GUESSED) -> None:
        moment = Moment(EPOCH + timedelta(milliseconds=wall_ms), since_ms * 1_000_000, boot, quality)
        verdict = Verdict(Direction.CHECKIN, Result.DECLINED, Reason.UNKNOWN)
        self.journal.append(Reading("left", "CODE", b"CODE", moment), verdict)


@pytest.fixture
def door(tmp_path) -> Iterator[Door]:
    made = Door(tmp_path)
    with closing(made.journal), closing(made.seen):
        yield made


def test_what_came_damaged_out_of_a_damaged_file_is_no_anchor(tmp_path):
    with closing(Journal(tmp_path, "gate-1")) as made:
        made.anchor(Anchor("boot-1", 10**9, 5_000, Source.NTP))
        with closing(sqlite3.connect(tmp_path / journal.FILE)) as database, database:
            database.execute("INSERT INTO clock_anchor VALUES (7, 'boot-1', 1, 1, 'ntq')")
        assert made.anchors() == [Anchor("boot-1", 10**9, 5_000, Source.NTP)]


def test_anchors_are_read_as_they_were_written_oldest_first(door):
    written = [Anchor("boot-1", 10**9, 5_000, source) for source in Source]
    for anchor in written:
        door.journal.anchor(anchor)
    assert anchors.anchors(door.seen) == door.journal.anchors() == written


def test_what_is_known_to_have_been_comes_from_clocks_that_were_set(door):
    assert door.journal.high_water_ms() == 0
    door.record(9_000, 1, quality=GUESSED)
    door.journal.anchor(Anchor("boot-1", 1, 8_000, Source.OPERATOR))
    assert door.journal.high_water_ms() == 0
    door.record(5_000, 2, quality=RTC)
    door.record(2_000, 3, quality=SYNCED)
    assert door.journal.high_water_ms() == 2_000
    door.journal.anchor(Anchor("boot-1", 1, 4_000, Source.NTP))
    assert door.journal.high_water_ms() == 4_000


def test_scans_that_may_have_gone_out_with_another_time_are_those_whose_clock_was_not_set_or_was_raised(door):
    door.record(1_000, 1, quality=SYNCED)
    door.record(2_000, 2, quality=GUESSED)
    door.record(3_000, 3, quality=SYNCED)
    door.record(3_000, 4, quality=SYNCED)
    door.record(4_000, 5, quality=RTC)
    assert anchors.doubtful(door.seen, 1, 9) == [2, 4, 5]
    assert [stamp.plain for stamp in anchors.stamps(door.seen, [5, 1, 4])] == [True, False, False]


def test_a_boot_is_known_by_its_scans_and_by_which_one_came_next(door):
    door.record(1_000, 400, "boot-1")
    door.record(9_000, 300, "boot-2")
    door.record(9_900, 500, "boot-2")
    door.record(9_950, 100, "boot-3")
    first, second, _, last = anchors.stamps(door.seen, [1, 2, 3, 4])
    assert anchors.boot_of(door.seen, first) == (Bounds(600, 400), "boot-2")
    assert anchors.boot_of(door.seen, second) == (Bounds(9_400, 500), "boot-3")
    assert anchors.boot_of(door.seen, last) == (Bounds(9_850, 100), None)


def test_a_guest_is_told_the_time_that_is_known_by_now_not_what_the_clock_said_then(door):
    ticket = Ticket("t-1", "CODE00001", "e-1", "standing")
    when = Moment(EPOCH + timedelta(seconds=1), 100 * 10**9, "boot-1", GUESSED)
    verdict = Verdict(Direction.CHECKIN, Result.APPROVED, Reason.OK, ticket)
    door.journal.append(Reading("left", ticket.barcode, b"", when), verdict)
    assert [each.at for each in door.journal.history(ticket)] == [when.at]
    for source, off_ms in ((Source.NTP, 0), (Source.OPERATOR, 99_000)):
        door.journal.anchor(Anchor("boot-1", 160 * 10**9, 1_780_342_200_000 + off_ms, source))
    door.journal.anchor(Anchor("boot-2", 160 * 10**9, 5_000, Source.NTP))
    assert [each.at for each in door.journal.history(ticket)] == [from_ms(1_780_342_140_000)]
