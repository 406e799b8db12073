"""A disk that is full or sick under the running gate: no green without a record, and it heals without a restart."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kiosk import clock, pulse, words
from kiosk.model import Listed, Notice, Reason, Ticket
from kiosk.scanners.socket import FILE as DESK
from kiosk.scanners.socket import ask
from kiosk.store import ballast, journal, past
from kiosk.store.cache import Cache
from kiosk.store.tickets import ListState

EVENT = "e-1"
WELCOME = words.SENTENCES[Reason.OK]
SCANS = 4_000
MOUNTED = 'mount -t tmpfs -o size=48M tmpfs "$0" && cp "$1"/tickets.db "$0" && shift && exec "$@"'
UNSHARED = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", MOUNTED]


class Door:
    """A gate as a real process, on a disk of its own, whose every ticket is admitted once."""

    def __init__(self, directory: Path) -> None:
        self.data, self.run, self.stage = (directory / name for name in ("data", "run", "stage"))
        for each in (self.data, self.run, self.stage):
            each.mkdir()
        with closing(Cache(self.stage)) as pen:
            tickets = [Listed(Ticket(f"t-{n}", f"TKT-{n:05}", EVENT, "type-1")) for n in range(SCANS)]
            pen.store(tickets, ListState(EVENT, "cloud", complete=True, checked=clock.now()))
        self.file = directory / "kiosk.toml"
        self.file.write_text(
            f'[device]\nid = "north"\ndata_dir = "{self.data}"\nruntime_dir = "{self.run}"\n'
            f'[gate]\nevents = ["{EVENT}"]\nhold_off_s = 0.0\nlookup_ms = 0\n'
        )
        self.log = directory / "log"
        self.told: list[dict[str, Any]] = []
        self.number = 0

    def open(self, *before: str) -> None:
        command = [*before, sys.executable, "-m", "kiosk", "gate", "--config", str(self.file), "--allow-volatile"]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while not (self.process.poll() is None and pulse.alive(self.said()) and (self.run / DESK).exists()):
            assert time.monotonic() < deadline, self.log.read_text()
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.02)

    def said(self) -> dict[str, Any]:
        return pulse.feel(self.run, "gate") or {}

    @property
    def disk(self) -> Path:
        """The data directory as the gate sees it."""
        return Path(f"/proc/{self.said()['pid']}/root") / self.data.relative_to("/")

    def scan(self) -> bool:
        """Show the next ticket; tell whether it was recorded. Whatever was not is never welcome."""
        answer = ask(self.run / DESK, f"TKT-{self.number:05}", None)
        self.number += 1
        self.told.append(answer)
        assert answer["message"] == (WELCOME if answer["seq"] is not None else words.notice(Notice.NOT_RECORDED))
        return answer["seq"] is not None

    def recorded(self) -> list[int]:
        copy = self.stage / "copy"  # SQLite would resolve the link to the other mounts
        copy.mkdir(exist_ok=True)
        for file in self.disk.glob("journal.db*"):
            if not file.name.endswith("-shm"):
                shutil.copy(file, copy)
        with closing(journal.reader(copy)) as database:
            return [scan.seq for scan in past.scans_after(database, 0)]

    def answered(self) -> list[int]:
        return [answer["seq"] for answer in self.told if answer["seq"] is not None]

    def fill(self, name: str) -> None:
        """Leave no room at all."""
        with (self.disk / name).open("wb", buffering=0) as filler:
            for size in (1 << 20, 4096, 1):
                try:
                    while filler.write(b"\0" * size):
                        pass
                except OSError:
                    continue

    def mounts(self, pid: int | None = None) -> Path:
        """Name the mounts that a process sees."""
        return Path(f"/proc/{pid or self.process.pid}/ns/mnt").readlink()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    made = Door(tmp_path)
    yield made
    made.close()


@pytest.fixture
def small(door: Door) -> Door:
    """The same on a disk of 48 MB in memory."""
    if subprocess.run(["unshare", "--user", "--map-root-user", "--mount", "true"], check=False).returncode:
        pytest.skip("needs the right to make a user namespace")
    door.open(*UNSHARED, str(door.data), str(door.stage))
    return door


@pytest.mark.needs("unshare")
def test_on_a_full_disk_some_hundred_scans_go_on_then_nobody_is_admitted_and_room_mends_it(small, eventually):
    assert all(small.scan() for _ in range(5))
    assert ballast.Ballast.is_there(small.disk)
    small.fill("fill")
    assert all(small.scan() for _ in range(400))
    assert not (small.disk / ballast.FILE).exists()
    assert "the ballast is given up" in small.log.read_text()
    small.fill("more")
    while small.scan():
        assert small.number < SCANS - 100
    assert not any(small.scan() for _ in range(3))
    eventually("the fault shows", lambda: small.said().get("fault"))
    assert small.recorded() == small.answered()
    for name in ("fill", "more"):
        (small.disk / name).unlink()
    eventually("the fault is gone without another scan", lambda: not small.said().get("fault"))
    eventually("there is a ballast again", lambda: ballast.Ballast.is_there(small.disk))
    assert all(small.scan() for _ in range(5))
    assert small.recorded() == small.answered() == list(range(1, len(small.answered()) + 1))
    assert small.process.poll() is None


@pytest.mark.needs("unshare")
def test_a_gate_that_is_started_on_a_full_disk_opens_with_its_ballast(small, eventually):
    assert all(small.scan() for _ in range(5))
    small.fill("fill")
    pid = small.process.pid
    again = ["nsenter", f"--user=/proc/{pid}/ns/user", f"--mount=/proc/{pid}/ns/mnt", "--preserve-credentials"]
    holder = subprocess.Popen([*again, "sleep", "600"])  # keeps the disk while no gate runs
    try:
        eventually("the disk is held", lambda: small.mounts(holder.pid) == small.mounts())
        small.close()
        again[1:3] = [f"--user=/proc/{holder.pid}/ns/user", f"--mount=/proc/{holder.pid}/ns/mnt"]
        small.open(*again)
        assert all(small.scan() for _ in range(100))
        assert small.recorded() == small.answered()
    finally:
        holder.kill()
        holder.wait()


@pytest.mark.needs("strace")
@pytest.mark.parametrize(
    "fault",
    [
        "fdatasync:error=EIO:when=6..9", "fdatasync:error=ENOSPC:when=6..9", "pwrite64:error=EIO:when=40..60",
        "pwrite64:error=ENOSPC:when=40..60", "pwrite64:error=ENOSPC:when=41", "pwrite64:error=EIO:when=42",
    ],
)  # fmt: skip
def test_a_sick_disk_under_the_gate_is_see_staff_and_every_other_answer_is_on_disk(door, fault, eventually):
    (door.stage / "tickets.db").rename(door.data / "tickets.db")
    journal.Journal(door.data, "north").close()
    door.open("strace", "-f", "-o", "/dev/null", "-e", "trace=fdatasync,pwrite64", "-e", f"inject={fault}")
    for _ in range(40):
        door.scan()
    assert door.scan()  # it has healed by now, without a restart
    assert door.recorded() == door.answered() == list(range(1, len(door.answered()) + 1))
    eventually("no fault is left", lambda: not door.said().get("fault"))
    lost = [answer for answer in door.told if answer["seq"] is None]
    assert bool(lost) == (fault != "pwrite64:error=ENOSPC:when=41")  # there the ballast has helped
    os.kill(door.said()["pid"], 9)  # strace itself would let it run on
