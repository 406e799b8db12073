"""A factory reset: all of it or, where a scan would be lost or a program runs, none; and no harm from half of one."""

from __future__ import annotations

import os
import pty
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kiosk.choices import Choices
from kiosk.model import Delivery, Direction, Moment, Reading, Reason, Result, Ticket, Verdict
from kiosk.store import chosen, past, pin
from kiosk.store import journal as journals
from kiosk.store.cache import Cache
from kiosk.store.follower import Follower
from kiosk.store.journal import Journal
from kiosk.store.keeper import Keeper
from kiosk.store.ledger import Entry, Ledger
from kiosk.store.upkeep import Plan, Upkeep

START = datetime(2030, 1, 23, 23, tzinfo=UTC)
TICKET = Ticket("t-1", "CODE00001", "fest", "standing", "Standing", "Ada Lovelace")
ADMITTED = Verdict(Direction.CHECKIN, Result.APPROVED, Reason.OK, TICKET)
NOBODY = Verdict(Direction.CHECKIN, Result.DECLINED, Reason.UNKNOWN)
UNDELIVERED = [Delivery.PENDING, Delivery.INFLIGHT, Delivery.UNKNOWN, Delivery.REFUSED]


def evening(directory: Path, *states: Delivery) -> None:
    """An evening with these deliveries, as the programs leave it behind that are killed: nothing is folded in."""
    alive = directory.parent / "alive"
    alive.mkdir()
    with closing(Journal(alive, "gate-north-1")) as journal, closing(Ledger(alive)) as ledger, closing(Cache(alive)):
        scans = [
            journal.append(
                Reading("left", "CODE00001", b"CODE00001", Moment(START + timedelta(seconds=n), n, "boot")),
                NOBODY if state is Delivery.LOCAL else ADMITTED,
            )
            for n, state in enumerate(states)
        ]
        ledger.take_in([Entry(scan, state) for scan, state in zip(scans, states, strict=True)])
        shutil.copytree(alive, directory)
    for name in ("heard.db", "heard.db-wal", "journal.db.bak", "gate.lock", "sync.lock"):
        (directory / name).write_bytes(b"")


def files(directory: Path) -> list[str]:
    """What is there, but for who did what, which stays."""
    return sorted(path.name for path in directory.iterdir() if path.name != "audit.log")


# --- what goes, and what does not ------------------------------------------------------------------------------------


def test_everything_recorded_and_learned_goes_and_nothing_else(kiosk):
    evening(kiosk.data_dir, Delivery.ACKED, Delivery.LOCAL)
    (kiosk.data_dir / "photo.db.jpg").write_bytes(b"somebody else's")
    done = kiosk.call("reset", "--yes")
    assert files(kiosk.data_dir) == ["photo.db.jpg"]
    assert kiosk.file.exists()
    assert (kiosk.directory / "secret").exists()
    assert done.stdout == ""
    assert str(kiosk.data_dir) in done.stderr


def test_what_staff_chose_goes_and_their_pin_stays_as_every_credential_does(kiosk):
    evening(kiosk.data_dir, Delivery.ACKED)
    chosen.write(kiosk.data_dir, Choices(scan_type=Direction.CHECKOUT))
    pin.write(kiosk.data_dir / pin.FILE, "402913")
    kiosk.call("reset", "--yes")
    assert files(kiosk.data_dir) == [pin.FILE]


def with_second_record(directory: Path, mirror: Path | None = None) -> None:
    """A gate's second record, a copy, and what a damaged journal leaves behind."""
    with closing(Keeper(directory, "gate-north-1", 30.0, Upkeep(directory, Plan(mirror)))):
        pass
    if mirror is not None:
        with closing(journals.reader(directory)) as seen:
            Follower(directory, mirror, "each").follow(seen)
    for place in ("backup", "quarantine/20300101T000000Z"):
        (directory / place).mkdir(parents=True)
    for name in ("backup/journal-20300101T000000Z-1-0.db", "quarantine/20300101T000000Z/journal.db", "recovered.json"):
        (directory / name).write_bytes(b"")


def test_what_the_journal_could_be_put_together_from_goes_too(kiosk):
    evening(kiosk.data_dir, Delivery.ACKED, Delivery.LOCAL)
    with_second_record(kiosk.data_dir)
    assert list((kiosk.data_dir / "witness").iterdir())
    kiosk.call("reset", "--yes")
    assert files(kiosk.data_dir) == []


