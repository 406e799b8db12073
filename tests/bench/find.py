"""Measure how a guest is found by name, and what the evening's numbers cost.

    make bench PARTS=find                          100,000 tickets, a journal of 100,000 scans
    make bench PARTS=find ARGS="--size 1000000"
    make bench PARTS=find ARGS="--trigrams"        what an index of trigrams in the file would cost instead

Names are drawn from first and last names in many alphabets, some hostile: markup, signs that turn text around, 10 kB.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from kiosk.clock import now
from kiosk.config import parse
from kiosk.display.staff.names import fold
from kiosk.display.staff.records import Records
from kiosk.model import Direction, Listed, Reading, Reason, Result, Ticket, Verdict
from kiosk.store import tallies
from kiosk.store.cache import Cache
from kiosk.store.database import open_for_writing, transaction
from kiosk.store.journal import SCHEMA, Journal, reader
from kiosk.store.scanrows import INSERT, as_row
from kiosk.store.tallies import Tallies
from kiosk.store.tickets import ListState

EVENT = "62a1c0ffee0000000000e001"
FIRST = [
    "Ada", "Anna", "Ann", "Anders", "Björn", "Çağla", "Dvořák", "Élodie", "Fatma", "Øyvind", "Łukasz", "İrem",
    "Jean-Luc", "Zoë", "Nguyễn", "Οδυσσέας", "Юлия", "明", "محمد", "Siân",
]  # fmt: skip
LAST = [
    "Öğünç", "Müller", "Mueller", "Ångström", "O'Brien", "García", "Nováková", "Şahin", "Sørensen", "Wałęsa",
    "Παπαδόπουλος", "Иванова", "李", "Smith", "Anderson",
]  # fmt: skip
HOSTILE = [
    "<script>alert(1)</script>",
    "\u202egnp.exe\u202c Bob",
    "x" * 10_000,
    "'; DROP TABLE ticket; --",
    "\0\n\r\t",
    "a" * 9_999 + "ı",
]
QUERIES = [
    "ogunc",
    "ann",
    "anders and",
    "son ann",
    "muller zoe",
    "obrien",
    "xyz",
    "ann xyz",
    "script",
    "Иванова Юлия",
    "a n s",
    "gnp",
]


def name(dice: random.Random, number: int) -> str:
    if number % 10_000 == 7:
        return dice.choice(HOSTILE)
    return f"{dice.choice(FIRST)} {chr(97 + number % 26)}{dice.getrandbits(20):x} {dice.choice(LAST)}"


def fill(directory: Path, size: int) -> None:
    dice = random.Random(1)
    with closing(Cache(directory)) as cache:
        state = cache.list_of(EVENT)
        for start in range(0, size, 1_000):
            rows = [
                Listed(Ticket(f"{dice.getrandbits(96):024x}", f"{n:015X}", EVENT, "t", "Standing", name(dice, n)))
                for n in range(start, start + 1_000)
            ]
            cache.append(rows, state)
        cache.settle()
        cache.store_state(ListState(EVENT, "cloud", complete=True, checked=now()))


def scan(directory: Path, size: int) -> None:
    """A journal of an evening, without a flush a scan."""
    with closing(Journal(directory, "gate")) as journal:
        moment = now()
        found = [
            journal.append(
                Reading(f"lane {n % 4}", "CODE0001", b"CODE0001", moment),
                Verdict(
                    Direction.CHECKIN, Result.APPROVED, Reason.OK, Ticket(f"t{n}", "CODE0001", EVENT, "t", f"Type {n}")
                ),
            )
            for n in range(8)
        ]
    with closing(open_for_writing(directory / "journal.db", SCHEMA, "FULL")) as database, transaction(database):
        first = int(found[-1].at.timestamp() * 1000)
        rows = [as_row(found[n % 8], first + n * 10, first + n * 10) for n in range(1, size)]
        database.executemany(INSERT, ((8 + n, *row[1:]) for n, row in enumerate(rows, start=1)))


def timed(work: Callable[[], object], times: int, clock: Callable[[], float] = time.perf_counter) -> list[float]:
    found = []
    for _ in range(times):
        began = clock()
        work()
        found.append(1000 * (clock() - began))
    return sorted(found)


def quantiles(found: list[float]) -> str:
    return f"p50 {statistics.median(found):.1f} ms, p95 {found[int(0.95 * len(found))]:.1f} ms, most {found[-1]:.1f} ms"


def measure(directory: Path, size: int) -> None:
    records = Records(parse(f"[device]\nid = 'x'\ndata_dir = '{directory}'\n[gate]\nevents = ['{EVENT}']\n", "bench"))
    began = time.perf_counter()
    while not records.find("ann")["ready"]:
        time.sleep(0.01)
    rolls = records._people._rolls
    assert rolls is not None
    kept = sum(roll.size for roll in rolls.parts) / 1e6
    print(f"{size} names are read in {time.perf_counter() - began:.2f} s and kept in {kept:.1f} MB")
    every, busy = [], []
    for query in QUERIES:
        found = timed(lambda query=query: records.find(query), 20)
        every += found
        busy += timed(lambda query=query: records.find(query), 20, time.process_time)
        print(f"  {query!r:16} {len(records.find(query)['guests']):3} guests, {quantiles(found)}")
    print(f"find: {quantiles(sorted(every))}; of the processor alone {quantiles(sorted(busy))}")


def numbers(directory: Path, size: int) -> None:
    with closing(reader(directory)) as database:
        whole = Tallies(0)
        first = timed(lambda: tallies.count(database, whole), 1)
        again = timed(lambda: tallies.count(database, whole), 20)
    print(f"numbers of {size} scans: the first time {first[0]:.0f} ms, then {quantiles(again)}")


def trigrams(directory: Path) -> None:
    """What the alternative costs: a folded name for each ticket in an index of trigrams."""
    with closing(sqlite3.connect(directory / "tickets.db", isolation_level=None)) as database:
        before = (directory / "tickets.db").stat().st_size
        database.create_function("fold", 1, lambda text: fold(text or ""))
        began = time.perf_counter()
        database.execute("CREATE VIRTUAL TABLE names USING fts5 (folded, content='', tokenize='trigram')")
        database.execute("BEGIN")
        database.execute("INSERT INTO names (rowid, folded) SELECT n, fold(name) FROM ticket")
        database.execute("COMMIT")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        grown = (directory / "tickets.db").stat().st_size - before
        print(f"trigrams: built in {time.perf_counter() - began:.1f} s, the file grew by {grown / before:.0%}")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--size", type=int, default=100_000)
    options.add_argument("--trigrams", action="store_true")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        fill(directory, chosen.size)
        scan(directory, chosen.size)
        measure(directory, chosen.size)
        numbers(directory, chosen.size)
        if chosen.trigrams:
            trigrams(directory)


if __name__ == "__main__":
    main()
