"""A damaged journal with a backup and a witness: the backup takes its place, unless anybody knows more than the two."""

import json
import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kiosk.model import Anchor, Direction, Moment, Reading, Reason, Result, Scan, Source, Ticket, Verdict
from kiosk.store import backup, past, recovery, standin, witness
from kiosk.store import journal as journals
from kiosk.store.journal import Journal
from kiosk.store.keeper import Keeper
from kiosk.store.upkeep import Plan, Upkeep

AT = datetime(2026, 6, 1, 19, 30, tzinfo=UTC)
COPIED, NUMBER = 300, 360


def ticket(number: int) -> Ticket:
    return Ticket(f"t-{number:05}", f"CODE{number:05}", "e-1", "type-1", "Standing", f"Guest {number}" * 5)


def scanned(pen: Keeper | Journal, numbers: range) -> None:
    for number in numbers:
        when = Moment(AT + timedelta(seconds=number), 10**12 + number, "boot")
        verdict = Verdict(Direction.CHECKIN, Result.APPROVED, Reason.OK, ticket(number))
        pen.append(Reading("left", ticket(number).barcode, ticket(number).barcode.encode(), when), verdict)


def opened(directory: Path) -> Keeper:
    return Keeper(directory, "gate-1", 30.0, Upkeep(directory, Plan()))


def copy_now(directory: Path) -> None:
    with closing(journals.reader(directory)) as journal:
        assert backup.make(directory, journal, 3, lambda: False) is not None


@pytest.fixture
def data(tmp_path) -> Path:
    """An evening with a backup of its first part."""
    with closing(opened(tmp_path)) as pen:
        scanned(pen, range(1, COPIED + 1))
        copy_now(tmp_path)
        scanned(pen, range(COPIED + 1, NUMBER + 1))
    return tmp_path


def spoilt(directory: Path) -> None:
    """Leave nothing of the journal that could be read."""
    path = directory / journals.FILE
    with path.open("rb+") as file:
        file.write(os.urandom(path.stat().st_size))


def one_page(directory: Path, name: str = "scan", path: Path | None = None) -> None:
    """Spoil a page in the middle of a table or an index."""
    path = path or directory / journals.FILE
    with closing(sqlite3.connect(path)) as database:
        query = "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY path"
        pages = [number for (number,) in database.execute(query, (name,))]
    with path.open("rb+") as file:
        file.seek((pages[len(pages) // 2] - 1) * 4096)
        file.write(random.Random(0).randbytes(4096))


def everything(directory: Path) -> list[Scan]:
    with closing(journals.reader(directory)) as database:
        return list(past.scans_after(database, 0))


def is_whole(directory: Path, number: int = NUMBER) -> None:
    with closing(opened(directory)) as pen:
        for inside in (1, COPIED, COPIED + 1, number):
            assert len(pen.history(ticket(inside))) == 1
    found = everything(directory)
    assert [scan.seq for scan in found] == list(range(1, number + 1))
    assert [scan.barcode for scan in found] == [ticket(scan.seq).barcode for scan in found]
    with closing(sqlite3.connect(directory / journals.FILE)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def stood_in(directory: Path) -> bool:
    """Tell whether the backup has become the journal, which it says by not being there any more."""
    return backup.newest(directory) is None


# --- it stands in ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("harm", [spoilt, one_page, lambda data: (data / journals.FILE).unlink()])
def test_a_backup_that_the_witness_goes_on_from_becomes_the_journal_whole(data, harm):
    inode = backup.newest(data).stat().st_ino
    harm(data)
    is_whole(data)
    assert (data / journals.FILE).stat().st_ino == inode
    assert stood_in(data)
    assert json.loads((data / recovery.REPORT).read_text())["missing"] == 0


def test_it_takes_the_journals_name_only_when_it_has_everything(data, monkeypatch):
    """Sync would hold a journal that lacks its newest scan for another one, and look all of it up in the cloud."""
    spoilt(data)
    seen = []
    append = standin._append

    def watched(*given: object) -> None:
        append(*given)
        seen.append((data / journals.FILE).exists())

    monkeypatch.setattr(standin, "_append", watched)
    is_whole(data)
    assert seen == [False]


def test_a_copy_and_a_check_are_due_soon_afterwards(data):
    with closing(opened(data)) as pen:
        due = dict(pen._upkeep._due)
        pen._upkeep._due["backup"] = pen._upkeep._due["check"] = due["check"] + 10**15
        spoilt(data)
        pen._recover("by hand")
        assert due["check"] <= pen._upkeep._due["check"] == pen._upkeep._due["backup"] < due["check"] + 10**12


def test_what_a_power_cut_took_from_the_witness_is_taken_from_the_damaged_file(data):
    journal_ahead(data)
    one_page(data)
    is_whole(data)
    assert stood_in(data)


def test_what_the_damaged_file_knows_of_its_clocks_comes_along(data):
    with closing(opened(data)) as pen:
        pen.anchor(Anchor("boot", 10**12, 1_780_000_000_000, Source.NTP))
    one_page(data)
    with closing(opened(data)) as pen:
        assert [anchor.utc_ms for anchor in pen.anchors()] == [1_780_000_000_000]
    assert stood_in(data)


# --- somebody knows more ---------------------------------------------------------------------------------------------


def witness_with_a_gap(data: Path) -> None:
    (path,) = witness.segments(data / witness.DIRECTORY)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[: COPIED + 10] + lines[COPIED + 11 :]))


def journal_ahead(data: Path) -> None:
    (path,) = witness.segments(data / witness.DIRECTORY)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-5]))


