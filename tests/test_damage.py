"""A gate whose journal is damaged, or whose program is killed, at any moment: what it has answered is never lost.

KIOSK_SOAK makes the rounds as many as it says; the seed of a round that fails is in its name.
"""

import contextlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kiosk import clock
from kiosk.errors import GateNotRunning
from kiosk.model import Direction, Listed, Moment, Reading, Reason, Result, Ticket, Verdict
from kiosk.scanners import socket as desk
from kiosk.store import journal as journals
from kiosk.store import past, witness
from kiosk.store.cache import Cache
from kiosk.store.journal import Journal
from kiosk.store.keeper import Keeper
from kiosk.store.scanrows import INSERT
from kiosk.store.tickets import ListState
from kiosk.store.upkeep import Plan, Upkeep
from kiosk.store.witness import Witness

ROUNDS = int(os.environ.get("KIOSK_SOAK", "6"))
EVENT = "62a1c0ffee0000000000e001"
TICKETS = 2_000
AT = datetime(2026, 6, 1, 19, 30, tzinfo=UTC)


def ticket(number: int) -> Ticket:
    return Ticket(f"t-{number:06}", f"CODE{number:06}", EVENT, "type-1", "Standing", f"Guest {number}")


class Door:
    """A gate of its own with a list of tickets and nothing else, asked by hand."""

    def __init__(self, directory: Path) -> None:
        self.data_dir, self.file = directory / "data", directory / "kiosk.toml"
        self.log = directory / "gate.log"
        self.data_dir.mkdir()
        self.file.write_text(
            f'[device]\nid = "gate-1"\ndata_dir = "{self.data_dir}"\nruntime_dir = "{directory}"\n'
            f'[gate]\nevents = ["{EVENT}"]\nlookup_ms = 0\nhold_off_s = 0\n'
        )
        with closing(Cache(self.data_dir)) as cache:
            state = ListState(EVENT, "cloud", complete=True, checked=clock.now())
            cache.store([Listed(ticket(number)) for number in range(TICKETS)], state)
        self.socket = directory / desk.FILE
        self.answered: dict[int, int] = {}
        self.process: subprocess.Popen[bytes] | None = None

    def open(self) -> None:
        command = [sys.executable, "-m", "kiosk", "gate", "--config", str(self.file), "--allow-volatile"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def scan(self, number: int, patience_s: float = 30.0) -> str:
        """Scan once and return what was said, however long the door takes to open."""
        deadline = time.monotonic() + patience_s
        while True:
            try:
                answer = desk.ask(self.socket, ticket(number).barcode, None)
            except GateNotRunning:
                assert time.monotonic() < deadline, self.log.read_text()
                time.sleep(0.02)
            else:
                if answer["seq"] is not None and "already" not in answer["message"].lower():
                    self.answered[answer["seq"]] = number
                return str(answer["message"])

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def is_whole(self) -> None:
        """What was answered is there under its number, and no number is twice or missing."""
        with closing(journals.reader(self.data_dir)) as database:
            found = {scan.seq: scan.barcode for scan in past.scans_after(database, 0)}
        assert {seq: ticket(number).barcode for seq, number in self.answered.items()}.items() <= found.items()
        assert list(found) == list(range(1, len(found) + 1))


@pytest.fixture
def door(tmp_path):
    made = Door(tmp_path)
    yield made
    made.kill()


def fill(directory: Path, number: int) -> None:
    """Put so many admissions into the journal and the witness, more than a gate keeps in memory."""
    Journal(directory, "gate-1").close()
    rows = []
    for seq in range(1, number + 1):
        admitted = ticket(seq % TICKETS)
        rows.append(
            (seq, f"id-{seq}", "gate-1", "manual", 1_000 + seq, 1_000 + seq, "boot", seq, "synced", admitted.barcode,
             None, "checkin", "approved", "ok", None, admitted.id, EVENT, None, "type-1", "Standing",
             admitted.name, None, None, None, None)
        )  # fmt: skip
    with closing(sqlite3.connect(directory / journals.FILE)) as database:
        database.executemany(INSERT, rows)
        database.commit()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    with closing(Witness(directory)) as opened:
        opened.extend(rows)


def spoil(path: Path, chance: random.Random) -> None:
    """Overwrite a few pages, the first one among them at times."""
    pages = max(1, path.stat().st_size // 4096)
    with path.open("rb+") as file:
        for page in {chance.randrange(pages), chance.randrange(pages), chance.choice([0, chance.randrange(pages)])}:
            file.seek(page * 4096)
            file.write(chance.randbytes(4096))


def cut_log(path: Path, chance: random.Random) -> None:
    log = path.with_name(f"{path.name}-wal")
    if log.exists():
        os.truncate(log, chance.randrange(log.stat().st_size + 1))


HARMS: dict[str, Callable[[Path, random.Random], object]] = {
    "none": lambda path, chance: None,
    "no log": lambda path, chance: path.with_name(f"{path.name}-wal").unlink(missing_ok=True),
    "cut log": cut_log,
    "empty": lambda path, chance: path.write_bytes(b""),
    "spoilt": spoil,
    "missing": lambda path, chance: path.unlink(),
}


# --- damaged while it runs -------------------------------------------------------------------------------------------


def test_a_gate_whose_file_is_overwritten_goes_on_within_seconds_and_still_knows_who_is_inside(door):
    fill(door.data_dir, 40_000)
    door.open()
    door.scan(1)
    with (door.data_dir / journals.FILE).open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(4096)
        file.write(os.urandom(size - 4096))
    slowest = 0.0
    for number in range(5, 1_500, 100):
        began = time.monotonic()
        assert "already in" in door.scan(number).lower()
        slowest = max(slowest, time.monotonic() - began)
    assert slowest < 15
    assert door.process is not None
    assert door.process.poll() is None
    assert list(door.data_dir.glob("quarantine/*/journal.db"))
    with closing(journals.reader(door.data_dir)) as database:
        assert database.execute("SELECT count(*), max(seq) FROM scan").fetchone() == (40_016, 40_016)


def test_a_gate_whose_file_is_taken_away_goes_on_and_has_lost_nothing(door, eventually):
    door.open()
    for number in range(10):
        door.scan(number)
    for path in door.data_dir.glob("journal.db*"):
        path.unlink()
    door.scan(10)
    eventually("it is put together again", (door.data_dir / "recovered.json").exists)
    door.scan(11)
    assert "already in" in door.scan(3).lower()
    door.is_whole()


# --- killed ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_killed_and_damaged_at_any_moment_it_has_every_scan_that_it_answered(door, seed):
    chance = random.Random(seed)
    number = 0
    for harm in chance.sample(list(HARMS), 3):
        door.open()
        for _ in range(chance.randrange(1, 25)):
            door.scan(number)
            number += 1
        door.kill()
        HARMS[harm](door.data_dir / journals.FILE, chance)
    door.open()
    for inside in chance.sample(range(number), min(3, number)):
        assert "already in" in door.scan(inside).lower()
    door.is_whole()


def test_files_copied_at_any_moment_after_an_answer_have_every_scan_up_to_it(door, tmp_path):
    chance = random.Random(1)
    door.open()
    copies: list[tuple[Path, dict[int, int]]] = []
    for number in range(8 * ROUNDS):
        door.scan(number)
        if chance.random() < 0.3:
            copy = tmp_path / f"copy-{number}"
            copy.mkdir()
            names = sorted(
                path.name for path in door.data_dir.iterdir() if path.name.startswith(("journal", "witness"))
            )
            for name in chance.sample(names, len(names)):  # in any order, as blocks go to a card
                with contextlib.suppress(FileNotFoundError, shutil.Error):
                    source = door.data_dir / name
                    shutil.copytree(source, copy / name) if source.is_dir() else shutil.copy(source, copy / name)
            copies.append((copy, dict(door.answered)))
    assert len(copies) > 5
    for copy, answered in copies:
        with closing(Keeper(copy, "gate-1", 30.0, Upkeep(copy, Plan()))):
            pass
        with closing(journals.reader(copy)) as database:
            found = {scan.seq: scan.barcode for scan in past.scans_after(database, 0)}
        assert {seq: ticket(number).barcode for seq, number in answered.items()}.items() <= found.items()


SCANNING = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_damage import scan_three
scan_three(Path(sys.argv[1]))
"""


def scan_three(directory: Path) -> None:
    """Run as a program that is killed in the middle; each number is printed once it is answered."""
    keeper = Keeper(directory, "gate-1", 30.0, Upkeep(directory, Plan()))
    for number in range(3):
        when = Moment(AT + timedelta(seconds=number), 10**12 + number, "boot")
        verdict = Verdict(Direction.CHECKIN, Result.APPROVED, Reason.OK, ticket(number))
        print(keeper.append(Reading("left", ticket(number).barcode, b"", when), verdict).seq, flush=True)


@pytest.mark.needs("strace")
@pytest.mark.parametrize("step", [1, 2, 3])
def test_killed_between_the_commit_and_its_line_both_records_have_it_afterwards(tmp_path, step):
    place = tmp_path / witness.DIRECTORY
    place.mkdir()
    line = place / "scans-000000000001.log"
    line.touch()
    inject = f"inject=write:error=EIO:signal=SIGKILL:when={step}"
    command = ["strace", "-f", "-o", "/dev/null", "-P", str(line), "-e", "trace=write", "-e", inject]
    done = subprocess.run(
        [*command, sys.executable, "-B", "-c", SCANNING, str(tmp_path), str(Path(__file__).parent)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.stdout.split() == [str(number) for number in range(1, step)], done.stderr
    with closing(journals.reader(tmp_path)) as database:
        assert past.last_seq(database) == step
    with closing(Keeper(tmp_path, "gate-1", 30.0, Upkeep(tmp_path, Plan()))) as keeper:
        assert len(keeper.history(ticket(step - 1))) == 1
    assert [row[0] for row in witness.rows_after(place, 0)] == list(range(1, step + 1))