def test_a_second_record_elsewhere_goes_too_and_is_asked_for_where_it_cannot_be_reached(kiosk):
    evening(kiosk.data_dir, Delivery.ACKED, Delivery.LOCAL)
    mirror = kiosk.directory / "stick"
    text = kiosk.file.read_text().replace("[device]", f'[device]\njournal_mirror = "{mirror}"')
    kiosk.file.write_text(text)
    done = kiosk.call("reset", "--yes", check=False)
    assert done.returncode == 1
    assert "plug it in" in done.stderr
    assert len(kiosk.scans()) == 2
    mirror.mkdir()
    (mirror / "holiday.jpg").write_bytes(b"somebody else's")
    with_second_record(kiosk.data_dir, mirror)
    assert (mirror / "witness").exists()
    kiosk.call("reset", "--yes")
    assert files(mirror) == ["holiday.jpg"]
    assert files(kiosk.data_dir) == []


def test_a_kiosk_that_was_never_at_a_door_can_be_reset(kiosk):
    kiosk.call("reset", "--yes")
    assert files(kiosk.data_dir) == []


def test_after_a_reset_the_kiosk_begins_anew_and_delivers_what_comes_then(kiosk, cloud, valid, eventually):
    for ticket in valid[:2]:
        kiosk.call("sync", "--once")
        kiosk.open_gate()
        kiosk.scan(ticket["barcode"])
        eventually("it is recorded", kiosk.scans)
        kiosk.stop("gate")
        kiosk.call("sync", "--once")
        assert [(scan["seq"], scan["delivery"]) for scan in kiosk.scans()] == [(1, "acked")]
        kiosk.call("reset", "--yes")
        assert kiosk.scans() == []
    assert Counter(scan["barcode"] for scan in cloud.scans()) == {ticket["barcode"]: 1 for ticket in valid[:2]}


# --- never lose a scan -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", UNDELIVERED)
def test_while_scans_are_undelivered_nothing_goes_and_the_ways_out_are_named(kiosk, state):
    evening(kiosk.data_dir, Delivery.ACKED, state, state, Delivery.LOCAL)
    before = files(kiosk.data_dir)
    done = kiosk.call("reset", "--yes", check=False)
    assert done.returncode == 1
    for words in ("2 scans", "kiosk sync --once", "kiosk export FILE", "--lose-undelivered 2"):
        assert words in done.stderr
    assert set(files(kiosk.data_dir)) >= set(before) - {name for name in before if name.endswith(("-wal", "-shm"))}
    assert len(kiosk.scans()) == 4


def test_scans_that_sync_has_not_seen_are_undelivered(kiosk):
    evening(kiosk.data_dir, *UNDELIVERED)
    with closing(Ledger(kiosk.data_dir)) as ledger:
        ledger.begin_anew()
    assert "4 scans" in kiosk.call("reset", "--yes", check=False).stderr


@pytest.mark.parametrize("number", ["0", "3", "5"])
def test_another_number_than_that_of_the_undelivered_removes_nothing(kiosk, number):
    evening(kiosk.data_dir, *UNDELIVERED)
    done = kiosk.call("reset", "--yes", "--lose-undelivered", number, check=False)
    assert done.returncode == 1
    assert "4 scans" in done.stderr
    assert len(kiosk.scans()) == 4


def test_exactly_as_many_as_were_named_may_be_lost(kiosk):
    evening(kiosk.data_dir, *UNDELIVERED, Delivery.ACKED)
    kiosk.call("reset", "--yes", "--lose-undelivered", "4")
    assert files(kiosk.data_dir) == []


def test_a_journal_of_an_older_version_is_not_taken_for_an_empty_one(kiosk):
    evening(kiosk.data_dir, Delivery.PENDING)
    (kiosk.data_dir / "ledger.db").unlink()
    with closing(sqlite3.connect(kiosk.data_dir / "journal.db", isolation_level=None)) as journal:
        for table in ("turn", "clock_anchor", "pruned", "tally", "passage", "wanted"):
            journal.execute(f"DROP TABLE {table}")
        journal.execute("DROP TRIGGER scan_is_removed_by_retention_only")
        journal.execute(
            "CREATE TRIGGER scan_is_never_removed BEFORE DELETE ON scan BEGIN SELECT raise(ABORT, 'no'); END"
        )
        journal.execute("DELETE FROM _sqlite_migrations WHERE name > '001'")
        journal.execute("PRAGMA user_version = 1")
    assert "1 scans" in kiosk.call("reset", "--yes", check=False).stderr


@pytest.mark.parametrize("sound", [0, 4096])
@pytest.mark.parametrize("name", ["journal.db", "ledger.db"])
def test_where_the_undelivered_cannot_be_counted_nothing_goes(kiosk, name, sound):
    evening(kiosk.data_dir, Delivery.ACKED)
    file = kiosk.data_dir / name
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    file.write_bytes(file.read_bytes()[:sound] + b"\xff" * (file.stat().st_size - sound))
    done = kiosk.call("reset", "--yes", check=False)
    assert done.returncode == 1
    assert name in done.stderr
    assert "safe place" in done.stderr
    assert {"journal.db", "ledger.db", "tickets.db"} <= set(files(kiosk.data_dir))
    (kiosk.data_dir / name).unlink()  # moved to a safe place, as it says
    left = ["--lose-undelivered", "1"] if name == "ledger.db" else []
    kiosk.call("reset", "--yes", *left)
    assert files(kiosk.data_dir) == []


