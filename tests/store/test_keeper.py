"""A journal that was damaged: every scan that was answered is there afterwards, once, with its number.

Real files, damaged as cards and power cuts damage them. What a running program makes of it: `tests/test_damage.py`.
"""

import json
import os
import random
import shutil
import sqlite3
import struct
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kiosk.errors import NotRecorded, TooNew
from kiosk.model import (
    Anchor,
    ClockQuality,
    Direction,
    Moment,
    Reading,
    Reason,
    Result,
    Scan,
    Source,
    Ticket,
    Verdict,
)
from kiosk.store import anchors, backup, keeper, past, recovery, witness
from kiosk.store import journal as journals
from kiosk.store.database import open_for_writing
from kiosk.store.journal import Journal
from kiosk.store.keeper import Keeper
from kiosk.store.upkeep import Plan, Upkeep

AT = datetime(2026, 6, 1, 19, 30, tzinfo=UTC)
NUMBER = 400
DECLINED = Verdict(Direction.CHECKIN, Result.DECLINED, Reason.UNKNOWN)


def reading(number: int) -> Reading:
    code = f"CODE{number:05}"
    when = Moment(AT + timedelta(seconds=number), 10**12 + number, "boot", ClockQuality.SYNCED)
    return Reading("left", code, code.encode(), when)


def ticket(number: int) -> Ticket:
    return Ticket(f"t-{number:05}", f"CODE{number:05}", "e-1", "type-1", "Standing", f"Guest {number}" * 5)


def verdict(number: int) -> Verdict:
    return DECLINED if number % 5 == 0 else Verdict(Direction.CHECKIN, Result.APPROVED, Reason.OK, ticket(number))


def opened(directory: Path, **plan: object) -> Keeper:
    return Keeper(directory, "gate-1", 30.0, Upkeep(directory, Plan(**plan)))  # type: ignore[arg-type]


def scanned(pen: Keeper | Journal, numbers: range) -> list[Scan]:
    return [pen.append(reading(number), verdict(number)) for number in numbers]


def everything(directory: Path) -> list[Scan]:
    with closing(journals.reader(directory)) as database:
        return list(past.scans_after(database, 0))


def abandon(directory: Path, to: Path) -> None:
    """Copy the files as they lie there: what a kill or a plug that is pulled leaves behind."""
    shutil.copytree(directory, to)


def page_classes(path: Path) -> dict[str, list[int]]:
    """Return which pages of a file are what, by SQLite's own account."""
    with closing(sqlite3.connect(path)) as database:
        found: dict[str, list[int]] = {"first": [1]}
        rows = database.execute("SELECT name, pagetype, pageno FROM dbstat WHERE pageno > 1").fetchall()
        for name, kind, number in rows:
            found.setdefault(f"{'index' if name == 'scan_by_ticket' else name} {kind}", []).append(number)
        known = {number for numbers in found.values() for number in numbers}
        size = database.execute("PRAGMA page_count").fetchone()[0]
        found["free"] = [number for number in range(2, size + 1) if number not in known]
    return found


def overwrite(path: Path, page: int, seed: int = 0) -> None:
    with path.open("rb+") as file:
        file.seek((page - 1) * 4096)
        file.write(random.Random(seed).randbytes(4096))


@pytest.fixture(scope="module")
def evening(tmp_path_factory) -> Path:
    """A closed journal of an evening, with a free page and everything folded in, and its witness."""
    directory = tmp_path_factory.mktemp("evening") / "data"
    directory.mkdir()
    with closing(opened(directory)) as pen:
        for number in range(150):  # codes that are wanted and forgotten leave pages that are free
            pen.want("X" * 400 + str(number), reading(number).moment)
        scanned(pen, range(1, NUMBER + 1))
    with closing(sqlite3.connect(directory / journals.FILE)) as folded:
        folded.execute("DELETE FROM wanted")
        folded.commit()
        folded.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return directory


@pytest.fixture
def data(evening, tmp_path) -> Path:
    """A copy of the evening to damage."""
    return Path(shutil.copytree(evening, tmp_path / "data"))


