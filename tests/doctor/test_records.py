"""Journal, list, outbox and backups."""

import os
import sqlite3
from contextlib import closing

import pytest

from kiosk import clock
from kiosk.doctor import records
from kiosk.doctor.finding import Colour
from kiosk.model import Direction, Reading, Reason, Result, Verdict
from kiosk.store import journal
from kiosk.store.journal import Journal

GREEN, AMBER, RED = Colour.GREEN, Colour.AMBER, Colour.RED
LIST = {"total": 60, "complete": True, "ageSeconds": 5, "expected": None, "refused": [], "shrunkTo": None}
NOTHING_WAITS = {"pending": 0, "inflight": 0, "unknown": 0, "refused": 0, "local": 3, "oldestSeconds": None}


def scanned(directory):
    now = clock.now()
    with closing(Journal(directory, "north")) as pen:
        pen.append(
            Reading("left", "NOBODY", b"NOBODY", now), Verdict(Direction.CHECKIN, Result.DECLINED, Reason.UNKNOWN)
        )
    return now.at


def test_a_journal_that_can_be_read_is_green_and_so_is_none_at_all(tmp_path):
    assert [found.colour for found in records.recorded(tmp_path)] == [GREEN]
    assert records.newest_scan(tmp_path) is None
    at = scanned(tmp_path)
    (found,) = records.recorded(tmp_path)
    assert (found.colour, "newest scan 1" in found.found) == (GREEN, True)
    assert abs((records.newest_scan(tmp_path) - at).total_seconds()) < 0.001


def test_a_journal_of_a_newer_version_is_red_and_the_mend_is_the_newer_version(tmp_path):
    scanned(tmp_path)
    with closing(sqlite3.connect(tmp_path / journal.FILE)) as database:
        database.execute("PRAGMA user_version = 999")
    (found,) = records.recorded(tmp_path)
    assert (found.colour, "newer" in found.mend) == (RED, True)


@pytest.mark.parametrize("content", [b"", b"no database at all" * 300])
def test_a_journal_that_is_none_is_red(tmp_path, content):
    (tmp_path / journal.FILE).write_bytes(content)
    (found,) = records.recorded(tmp_path)
    assert found.colour is RED
    assert records.newest_scan(tmp_path) is None


@pytest.mark.parametrize(
    ("differs", "colour", "word"),
    [
        ({}, GREEN, "complete"), ({"total": 0, "complete": False, "ageSeconds": None}, RED, "import"),
        ({"complete": False, "expected": 90}, AMBER, "60 of 90"), ({"ageSeconds": 90_000}, RED, "25 h old"),
        ({"refused": ["e-1"], "shrunkTo": 4}, AMBER, "tickets accept"),
    ],
)  # fmt: skip
def test_a_list_is_told_by_what_is_wrong_with_it(differs, colour, word):
    found = records.ticket_list({**LIST, **differs}, 86_400.0)
    assert found.colour is colour
    assert word in found.found + found.mend


@pytest.mark.parametrize(
    ("differs", "colour", "word"),
    [
        ({}, GREEN, "0 pending"), ({"pending": 4, "oldestSeconds": 30}, GREEN, "4 pending"),
        ({"pending": 4, "oldestSeconds": 7_300}, AMBER, "2 h"), ({"unknown": 2}, AMBER, "retry --unknown"),
        ({"refused": 1, "unknown": 2}, AMBER, "kiosk retry`"),
    ],
)  # fmt: skip
def test_an_outbox_is_told_by_what_waits_for_a_person(differs, colour, word):
    found = records.outbox({**NOTHING_WAITS, **differs})
    assert found.colour is colour
    assert word in found.found + found.mend


def test_backups_are_looked_at_where_there_are_any(tmp_path):
    assert records.backup(tmp_path) == []
    (tmp_path / "backup").mkdir()
    assert [found.colour for found in records.backup(tmp_path)] == [AMBER]
    for name, at in (("old", 1_000_000), ("new", None)):
        (tmp_path / "backup" / name).touch()
        os.utime(tmp_path / "backup" / name, None if at is None else (at, at))
    assert [found.colour for found in records.backup(tmp_path)] == [GREEN]
    (tmp_path / "backup" / "new").unlink()
    assert [found.colour for found in records.backup(tmp_path)] == [AMBER]