def journal_ahead_with_its_end_out_of_reach(data: Path) -> None:
    """The last leaf is spoilt, the one before it has scans that the witness lacks."""
    (path,) = witness.segments(data / witness.DIRECTORY)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[: COPIED + 5]))


def copy_spoilt(data: Path) -> None:
    one_page(data, "scan", backup.newest(data))


def copy_with_a_spoilt_index(data: Path) -> None:
    one_page(data, "scan_by_ticket", backup.newest(data))


def copy_whose_index_lies(data: Path) -> None:
    """Its index lacks a ticket, and SQLite's quick check finds nothing wrong with that."""
    with closing(sqlite3.connect(backup.newest(data), isolation_level=None)) as database:
        database.execute("PRAGMA writable_schema = ON")
        set_where = "UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE name = 'scan_by_ticket'"
        database.execute(set_where, ("result = 'approved'", "result = 'approved' AND seq <> 1"))
    with closing(sqlite3.connect(backup.newest(data), isolation_level=None)) as database:
        database.execute("REINDEX scan_by_ticket")
        database.execute("PRAGMA writable_schema = ON")
        database.execute(set_where, (" AND seq <> 1", ""))
    with closing(sqlite3.connect(backup.newest(data))) as database:
        assert database.execute("PRAGMA quick_check").fetchall() == [("ok",)]


def copy_with_a_hole(data: Path) -> None:
    with closing(sqlite3.connect(backup.newest(data), isolation_level=None)) as database:
        (rule,) = database.execute(
            "SELECT sql FROM sqlite_schema WHERE name = 'scan_is_removed_by_retention_only'"
        ).fetchone()
        database.execute("DROP TRIGGER scan_is_removed_by_retention_only")
        database.execute("DELETE FROM scan WHERE seq = 7")
        database.execute(rule)


def copy_of_an_older_version(data: Path) -> None:
    with closing(sqlite3.connect(backup.newest(data), isolation_level=None)) as database:
        database.execute("PRAGMA user_version = 2")


def copy_of_another_journal(data: Path) -> None:
    with closing(sqlite3.connect(backup.newest(data), isolation_level=None)) as database:
        database.execute("DROP TRIGGER scan_is_never_changed")
        database.execute("UPDATE scan SET id = 'another' || seq")


@pytest.mark.parametrize(
    ("doubt", "harm"),
    [
        (witness_with_a_gap, one_page), (copy_spoilt, spoilt),
        (copy_with_a_spoilt_index, spoilt), (copy_whose_index_lies, spoilt), (copy_with_a_hole, spoilt),
        (copy_of_an_older_version, spoilt),
    ],
)  # fmt: skip
def test_where_the_two_are_not_everything_all_that_is_left_is_read(data, doubt, harm):
    doubt(data)
    harm(data)
    if doubt is witness_with_a_gap:
        one_page_is_elsewhere(data)
    is_whole(data)
    assert not stood_in(data)


def test_a_scan_that_the_witness_lacks_is_looked_for_everywhere_before_it_counts_as_lost(data):
    witness_with_a_gap(data)
    spoilt(data)
    with closing(opened(data)):
        pass
    assert recovery.last_report(data)["missing"] == 1
    assert not stood_in(data)


