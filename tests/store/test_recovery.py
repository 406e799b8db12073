"""What is damage and what is not; and that nothing damaged is ever thrown away."""

import json
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from kiosk.store import recovery


def filled(path: Path, rows: int = 3_000) -> Path:
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL").fetchone()
        database.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)")
        database.execute("BEGIN")
        database.executemany("INSERT INTO t (b) VALUES (?)", [("x" * 400,)] * rows)
        database.execute("COMMIT")
    return path


def test_a_sound_file_and_one_that_is_not_there_are_not_damaged(tmp_path):
    assert recovery.damage(filled(tmp_path / "a.db"), None) is None
    assert recovery.damage(tmp_path / "nothing.db", None) is None


@pytest.mark.parametrize("content", [b"", b"this is no database" * 300, b"SQLite format 3\0" + b"\xff" * 5_000])
def test_rubbish_is(tmp_path, content):
    (tmp_path / "a.db").write_bytes(content)
    assert recovery.damage(tmp_path / "a.db", None) is not None


def test_one_page_is_found_wherever_it_is_if_there_is_time(tmp_path):
    path = filled(tmp_path / "a.db")
    with path.open("rb+") as file:
        file.seek(200 * 4096)
        file.write(b"\xa5" * 4096)
    assert recovery.damage(path, 0.0) is None
    assert recovery.damage(path, None) is not None


def test_a_look_ends_when_its_time_is_over(tmp_path):
    path = filled(tmp_path / "a.db", 100_000)
    began = time.monotonic()
    assert recovery.damage(path, 0.01) is None
    assert time.monotonic() - began < 0.05
    for end in (2, path.stat().st_size // 4096):  # the root of the table, and its last leaf
        with path.open("rb+") as file:
            file.seek((end - 1) * 4096)
            page = file.read(4096)
            file.seek((end - 1) * 4096)
            file.write(b"\xa5" * 4096)
            file.flush()
            assert recovery.damage(path, 0.01) is not None
            file.seek((end - 1) * 4096)
            file.write(page)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_file_that_may_not_be_read_is_not_damaged(tmp_path):
    path = filled(tmp_path / "a.db")
    path.chmod(0)
    assert recovery.damage(path, None) is None


def test_a_file_that_is_locked_is_not_damaged(tmp_path):
    path = filled(tmp_path / "a.db")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE").fetchone()
        other.execute("BEGIN IMMEDIATE")
        assert recovery.damage(path, 0.1) is None


def test_what_is_moved_aside_is_kept_with_its_logs_each_time_in_a_place_of_its_own(tmp_path):
    places = set()
    for content in (b"one", b"two"):
        for ending in ("", "-wal", "-shm"):
            (tmp_path / f"a.db{ending}").write_bytes(content + ending.encode())
        place = recovery.set_aside(tmp_path, "a.db")
        places.add(place)
        assert {path.name: path.read_bytes() for path in place.iterdir()} == {
            f"a.db{ending}": content + ending.encode() for ending in ("", "-wal", "-shm")
        }
    assert len(places) == 2
    assert list(tmp_path.iterdir()) == [tmp_path / recovery.DIRECTORY]


def test_only_what_is_damaged_is_moved(tmp_path):
    filled(tmp_path / "good.db")
    (tmp_path / "bad.db").write_bytes(b"this is no database" * 300)
    ((name, why, place),) = recovery.mend(tmp_path, ("good.db", "bad.db", "none.db"), 1.0)
    assert (name, why) == ("bad.db", "file is not a database")
    assert (place / "bad.db").exists()
    assert (tmp_path / "good.db").exists()


def test_a_report_that_cannot_be_read_is_none(tmp_path):
    assert recovery.last_report(tmp_path) is None
    recovery.report(tmp_path / recovery.REPORT, {"scans": 3})
    assert recovery.last_report(tmp_path) == {"scans": 3}
    for content in ("{", json.dumps([1])):
        (tmp_path / recovery.REPORT).write_text(content)
        assert recovery.last_report(tmp_path) is None