def is_whole(directory: Path, number: int = NUMBER) -> None:
    """Everything is there once, in order; who went in is in; and one more scan is recorded behind it."""
    with closing(opened(directory)) as pen:
        for inside in (1, number // 2 + 1, number - 1):
            assert len(pen.history(ticket(inside))) == (inside % 5 != 0)
        assert pen.append(reading(number + 1), DECLINED).seq == number + 1
    found = everything(directory)
    assert [scan.seq for scan in found] == list(range(1, number + 2))
    assert [scan.barcode for scan in found] == [reading(scan.seq).code for scan in found]
    assert [scan.verdict for scan in found[:-1]] == [verdict(scan.seq) for scan in found[:-1]]
    with closing(sqlite3.connect(directory / journals.FILE)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


# --- nothing is wrong ------------------------------------------------------------------------------------------------


def test_a_sound_journal_is_left_alone(data):
    before = everything(data)
    is_whole(data)
    assert everything(data)[:-1] == before
    assert not (data / recovery.DIRECTORY).exists()
    assert not (data / recovery.REPORT).exists()


def test_a_kiosk_that_was_never_at_a_door_begins_with_nothing_to_tell(tmp_path):
    with closing(opened(tmp_path)) as pen:
        assert pen.append(reading(1), DECLINED).seq == 1
        assert pen.facts() == {"witness": "ok", "notice": None}
    assert not (tmp_path / recovery.DIRECTORY).exists()


def test_a_journal_whose_making_was_interrupted_is_made_again(tmp_path):
    """A file and its rollback journal are on the card, and only who may write can take the one back by the other."""
    source, data = tmp_path / "source", tmp_path / "d"
    for directory in (source, data):
        directory.mkdir()
    with closing(sqlite3.connect(source / journals.FILE, isolation_level=None)) as making:
        making.execute("PRAGMA cache_size = 1").fetchone()
        making.execute("BEGIN")
        making.execute("CREATE TABLE scan (seq INTEGER)")
        making.executemany("INSERT INTO scan VALUES (?)", ((number,) for number in range(10_000)))
        for name in (journals.FILE, f"{journals.FILE}-journal"):
            shutil.copy(source / name, data / name)
    with closing(opened(data)) as pen:
        assert pen.notice is None
        scanned(pen, range(1, 4))
    is_whole(data, 3)


def test_a_scan_is_in_the_witness_when_it_is_answered(tmp_path):
    with closing(opened(tmp_path)) as pen:
        for number in range(1, 6):
            pen.append(reading(number), verdict(number))
            assert witness.last(tmp_path / witness.DIRECTORY)[witness.SEQ] == number


def test_a_journal_of_a_newer_version_is_refused_and_left_as_it_is(data):
    with closing(sqlite3.connect(data / journals.FILE)) as database:
        database.execute("PRAGMA user_version = 99")
    content = (data / journals.FILE).read_bytes()
    with pytest.raises(TooNew, match="99"):
        opened(data)
    assert (data / journals.FILE).read_bytes() == content
    assert not (data / recovery.DIRECTORY).exists()


def test_a_file_that_is_locked_is_not_damaged(data):
    with closing(sqlite3.connect(data / journals.FILE, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with closing(opened(data)) as pen, pytest.raises(NotRecorded, match="locked"):
            pen.append(reading(1), DECLINED)
    assert not (data / recovery.DIRECTORY).exists()


# --- what SQLite itself does not notice ------------------------------------------------------------------------------


def test_a_log_that_is_gone_takes_no_scan_with_it(tmp_path):
    (tmp_path / "d").mkdir()
    with closing(opened(tmp_path / "d")) as pen:
        scanned(pen, range(1, 51))
        abandon(tmp_path / "d", tmp_path / "left")
    (tmp_path / "left" / f"{journals.FILE}-wal").unlink()
    assert recovery.damage(tmp_path / "left" / journals.FILE, None) is None  # that is the point
    is_whole(tmp_path / "left", 50)
    assert json.loads((tmp_path / "left" / recovery.REPORT).read_text())["scans"] == 50


@pytest.mark.parametrize("off", [-1, 0, 1])
def test_a_log_that_is_cut_at_any_frame_takes_no_scan_with_it(tmp_path, off):
    number = 12
    (tmp_path / "d").mkdir()
    with closing(opened(tmp_path / "d")) as pen:
        scanned(pen, range(1, number + 1))
        abandon(tmp_path / "d", tmp_path / "left")
    log = (tmp_path / "left" / f"{journals.FILE}-wal").read_bytes()
    ends = range(32, len(log) + 1, 24 + 4096)
    assert len(ends) > 2 * number
    for end in ends:
        cut = Path(shutil.copytree(tmp_path / "left", tmp_path / f"cut-{end}"))
        (cut / f"{journals.FILE}-wal").write_bytes(log[: max(0, end + off)])
        (cut / f"{journals.FILE}-shm").unlink(missing_ok=True)
        is_whole(cut, number)


def test_a_log_that_is_cut_when_part_of_it_was_folded_in_takes_no_scan_with_it(tmp_path):
    """The file is ahead of its log then: the two do not belong together any more."""
    (tmp_path / "d").mkdir()
    with closing(opened(tmp_path / "d")) as pen:
        scanned(pen, range(1, 101))
        with closing(sqlite3.connect(tmp_path / "d" / journals.FILE)) as other:
            other.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        abandon(tmp_path / "d", tmp_path / "left")
    log = (tmp_path / "left" / f"{journals.FILE}-wal").read_bytes()
    for share in (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99):
        cut = Path(shutil.copytree(tmp_path / "left", tmp_path / f"cut-{share}"))
        (cut / f"{journals.FILE}-wal").write_bytes(log[: int(len(log) * share)])
        (cut / f"{journals.FILE}-shm").unlink(missing_ok=True)
        is_whole(cut, 100)


@pytest.mark.parametrize("big", [True, False], ids=["only its ends are looked at", "it is looked through"])
def test_an_index_that_has_not_heard_of_the_last_scans_is_built_again_when_they_are_completed(
    tmp_path, monkeypatch, big
):
    """A page of the index that never reached the card: each page is as SQLite left it, and the guest comes again."""
    monkeypatch.setattr(keeper, "BOX_S", 0.0 if big else 9.0)
    left = tmp_path / "left"
    (tmp_path / "d").mkdir()
    with closing(opened(tmp_path / "d")) as pen:
        scanned(pen, range(1, 102))
        before = folded(tmp_path / "d")
        scanned(pen, range(102, 104))
        folded(tmp_path / "d")
        scanned(pen, range(104, 107))
        abandon(tmp_path / "d", left)
    (left / f"{journals.FILE}-wal").unlink()
    (left / f"{journals.FILE}-shm").unlink()
    page = page_classes(left / journals.FILE)["index leaf"][-1]
    patch(left / journals.FILE, (page - 1) * 4096, before[(page - 1) * 4096 : page * 4096])
    assert (recovery.damage(left / journals.FILE, keeper.BOX_S) is None) is big
    with closing(journals.reader(left)) as database:
        assert past.passages(database, ticket(103).id) == []
    with closing(opened(left)) as pen:
        assert [len(pen.history(ticket(number))) for number in (101, 102, 103, 104, 106)] == [1] * 5
    is_whole(left, 106)


def folded(directory: Path) -> bytes:
    """Fold the log in and return the file."""
    with closing(sqlite3.connect(directory / journals.FILE)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return (directory / journals.FILE).read_bytes()


@pytest.mark.parametrize("content", [None, b""], ids=["missing", "empty"])
def test_a_file_that_is_missing_or_empty_is_put_together_again(data, content):
    (data / journals.FILE).unlink()
    if content is not None:
        (data / journals.FILE).write_bytes(content)
    is_whole(data)


def test_an_old_copy_of_the_journal_is_completed(data, tmp_path):
    (tmp_path / "old").mkdir()
    shutil.copy(data / journals.FILE, tmp_path / "old" / journals.FILE)
    with closing(opened(data)) as pen:
        scanned(pen, range(NUMBER + 1, NUMBER + 31))
    for path in data.glob(f"{journals.FILE}*"):
        path.unlink()
    shutil.copy(tmp_path / "old" / journals.FILE, data / journals.FILE)
    is_whole(data, NUMBER + 30)


def test_a_witness_that_lacks_scans_gets_them_from_the_journal(data):
    with closing(Journal(data, "gate-1")) as pen:  # a gate that was killed between the two
        scanned(pen, range(NUMBER + 1, NUMBER + 4))
    with closing(opened(data)):
        assert witness.last(data / witness.DIRECTORY)[witness.SEQ] == NUMBER + 3
    assert [row[0] for row in witness.rows_after(data / witness.DIRECTORY, 0)] == list(range(1, NUMBER + 4))


def test_a_witness_of_another_journal_is_put_away_and_nothing_of_it_is_taken(data, tmp_path):
    (tmp_path / "other").mkdir()
    with closing(opened(tmp_path / "other")) as pen:
        scanned(pen, range(1, NUMBER + 51))
    shutil.rmtree(data / witness.DIRECTORY)
    shutil.copytree(tmp_path / "other" / witness.DIRECTORY, data / witness.DIRECTORY)
    is_whole(data)
    assert len(list(data.glob(f"{witness.DIRECTORY}-*"))) == 1


def test_a_stick_from_another_kiosk_fills_no_empty_journal(tmp_path):
    stick, other, fresh = tmp_path / "stick", tmp_path / "other", tmp_path / "fresh"
    for place in (stick, other, fresh):
        place.mkdir()
    with closing(Keeper(other, "gate-2", 30.0, Upkeep(other, Plan(mirror=stick)))) as pen:
        scanned(pen, range(1, 11))
    with closing(opened(fresh, mirror=stick)) as pen:
        assert pen.append(reading(1), DECLINED).seq == 1
    assert len(everything(fresh)) == 1


# --- damage ----------------------------------------------------------------------------------------------------------


def damages(path: Path) -> Iterator[tuple[str, Callable[[Path], None]]]:
    for name, pages in page_classes(path).items():
        for page in {pages[0], pages[len(pages) // 2], pages[-1]} if pages else ():
            yield f"{name} page {page}", lambda file, page=page: overwrite(file, page)
    yield "header", lambda file: patch(file, 0, b"\xa5" * 100)
    yield "page size", lambda file: patch(file, 16, b"\x00\x03")
    yield "version", lambda file: patch(file, 60, struct.pack(">I", 0x7FFF0001))
    yield "zeroed half", lambda file: patch(file, 4096, bytes(file.stat().st_size // 2))
    yield "cut", lambda file: os.truncate(file, file.stat().st_size // 2 + 100)
    yield "other", lambda file: file.write_bytes(b"this is no database" * 500)


def patch(path: Path, offset: int, content: bytes) -> None:
    with path.open("rb+") as file:
        file.seek(offset)
        file.write(content)


def test_whatever_page_is_overwritten_every_scan_is_there_and_the_damaged_files_are_kept(evening, tmp_path):
    classes = page_classes(evening / journals.FILE)
    assert {"first", "scan leaf", "scan internal", "index leaf", "index internal", "free"} <= {
        name for name, pages in classes.items() if pages
    }
    noticed = []
    for name, damage in damages(evening / journals.FILE):
        data = Path(shutil.copytree(evening, tmp_path / name))
        damage(data / journals.FILE)
        content = (data / journals.FILE).read_bytes()
        is_whole(data)
        for kept in data.glob(f"{recovery.DIRECTORY}/*/{journals.FILE}"):
            assert kept.read_bytes() == content
            noticed.append(name)
    unnoticed = {name for name, _ in damages(evening / journals.FILE)} - set(noticed)
    assert all(name.startswith("free") for name in unnoticed), unnoticed


def test_without_a_witness_what_can_be_read_is_saved_and_what_is_lost_is_counted(data):
    shutil.rmtree(data / witness.DIRECTORY)
    leaf = page_classes(data / journals.FILE)["scan leaf"][3]
    overwrite(data / journals.FILE, leaf)
    with closing(opened(data)) as pen:
        lost = NUMBER - len(everything(data))
        assert 1 <= lost <= 30
        assert pen.facts()["notice"]["lost"] == lost
        assert pen.append(reading(NUMBER + 1), DECLINED).seq == NUMBER + 1
    assert recovery.last_report(data)["missing"] == lost


def test_without_a_witness_the_backup_fills_what_cannot_be_read(data):
    with closing(journals.reader(data)) as database:
        assert backup.make(data, database, 3, lambda: False) is not None
    shutil.rmtree(data / witness.DIRECTORY)
    with closing(opened(data)) as pen:
        scanned(pen, range(NUMBER + 1, NUMBER + 21))
    leaf = page_classes(data / journals.FILE)["scan leaf"][3]
    overwrite(data / journals.FILE, leaf)
    shutil.rmtree(data / witness.DIRECTORY)
    is_whole(data, NUMBER + 20)


def test_what_left_the_journal_in_due_time_does_not_come_back_and_is_still_in(data):
    """Neither from the witness, which may not have noticed yet, nor from a backup of before."""
    with closing(journals.reader(data)) as database:
        backup.make(data, database, 3, lambda: False)
    with closing(sqlite3.connect(data / journals.FILE, isolation_level=None)) as database:
        database.execute("INSERT INTO pruned VALUES (4, 4, 0)")
        database.execute("INSERT INTO tally VALUES ('checkin', 'approved', 'ok', 4)")
        database.execute("INSERT INTO passage SELECT ticket_id, seq, type, time_ms, device_id FROM scan WHERE seq <= 4")
        database.execute("DELETE FROM scan WHERE seq <= 4")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    overwrite(data / journals.FILE, page_classes(data / journals.FILE)["scan leaf"][3])
    with closing(opened(data)) as pen:
        assert len(pen.history(ticket(1))) == 1
    assert [scan.seq for scan in everything(data)] == list(range(5, NUMBER + 1))
    with closing(sqlite3.connect(data / journals.FILE)) as database:
        assert database.execute("SELECT number FROM tally").fetchall() == [(4,)]


def test_the_rules_of_the_journal_hold_again_afterwards(data):
    overwrite(data / journals.FILE, 1)
    with closing(opened(data)):
        pass
    with closing(open_for_writing(data / journals.FILE, journals.SCHEMA, "FULL")) as database:
        for change in ("DELETE FROM scan WHERE seq = 3", "UPDATE scan SET lane = 'x'"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                database.execute(change)


def test_a_recovery_that_was_killed_anywhere_is_done_again(data, monkeypatch):
    overwrite(data / journals.FILE, page_classes(data / journals.FILE)["scan leaf"][3])
    shutil.rmtree(data / witness.DIRECTORY)

    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    for where in ("open_for_writing", "counted", "sync_directory"):
        monkeypatch.setattr(recovery, where, killed)
        with pytest.raises(Killed):
            opened(data)
        monkeypatch.undo()
    with closing(opened(data)):
        pass
    assert NUMBER - 30 <= len(everything(data)) < NUMBER
    (place,) = (data / recovery.DIRECTORY).iterdir()
    assert (place / recovery.REPORT).exists()
    is_left = [path.name for path in data.iterdir() if "draft" in path.name]
    assert is_left == []


# --- while it is open ------------------------------------------------------------------------------------------------


def spoil(pen: Keeper, directory: Path) -> None:
    """Overwrite everything that lies on disk, and let the connection forget what it remembers of it."""
    with closing(sqlite3.connect(directory / journals.FILE, timeout=0)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    patch(directory / journals.FILE, 4096, os.urandom((directory / journals.FILE).stat().st_size - 4096))
    pen._journal._database.execute("PRAGMA shrink_memory")
    pen._journal._database.execute("PRAGMA cache_size = 0")


def test_what_is_known_of_the_clocks_outlives_the_damage_while_the_gate_runs(data):
    anchor = Anchor("boot", 10**12, 1_780_342_200_000, Source.NTP)
    with closing(opened(data)) as pen:
        pen.anchor(anchor)
        (data / "journal.db").unlink()
        pen.rest(reading(1).moment)
        assert pen.anchors() == [anchor]
    with closing(journals.reader(data)) as database:
        assert anchors.anchors(database) == [anchor]


def test_a_scan_that_finds_the_journal_damaged_is_recorded_in_the_new_one(data, caplog):
    with closing(opened(data)) as pen:
        spoil(pen, data)
        assert len(pen.history(ticket(1))) == 1
        assert pen.append(reading(NUMBER + 1), verdict(NUMBER + 1)).seq == NUMBER + 1
        assert pen.facts()["notice"] is not None
    assert [scan.seq for scan in everything(data)] == list(range(1, NUMBER + 2))
    assert "damaged" in caplog.text


def test_what_the_upkeep_finds_is_mended_in_the_next_pause(data):
    with closing(opened(data)) as pen:
        spoil(pen, data)
        pen._upkeep.damage = "row 3 missing from index"
        pen.rest(reading(1).moment)
        assert "row 3" in recovery.last_report(data)["reason"]
    is_whole(data)


@pytest.mark.parametrize("replaced", [True, False])
def test_a_file_that_is_taken_away_under_the_gate_is_put_together_again_in_the_next_pause(data, tmp_path, replaced):
    with closing(opened(data)) as pen:
        for path in data.glob(f"{journals.FILE}*"):
            path.unlink()
        if replaced:
            (data / journals.FILE).write_bytes(b"")
        pen.append(reading(NUMBER + 1), verdict(NUMBER + 1))
        pen.rest(reading(1).moment)
        assert pen.append(reading(NUMBER + 2), verdict(NUMBER + 2)).seq == NUMBER + 2
    assert [scan.seq for scan in everything(data)] == list(range(1, NUMBER + 3))


def test_damage_that_comes_back_at_once_is_not_mended_in_circles(data, monkeypatch):
    with closing(opened(data)) as pen:
        spoil(pen, data)
        pen.append(reading(NUMBER + 1), DECLINED)
        spoil(pen, data)
        with pytest.raises(NotRecorded):
            pen.history(ticket(1))
        with pytest.raises(NotRecorded):
            pen.append(reading(NUMBER + 2), DECLINED)
        pen._next_s = 0.0
        assert pen.append(reading(NUMBER + 2), DECLINED).seq == NUMBER + 2
    assert len(list((data / recovery.DIRECTORY).iterdir())) == 2


def test_a_recovery_that_fails_is_not_recorded_and_is_tried_again(data, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with closing(opened(data)) as pen:
        spoil(pen, data)
        monkeypatch.setattr(recovery, "rebuild", full)
        with pytest.raises(NotRecorded, match="No space"):
            pen.append(reading(NUMBER + 1), DECLINED)
        monkeypatch.undo()
        with pytest.raises(NotRecorded):
            pen.append(reading(NUMBER + 1), DECLINED)
        pen._next_s = 0.0
        assert pen.append(reading(NUMBER + 1), DECLINED).seq == NUMBER + 1
    assert len(everything(data)) == NUMBER + 1


def test_a_start_looks_for_damage_no_longer_than_it_may(data, monkeypatch):
    monkeypatch.setattr(keeper, "BOX_S", 0.0)
    with closing(opened(data)) as pen:
        assert pen.facts()["notice"] is None
    is_whole(data)


FILL = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
INSERT INTO scan (seq, id, device_id, lane, time_ms, wall_ms, boot_id, boottime_ns, clock, barcode, type, result,
                  reason, ticket_id, name)
SELECT i, 'id-' || i, 'gate-1', 'left', i, i, 'boot', i, 'synced', 'S' || i, 'checkin', 'approved', 'ok', 't-' || i,
       'Guest ' || i FROM n
"""


def read_bytes() -> int:
    """What this process has read so far, from memory or disk."""
    return int(Path("/proc/self/io").read_text().split()[1])


def test_a_start_reads_no_more_of_a_journal_that_is_eight_times_as_large(tmp_path, monkeypatch):
    monkeypatch.setattr(keeper, "BOX_S", 0.01)
    took: list[int] = []
    for size in (10_000, 80_000):
        directory = tmp_path / str(size)
        directory.mkdir()
        Journal(directory, "gate-1").close()
        with closing(sqlite3.connect(directory / journals.FILE)) as database:
            database.execute(FILL, (size,))
            database.commit()
        opened(directory).close()  # the witness takes its first scans in
        before = read_bytes()
        with closing(opened(directory)) as pen:
            took.append(read_bytes() - before)
            assert len(pen.history(Ticket(f"t-{size // 2}", "S", "e-1", "type-1"))) == 1
    small, large = took
    assert large < 1.2 * small
