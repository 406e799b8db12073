"""Whatever lies where journal or witness should lie: no scan that was answered is lost while one of the two is whole.

Both damaged at once cost no more than what both have lost.
"""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kiosk.errors import StoreError
from kiosk.model import Direction, Moment, Reading, Reason, Result, Ticket, Verdict
from kiosk.store import journal as journals
from kiosk.store import past, recovery, witness
from kiosk.store.journal import Journal
from kiosk.store.keeper import Keeper
from kiosk.store.upkeep import Plan, Upkeep

NUMBER = 40
FILE, LOG, INDEX = journals.FILE, f"{journals.FILE}-wal", f"{journals.FILE}-shm"
FRAME, SECTOR = 24 + 4096, 512


def ticket(number: int) -> Ticket:
    return Ticket(f"t-{number:05}", f"CODE{number:05}", "e-1", "type-1", "Standing", f"Guest {number}")


def scanned(pen: Keeper | Journal, numbers: range) -> None:
    for number in numbers:
        when = Moment(datetime(2026, 6, 1, tzinfo=UTC) + timedelta(seconds=number), 10**12 + number, "boot")
        verdict = Verdict(Direction.CHECKIN, Result.APPROVED, Reason.OK, ticket(number))
        pen.append(Reading("left", ticket(number).barcode, ticket(number).barcode.encode(), when), verdict)


def opened(directory: Path) -> Keeper:
    return Keeper(directory, "gate-1", 30.0, Upkeep(directory, Plan()))


