"""Measure how soon the door is back: after a kill, from a cold disk, and with a journal that is damaged.

    make bench PARTS=restart                          a journal of 1,000,000 scans
    make bench PARTS=restart ARGS="--size 100000"

The yardstick is the same program started on an empty journal, in the same run. A kill is -9, with a write-ahead log as
long as it gets at a busy door; cold is when nothing of the data lies in memory.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from door import EVENT, fill

from kiosk import pulse
from kiosk.errors import GateNotRunning
from kiosk.scanners import socket as desk
from kiosk.store import backup
from kiosk.store.follower import Follower
from kiosk.store.journal import FILE, reader
from kiosk.store.keeper import Keeper
from kiosk.store.past import last_seq
from kiosk.store.upkeep import Plan, Upkeep
from kiosk.store.witness import DIRECTORY

BEFORE_THE_KILL = 300
"""Scans: a write-ahead log of some 900 pages, just before it is folded in."""

TIMES = 3


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Kiosk:
    """The programs on the files of one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.port = directory, free_port()
        self.file = directory / "kiosk.toml"
        self.file.write_text(
            f'[device]\nid = "gate-north-1"\ndata_dir = {json.dumps(str(directory))}\n'
            f"runtime_dir = {json.dumps(str(directory))}\n"
            f'[cloud]\nscans_url = "http://127.0.0.1:9/api"\naccess_url = "http://127.0.0.1:9/api"\n'
            f'[gate]\nevents = ["{EVENT}"]\nlookup_ms = 0\nhold_off_s = 0.0\n[display]\nport = {self.port}\n'
        )

    def asks(self) -> dict[str, Callable[[], bool]]:
        return {
            "gate": lambda: self.scan("T0000000001"),
            "sync": lambda: pulse.alive(pulse.feel(self.directory, "sync")),
            "display": lambda: urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=1).status == 200,
        }

    def scan(self, code: str) -> bool:
        return desk.ask(self.directory / desk.FILE, code, None)["seq"] is not None

    def start(self, program: str = "gate") -> tuple[subprocess.Popen[bytes], float]:
        """Start a program; return it with the seconds to its first answer."""
        command = [sys.executable, "-m", "kiosk", program, "--config", str(self.file), "--allow-volatile"]
        started, answer = time.perf_counter(), self.asks()[program]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while True:
            with suppress(GateNotRunning, urllib.error.URLError, OSError):
                if answer():
                    return process, time.perf_counter() - started
            if process.poll() is not None:
                raise SystemExit(f"{program} ended with status {process.returncode}")
            time.sleep(0.005)

    def restarted(self, *, killed: bool, cold: bool) -> float:
        """Return the seconds of a start after a clean end or a kill."""
        process, _ = self.start()
        for number in range(BEFORE_THE_KILL if killed else 0):
            self.scan(f"T{number + 2:010}")
        process.send_signal(signal.SIGKILL if killed else signal.SIGTERM)
        process.wait()
        if cold:
            self.forget()
        process, seconds = self.start()
        process.terminate()
        process.wait()
        return seconds

    def forget(self) -> None:
        """Let the kernel drop what it has of the files."""
        os.sync()
        for path in self.directory.rglob("*"):
            if path.is_file():
                with path.open("rb") as file:
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def restarts(empty: Kiosk, full: Kiosk, size: int) -> None:
    print(f"\nA restart with {size:,} scans: seconds from process start to the first answer, the middle of {TIMES}")
    bare = sorted(empty.restarted(killed=False, cold=False) for _ in range(TIMES))[TIMES // 2]
    print(f"  empty journal        {bare:6.2f} s")
    for name, killed, cold in (
        ("clean end", False, False), ("kill -9", True, False), ("clean end, cold", False, True),
        ("kill -9, cold", True, True),
    ):  # fmt: skip
        seconds = sorted(full.restarted(killed=killed, cold=cold) for _ in range(TIMES))[TIMES // 2]
        print(f"  {name:<20} {seconds:6.2f} s   ratio {seconds / bare:5.2f}")


def programs(kiosk: Kiosk) -> None:
    """Start each program on the filled files: how long until it answers, and what it weighs then."""
    print("\nPrograms: seconds from process start to the first answer, and memory then")
    for program in kiosk.asks():
        process, seconds = kiosk.start(program)
        resident = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())
        process.terminate()
        process.wait()
        print(f"  {program:<8} {seconds:6.2f} s   {int(resident[1]) / 1024 if resident else 0.0:6.1f} MiB")


def secure(directory: Path) -> None:
    """Make the witness and the backup that a running gate would have made by now."""
    follower = Follower(directory, None, "second")
    with closing(reader(directory)) as journal:
        while (there := follower.witness) is not None and there.upto < last_seq(journal):
            follower.follow(journal, 100)
            there.sync()
        backup.make(directory, journal, 3, lambda: False)
    follower.close()


def one_page(path: Path) -> None:
    """One that the start looks at: of a large file only the ends are."""
    with closing(sqlite3.connect(path)) as database:
        query = "SELECT max(pageno) FROM dbstat WHERE name = 'scan' AND pagetype = 'leaf'"
        (page,) = database.execute(query).fetchone()
    with path.open("rb+") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xa5" * 4096)


def all_pages(path: Path) -> None:
    with path.open("rb+") as file:
        for _ in range(path.stat().st_size // 4096):
            file.write(os.urandom(4096))


def recoveries(source: Path, size: int) -> None:
    """How long until a damaged journal of this size is open again, by what there is beside it."""
    print(f"\nA damaged journal of {size:,} scans: seconds until it is open again, and scans that are lost")
    both, second = ("backup", DIRECTORY), (DIRECTORY,)
    for name, harm, beside in (
        ("one page, backup and witness", one_page, both), ("one page, witness", one_page, second),
        ("one page, nothing", one_page, ()), ("all pages, backup and witness", all_pages, both),
        ("all pages, witness", all_pages, second),
    ):  # fmt: skip
        with tempfile.TemporaryDirectory(prefix="damaged-", dir=source) as made:
            place = Path(made)
            shutil.copy(source / FILE, place / FILE)
            for directory in beside:
                shutil.copytree(source / directory, place / directory)
            harm(place / FILE)
            started = time.perf_counter()
            with closing(Keeper(place, "gate-north-1", 30.0, Upkeep(place, Plan()))):
                seconds = time.perf_counter() - started
            with closing(reader(place)) as journal:
                lost = size - journal.execute("SELECT count(*) FROM scan").fetchone()[0]
            print(f"  {name:<32} {seconds:6.2f} s   {lost:,} lost")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=1_000_000, help="scans in the journal")
    parser.add_argument("--directory", default=".", help="where to measure: the disk that counts")
    options = parser.parse_args()
    logging.disable()
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=options.directory) as made:
        empty, full = Path(made).absolute() / "empty", Path(made).absolute() / "full"
        for directory, size in ((empty, 1), (full, options.size)):
            directory.mkdir()
            fill(directory, size)
        secure(full)
        recoveries(full, options.size)
        restarts(Kiosk(empty), Kiosk(full), options.size)
        programs(Kiosk(full))


if __name__ == "__main__":
    main()
