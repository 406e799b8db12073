"""The codes that the gate wants to be looked up: a few, the last ones, for whoever watches the journal."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest

from kiosk.errors import NoListYet, NotRecorded
from kiosk.model import Direction, Moment, Reading, Reason, Result, Verdict
from kiosk.store import journal as journals
from kiosk.store import past, wanted
from kiosk.store.database import open_for_writing
from kiosk.store.journal import SCHEMA, Journal
from kiosk.store.wanted import Wanted

NOW = Moment(datetime(2026, 6, 1, 19, 30, tzinfo=UTC), 123_456_789_012_345, "boot-1")
DECLINED = Verdict(Direction.CHECKIN, Result.DECLINED, Reason.UNKNOWN)


def test_what_is_wanted_is_seen_in_order_with_the_moment_it_was_read(journal, seen):
    for code in ("FIRST001", "Zoë '; --"):
        journal.want(code, NOW)
    first, second = Wanted(1, "FIRST001", "boot-1", NOW.boottime_ns), Wanted(2, "Zoë '; --", "boot-1", NOW.boottime_ns)
    assert wanted.after(seen, 0) == [first, second]
    assert wanted.after(seen, 1) == [second]


def test_whoever_watches_the_journal_is_told_that_there_is_something(journal, seen):
    version = "PRAGMA data_version"
    before = seen.execute(version).fetchone()
    journal.want("WANTED01", NOW)
    assert seen.execute(version).fetchone() != before


def test_only_the_last_ones_are_kept_and_their_numbers_go_on(journal, seen, tmp_path):
    for number in range(250):
        journal.want(f"WANTED{number:03}", NOW)
    journal.close()
    with closing(Journal(tmp_path, "gate-1")) as again:
        again.want("LAST0001", NOW)
    found = wanted.after(seen, 0)
    assert len(found) == wanted.KEPT
    assert [row.no for row in found] == list(range(152, 252))
    assert found[-1].barcode == "LAST0001"


def test_scans_stay_append_only_beside_it(journal):
    journal.append(Reading("left", "CODE", b"CODE", NOW), DECLINED)
    journal.want("WANTED01", NOW)
    for change in ("DELETE FROM scan", "UPDATE scan SET barcode = 'x'"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            journal._database.execute(change)


def test_a_journal_of_an_older_kiosk_keeps_its_scans_and_learns_to_want(tmp_path):
    older = type(SCHEMA)("journal", SCHEMA.steps[:1])
    open_for_writing(tmp_path / journals.FILE, older, "FULL").close()
    with pytest.raises(NoListYet):
        journals.reader(tmp_path)  # until the gate has brought it up to date
    with closing(sqlite3.connect(tmp_path / journals.FILE)) as database:
        marks = ", ".join("?" * 25)
        row = (1, "id", "gate-1", "left", 1, 1, "boot-0", 1, "rtc", "OLD", None, "checkin", "declined", "unknown")
        database.execute(f"INSERT INTO scan VALUES ({marks})", row + (None,) * 11)
        database.commit()
    with closing(Journal(tmp_path, "gate-1")) as journal, closing(journals.reader(tmp_path)) as seen:
        journal.want("WANTED01", NOW)
        assert [scan.barcode for scan in past.scans_after(seen, 0)] == ["OLD"]
        assert [row.barcode for row in wanted.after(seen, 0)] == ["WANTED01"]


def test_what_cannot_be_wanted_is_said_like_a_scan_that_cannot_be_recorded(journal, tmp_path):
    journal._database.execute("DROP TABLE wanted")
    with pytest.raises(NotRecorded, match=r"journal\.db"):
        journal.want("WANTED01", NOW)
    assert journal.append(Reading("left", "CODE", b"CODE", NOW), DECLINED).seq == 1
