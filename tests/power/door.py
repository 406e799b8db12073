"""The real `kiosk gate` on disks that forget, a crowd in front of it, and what the crowd was told."""

from __future__ import annotations

import fcntl
import json
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import termios
import time
import tty
from contextlib import closing, suppress
from pathlib import Path

from kiosk import clock, words
from kiosk.model import Listed, Notice, Scan, Ticket
from kiosk.scanners import socket as desk
from kiosk.store import journal as journals
from kiosk.store import past, witness
from kiosk.store.cache import Cache
from kiosk.store.tickets import ListState
from tests.power.crowd import TICKETS, Crowd, Evidence, Told, code
from tests.power.drive import Drive, cut

EVENT = "62a1c0ffee0000000000e001"
OPENS_S = 10.0
"""How long a door may take that comes back after a power cut; a second on an idle machine."""

GATE = ("-m", "kiosk")
FORGETFUL = (
    "-c",
    """
from kiosk.store import journal
opened = journal.open_for_writing
journal.open_for_writing = lambda path, schema, _: opened(path, schema, "NORMAL")
from kiosk.cli import main
main()
""",
)
"""The same gate with `synchronous = NORMAL`: what must be seen to lose scans."""

LINE = re.compile(r"scan (\d+) (\w+) \w+ (approved|declined) \w+ …(\d{4})")


