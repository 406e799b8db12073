"""What is looked at, copied and tidied beside the scans, and what of it the gate mends in its next pause."""

import random
import shutil
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime

from kiosk import clock
from kiosk.model import Direction, Moment, Reading, Reason, Result, Ticket, Verdict
from kiosk.store import backup, past, upkeep, witness
from kiosk.store import journal as journals
from kiosk.store.journal import Journal
from kiosk.store.upkeep import Plan, Upkeep
from tests.store.conftest import scan, there


def test_the_check_of_the_whole_file_finds_what_no_scan_has_touched(tmp_path, running, eventually):
    with closing(Journal(tmp_path, "gate-1")) as old:
        for number in range(500):
            scan(old, number)
    pen, beside = running(first_check_s=0.0)
    with closing(sqlite3.connect(tmp_path / journals.FILE)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    with (tmp_path / journals.FILE).open("rb+") as file:
        file.seek(12 * 4096)
        file.write(random.Random(1).randbytes(4096))
    eventually("it is found", lambda: beside.damage)
    pen.rest(Moment(datetime(2026, 6, 1, tzinfo=UTC), 0, "boot"))
    assert pen.facts()["notice"] == {"saved": 500, "lost": 0}


def test_the_check_finds_an_index_that_lacks_a_ticket(tmp_path):
    """Its guest would be let in again; each page by itself is as it should be."""
    with closing(Journal(tmp_path, "gate-1")) as old:
        old.append(
            Reading("left", "CODE", b"CODE", clock.now()),
            Verdict(Direction.CHECKIN, Result.APPROVED, Reason.OK, Ticket("t-1", "CODE", "e-1", "type-1")),
        )
    index, less = "result = 'approved'", "result = 'approved' AND seq > 1"
    for old_words, new_words, then in ((index, less, "REINDEX scan_by_ticket"), (less, index, "PRAGMA quick_check")):
        with closing(sqlite3.connect(tmp_path / journals.FILE, isolation_level=None)) as other:
            other.execute("PRAGMA writable_schema = ON")
            other.execute("UPDATE sqlite_schema SET sql = replace(sql, ?, ?)", (old_words, new_words))
        with closing(sqlite3.connect(tmp_path / journals.FILE, isolation_level=None)) as other:
            assert other.execute(then).fetchall() in ([], [("ok",)])
    beside = Upkeep(tmp_path, Plan())
    with closing(journals.reader(tmp_path)) as seen:
        assert past.passages(seen, "t-1") == []
        assert beside._check(seen)
    assert "index" in str(beside.damage)
    beside.close()


def test_the_check_stops_as_soon_as_somebody_comes(tmp_path):
    with closing(Journal(tmp_path, "gate-1")) as old:
        for number in range(2_000):
            scan(old, number)
    beside = Upkeep(tmp_path, Plan())
    with closing(journals.reader(tmp_path)) as seen:
        assert beside._check(seen)
        beside._noted_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        assert not beside._check(seen)
        assert seen.execute("SELECT count(*) FROM scan").fetchone() == (2_000,)
    beside.close()


def test_a_journal_that_has_lost_its_end_unseen_is_noticed_and_completed_in_a_pause(tmp_path, running):
    pen, beside = running()
    scan(pen, 0)
    row = list(next(witness.rows_after(tmp_path / witness.DIRECTORY, 0)))
    row[witness.SEQ], row[witness.NAMES.index("time_ms")] = 2, row[witness.NAMES.index("time_ms")] + 5
    beside.follower.witness.extend([row])
    with closing(journals.reader(tmp_path)) as seen:
        beside.follower.compare(seen)
    assert beside.follower.ahead
    pen.rest(Moment(datetime(2026, 6, 1, tzinfo=UTC), 0, "boot"))
    with closing(journals.reader(tmp_path)) as seen:
        assert past.last_seq(seen) == 2


def test_a_copy_is_made_at_the_first_chance_and_its_age_is_known(tmp_path, running, eventually):
    with closing(Journal(tmp_path, "gate-1")) as old:
        scan(old, 0)
    assert upkeep.age_s(tmp_path, time.time()) is None
    running(first_check_s=0.0)
    eventually("there is a copy", lambda: backup.newest(tmp_path))
    assert upkeep.age_s(tmp_path, time.time() + 60) in range(55, 90)


def test_what_leaves_the_journal_leaves_the_witness(tmp_path, running, eventually):
    with closing(Journal(tmp_path, "gate-1")) as old:
        for number in range(10):
            scan(old, number)
        shutil.rmtree(tmp_path / witness.DIRECTORY, ignore_errors=True)
    running(tidy_s=0.0)
    eventually("it has followed", lambda: there(tmp_path) == list(range(1, 11)))
    with closing(sqlite3.connect(tmp_path / journals.FILE)) as other:
        other.execute("INSERT INTO pruned VALUES (4, 4, 0)")
        other.execute("DELETE FROM scan WHERE seq <= 4")
        other.commit()
    eventually("it is gone", lambda: there(tmp_path) == list(range(5, 11)))
