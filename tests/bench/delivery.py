"""Measure delivery beside the bare client, and what the door notices of a cloud that misbehaves.

    make bench PARTS=delivery ARGS="--scans 20000"

The yardstick for a backlog is the same HTTP client posting the same batches to the same sandbox, and nothing else: no
journal, no ledger, no look at the answer.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
from door import EVENT, at, fill, free_port, scans_for

from kiosk import clock
from kiosk.cloud.line import Line
from kiosk.cloud.portier import Portier, wire
from kiosk.model import Direction, Reading, Reason, Result, Ticket, Verdict
from kiosk.store import journal as journals
from kiosk.store import past
from kiosk.store.journal import Journal
from kiosk.store.ledger import Ledger
from kiosk.sync.register import Register
from kiosk.sync.upload import Upload

BATCH = 200
KEY = {"Authorization": "Bearer key"}
TICKETS = 10_000
FAULTS = [None, "offline", "black_hole", "dribble"]


@contextmanager
def sandbox() -> Iterator[str]:
    """A sandbox cloud in a process of its own."""
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-m", "kiosk", "sandbox", "--port", str(port), "--tickets", "10"]
    ) as running:
        url = f"http://127.0.0.1:{port}"
        while True:
            try:
                httpx.get(f"{url}/sandbox/digest", trust_env=False)
                break
            except httpx.ConnectError:
                time.sleep(0.05)
        try:
            yield url
        finally:
            running.terminate()


def backlog(directory: Path, count: int) -> None:
    """Scans of a night off-line; synced once at the end, because here it is not the gate that is measured."""
    with closing(Journal(directory, "gate-north-1")) as journal:
        journal._database.execute("PRAGMA synchronous = OFF")
        for number in range(count):
            code = f"SCAN{number:08}"
            ticket = Ticket(f"62a1c0ffee00000{number:09}", code, EVENT, "type-1", "Standing", "Some Guest")
            verdict = Verdict(Direction.CHECKIN, Result.APPROVED, Reason.OK, ticket)
            journal.append(Reading("left", code, code.encode(), clock.now()), verdict)


def bare(url: str, directory: Path) -> float:
    database = journals.reader(directory)
    parcels = iter(past.parcels(database, range(1, past.last_seq(database) + 1)))
    batches = [[wire(parcel) for parcel in some] for some in iter(lambda: list(itertools.islice(parcels, BATCH)), [])]
    with httpx.Client(base_url=f"{url}/api", headers=KEY, trust_env=False) as client:
        started = time.perf_counter()
        for batch in batches:
            client.post("/scans", json=batch).raise_for_status()
        return time.perf_counter() - started


def ours(url: str, directory: Path) -> float:
    with closing(Line(f"{url}/api", lambda: KEY)) as line, closing(Ledger(directory)) as ledger:
        register = Register(directory, ledger, ran_before=False)
        upload = Upload(register, ledger, Portier(line), BATCH)
        started = time.perf_counter()
        while upload.step() is not None:
            assert upload.problem is None, upload.problem
        return time.perf_counter() - started


def throughput(count: int, directory: Path) -> None:
    ratios, rates = [], []
    for round_ in range(3):
        place = directory / str(round_)
        place.mkdir()
        backlog(place, count)
        with sandbox() as url:
            yardstick, mine = bare(url, place), ours(url, place)
        ratios.append(yardstick / mine)
        rates.append((count / yardstick, count / mine))
    theirs, own = rates[ratios.index(at(ratios, 0.5))]
    print(f"\nA backlog of {count:,} scans in batches of {BATCH}, three rounds")
    print(f"  scans a second: bare client {theirs:,.0f}, delivered {own:,.0f}: ratio {at(ratios, 0.5):.2f}")


def config(directory: Path, url: str) -> Path:
    made = directory / "kiosk.toml"
    (directory / "key").write_text("key\n")
    key = json.dumps(str(directory / "key"))
    made.write_text(
        f"[device]\ndata_dir = {json.dumps(str(directory))}\nruntime_dir = {json.dumps(str(directory))}\n"
        f'[cloud]\nscans_url = "{url}/api"\naccess_url = "{url}/api"\napi_key_file = {key}\ntoken_file = {key}\n'
        f'[gate]\nevents = ["{EVENT}"]\nsettings_from_cloud = false\n'
    )
    return made


def notices(directory: Path) -> None:
    """Scan at the door while a real sync talks to a cloud that is well, or is not."""
    print("\nThe door while sync has to do with a cloud that is … : ms from reading to commit")
    for fault in FAULTS:
        place = directory / str(fault)
        place.mkdir()
        fill(place, TICKETS)
        with sandbox() as url:
            if fault:
                httpx.post(
                    f"{url}/sandbox/faults", json={"name": fault, "times": None, "route": "/api"}, trust_env=False
                )
            command = [sys.executable, "-m", "kiosk", "sync", "--config", str(config(place, url))]
            with subprocess.Popen(command, stderr=subprocess.DEVNULL) as running:
                times = scans_for(place, TICKETS, 2_000)
                running.terminate()
        print(
            f"  {fault or 'healthy':<12} p50 {at(times, 0.5):6.2f}   p99 {at(times, 0.99):6.2f}   max {max(times):6.2f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scans", type=int, default=20_000)
    parser.add_argument("--directory", default=".", help="where to measure: the disk that counts")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=options.directory) as made:
        throughput(options.scans, Path(made).absolute())
        notices(Path(made).absolute())


if __name__ == "__main__":
    main()