def test_a_scan_behind_the_witness_that_no_gate_has_written_is_not_taken(data):
    journal_ahead(data)
    one_page(data)
    with closing(sqlite3.connect(data / journals.FILE)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    path = data / journals.FILE
    good = f"CODE{NUMBER - 2:05}checkinapprovedok".encode()
    content = path.read_bytes()
    assert content.count(good) == 1
    path.write_bytes(content.replace(good, good.replace(b"approvedok", b"approvedxx")))
    with closing(opened(data)):
        pass
    assert [scan.seq for scan in everything(data)] == [*range(1, NUMBER - 2), NUMBER - 1, NUMBER]
    assert not stood_in(data)


def one_page_is_elsewhere(data: Path) -> None:
    """The scan that the witness lacks is not the one whose page is spoilt."""
    with closing(sqlite3.connect(data / journals.FILE)) as database:
        query = "SELECT count(*) FROM scan WHERE seq BETWEEN ? AND ?"
        assert database.execute(query, (COPIED + 10, COPIED + 12)).fetchone() == (3,)


def test_scans_that_can_be_read_beyond_what_cannot_keep_the_backup_from_standing_in(data):
    journal_ahead_with_its_end_out_of_reach(data)
    path = data / journals.FILE
    with closing(sqlite3.connect(path)) as database:
        query = "SELECT pageno FROM dbstat WHERE name = 'scan' AND pagetype = 'leaf' ORDER BY path"
        last = [number for (number,) in database.execute(query)][-1]
    with path.open("rb+") as file:
        file.seek((last - 1) * 4096)
        file.write(os.urandom(4096))
    with closing(opened(data)):
        pass
    assert NUMBER - 30 < len(everything(data)) < NUMBER
    assert not stood_in(data)


def test_another_journals_backup_does_not_stand_in(data):
    copy_of_another_journal(data)
    spoilt(data)
    with closing(opened(data)) as pen:
        assert len(pen.history(ticket(NUMBER))) == 1
    assert not stood_in(data)


def test_what_left_the_journal_since_the_backup_does_not_come_back(data):
    with closing(sqlite3.connect(data / journals.FILE, isolation_level=None)) as database:
        database.execute("INSERT INTO pruned VALUES (4, 4, 0)")
        database.execute("INSERT INTO passage SELECT ticket_id, seq, type, time_ms, device_id FROM scan WHERE seq <= 4")
        database.execute("DELETE FROM scan WHERE seq <= 4")
    one_page(data)
    with closing(opened(data)) as pen:
        assert len(pen.history(ticket(1))) == 1
    assert [scan.seq for scan in everything(data)] == list(range(5, NUMBER + 1))
    assert not stood_in(data)


# --- killed meanwhile ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["counted", "sync_directory"])
def test_killed_on_the_way_it_is_done_again(data, monkeypatch, where):
    spoilt(data)
    standing_in: Callable[..., bool] = standin.bring_up

    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    def then_killed(*given: object) -> bool:
        done = standing_in(*given)
        monkeypatch.setattr(recovery, where, killed)
        return done

    monkeypatch.setattr(standin, "bring_up", then_killed)
    with pytest.raises(Killed):
        opened(data)
    monkeypatch.undo()
    is_whole(data)
    assert stood_in(data)
    assert (data / recovery.REPORT).exists()


OPENING = """
import sys
from pathlib import Path
from kiosk.store.keeper import Keeper
from kiosk.store.upkeep import Plan, Upkeep
Keeper(Path(sys.argv[1]), "gate-1", 30.0, Upkeep(Path(sys.argv[1]), Plan()))
"""


@pytest.mark.needs("strace")
@pytest.mark.parametrize("when", [1, 2, 4])
def test_killed_while_the_backup_is_written_to_it_is_a_backup_as_before(data, when):
    spoilt(data)
    copy = backup.newest(data)
    inject = f"inject=pwrite64:error=EIO:signal=SIGKILL:when={when}"
    command = ["strace", "-f", "-o", "/dev/null", "-P", str(copy), "-e", "trace=pwrite64", "-e", inject]
    subprocess.run([*command, sys.executable, "-B", "-c", OPENING, str(data)], check=False, timeout=60)
    assert copy.with_name(f"{copy.name}-journal").exists()  # it was in the middle of it
    assert not (data / journals.FILE).exists()
    is_whole(data)
    assert stood_in(data)
