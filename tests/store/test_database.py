"""How every file is opened, versioned, locked and written."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path, PosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.errors import NoListYet, Refused, StoreError, TooNew
from kiosk.store.database import MOST_LOG, Schema, from_ms, open_for_reading, open_for_writing, own, to_ms, transaction

FIRST = ("CREATE TABLE guest (name TEXT NOT NULL) STRICT", "INSERT INTO guest VALUES ('Ada')")
SECOND = ("ALTER TABLE guest ADD COLUMN seat TEXT",)
ONE, TWO = Schema("guests", (FIRST,)), Schema("guests", (FIRST, SECOND))
THREE = Schema("guests", (FIRST, SECOND, ("ALTER TABLE guest ADD COLUMN gate TEXT",)))


def make(path, schema=ONE) -> None:
    open_for_writing(path, schema, "FULL").close()


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def guests(path, columns: str = "name"):
    with closing(sqlite3.connect(path)) as database:
        return database.execute(f"SELECT {columns} FROM guest").fetchall()


# --- made and migrated -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("synchronous", "level"), [("FULL", 2), ("NORMAL", 1)])
def test_a_new_file_is_in_wal_mode_with_the_sync_that_was_asked_for(tmp_path, synchronous, level):
    with closing(open_for_writing(tmp_path / "guests.db", ONE, synchronous)) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert database.execute("PRAGMA synchronous").fetchone() == (level,)
        assert database.execute("PRAGMA user_version").fetchone() == (1,)


def test_an_older_file_gets_the_steps_it_lacks_and_keeps_its_rows(tmp_path):
    make(tmp_path / "guests.db", ONE)
    make(tmp_path / "guests.db", THREE)
    assert guests(tmp_path / "guests.db", "name, seat, gate") == [("Ada", None, None)]


def test_a_file_that_is_up_to_date_is_opened_without_writing_to_it(tmp_path):
    path = tmp_path / "guests.db"
    make(path)
    before = path.read_bytes()
    make(path)
    assert path.read_bytes() == before


def test_a_step_that_fails_leaves_the_file_at_the_step_before_it(tmp_path):
    path = tmp_path / "guests.db"
    broken = Schema("guests", (FIRST, (*SECOND, "INSERT INTO nowhere VALUES (1)")))
    with pytest.raises(StoreError):
        make(path, broken)
    with closing(open_for_reading(path, ONE)) as database:
        assert database.execute("SELECT * FROM guest").fetchall() == [("Ada",)]
    make(path, TWO)
    assert guests(path, "name, seat") == [("Ada", None)]


def test_code_older_than_its_file_refuses_and_changes_nothing(tmp_path):
    path = tmp_path / "guests.db"
    make(path, TWO)
    before = path.read_bytes()
    with pytest.raises(TooNew, match="version 2, this kiosk knows 1"):
        make(path, ONE)
    with pytest.raises(TooNew):
        open_for_reading(path, ONE)
    assert path.read_bytes() == before


def test_a_refusal_leaves_no_descriptor_open(tmp_path):
    path = tmp_path / "guests.db"
    make(path, TWO)
    (tmp_path / "torn.db").write_bytes(b"no database at all" * 300)
    before = descriptors()
    for _ in range(5):
        with pytest.raises(TooNew):
            open_for_writing(path, ONE, "FULL")
        with pytest.raises(TooNew):
            open_for_reading(path, ONE)
        with pytest.raises(NoListYet):
            open_for_reading(path, THREE)
        with pytest.raises(NoListYet):
            open_for_reading(tmp_path / "torn.db", ONE)
        with pytest.raises(StoreError):
            open_for_writing(tmp_path / "torn.db", ONE, "FULL")
    assert descriptors() == before


@pytest.mark.parametrize("content", [b"no database at all" * 300, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_no_database_is_an_error_that_names_it(tmp_path, content):
    path = tmp_path / "guests.db"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"guests\.db"):
        open_for_writing(path, ONE, "FULL")
    assert path.read_bytes() == content


def test_a_directory_that_is_missing_is_an_error_that_names_the_file(tmp_path):
    with pytest.raises(StoreError, match=r"guests\.db"):
        open_for_writing(tmp_path / "gone" / "guests.db", ONE, "FULL")


# --- read by others --------------------------------------------------------------------------------------------------


def test_a_reader_before_the_file_exists_hears_so_and_makes_none(tmp_path):
    with pytest.raises(NoListYet):
        open_for_reading(tmp_path / "guests.db", ONE)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"no database at all" * 300])
def test_a_reader_of_an_empty_or_torn_file_hears_that_there_is_none_yet(tmp_path, content):
    (tmp_path / "guests.db").write_bytes(content)
    with pytest.raises(NoListYet):
        open_for_reading(tmp_path / "guests.db", ONE)


def test_a_reader_waits_for_the_owner_to_migrate_and_never_does_it_itself(tmp_path):
    path = tmp_path / "guests.db"
    make(path, ONE)
    with pytest.raises(NoListYet, match="has not brought it up to date"):
        open_for_reading(path, TWO)
    open_for_reading(path, ONE).close()


def test_a_reader_cannot_write(tmp_path):
    make(tmp_path / "guests.db")
    with (
        closing(open_for_reading(tmp_path / "guests.db", ONE)) as database,
        pytest.raises(sqlite3.OperationalError, match="readonly"),
    ):
        database.execute("DELETE FROM guest")


def test_a_reader_does_not_wait_for_a_writer_and_sees_the_last_commit(tmp_path):
    path = tmp_path / "guests.db"
    with closing(open_for_writing(path, ONE, "FULL")) as writer, closing(open_for_reading(path, ONE)) as database:
        with transaction(writer):
            writer.execute("INSERT INTO guest VALUES ('Bob')")
            assert database.execute("SELECT name FROM guest").fetchall() == [("Ada",)]
        assert database.execute("SELECT name FROM guest").fetchall() == [("Ada",), ("Bob",)]


def test_a_reader_of_a_file_that_is_locked_for_good_gives_up_soon(tmp_path):
    path = tmp_path / "guests.db"
    make(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(NoListYet, match="locked"):
            open_for_reading(path, ONE)


@pytest.mark.parametrize("name", ["50% off", "what?mode=rw", "a#b", "spaß & more", "a b"])
def test_a_directory_may_have_any_name(tmp_path, name):
    directory = tmp_path / name
    directory.mkdir()
    make(directory / "guests.db")
    with closing(open_for_reading(directory / "guests.db", ONE)) as database:
        assert database.execute("SELECT name FROM guest").fetchall() == [("Ada",)]


# --- one write transaction -------------------------------------------------------------------------------------------


def write_and_fail(database, end) -> None:
    with transaction(database):
        database.execute("INSERT INTO guest VALUES ('Bob')")
        raise end


@pytest.mark.parametrize("end", [ValueError, KeyboardInterrupt, sqlite3.IntegrityError])
def test_a_transaction_that_ends_badly_leaves_nothing_and_can_be_followed_by_a_good_one(tmp_path, end):
    with closing(open_for_writing(tmp_path / "guests.db", ONE, "FULL")) as database:
        with pytest.raises(end):
            write_and_fail(database, end)
        with transaction(database):
            database.execute("INSERT INTO guest VALUES ('Eve')")
    assert guests(tmp_path / "guests.db") == [("Ada",), ("Eve",)]


def test_writers_that_read_first_wait_for_one_another(tmp_path):
    path = tmp_path / "count.db"
    schema = Schema("count", (("CREATE TABLE count (n INTEGER) STRICT", "INSERT INTO count VALUES (0)"),))
    make(path, schema)

    def count_up() -> None:
        with closing(open_for_writing(path, schema, "NORMAL")) as database:
            for _ in range(100):
                with transaction(database):
                    (n,) = database.execute("SELECT n FROM count").fetchone()
                    database.execute("UPDATE count SET n = ?", (n + 1,))

    threads = [threading.Thread(target=count_up) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT n FROM count").fetchone() == (300,)


@pytest.mark.needs("strace")
def test_the_name_of_a_new_file_is_put_on_disk_too(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "make.py").write_text(
        "from pathlib import Path\n"
        "from kiosk.store.database import Schema, open_for_writing\n"
        "step = ('CREATE TABLE guest (name TEXT)',)\n"
        f"open_for_writing(Path({str(tmp_path)!r}, 'data', 'guests.db'), Schema('guests', (step,)), 'NORMAL').close()\n"
    )
    calls = tmp_path / "calls"
    subprocess.run(
        ["strace", "-f", "-y", "-e", "trace=fsync", "-o", calls, sys.executable, tmp_path / "make.py"], check=True
    )
    assert f"<{tmp_path / 'data'}>)" in calls.read_text()


# --- one writing program ---------------------------------------------------------------------------------------------

HOLDER = """
import sys, time
from pathlib import Path
from kiosk.store.database import own
lock = own(Path(sys.argv[1]), "gate")
print("mine", flush=True)
time.sleep(60)
"""


def test_a_second_program_is_refused_and_told_which_process_has_the_file(tmp_path):
    path = tmp_path / "gate.lock"
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "mine\n"
        with pytest.raises(Refused, match=rf"kiosk gate is already running here \(process {holder.pid}\)"):
            own(path, "gate")
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        with own(path, "gate"):
            assert path.read_text() == str(os.getpid())


def test_a_lock_that_was_given_back_can_be_taken_again(tmp_path):
    with own(tmp_path / "gate.lock", "gate"), pytest.raises(Refused):
        own(tmp_path / "gate.lock", "gate")
    own(tmp_path / "gate.lock", "gate").close()


class Removed(PosixPath):
    """A lock that `kiosk reset` removes when it has been opened, and is not taken yet."""

    times = 0

    def open(self, *arguments, **options):
        opened = super().open(*arguments, **options)
        Removed.times += 1
        if Removed.times == 1:
            self.unlink()
        return opened


def test_a_lock_that_was_removed_just_now_does_not_let_two_programs_in(tmp_path):
    with own(Removed(tmp_path / "gate.lock"), "gate"), pytest.raises(Refused):
        own(tmp_path / "gate.lock", "gate")


# --- times -----------------------------------------------------------------------------------------------------------


@given(st.integers(-(10**13), 10**14))
def test_a_time_in_milliseconds_comes_back_as_it_was(milliseconds):
    assert to_ms(from_ms(milliseconds)) == milliseconds


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_is_kept_to_the_millisecond_and_never_ahead_of_itself(at):
    assert timedelta(0) <= at - from_ms(to_ms(at)) < timedelta(milliseconds=1)


def test_a_time_of_another_zone_is_the_same_moment():
    at = datetime.fromisoformat("2026-06-01T12:00:00.123+02:00")
    assert from_ms(to_ms(at)) == at
    assert from_ms(to_ms(at)).utcoffset() == timedelta(0)


def test_a_log_that_had_to_grow_is_cut_again_once_it_was_folded_in(tmp_path):
    path = tmp_path / "test.db"
    schema = Schema("test", (("CREATE TABLE row (text TEXT) STRICT",),))
    with closing(open_for_writing(path, schema, "NORMAL")) as pen, closing(open_for_reading(path, schema)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM row").fetchone()  # holds the log
        for _ in range(3):
            with transaction(pen):
                pen.execute("INSERT INTO row VALUES (zeroblob(1) || ?)", ("x" * (MOST_LOG // 2),))
        assert path.with_name("test.db-wal").stat().st_size > MOST_LOG
        reader.execute("COMMIT")
        pen.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        with transaction(pen):
            pen.execute("INSERT INTO row VALUES ('next')")
        assert path.with_name("test.db-wal").stat().st_size <= MOST_LOG


def test_a_commit_that_fails_leaves_no_transaction_open(tmp_path):
    path = tmp_path / "test.db"
    schema = Schema("test", (("CREATE TABLE row (id INTEGER PRIMARY KEY, up INTEGER REFERENCES row "
                              "DEFERRABLE INITIALLY DEFERRED) STRICT",),))  # fmt: skip
    with closing(open_for_writing(path, schema, "NORMAL")) as pen:
        pen.execute("PRAGMA foreign_keys = ON")
        with pytest.raises(sqlite3.IntegrityError), transaction(pen):
            pen.execute("INSERT INTO row VALUES (1, 99)")
        with transaction(pen):
            pen.execute("INSERT INTO row VALUES (1, NULL)")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_lock_is_had_on_a_full_disk_too(tmp_path):
    (tmp_path / "gate.lock").symlink_to("/dev/full")
    own(tmp_path / "gate.lock", "gate").close()
