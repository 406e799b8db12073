"""Room that is set aside for scans: made while there is plenty, given up when there is none."""

import sqlite3
from contextlib import closing

import pytest

from kiosk.errors import StoreError
from kiosk.store import ballast
from kiosk.store.ballast import FILE, SIZE, Ballast
from kiosk.store.journal import Journal


def sick(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("sick")
    error.sqlite_errorcode = code
    return error


class Work:
    """Fails so many times, then returns."""

    def __init__(self, *errors: Exception) -> None:
        self.errors, self.done = list(errors), 0

    def __call__(self) -> str:
        self.done += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


@pytest.fixture
def kept(tmp_path):
    made = Ballast(tmp_path)
    made.keep()
    return made


def test_it_is_of_real_blocks_and_made_with_the_journal(tmp_path):
    assert not Ballast.is_there(tmp_path)
    with closing(Journal(tmp_path, "north")):
        assert Ballast.is_there(tmp_path)
        assert (tmp_path / FILE).stat().st_blocks * 512 >= SIZE


def test_a_hole_is_none_and_is_filled(tmp_path):
    with (tmp_path / FILE).open("wb") as hole:
        hole.truncate(SIZE)
    assert not Ballast.is_there(tmp_path)
    Ballast(tmp_path).keep()
    assert Ballast.is_there(tmp_path)


def test_it_is_not_made_where_there_is_little_room(tmp_path, monkeypatch):
    monkeypatch.setattr(ballast, "ROOM", 1 << 62)
    Ballast(tmp_path).keep()
    assert not (tmp_path / FILE).exists()


def test_what_cannot_be_made_leaves_nothing_and_stops_nobody(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(ballast, "SIZE", 1 << 62)
    Ballast(tmp_path).keep()
    assert not (tmp_path / FILE).exists()
    assert "no ballast could be made" in caplog.text


def test_for_want_of_room_it_is_given_up_and_the_work_done_again(tmp_path, kept, caplog):
    work = Work(sick(sqlite3.SQLITE_FULL))
    assert kept.make_room_for(work) == "done"
    assert (work.done, (tmp_path / FILE).exists()) == (2, False)
    assert "the disk is full" in caplog.text


def test_a_file_that_could_not_be_opened_for_want_of_room_is_opened_with_it(kept):
    error = StoreError("journal.db")
    error.__cause__ = sick(sqlite3.SQLITE_FULL)
    assert kept.make_room_for(Work(error)) == "done"


@pytest.mark.parametrize("code", [sqlite3.SQLITE_BUSY, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_CORRUPT])
def test_for_anything_else_it_stays(tmp_path, kept, code):
    with pytest.raises(sqlite3.Error, match="sick"):
        kept.make_room_for(Work(sick(code)))
    assert Ballast.is_there(tmp_path)


def test_whatever_sqlite_calls_it_with_nothing_free_it_is_want_of_room(kept, monkeypatch):
    monkeypatch.setattr(ballast, "NO_ROOM", 1 << 62)
    assert kept.make_room_for(Work(sick(sqlite3.SQLITE_IOERR_SHMSIZE))) == "done"


def test_without_it_and_where_it_does_not_help_the_error_is_told(tmp_path, kept):
    with pytest.raises(sqlite3.Error):
        kept.make_room_for(Work(sick(sqlite3.SQLITE_FULL), sick(sqlite3.SQLITE_FULL)))
    work = Work(sick(sqlite3.SQLITE_FULL))
    with pytest.raises(sqlite3.Error):
        kept.make_room_for(work)
    assert work.done == 1
