"""The second record: every line by itself, whatever became of the one before it; gone when the journal has let go."""

import errno
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.store import witness
from kiosk.store.scanrows import TABLE
from kiosk.store.witness import NAMES, SEQ, Witness, as_line, as_row, last, rows_after, rows_of, segments


def row(seq: int, **columns: object) -> tuple[object, ...]:
    plain: dict[str, object] = {
        "seq": seq, "id": f"id-{seq}", "device_id": "gate-1", "lane": "left", "time_ms": 1_000 + seq, "wall_ms": 1_000,
        "boot_id": "boot", "boottime_ns": seq, "clock": "synced", "barcode": f"CODE{seq}", "type": "checkin",
        "result": "declined", "reason": "unknown",
    }  # fmt: skip
    found = plain | columns
    return tuple(found.get(name) for name in NAMES)


def write(place: Path, *numbers: int) -> None:
    with closing(Witness(place)) as opened:
        for seq in numbers:
            opened.extend([row(seq)])


def there(place: Path, after: int = 0) -> list[int]:
    return [found[SEQ] for found in rows_after(place / witness.DIRECTORY, after)]


@pytest.fixture
def journal():
    """A journal's tables, as far as the witness looks at them."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        database.execute(TABLE[0])
        database.execute("CREATE TABLE pruned (upto INTEGER PRIMARY KEY)")
        yield database


def keep(journal: sqlite3.Connection, *numbers: int, pruned: int = 0) -> None:
    journal.execute("DELETE FROM scan")
    places = ", ".join("?" * len(NAMES))
    journal.executemany(f"INSERT INTO scan VALUES ({places})", [row(seq) for seq in numbers])
    journal.execute("INSERT OR REPLACE INTO pruned VALUES (?)", (pruned,))


# --- lines -----------------------------------------------------------------------------------------------------------


@settings(max_examples=200)
@given(
    barcode=st.text(st.characters(codec="utf-8")), raw=st.none() | st.binary(), facts=st.none() | st.text(max_size=50),
    number=st.integers(-(2**63), 2**63 - 1),
)  # fmt: skip
def test_a_row_comes_back_from_its_line_whatever_is_in_it(barcode, raw, facts, number):
    written = row(7, barcode=barcode, raw=raw, facts=facts, boottime_ns=number)
    line = as_line(written)
    assert line.count(b"\n") == 1
    assert as_row(line[:-1]) == written


def test_a_line_of_which_one_bit_is_wrong_is_none():
    line = as_line(row(1))[:-1]
    for place in range(len(line)):
        for bit in range(8):
            assert as_row(line[:place] + bytes([line[place] ^ 1 << bit]) + line[place + 1 :]) is None


def test_a_line_that_is_cut_anywhere_is_none_and_costs_only_itself(tmp_path):
    write(tmp_path, 1, 2)
    (path,) = segments(tmp_path / witness.DIRECTORY)
    whole = path.read_bytes()
    second = whole.index(b"\n") + 1
    for end in range(second, len(whole) - 1):
        path.write_bytes(whole[:end])
        assert there(tmp_path) == [1]
        write(tmp_path, 2, 3)
        assert there(tmp_path) == [1, 2, 3]
        assert path.read_bytes().startswith(whole[:end])


def test_rubbish_between_lines_costs_no_other(tmp_path):
    write(tmp_path, 1, 2, 3)
    (path,) = segments(tmp_path / witness.DIRECTORY)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"\0" * 500 + b"\n" + os.urandom(300) + b"\n" + lines[2])
    assert there(tmp_path) == [1, 3]


# --- segments --------------------------------------------------------------------------------------------------------


def test_it_goes_on_behind_the_newest_and_takes_no_number_twice(tmp_path):
    write(tmp_path, 1, 2)
    with closing(Witness(tmp_path)) as opened:
        assert opened.upto == 2
        opened.extend([row(1), row(2), row(3)])
        assert opened.note(row(4))
    assert there(tmp_path) == [1, 2, 3, 4]


def test_what_does_not_follow_the_newest_waits_for_what_lies_between(tmp_path):
    write(tmp_path, 1)
    with closing(Witness(tmp_path)) as opened:
        assert not opened.note(row(3))
        opened.extend([row(2), row(3)])
        assert opened.note(row(4))
    assert there(tmp_path) == [1, 2, 3, 4]


def test_a_full_segment_is_followed_and_only_the_end_is_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr(witness, "SEGMENT_BYTES", 1_000)
    with closing(Witness(tmp_path)) as opened:
        for seq in range(1, 21):
            opened.extend([row(seq)])
            opened.sync()
    known = segments(tmp_path / witness.DIRECTORY)
    assert len(known) > 3
    assert [witness.first_seq(path) for path in known] == [next(rows_of(path))[SEQ] for path in known]
    assert there(tmp_path) == list(range(1, 21))
    assert there(tmp_path, 15) == [16, 17, 18, 19, 20]
    for path in known[:-1]:
        path.chmod(0)
        path.unlink()
        path.mkdir()  # to read it would be an error
    assert last(tmp_path / witness.DIRECTORY)[SEQ] == 20


def test_of_a_newest_segment_without_a_whole_line_the_one_before_counts(tmp_path):
    write(tmp_path, 1, 2)
    (tmp_path / witness.DIRECTORY / "scans-000000000003.log").write_bytes(as_line(row(3))[:40])
    assert last(tmp_path / witness.DIRECTORY)[SEQ] == 2
    write(tmp_path, 3)
    assert there(tmp_path) == [1, 2, 3]


def test_each_line_is_on_disk_before_the_answer_where_that_is_wanted(tmp_path, monkeypatch):
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", synced.append)
    for each, expected in ((False, 0), (True, 2)):
        synced.clear()
        with closing(Witness(tmp_path, each=each)) as opened:
            opened.note(row(opened.upto + 1))
            opened.note(row(opened.upto + 1))
            assert len(synced) == expected


def test_a_line_that_could_be_written_only_in_part_is_an_error_and_the_next_one_is_whole(tmp_path, monkeypatch):
    opened = Witness(tmp_path)
    opened.note(row(1))
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:30]))
    with pytest.raises(OSError, match="only 30"):
        opened.note(row(2))
    monkeypatch.undo()
    assert opened.note(row(2))
    opened.close()
    assert there(tmp_path) == [1, 2]


def test_a_full_disk_is_an_error_and_nothing_counts_as_written(tmp_path, monkeypatch):
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    opened = Witness(tmp_path)
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        opened.note(row(1))
    monkeypatch.undo()
    assert opened.upto == 0
    opened.close()


# --- what has left the journal ---------------------------------------------------------------------------------------


def test_what_has_left_the_journal_leaves_its_segment_and_an_empty_one_goes(tmp_path, journal, monkeypatch):
    monkeypatch.setattr(witness, "SEGMENT_BYTES", 1_000)
    with closing(Witness(tmp_path)) as opened:
        for seq in range(1, 21):
            opened.extend([row(seq)])
            opened.sync()
        before = len(segments(opened.directory))
        keep(journal, 6, *range(8, 21), pruned=7)
        opened.tidy(journal)
        assert there(tmp_path) == [6, *range(8, 21)]
        assert len(segments(opened.directory)) < before
        content = b"".join(path.read_bytes() for path in opened.directory.iterdir())
        assert b"CODE6" in content
        assert not any(f'CODE{seq}"'.encode() in content for seq in (1, 2, 3, 4, 5, 7))


def test_the_newest_segment_is_tidied_too_while_scans_go_on(tmp_path, journal):
    with closing(Witness(tmp_path)) as opened:
        opened.extend([row(seq) for seq in range(1, 6)])
        keep(journal, 5, pruned=4)
        opened.tidy(journal)
        assert there(tmp_path) == [5]
        assert opened.note(row(6))
        assert there(tmp_path) == [5, 6]
        assert len(segments(opened.directory)) == 2


def test_what_the_journal_lacks_without_having_let_go_of_it_stays(tmp_path, journal):
    """The witness knows more than a journal that has lost its end."""
    with closing(Witness(tmp_path)) as opened:
        opened.extend([row(seq) for seq in range(1, 6)])
        keep(journal, 2, pruned=1)
        opened.tidy(journal)
    assert there(tmp_path) == [2, 3, 4, 5]


# --- whose it is -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "same"), [([], True), ([1, 2], True), ([1, 2, 3], True), ([1, 2, 3, 4], True), ([3], True)]
)
def test_it_is_known_by_the_newest_scan_that_both_have(tmp_path, journal, ours, same):
    write(tmp_path, 1, 2, 3)
    keep(journal, *ours)
    assert witness.is_of(tmp_path / witness.DIRECTORY, journal) is same
    if ours:
        journal.execute("UPDATE scan SET id = 'another'")
        assert witness.is_of(tmp_path / witness.DIRECTORY, journal) is not same


def test_another_s_is_put_away_under_another_name(tmp_path):
    write(tmp_path, 1)
    write_again = tmp_path / witness.DIRECTORY
    names = {witness.put_away(write_again).name}
    write(tmp_path, 1)
    names.add(witness.put_away(write_again).name)
    assert len(names) == 2
    assert there(tmp_path) == []
