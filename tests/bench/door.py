"""Measure the door beside the raw disk, in one run, so that ratios mean something on a noisy machine.

    make bench                     1,000, 100,000 and 1,000,000 tickets, each with as many scans in the journal
    make bench PARTS=door ARGS="--sizes 1000"

The yardstick is one INSERT of a row of the same size in a transaction of its own: SQLite, WAL, synchronous=FULL, on
the same disk, taken in turn with each scan. The door's time runs from the reading to the answer: hold-off, look-up,
history, decision, append and commit.
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from kiosk import clock
from kiosk.gate import Gate
from kiosk.model import EventRules, Reading, Rules
from kiosk.store.cache import Cache
from kiosk.store.journal import Journal
from kiosk.store.keeper import Keeper
from kiosk.store.ticketlist import TicketList
from kiosk.store.tickets import ListState
from kiosk.store.upkeep import Plan, Upkeep

EVENT = "62a1c0ffee0000000000e001"
ROUNDS = 3_000
RULES = Rules({EVENT: EventRules()})

FILL_TICKETS = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
INSERT INTO ticket (id, barcode, list_no, event_id, ticket_type_id, ticket_name, name, status, seller_id, updated_ms)
SELECT lower(hex(randomblob(12))), 'T' || printf('%010d', i), 1, ?, 'type-1', 'Standing', 'Some Guest ' || i, 'VALID',
       'seller-1', 1893456000000 FROM n
"""
FILL_SCANS = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
INSERT INTO scan (seq, id, device_id, lane, time_ms, wall_ms, boot_id, boottime_ns, clock, barcode, type, result,
                  reason, ticket_id, event_id, ticket_type_id, ticket_name, name, seller_id)
SELECT i, lower(hex(randomblob(16))), 'gate-north-1', 'left', 1700000000000 + i, 1700000000000 + i,
       'b0b0b0b0-0000-0000-0000-000000000000', i, 'synced', 'S' || printf('%010d', i), 'checkin', 'approved', 'ok',
       lower(hex(randomblob(12))), ?, 'type-1', 'Standing', 'Some Guest ' || i, 'seller-1' FROM n
