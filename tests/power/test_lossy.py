"""The disk that forgets forgets what it should, and nothing else."""

import mmap
import os
import subprocess
import sys

import pytest

from kiosk.store.database import sync_directory
from tests.power.drive import Drive

pytestmark = pytest.mark.needs("fusermount3")
SEEDS = range(12)

COUNTING = """
import os, sys
file = os.open(sys.argv[1], os.O_WRONLY)
for number in range(2, 9):
    os.pwrite(file, b"%d" % number, 0)
    os.fsync(file)
"""


@pytest.fixture
def drive(tmp_path):
    made = Drive(tmp_path / "card")
    yield made
    made.close()


def write(path, content: bytes, *, sync: bool, at: int = 0) -> None:
    with path.open("rb+" if path.exists() else "wb") as file:
        file.seek(at)
        file.write(content)
        file.flush()
        if sync:
            os.fsync(file.fileno())


def after_cuts(drive: Drive, do) -> list[object]:
    """What a cut leaves of the same done again and again: it is called with a new directory, and gives a reader."""
    found = []
    for seed in SEEDS:
        place = drive.directory / str(seed)
        place.mkdir()
        drive.sync()
        read = do(place)
        drive.cut(seed)
        drive.mount()
        found.append(read())
    return found


def test_a_file_that_is_synced_with_its_name_stays(drive):
    def do(place):
        write(place / "a", b"content", sync=True)
        sync_directory(place)
        return (place / "a").read_bytes

    assert after_cuts(drive, do) == [b"content"] * len(SEEDS)


def test_a_file_whose_name_was_not_synced_may_be_gone_however_well_its_content_was(drive):
    def do(place):
        write(place / "a", b"content", sync=True)
        return lambda: (place / "a").read_bytes() if (place / "a").exists() else None

    assert set(after_cuts(drive, do)) == {b"content", None}


def test_of_what_was_not_synced_any_block_may_be_there(drive):
    def do(place):
        write(place / "a", b"old!" * 4096, sync=True)
        sync_directory(place)
        write(place / "a", b"new!" * 4096, sync=False)
        return (place / "a").read_bytes

    found = [bytes(content) for content in after_cuts(drive, do)]
    assert b"old!" * 4096 in found
    assert b"new!" * 4096 in found
    halves = [content for content in found if b"old!" in content and b"new!" in content]
    assert any(content.startswith(b"old!") for content in halves)  # the later block without the earlier
    assert all(content.count(b"old!") + content.count(b"new!") == 4096 for content in halves)


def test_a_file_that_was_only_named_may_be_empty_or_too_long(drive):
    def do(place):
        write(place / "a", b"content" * 1_000, sync=False)
        sync_directory(place)
        return (place / "a").read_bytes

    found = after_cuts(drive, do)
    assert b"" in found
    assert any(b"\0" in content for content in found)


def test_a_rename_is_done_or_not_and_never_half(drive):
    def do(place):
        write(place / "a", b"old", sync=True)
        write(place / "b", b"new", sync=True)
        sync_directory(place)
        (place / "b").rename(place / "a")
        return lambda: sorted((path.name, path.read_bytes()) for path in place.iterdir())

    found = after_cuts(drive, do)
    assert [("a", b"old"), ("b", b"new")] in found
    assert [("a", b"new")] in found
    assert all(one in ([("a", b"old"), ("b", b"new")], [("a", b"new")]) for one in found)


def test_what_was_removed_and_not_synced_may_come_back(drive):
    def do(place):
        write(place / "a", b"content", sync=True)
        sync_directory(place)
        (place / "a").unlink()
        return (place / "a").exists

    assert set(after_cuts(drive, do)) == {True, False}


def test_after_an_fsync_that_failed_the_next_one_saves_nothing(drive):
    path = drive.directory / "a"
    write(path, b"old", sync=True)
    sync_directory(drive.directory)
    with path.open("rb+", buffering=0) as file:
        file.write(b"new")
        drive.fail(1, 2)
        with pytest.raises(OSError, match="Input/output error"):
            os.fsync(file.fileno())
        os.fsync(file.fileno())
    assert path.read_bytes() == b"new"
    drive.cut(1)
    drive.mount()
    assert path.read_bytes() == b"old"


def test_the_power_goes_at_the_request_that_was_meant_and_what_hangs_then_ends_with_the_next_mount(drive):
    write(drive.directory / "a", b"1", sync=True)
    sync_directory(drive.directory)
    drive.arm(6, 1)  # each number is written and synced
    with subprocess.Popen([sys.executable, "-c", COUNTING, str(drive.directory / "a")]) as counting:
        assert drive.await_cut(10)
        counting.kill()
        drive.mount()
    assert (drive.directory / "a").read_bytes() in (b"3", b"4")


def test_memory_that_programs_share_by_a_file_is_shared(drive):
    path = drive.directory / "shm"
    write(path, bytes(8192), sync=False)
    with path.open("rb+") as one, path.open("rb+") as other:
        ours, theirs = mmap.mmap(one.fileno(), 8192), mmap.mmap(other.fileno(), 8192)
        ours[5000:5005] = b"hello"
        assert theirs[5000:5005] == b"hello"
        ours.close()
        theirs.close()
    assert path.read_bytes()[5000:5005] == b"hello"
