"""Copies of the journal: one moment of it, whole or not at all, the newest few, and nothing that it has let go of."""

import os
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kiosk.model import Direction, Moment, Reading, Reason, Result, Verdict
from kiosk.store import backup
from kiosk.store import journal as journals
from kiosk.store.journal import Journal

DECLINED = Verdict(Direction.CHECKIN, Result.DECLINED, Reason.UNKNOWN)


def scan(pen: Journal, number: int) -> None:
    when = Moment(datetime(2026, 6, 1, tzinfo=UTC) + timedelta(seconds=number), number, "boot")
    pen.append(Reading("left", f"CODE{number}", b"x" * 2_000, when), DECLINED)


@pytest.fixture
def pen(tmp_path):
    with closing(Journal(tmp_path, "gate-1")) as opened:
        for number in range(300):
            scan(opened, number)
        yield opened


@pytest.fixture
def seen(pen, tmp_path):
    with closing(journals.reader(tmp_path)) as opened:
        yield opened


def make(directory: Path, seen: sqlite3.Connection, kept: int = 3) -> Path:
    made = backup.make(directory, seen, kept, lambda: False)
    assert made is not None
    return made


def numbers(path: Path) -> list[int]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return [seq for (seq,) in database.execute("SELECT seq FROM scan ORDER BY seq")]


def test_a_copy_is_one_moment_of_a_journal_that_goes_on_and_no_scan_waits_for_it(pen, seen, tmp_path, monkeypatch):
    monkeypatch.setattr(backup, "PAGES", 4)
    monkeypatch.setattr(backup, "PAUSE_S", 0.05)  # time for scans, on a disk that others use too
    made: list[Path] = []

    def work() -> None:
        with closing(journals.reader(tmp_path)) as own:
            made.append(make(tmp_path, own))

    copying = threading.Thread(target=work)
    copying.start()
    meanwhile = 0
    while copying.is_alive():
        scan(pen, 300 + meanwhile)
        meanwhile += 1
    copying.join()
    found = numbers(made[0])
    assert found == list(range(1, len(found) + 1))
    assert 300 <= len(found) < 300 + meanwhile
    assert meanwhile > 20
    assert sorted(path.name for path in (tmp_path / backup.DIRECTORY).iterdir()) == [made[0].name]
    assert made[0].stat().st_mode & 0o077 == 0


def test_so_many_are_kept_the_newest(pen, seen, tmp_path):
    for number in range(5):
        scan(pen, 300 + number)
        make(tmp_path, seen, kept=2)
    assert [len(numbers(path)) for path in backup.backups(tmp_path)] == [304, 305]
    assert numbers(backup.newest(tmp_path))[-1] == 305


def test_without_anything_new_none_is_due(pen, seen, tmp_path):
    assert backup.is_due(tmp_path, seen)
    make(tmp_path, seen)
    assert not backup.is_due(tmp_path, seen)
    scan(pen, 300)
    assert backup.is_due(tmp_path, seen)


def test_a_journal_without_scans_needs_none(tmp_path):
    with closing(Journal(tmp_path, "gate-1")), closing(journals.reader(tmp_path)) as seen:
        assert not backup.is_due(tmp_path, seen)


def test_what_has_left_the_journal_leaves_the_copies_of_the_days_before(pen, seen, tmp_path):
    old = make(tmp_path, seen)
    older = old.with_name(old.name.replace(old.name[8:16], "20200101"))
    old.rename(older)
    pen._database.execute("INSERT INTO pruned VALUES (3, 3, 0)")
    pen._database.execute("DELETE FROM scan WHERE seq <= 3")
    assert backup.is_due(tmp_path, seen)
    make(tmp_path, seen)
    assert [numbers(path)[0] for path in backup.backups(tmp_path)] == [4]


def test_one_that_is_stopped_or_fails_half_way_leaves_nothing_and_the_others_stay(pen, seen, tmp_path, monkeypatch):
    first = make(tmp_path, seen)
    scan(pen, 300)
    assert backup.make(tmp_path, seen, 3, lambda: True) is None
    monkeypatch.setattr(os, "fdatasync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        backup.make(tmp_path, seen, 3, lambda: False)
    monkeypatch.undo()
    assert list((tmp_path / backup.DIRECTORY).iterdir()) == [first]
    assert not seen.in_transaction
    make(tmp_path, seen)


def test_what_a_kill_left_behind_is_no_copy_and_goes(pen, seen, tmp_path):
    (tmp_path / backup.DIRECTORY).mkdir()
    (tmp_path / backup.DIRECTORY / "journal.draft").write_bytes(b"half of it")
    assert backup.newest(tmp_path) is None
    made = make(tmp_path, seen)
    assert list((tmp_path / backup.DIRECTORY).iterdir()) == [made]


def test_a_disk_is_not_filled_with_copies(pen, seen, tmp_path, monkeypatch):
    monkeypatch.setattr(backup, "SPARE_BYTES", 1 << 60)
    with pytest.raises(OSError, match="would fill the disk"):
        backup.make(tmp_path, seen, 3, lambda: False)
    assert backup.newest(tmp_path) is None