@pytest.fixture(scope="module")
def pulled(tmp_path_factory) -> Path:
    """A door whose plug was pulled: half of its scans in the file, half in the log, all in the witness."""
    directory = tmp_path_factory.mktemp("door") / "data"
    directory.mkdir()
    with closing(opened(directory)) as pen:
        scanned(pen, range(1, NUMBER // 2 + 1))
        with closing(sqlite3.connect(directory / FILE)) as other:
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        shutil.copytree(directory, directory.with_name("earlier"))
        scanned(pen, range(NUMBER // 2 + 1, NUMBER + 1))
        shutil.copytree(directory, directory.with_name("left"))
    return directory.with_name("left")


@pytest.fixture
def data(pulled, tmp_path) -> Path:
    return Path(shutil.copytree(pulled, tmp_path / "data"))


def numbers(directory: Path) -> list[int]:
    with closing(journals.reader(directory)) as database:
        return [scan.seq for scan in past.scans_after(database, 0) if scan.barcode == ticket(scan.seq).barcode]


def is_whole(directory: Path) -> None:
    with closing(opened(directory)) as pen:
        assert [len(pen.history(ticket(number))) for number in range(1, NUMBER + 1)] == [1] * NUMBER
        scanned(pen, range(NUMBER + 1, NUMBER + 2))
    assert numbers(directory) == list(range(1, NUMBER + 2))
    with closing(sqlite3.connect(directory / FILE)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert [row[0] for row in witness.rows_after(directory / witness.DIRECTORY, 0)][-1] == NUMBER + 1


# --- the log ---------------------------------------------------------------------------------------------------------


def test_a_sector_of_any_frame_that_never_reached_the_card_takes_no_scan_with_it(data, tmp_path):
    """A power cut writes 512 bytes or none of them, in any order; what was there before is what stays."""
    log = (data / LOG).read_bytes()
    frames = range(32, len(log), FRAME)
    assert len(frames) >= NUMBER
    for number, frame in enumerate(frames):
        for sector in {frame // SECTOR, frame // SECTOR + 1 + number % 8}:
            torn = Path(shutil.copytree(data, tmp_path / f"torn-{number}-{sector}"))
            with (torn / LOG).open("rb+") as file:
                file.seek(sector * SECTOR)
                file.write(bytes(SECTOR))
            (torn / INDEX).unlink()
            is_whole(torn)
            shutil.rmtree(torn)


def log_of_another_time(data: Path, pulled: Path) -> None:
    """The log of before, with other salts than the file's, as an old copy brings it."""
    with closing(sqlite3.connect(data / FILE)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    shutil.copy(pulled / LOG, data / LOG)


def old_file(data: Path, pulled: Path) -> None:
    """The file of before under the log of now."""
    shutil.copy(pulled.with_name("earlier") / FILE, data / FILE)


# --- the file, whatever is there instead -----------------------------------------------------------------------------


def directory_instead(data: Path, pulled: Path) -> None:
    (data / FILE).unlink()
    (data / FILE).mkdir()
    (data / FILE / "inside").write_text("something")


def link_to_nowhere(data: Path, pulled: Path) -> None:
    (data / FILE).unlink()
    (data / FILE).symlink_to(data / "nowhere.db")


def link_to_rubbish(data: Path, pulled: Path) -> None:
    (data / FILE).unlink()
    (data / "rubbish").write_bytes(b"this is no database" * 500)
    (data / FILE).symlink_to(data / "rubbish")


def pipe_instead(data: Path, pulled: Path) -> None:
    (data / FILE).unlink()
    os.mkfifo(data / FILE)


def log_that_is_a_directory(data: Path, pulled: Path) -> None:
    (data / LOG).unlink()
    (data / LOG).mkdir()


def index_that_is_a_directory(data: Path, pulled: Path) -> None:
    (data / INDEX).unlink()
    (data / INDEX).mkdir()


HARMS: dict[str, Callable[[Path, Path], object]] = {
    "nothing": lambda data, pulled: None,
    "an empty file": lambda data, pulled: (data / FILE).write_bytes(b""),
    "an empty file and no log": lambda data, pulled: ((data / FILE).write_bytes(b""), (data / LOG).unlink()),
    "no file, a log": lambda data, pulled: (data / FILE).unlink(),
    "no log": lambda data, pulled: ((data / LOG).unlink(), (data / INDEX).unlink()),
    "a log of another time": log_of_another_time,
    "a log of rubbish": lambda data, pulled: (data / LOG).write_bytes(os.urandom(50_000)),
    "an old file": old_file,
    "an index of rubbish": lambda data, pulled: (data / INDEX).write_bytes(os.urandom(32_768)),
    "a short index": lambda data, pulled: (data / INDEX).write_bytes(b"\xa5" * 100),
    "a directory": directory_instead,
    "a link to nowhere": link_to_nowhere,
    "a link to rubbish": link_to_rubbish,
    "a pipe": pipe_instead,
    "a log that is a directory": log_that_is_a_directory,
    "an index that is a directory": index_that_is_a_directory,
}


@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS)
def test_with_a_whole_witness_nothing_is_lost_whatever_lies_in_the_journals_place(data, pulled, harm):
    harm(data, pulled)
    is_whole(data)


def test_a_log_of_another_kiosk_makes_it_that_kiosks_journal_and_ours_is_kept_in_the_witness_and_told(data):
    """Nothing but a hand puts it there; SQLite believes it, and nobody can say which of the two is ours."""
    other = data.with_name("another")
    other.mkdir()
    with closing(opened(other)) as pen:
        scanned(pen, range(1, 4))
        shutil.copy(other / LOG, data / LOG)
    with closing(opened(data)) as pen:
        (kept,) = data.glob(f"{witness.DIRECTORY}-*")
        assert pen.notice == {"strange": 1}
    assert [row[0] for row in witness.rows_after(kept, 0)] == list(range(1, NUMBER + 1))


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_file_that_may_not_be_read_is_no_damage_and_stays_where_it_is(data):
    (data / FILE).chmod(0)
    with pytest.raises(StoreError, match="unable to open"):
        opened(data)
    assert (data / FILE).exists()


# --- the witness -----------------------------------------------------------------------------------------------------


def lines(data: Path) -> tuple[Path, list[bytes]]:
    (path,) = witness.segments(data / witness.DIRECTORY)
    return path, path.read_bytes().splitlines(keepends=True)


def torn(data: Path) -> None:
    path, found = lines(data)
    path.write_bytes(b"".join(found)[:-30])


def without_its_middle(data: Path) -> None:
    path, found = lines(data)
    path.write_bytes(b"".join(found[:10] + found[30:]))


def of_rubbish(data: Path) -> None:
    path, found = lines(data)
    path.write_bytes(os.urandom(len(b"".join(found))))


def segment_that_is_a_directory(data: Path) -> None:
    path, _ = lines(data)
    path.unlink()
    path.mkdir()


def file_in_its_place(data: Path) -> None:
    shutil.rmtree(data / witness.DIRECTORY)
    (data / witness.DIRECTORY).write_text("something")


def of_another_kiosk(data: Path) -> None:
    other = data.with_name("another")
    other.mkdir()
    with closing(opened(other)) as pen:
        scanned(pen, range(1, 2 * NUMBER))
    shutil.rmtree(data / witness.DIRECTORY)
    shutil.copytree(other / witness.DIRECTORY, data / witness.DIRECTORY)


WITNESSES: dict[str, Callable[[Path], object]] = {
    "none": lambda data: shutil.rmtree(data / witness.DIRECTORY),
    "torn": torn,
    "without its middle": without_its_middle,
    "of rubbish": of_rubbish,
    "a segment that is a directory": segment_that_is_a_directory,
    "a file in its place": file_in_its_place,
    "of another kiosk": of_another_kiosk,
}


@pytest.mark.parametrize("harm", WITNESSES.values(), ids=WITNESSES)
def test_with_a_whole_journal_nothing_is_lost_or_taken_in_whatever_the_witness_is(data, harm):
    harm(data)
    with closing(opened(data)) as pen:
        assert [len(pen.history(ticket(number))) for number in range(1, NUMBER + 1)] == [1] * NUMBER
        scanned(pen, range(NUMBER + 1, NUMBER + 2))
    assert numbers(data) == list(range(1, NUMBER + 2))


# --- both ------------------------------------------------------------------------------------------------------------


def test_both_damaged_at_once_lose_only_what_neither_has(data):
    without_its_middle(data)  # 11 to 30
    (data / LOG).unlink()  # 21 to 40
    (data / INDEX).unlink()
    with closing(opened(data)) as pen:
        inside = [number for number in range(1, NUMBER + 1) if pen.history(ticket(number))]
    assert inside == numbers(data) == [*range(1, 21), *range(31, NUMBER + 1)]


def test_both_damaged_in_other_places_lose_nothing(data):
    torn(data)  # 40
    with closing(sqlite3.connect(data / FILE)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        query = "SELECT min(pageno) FROM dbstat WHERE name = 'scan' AND pagetype = 'leaf'"
        (page,) = database.execute(query).fetchone()
    with (data / FILE).open("rb+") as file:
        file.seek((page - 1) * 4096)
        file.write(os.urandom(4096))
    is_whole(data)


def test_what_is_lost_in_both_is_counted_and_told(data):
    without_its_middle(data)
    shutil.copy(data / FILE, data / "kept")
    (data / FILE).write_bytes(os.urandom(40_000))
    (data / LOG).unlink()
    with closing(opened(data)) as pen:
        assert pen.notice == {"saved": 20, "lost": 20}
    assert recovery.last_report(data)["missing"] == 20
    assert numbers(data) == [*range(1, 11), *range(31, NUMBER + 1)]
