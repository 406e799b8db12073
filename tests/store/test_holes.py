"""A block of the witness that a power cut took while the one behind it stayed."""

import sqlite3
from contextlib import closing

import pytest

from kiosk.store import holes, witness
from kiosk.store.witness import Witness, segments
from tests.store.conftest import scan, there


def lose(path, *numbers: int) -> None:
    """Zeros where these lines were, as in a block that never came to the disk."""
    content = path.read_bytes()
    for line in content.splitlines(keepends=True):
        if (row := witness.as_row(line.rstrip(b"\n"))) is not None and row[witness.SEQ] in numbers:
            content = content.replace(line, bytes(len(line) - 1) + b"\n")
    path.write_bytes(content)


@pytest.fixture
def twelve(running, tmp_path, monkeypatch):
    """Twelve scans in the journal and in three segments of the witness."""
    monkeypatch.setattr(witness, "SEGMENT_BYTES", 900)
    pen, beside = running()
    beside.close()
    for number in range(1, 13):
        scan(pen, number)
        beside.follower.witness.sync()
    pen.close()
    found = segments(tmp_path / witness.DIRECTORY)
    assert [witness.first_seq(path) for path in found] == [1, 5, 9]
    return found


def fill(directory) -> None:
    with closing(Witness(directory)) as beside, closing(sqlite3.connect(directory / "journal.db")) as journal:
        holes.fill(beside, journal)


@pytest.mark.parametrize("lost", [(10,), (9, 10), (7, 8), (5, 6, 7, 8), (8, 9), (6, 11)])
def test_what_is_missing_in_the_middle_comes_back_from_the_journal(twelve, tmp_path, lost):
    for path in twelve:
        lose(path, *lost)
    assert there(tmp_path) == [number for number in range(1, 13) if number not in lost]
    fill(tmp_path)
    assert there(tmp_path) == list(range(1, 13))


def test_what_is_whole_is_left_as_it_is(twelve, tmp_path):
    before = [path.stat().st_ino for path in twelve]
    fill(tmp_path)
    assert [path.stat().st_ino for path in twelve] == before


def test_what_only_the_witness_has_stays_and_scans_go_on_behind_it(twelve, tmp_path):
    lose(twelve[2], 10)
    with closing(sqlite3.connect(tmp_path / "journal.db")) as journal, closing(Witness(tmp_path)) as beside:
        newest = witness.last(beside.directory)
        beside.extend([(13, *newest[1:])])
        holes.fill(beside, journal)
        beside.extend([(14, *newest[1:])])
    assert there(tmp_path) == list(range(1, 15))


def test_a_door_that_opens_again_fills_the_holes_of_its_witness(running, tmp_path, eventually):
    pen, _ = running(sync="none")
    for number in range(1, 6):
        scan(pen, number)
    pen.close()
    (path,) = segments(tmp_path / witness.DIRECTORY)
    lose(path, 2, 3)
    assert there(tmp_path) == [1, 4, 5]
    pen, _ = running(sync="none")
    eventually("they are there", lambda: there(tmp_path) == [1, 2, 3, 4, 5])
