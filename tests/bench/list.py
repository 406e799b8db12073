"""Measure how a list comes in: what it writes to the card, what it weighs, and what the door notices of it.

    make bench PARTS=list                          a first load of 1,000,000 tickets
    make bench PARTS=list ARGS="--size 100000"

Ids and codes are random, as the cloud's may be: the order in which they come says nothing about where they go. The
yardstick for a page is one bare `executemany` into a table with the same columns and indexes.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from door import EVENT, at, fill, scans_for

from kiosk.cloud.answers import Page, ticket_rows
from kiosk.store.cache import Cache
from kiosk.store.ticketrows import INDEXES, ticket_table

PAGE = 1_000
DOOR_TICKETS = 100_000
OTHER_EVENT = "62a1c0ffee0000000000e002"


def pages(size: int, event_id: str) -> Iterator[bytes]:
    """Make pages as the cloud sends them."""
    dice = random.Random(1)
    for _ in range(size // PAGE):
        rows = [
            {
                "_id": f"{dice.getrandbits(96):024x}", "barcode": f"{dice.getrandbits(60):015X}", "eventId": event_id,
                "ticketTypeId": "62a1c0ffee0000000000aaaa", "ticketName": "Standing", "name": "Some Guest",
                "sellerId": "5d3c1a9f0b7e42860c11d0a5", "status": "VALID", "area": "Floor",
                "priceCategory": {"categoryId": "62a1c0ffee0000000000cccc", "description": "Full price"},
                "createdAt": "2026-01-01T00:00:00.000Z", "updatedAt": "2026-01-02T00:00:00.000Z",
            }
            for _ in range(PAGE)
        ]  # fmt: skip
        yield json.dumps({"docs": rows, "total": size}).encode()


def written() -> int:
    """Return how many bytes this process has handed to the disk."""
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith("write_bytes")).split()[1])


def load(directory: Path, size: int, event_id: str) -> list[float]:
    """Take a list in as a first download does; return how long each page took from bytes to commit."""
    cache = Cache(directory)
    state = cache.list_of(event_id)
    times = []
    for number, body in enumerate(pages(size, event_id), start=1):
        started = time.perf_counter()
        good, _ = ticket_rows(Page.model_validate_json(body).docs)
        state = replace(state, skip=number * PAGE, expected=size)
        cache.append(good, state)
        times.append(time.perf_counter() - started)
    cache.settle()
    cache.close()
    return times


def bare(directory: Path, count: int) -> list[float]:
    """The yardstick: rows that are ready, one `executemany` a page, ids and codes as random."""
    database = sqlite3.connect(directory / "bare.db", isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL").fetchone()
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute(ticket_table("ticket"))
    for statement in INDEXES[:2]:
        database.execute(statement)
    insert = (
        "INSERT INTO ticket (id, barcode, list_no, event_id, ticket_type_id, ticket_name, name, status, area, "
        "seller_id, updated_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    )
    times = []
    for body in pages(count * PAGE, EVENT):
        rows = [
            (row["_id"], row["barcode"], 1, EVENT, row["ticketTypeId"], "Standing", "Some Guest", "VALID", "Floor",
             row["sellerId"], 1767312000000)
            for row in json.loads(body)["docs"]
        ]  # fmt: skip
        started = time.perf_counter()
        database.execute("BEGIN IMMEDIATE")
        database.executemany(insert, rows)
        database.execute("COMMIT")
        times.append(time.perf_counter() - started)
    return times


def first_load(size: int, directory: Path) -> None:
    before = written()
    times = load(directory, size, EVENT)
    os.sync()
    volume = written() - before
    tenth = max(1, len(times) // 10)
    rates = [PAGE * tenth / sum(part) for part in (times[:tenth], times[-tenth:])]
    file = (directory / "tickets.db").stat().st_size
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    yardstick = at(bare(directory, min(100, len(times))), 0.5)
    print(f"\nA first load of {size:,} tickets")
    print(f"  written to the disk {volume / 1e6:8.0f} MB, the file {file / 1e6:.0f} MB: ratio {volume / file:.2f}")
    print(f"  rows a second, first tenth {rates[0]:,.0f}, last tenth {rates[1]:,.0f}: ratio {rates[1] / rates[0]:.2f}")
    print(
        f"  a page from bytes to commit against a bare executemany: ratio {yardstick / at(times, 0.5):.2f} of its rate"
    )
    print(f"  peak memory {peak:.0f} MiB")


def while_loading(size: int, directory: Path) -> None:
    fill(directory, DOOR_TICKETS)
    idle = scans_for(directory, DOOR_TICKETS, 4_000)
    command = [sys.executable, __file__, "--only-load", str(directory), str(size)]
    with subprocess.Popen(command) as running:
        busy = scans_for(directory, DOOR_TICKETS, 1_000_000, running)
    print(f"\nThe door while {size:,} tickets of another event come in, ms from reading to commit")
    for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0)):
        print(f"  {name}  idle {at(idle, share):8.2f}   loading {at(busy, share):8.2f}")
    print(
        f"  p99 ratio {at(busy, 0.99) / at(idle, 0.99):.2f}, maximum {max(busy) - max(idle):+.1f} ms, {len(busy)} scans"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=1_000_000)
    parser.add_argument("--directory", default=".", help="where to measure: the disk that counts")
    parser.add_argument("--only-load", nargs=2, metavar=("DIRECTORY", "SIZE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only_load:
        load(Path(options.only_load[0]), int(options.only_load[1]), OTHER_EVENT)
        return
    for measure in (first_load, while_loading):
        with tempfile.TemporaryDirectory(prefix=".bench-", dir=options.directory) as made:
            measure(options.size, Path(made).absolute())


if __name__ == "__main__":
    main()
