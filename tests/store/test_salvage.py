"""What can be read of a damaged journal is read, row by row where it must be; what cannot costs no other."""

import itertools
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from kiosk.store import salvage
from kiosk.store.database import open_for_writing
from kiosk.store.journal import SCHEMA
from kiosk.store.scanrows import INSERT

SCANS = 5_000


def row(seq: int) -> tuple[object, ...]:
    return (
        seq, f"id-{seq}", "gate-1", "left", 1_000 + seq, 1_000 + seq, "boot", seq, "synced", f"CODE{seq}", None,
        "checkin", "approved", "ok", None, f"t-{seq}", "e-1", None, "type-1", "Standing", "Guest" * 10,
        None, None, None, None,
    )  # fmt: skip


@pytest.fixture
def damaged(tmp_path) -> Path:
    """A journal of many scans and passages, still whole."""
    path = tmp_path / "journal.db"
    with closing(open_for_writing(path, SCHEMA, "NORMAL")) as database:
        database.execute("BEGIN")
        database.executemany(INSERT, map(row, range(1_001, 1_001 + SCANS)))
        passages = [(f"t-{seq:04}", seq, "checkin", seq, "gate-1") for seq in range(1, 1_001)]
        database.executemany("INSERT INTO passage VALUES (?, ?, ?, ?, ?)", passages)
        database.execute("INSERT INTO pruned VALUES (1000, 1000, 7)")
        database.execute("INSERT INTO tally VALUES ('checkin', 'approved', 'ok', 1000)")
        database.execute("COMMIT")
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return path


@pytest.fixture
def draft(tmp_path):
    open_for_writing(tmp_path / "draft.db", SCHEMA, "NORMAL").close()
    with closing(sqlite3.connect(tmp_path / "draft.db", isolation_level=None)) as opened:
        yield opened


def pages(path: Path, table: str, kind: str = "leaf") -> list[int]:
    with closing(sqlite3.connect(path)) as database:
        query = "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = ? ORDER BY path"
        return [number for (number,) in database.execute(query, (table, kind))]


def overwrite(path: Path, *numbers: int) -> None:
    with path.open("rb+") as file:
        for number in numbers:
            file.seek((number - 1) * 4096)
            file.write(os.urandom(4096))


def rescued(draft: sqlite3.Connection, path: Path, table: str) -> list[int]:
    with salvage.unbound(draft):
        salvage.copy(draft, path, 0)
    return [seq for (seq,) in draft.execute(f"SELECT seq FROM {table} ORDER BY seq")]


def test_only_what_lies_on_a_damaged_page_is_missing(draft, damaged):
    leaves = pages(damaged, "scan")
    overwrite(damaged, leaves[3], leaves[40], leaves[-1])
    found = rescued(draft, damaged, "scan")
    gaps = [later - earlier - 1 for earlier, later in itertools.pairwise(found) if later > earlier + 1]
    assert len(gaps) == 2
    assert found[-1] < 1_000 + SCANS
    assert SCANS - 120 < len(found) < SCANS


def test_of_passages_both_ends_are_saved_up_to_what_is_damaged(draft, damaged):
    leaves = pages(damaged, "passage")
    overwrite(damaged, leaves[len(leaves) // 2])
    found = rescued(draft, damaged, "passage")
    assert {1, 1_000} <= set(found)
    assert 850 < len(found) < 1_000
    assert draft.execute("SELECT * FROM pruned").fetchall() == [(1000, 1000, 7)]


def test_a_row_that_no_gate_has_written_is_left_out(draft, damaged):
    """A page beside the damaged one that can be read and is rubbish all the same."""
    content = damaged.read_bytes()
    for good, bad in (
        (b"CODE1010checkinapprovedok", b"CODE1010checkinapprovedxx"), (b"CODE4000checkin", b"CODE\xff\xfe00checkin"),
    ):  # fmt: skip
        assert content.count(good) == 1
        content = content.replace(good, bad)
    damaged.write_bytes(content)
    found = rescued(draft, damaged, "scan")
    reasons = {reason for (reason,) in draft.execute("SELECT DISTINCT reason FROM scan")}
    assert reasons == {"ok"}
    assert set(range(1_001, 1_001 + SCANS)) - set(found) == {1_010, 4_000}


def test_a_file_of_which_nothing_can_be_read_is_given_up_soon(draft, damaged):
    overwrite(damaged, *range(2, damaged.stat().st_size // 4096 + 1))
    assert rescued(draft, damaged, "scan") == []
    damaged.write_bytes(b"this is no database" * 400)
    assert not salvage.copy(draft, damaged, 0)


def test_what_the_draft_has_already_stays_as_it_is(draft, damaged):
    other = list(row(1_500))
    other[1] = "mine"
    with salvage.unbound(draft):
        draft.execute(INSERT, other)
        salvage.copy(draft, damaged, 0)
    assert draft.execute("SELECT id FROM scan WHERE seq = 1500").fetchone() == ("mine",)
    assert draft.execute("SELECT count(*) FROM scan").fetchone() == (SCANS,)


def test_an_older_version_s_file_gives_what_it_has(draft, tmp_path):
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        for statement in SCHEMA.steps[0]:
            database.execute(statement)
        database.execute(INSERT, row(1))
    assert rescued(draft, path, "scan") == [1]


def test_the_rules_come_back_and_so_does_the_index(draft, damaged):
    before = draft.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall()
    rescued(draft, damaged, "scan")
    assert draft.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall() == before
    assert draft.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        draft.execute("DELETE FROM scan WHERE seq = 1500")