# --- never under a running program -----------------------------------------------------------------------------------


@pytest.mark.parametrize("program", ["gate", "sync", "display"])
def test_while_a_program_runs_here_nothing_goes(kiosk, eventually, program):
    evening(kiosk.data_dir, Delivery.ACKED)
    kiosk.start(program)
    eventually("it runs", lambda: kiosk.status()[program] == "running")
    done = kiosk.call("reset", "--yes", check=False)
    assert done.returncode == 1
    assert f"kiosk {program}" in done.stderr
    assert {"journal.db", "ledger.db", "tickets.db"} <= set(files(kiosk.data_dir))
    kiosk.stop(program)
    kiosk.call("reset", "--yes")


# --- asked first -----------------------------------------------------------------------------------------------------


def test_without_a_terminal_it_has_to_be_said(kiosk):
    evening(kiosk.data_dir, Delivery.ACKED)
    done = kiosk.call("reset", check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 1
    assert "--yes" in done.stderr
    assert len(kiosk.scans()) == 1


@pytest.mark.parametrize(
    ("typed", "goes"), [("gate-north-1", True), ("gate-north-2", False), ("", False), ("y", False)]
)
def test_on_a_terminal_the_device_s_id_has_to_be_typed(kiosk, typed, goes):
    evening(kiosk.data_dir, Delivery.ACKED)
    master, slave = pty.openpty()
    os.write(master, f"{typed}\n".encode())
    done = kiosk.call("reset", check=False, stdin=slave)
    os.close(slave)
    os.close(master)
    assert "Type gate-north-1" in done.stderr
    assert (done.returncode == 0) is goes
    assert (files(kiosk.data_dir) == []) is goes


# --- half of it ------------------------------------------------------------------------------------------------------

REMOVING = "import sys; from pathlib import Path; from kiosk.cli.reset import remove; remove(Path(sys.argv[1]))"


def killed_at(directory: Path, step: int) -> bool:
    """Kill a reset while it removes so many files; return whether it came so far."""
    kill = f"inject=unlink:signal=SIGKILL:when={step}"
    command = ["strace", "-o", "/dev/null", "-e", "trace=unlink", "-e", kill, sys.executable, "-B", "-c", REMOVING]
    return subprocess.run([*command, str(directory)], check=False, timeout=60).returncode != 0


@pytest.mark.needs("strace")
def test_killed_at_any_file_no_ledger_outlives_its_journal_and_what_begins_then_begins_with_all_or_nothing(tmp_path):
    step, came_so_far = 0, True
    while came_so_far:
        step += 1
        directory = tmp_path / str(step) / "data"
        directory.parent.mkdir()
        evening(directory, Delivery.ACKED, Delivery.ACKED, Delivery.LOCAL)
        came_so_far = killed_at(directory, step)
        there = {name for name in files(directory) if name in {"ledger.db", "journal.db"}}
        assert there in ({"ledger.db", "journal.db"}, {"journal.db"}, set())
        assert "sync.lock" in files(directory) or not there
        with closing(Journal(directory, "gate-north-1")) as journal, closing(Ledger(directory)) as ledger:
            assert past.last_seq(journal._database) == (3 if "journal.db" in there else 0)
            assert ledger.upto == (3 if "ledger.db" in there else 0)
    assert step > 10
    assert files(directory)  # the new ones only
    assert not {"gate.lock", "sync.lock", "tickets.db", "heard.db"} & set(files(directory))


@pytest.mark.needs("strace")
def test_half_a_reset_delivers_nothing_twice_and_can_be_done_again(kiosk, cloud, valid, eventually):
    kiosk.call("sync", "--once")
    kiosk.open_gate()
    for ticket in valid[:5]:
        kiosk.scan(ticket["barcode"])
    eventually("they are recorded", lambda: len(kiosk.scans()) == 5)
    kiosk.stop("gate")
    kiosk.call("sync", "--once")
    assert killed_at(kiosk.data_dir, 1)
    (kiosk.data_dir / "ledger.db").unlink(missing_ok=True)
    assert (kiosk.data_dir / "journal.db").exists()
    assert "5 scans" in kiosk.call("reset", "--yes", check=False).stderr  # nobody knows any more
    kiosk.call("sync", "--once")
    assert Counter(scan["barcode"] for scan in cloud.scans()) == {ticket["barcode"]: 1 for ticket in valid[:5]}
    kiosk.call("reset", "--yes")
    assert files(kiosk.data_dir) == []