"""


def fill(directory: Path, size: int) -> None:
    """Make a list and a journal of this size; the journal's tickets are others than the list's."""
    tickets = Cache(directory)
    tickets.database.execute(FILL_TICKETS, (size, EVENT))
    tickets.store_state(ListState(EVENT, "file", complete=True, checked=clock.now()))
    tickets.close()
    Journal(directory, "gate-north-1").close()
    with sqlite3.connect(directory / "journal.db") as journal:
        journal.execute(FILL_SCANS, (size, EVENT))
    journal.close()


def reading(number: int) -> Reading:
    code = f"T{number:010d}"
    return Reading("left", code, code.encode(), clock.now())


def door(directory: Path) -> tuple[Gate, Journal]:
    journal = Journal(directory, "gate-north-1")
    return Gate(journal, TicketList(directory), lambda: RULES, hold_off_s=3.0), journal


def scans_for(directory: Path, tickets: int, count: int, running: subprocess.Popen[bytes] | None = None) -> list[float]:
    """Scan at the door, one of so many tickets each few milliseconds; until so many, or until a process has ended."""
    gate, journal = door(directory)
    times = []
    for number in range(count):
        if running is not None and running.poll() is not None:
            break
        given = reading(number % tickets + 1)
        times.append(timed(lambda given=given: gate.take(given)) / 1e3)
        time.sleep(0.005)
    journal.close()
    return times


def bare(directory: Path) -> Callable[[], None]:
    """The yardstick."""
    database = sqlite3.connect(directory / "bare.db", isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL").fetchone()
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE row (seq INTEGER PRIMARY KEY, payload TEXT NOT NULL) STRICT")
    payload = "x" * 300

    def insert() -> None:
        database.execute("BEGIN IMMEDIATE")
        database.execute("INSERT INTO row (payload) VALUES (?)", (payload,))
        database.execute("COMMIT")

    return insert


def timed(step: Callable[[], object]) -> float:
    started = time.perf_counter()
    step()
    return (time.perf_counter() - started) * 1e6


def at(times: list[float], share: float) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


def measure(directory: Path, size: int) -> None:
    gate, journal = door(directory)
    insert = bare(directory)
    scans, yardstick = [], []
    for round_ in range(ROUNDS):
        given = reading(round_ % size + 1)
        scans.append(timed(lambda given=given: gate.take(given)))
        yardstick.append(timed(insert))
    journal.close()
    print(f"\n{size:,} tickets and {size:,} scans, {ROUNDS:,} more scans: microseconds from reading to commit")
    for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0)):
        mine, theirs = at(scans, share), at(yardstick, share)
        print(f"  {name}  {mine:10,.0f}   bare transaction {theirs:10,.0f}   ratio {mine / theirs:5.2f}")


SETTINGS = ("nothing", "none", "second", "each")
"""No second record at all, and the three ways to put it on disk."""


def durability(directory: Path, size: int) -> None:
    """The same scans with each setting of the second record, in turn, beside the raw limit."""
    doors = {}
    for setting in SETTINGS:
        place = directory / setting
        place.mkdir()
        shutil.copy(directory / "tickets.db", place / "tickets.db")
        doors[setting] = _secured(place, setting)
    times: dict[str, list[float]] = {setting: [] for setting in (*SETTINGS, "bare")}
    insert = bare(directory / "nothing")
    for round_ in range(ROUNDS):
        for setting, (gate, _) in doors.items():
            given = reading(round_ % size + 1)
            times[setting].append(timed(lambda gate=gate, given=given: gate.take(given)))
        times["bare"].append(timed(insert))
    print(f"\nThe second record, {ROUNDS:,} scans each: microseconds to the answer, and the ratio to the bare limit")
    print(f"  {'':<8}{'p50':>16}{'p99':>19}{'max':>19}")
    for setting, found in times.items():
        shares = [(at(found, share), at(times["bare"], share)) for share in (0.5, 0.99, 1.0)]
        print(f"  {setting:<8}" + "   ".join(f"{mine:8,.0f} ({mine / bare:5.2f})" for mine, bare in shares))
    for _, close in doors.values():
        close()


def _secured(place: Path, setting: str) -> tuple[Gate, Callable[[], None]]:
    if setting == "nothing":
        gate, journal = door(place)
        return gate, journal.close
    upkeep = Upkeep(place, Plan(sync=setting, backup_s=86_400, first_check_s=86_400))
    keeper = Keeper(place, "gate-north-1", 30.0, upkeep)
    upkeep.start()
    return Gate(keeper, TicketList(place), lambda: RULES, hold_off_s=3.0), keeper.close


def syncs(directory: Path, size: int) -> None:
    """How many syncs a scan costs with each setting of the second record, checkpoints and its own thread included."""
    if shutil.which("strace") is None:
        print("  syncs a scan: not counted, apt-get install strace")
        return
    for setting in SETTINGS:
        log = directory / f"{setting}.strace"
        command = ["strace", "-f", "-e", "trace=fsync,fdatasync", "-o", str(log), sys.executable, __file__]
        subprocess.run([*command, "--only-scan", str(directory / setting), str(size), setting], check=True)
        print(f"  {setting:<8} {log.read_text().count('sync(') / ROUNDS:.3f} syncs a scan")


def only_scan(directory: Path, size: int, setting: str) -> None:
    gate, close = _secured(directory, setting)
    for round_ in range(ROUNDS):
        gate.take(reading((ROUNDS + round_) % size + 1))
    close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1000,100000,1000000", help="comma-separated")
    parser.add_argument("--directory", default=".", help="where to measure: the disk that counts")
    parser.add_argument("--only-scan", nargs=3, metavar=("DIRECTORY", "SIZE", "SETTING"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only_scan:
        only_scan(Path(options.only_scan[0]), int(options.only_scan[1]), options.only_scan[2])
        return
    for size in map(int, options.sizes.split(",")):
        with tempfile.TemporaryDirectory(prefix=".bench-", dir=options.directory) as made:
            directory = Path(made).absolute()
            fill(directory, size)
            measure(directory, size)
            durability(directory, size)
            syncs(directory, size)


if __name__ == "__main__":
    main()
