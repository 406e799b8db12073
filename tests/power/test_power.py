"""The power goes at any moment: what has left the kiosk by then is there afterwards, once, with its number.

KIOSK_CUTS says how many cuts; the seed of a door that fails is in its name. What a seed decides is where the power goes
and what the disks keep; how far the guests have come by then is the machine's affair.
"""

import os
import random
import sqlite3
from collections import Counter
from contextlib import closing

import pytest

from kiosk.model import Result
from kiosk.store import backup
from kiosk.store.journal import FILE
from tests.power.door import FORGETFUL, NOT_RECORDED, Door, lost
from tests.test_damage import HARMS

pytestmark = pytest.mark.needs("fusermount3")

CUTS_A_DOOR = 9
DOORS = range(int(os.environ.get("KIOSK_CUTS", 3 * CUTS_A_DOOR)) // CUTS_A_DOOR)
WITNESS = ("each", "second", "none")

LATER = 2_500
"""Requests to the disk: some two hundred scans."""

START, FIRST_START, RECOVERY = 70, 170, 150
"""Requests, and a few more, that a gate makes until its door is open."""

BACKING_UP = """
import sys
from contextlib import closing
from pathlib import Path
from kiosk.store import backup
from kiosk.store.journal import reader
directory = Path(sys.argv[1])
while True:
    with closing(reader(directory)) as journal:
        made = backup.make(directory, journal, 3, lambda: False)
        print("backup", made.name, flush=True)
"""


@pytest.fixture
def opened(tmp_path):
    doors = []

    def make(**how) -> Door:
        doors.append(Door(tmp_path, **how))
        return doors[-1]

    yield make
    for door in doors:
        door.close()


def enter(door: Door, chance: random.Random) -> None:
    """Open the door, which has lost nothing."""
    door.open(random.Random(chance.random()))
    assert door.await_answers(1), door.log.read_text()
    is_whole(door)


def is_whole(door: Door) -> None:
    """Everything that was told is there once; nobody was admitted twice; the order is one."""
    told, scans = door.evidence(), door.recorded()
    assert lost(told, {scan.seq: scan for scan in scans}) == []
    assert [scan.seq for scan in scans] == list(range(1, len(scans) + 1))
    assert sorted(scans, key=lambda scan: scan.at) == scans
    admitted = Counter(scan.barcode for scan in scans if scan.verdict.result is Result.APPROVED)
    assert [code for code, times in admitted.items() if times > 1] == []


def some_seed(chance: random.Random) -> int:
    return chance.randrange(1 << 30)


# --- the moments -----------------------------------------------------------------------------------------------------


def while_guests_come(door: Door, chance: random.Random) -> None:
    enter(door, chance)
    door.cut_at(chance.randrange(1, LATER), some_seed(chance))


def while_it_starts(door: Door, chance: random.Random) -> None:
    door.cut_at(chance.randrange(1, START), some_seed(chance), opens=True)


def while_the_disk_fails(door: Door, chance: random.Random) -> None:
    enter(door, chance)
    start = chance.randrange(1, LATER)
    door.drives[0].fail(start, start + chance.choice([1, 2, 100]))
    door.cut_at(start + chance.randrange(1, LATER), some_seed(chance))


def while_a_backup_is_made(door: Door, chance: random.Random) -> None:
    enter(door, chance)
    door.run("-c", BACKING_UP, str(door.data_dir))
    door.cut_at(chance.randrange(1, 2 * LATER), some_seed(chance))
    made = [line.split()[1] for line in door.log.read_text(encoding="utf-8").splitlines() if line.startswith("backup")]
    found = [path.name for path in backup.backups(door.data_dir)]
    assert not made or max(found) >= made[-1]
    for path in backup.backups(door.data_dir):
        with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as copy:
            assert copy.execute("PRAGMA quick_check").fetchone() == ("ok",)
            assert backup.state(copy) == tuple(map(int, path.stem.split("-")[2:]))


def while_it_is_put_together_again(door: Door, chance: random.Random) -> None:
    enter(door, chance)
    door.calm()
    door.kill()
    HARMS[chance.choice([name for name in HARMS if name != "none"])](door.data_dir / FILE, chance)
    door.sync()
    for _ in range(2):
        door.cut_at(chance.randrange(1, RECOVERY), some_seed(chance), opens=True)
    while_guests_come(door, chance)


MOMENTS = (
    while_guests_come, while_it_starts, while_the_disk_fails, while_a_backup_is_made, while_it_is_put_together_again,
)  # fmt: skip


@pytest.mark.parametrize("seed", DOORS)
def test_what_has_left_the_kiosk_outlives_power_cuts_at_any_moment(opened, tmp_path, seed):
    chance = random.Random(seed)
    door = opened(witness=WITNESS[seed % 3], mirror=chance.random() < 0.3)
    door.take_list()
    for number, moment in enumerate(chance.sample(MOMENTS, len(MOMENTS))):
        moment(door, chance)
        assert lost(door.evidence(), door.on_disk(tmp_path / f"cut-{number}")) == [], moment
    enter(door, chance)


@pytest.mark.parametrize("seed", DOORS)
def test_a_gate_that_makes_its_first_files_loses_nothing_to_a_power_cut_nor_to_one_after_it_was_killed(opened, seed):
    chance = random.Random(seed)
    door = opened(witness=WITNESS[seed % 3], mirror=chance.random() < 0.3)
    door.take_list()
    door.cut_at(chance.randrange(1, FIRST_START), chance.choice([None, some_seed(chance)]), opens=True)
    enter(door, chance)
    door.cut_at(chance.randrange(1, LATER), some_seed(chance))
    enter(door, chance)


def test_a_door_whose_disk_fails_shows_no_green_until_it_can_record_again(opened, eventually):
    door, chance = opened(witness="second"), random.Random(0)
    door.take_list()
    enter(door, chance)
    door.drives[0].fail(1, 300)
    eventually("it says so", lambda: (None, NOT_RECORDED) in [answer[1:] for answer in door.told.answers])
    upto = len(door.told.answers)
    eventually("it goes on", lambda: any(seq for _, seq, _ in door.told.answers[upto:]))
    door.lose_power(1)
    enter(door, chance)


# --- the proof that these tests can fail -----------------------------------------------------------------------------


def forgotten(door: Door, place) -> tuple[int, int]:
    """Cut the power of a door whose journal is not synced; return how much the journal alone lacks, and the door."""
    door.take_list()
    door.open(random.Random(1))
    assert door.await_answers(50), door.log.read_text()
    door.lose_power(1)
    told = door.evidence()
    alone = len(lost(told, door.on_disk(place)))
    door.open(random.Random(2))
    assert door.await_answers(1), door.log.read_text()
    return alone, len(lost(told, {scan.seq: scan for scan in door.recorded()}))


def test_with_synchronous_normal_answered_scans_are_lost(opened, tmp_path):
    alone, after = forgotten(opened(witness="none", gate=FORGETFUL), tmp_path / "cut")
    assert alone > 0
    assert after > 0


def test_a_witness_that_is_synced_each_time_gives_back_what_the_journal_has_lost(opened, tmp_path):
    alone, after = forgotten(opened(witness="each", gate=FORGETFUL), tmp_path / "cut")
    assert alone > 0
    assert after == 0