class Door:
    """`gate` is what the interpreter runs."""

    def __init__(self, directory: Path, *, witness: str, mirror: bool = False, gate: tuple[str, ...] = GATE) -> None:
        self._directory, self._gate = directory, gate
        self.drives = [Drive(directory / "card")]
        if mirror:
            self.drives.append(Drive(directory / "stick"))
        self.data_dir = directory / "card" / "data"
        self.mirror = directory / "stick" if mirror else None
        self.log, self.beat = directory / "gate.log", directory / "gate.json"
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self._configure(witness)
        self.told, self._processes = Told(), list[subprocess.Popen[bytes]]()
        self.crowd: Crowd | None = None

    def _configure(self, witness: str) -> None:
        mirror = f'journal_mirror = "{self.mirror}"\n' if self.mirror else ""
        (self._directory / "kiosk.toml").write_text(
            f'[device]\nid = "gate-1"\ndata_dir = "{self.data_dir}"\nruntime_dir = "{self._directory}"\n{mirror}'
            f'witness_sync = "{witness}"\n[gate]\nevents = ["{EVENT}"]\nlookup_ms = 0\nhold_off_s = 0\n'
            f'[[scanner]]\nname = "left"\nkind = "serial"\ndevice = "{os.ttyname(self._slave)}"\n'
        )

    def take_list(self) -> None:
        """Put a list of tickets on the card, as sync would, and on disk."""
        self.data_dir.mkdir()
        with closing(Cache(self.data_dir)) as cache:
            state = ListState(EVENT, "cloud", complete=True, checked=clock.now())
            tickets = (Ticket(f"t-{number:06}", code(number), EVENT, "type-1") for number in range(TICKETS))
            cache.store([Listed(ticket) for ticket in tickets], state)
        self.sync()

    def sync(self) -> None:
        for drive in self.drives:
            drive.sync()

    def run(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a program that loses its power with the gate."""
        with self.log.open("ab") as log:
            self._processes.append(subprocess.Popen([sys.executable, *arguments], stdout=log, stderr=log))
        return self._processes[-1]

    def open(self, guests: random.Random) -> None:
        """Start the gate, with guests already there."""
        self.told.opened_s = None
        self.run(*self._gate, "gate", "--config", str(self._directory / "kiosk.toml"), "--allow-volatile")
        self.crowd = Crowd(self._directory / desk.FILE, self._master, guests, self.told)

    def await_answers(self, number: int, patience_s: float = OPENS_S) -> bool:
        """Wait for so many answers more; return whether they came before the power or the patience went."""
        deadline, upto = time.monotonic() + patience_s, len(self.told.answers) + number
        while len(self.told.answers) < upto and time.monotonic() < deadline:
            time.sleep(0.005)
        return len(self.told.answers) >= upto

    def kill(self) -> None:
        """End the programs, but not the power."""
        self.lose_power(None)

    def lose_power(self, seed: int | None) -> None:
        """Every disk forgets at the same moment, then the programs end, and the disks come back as they are now."""
        cut(*self.drives, seed=seed)
        for process in self._processes:
            process.kill()
        for drive in self.drives:
            drive.mount()
        for process in self._processes:
            process.wait()
        self._shut()

    def cut_at(self, at: int, seed: int | None, *, opens: bool = False) -> None:
        """Lose the power at a request to the card, and wait for it; `opens`: the gate is started now."""
        self.drives[0].arm(at, seed)
        if opens:
            self.open(random.Random(seed))
        self.drives[0].await_cut(OPENS_S)
        self.lose_power(seed)

    def calm(self) -> None:
        """Let everybody go home, be answered, and the second record come up to the journal."""
        self._go_home()
        deadline = time.monotonic() + OPENS_S
        while int.from_bytes(fcntl.ioctl(self._slave, termios.FIONREAD, bytes(4)), sys.byteorder):
            assert time.monotonic() < deadline, "the scanner is not read"
            time.sleep(0.02)
        last = desk.ask(self._directory / desk.FILE, code(0), None)  # everything before it has its answer then
        self.told.answers.append((code(0), last["seq"], last["message"]))
        newest, place = self.recorded()[-1].seq, (self.mirror or self.data_dir) / witness.DIRECTORY
        while (found := witness.last(place)) is None or found[witness.SEQ] < newest:
            assert time.monotonic() < deadline, "the second record does not follow"
            time.sleep(0.02)

    def _shut(self) -> None:
        self._processes.clear()
        self._go_home()

    def _go_home(self) -> None:
        if self.crowd is not None:
            self.crowd.leave()
            self.crowd = None

    def close(self) -> None:
        with suppress(Exception):
            self.lose_power(0)
        for drive in self.drives:
            drive.close()
        for descriptor in (self._master, self._slave):
            os.close(descriptor)

    # --- what is left ------------------------------------------------------------------------------------------------

    def on_disk(self, place: Path) -> dict[int, Scan]:
        """What the journal alone has, read from a copy and without the kiosk's mending."""
        place.mkdir()
        for name in (journals.FILE, f"{journals.FILE}-wal"):
            if (self.data_dir / name).exists():
                shutil.copyfile(self.data_dir / name, place / name)
        try:
            with closing(sqlite3.connect(place / journals.FILE)) as database:
                return {scan.seq: scan for scan in past.scans_after(database, 0)}
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return {}
            raise

    def recorded(self) -> list[Scan]:
        with closing(journals.reader(self.data_dir)) as database:
            return list(past.scans_after(database, 0))

    def evidence(self) -> list[Evidence]:
        """Return what has left the kiosk by now, to the screen at last."""
        lines = LINE.findall(self.log.read_text(encoding="utf-8"))
        told = [*self.told.answers, *((f"…{end}", int(seq), f"{lane} {result}") for seq, lane, result, end in lines)]
        shown = json.loads(self.beat.read_text())["shown"] if self.beat.exists() else {"turn": 0}
        if not shown["turn"]:
            return told
        said = ON_SCREEN if shown["seq"] is not None else words.notice(shown["notice"])
        return [*told, ("", shown["seq"], said)]


ON_SCREEN = "on the screen"
"""What is said by the row itself: the display makes its words of that."""

NOT_RECORDED = words.notice(Notice.NOT_RECORDED)


def lost(evidence: list[Evidence], found: dict[int, Scan]) -> list[tuple[Evidence, Scan | None]]:
    """Return what has left the kiosk and is not recorded, or not as it was told."""
    return [(one, found.get(one[1] or 0)) for one in evidence if not _bears_out(one, found.get(one[1] or 0))]


def _bears_out(evidence: Evidence, scan: Scan | None) -> bool:
    asked, seq, said = evidence
    if seq is None:
        return said == NOT_RECORDED
    if scan is None or not scan.barcode.endswith(asked.lstrip("…")):
        return False
    return said in {ON_SCREEN, words.sentence(scan.verdict, scan.moment.at), f"{scan.lane} {scan.verdict.result}"}
