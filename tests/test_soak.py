"""All programs killed with -9 at random under load: what was answered is recorded, once, and delivered, once.

`make soak` plays it for ten minutes: KIOSK_SOAK_S. KIOSK_SEED repeats the dice, not the scheduler.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from kiosk import words
from kiosk.errors import GateNotRunning
from kiosk.model import Reason
from kiosk.sandbox import Sandbox, generate_tickets
from kiosk.scanners import socket as desk
from kiosk.store import journal as journals
from kiosk.store.database import to_ms
from kiosk.store.keeper import Keeper
from kiosk.store.upkeep import Plan, Upkeep

SOAK_S = float(os.environ.get("KIOSK_SOAK_S", "8"))
CLIENTS = 3
PROGRAMS = ("gate", "sync", "display")
EVENT_ID = "62a1c0ffee0000000000e001"
DEVICE = "gate-north-1"
LINE = re.compile(r"\bscan (\d+) left \w+ (approved|declined) \S+ …(\S+)$", re.MULTILINE)


@dataclass
class Answers:
    """What the door has said it has: the code, or its last characters, and the verdict, by number."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    by_number: dict[int, tuple[str, str]] = field(default_factory=dict)
    asked: int = 0

    def note(self, seq: int, code: str, result: str) -> None:
        with self.lock:
            assert seq not in self.by_number, f"number {seq} was given twice"
            self.by_number[seq] = (code, result)

    def copy(self) -> dict[int, tuple[str, str]]:
        with self.lock:
            return dict(self.by_number)


class Load:
    """Several people at the desk and one scanner on a wire, all at once, until told to stop."""

    def __init__(self, kiosk: Any, codes: list[str], dice: random.Random) -> None:
        self.kiosk, self.codes, self.answers = kiosk, codes, Answers()
        self.over = threading.Event()
        self.failures: list[Exception] = []
        works = [*[self.ask] * CLIENTS, self.scan]
        self.threads = [threading.Thread(target=self.run, args=(work, dice.random())) for work in works]

    def run(self, work: Callable[[random.Random], None], seed: float) -> None:
        dice = random.Random(seed)
        try:
            while not self.over.is_set():
                work(dice)
                self.over.wait(dice.uniform(0.0, 0.06))
        except (AssertionError, OSError, ValueError, KeyError) as error:
            self.failures.append(error)

    def ask(self, dice: random.Random) -> None:
        code = dice.choice(self.codes)
        self.answers.asked += 1
        try:
            answer = desk.ask(self.kiosk.runtime_dir / desk.FILE, code, None)
        except GateNotRunning:
            self.over.wait(0.02)
            return
        if answer["seq"] is not None:
            result = "approved" if answer["message"] == words.SENTENCES[Reason.OK] else "declined"
            self.answers.note(int(str(answer["seq"])), code, result)

    def scan(self, dice: random.Random) -> None:
        self.answers.asked += 1
        with contextlib.suppress(BlockingIOError):  # nobody reads, and the wire is full
            self.kiosk.scan(dice.choice(self.codes))

    def stop(self) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join()


def told_by_light(kiosk: Any) -> Iterator[tuple[int, str, str]]:
    """What the wired scanner's guests were told: its line in the log comes after the commit, as the light does."""
    for seq, result, end in LINE.findall((kiosk.directory / "gate.log").read_text(encoding="utf-8", errors="replace")):
        yield int(seq), end, result


def recorded(data_dir: Path) -> dict[int, sqlite3.Row]:
    with closing(journals.reader(data_dir)) as database:
        database.row_factory = sqlite3.Row
        query = "SELECT seq, barcode, result, ticket_id, id FROM scan ORDER BY seq"
        return {row["seq"]: row for row in database.execute(query)}


def holds(found: dict[int, sqlite3.Row], answered: dict[int, tuple[str, str]]) -> None:
    """Each answer is there under its number, nothing is twice, nobody was let in twice."""
    for seq, (code, result) in answered.items():
        assert seq in found, f"{seq} was answered and is gone"
        assert (found[seq]["barcode"].endswith(code), found[seq]["result"]) == (True, result)
    assert list(found) == list(range(1, len(found) + 1))
    assert len({row["id"] for row in found.values()}) == len(found)
    inside = Counter(row["ticket_id"] for row in found.values() if row["result"] == "approved")
    assert [ticket for ticket, times in inside.items() if times > 1] == []


def copied(data_dir: Path, to: Path, dice: random.Random) -> None:
    """Copy the files while they are written, in any order, as blocks go to a card."""
    to.mkdir()
    names = sorted(path.name for path in data_dir.iterdir() if path.name.startswith(("journal.db", "witness")))
    for name in dice.sample(names, len(names)):
        with contextlib.suppress(FileNotFoundError, shutil.Error):  # it went meanwhile
            source = data_dir / name
            shutil.copytree(source, to / name) if source.is_dir() else shutil.copy(source, to / name)


def reopened(copy: Path, answered: dict[int, tuple[str, str]]) -> bool:
    """Open a copy as a gate would; return whether something had to be mended."""
    with closing(Keeper(copy, DEVICE, 30.0, Upkeep(copy, Plan()))) as keeper:
        mended = keeper.notice is not None
    found = recorded(copy)
    holds(found, answered)
    shutil.rmtree(copy)
    return mended


def wait_for_scan(load: Load) -> None:
    """Wait for the next answer, however slow the machine is: just behind it is the moment that counts."""
    before, until = len(load.answers.by_number), time.monotonic() + 30.0
    while len(load.answers.by_number) == before and time.monotonic() < until:
        time.sleep(0.001)


FAULTS = ("lost_reply", "error_after", "error_before", "half_reply", "offline")


def harass(kiosk: Any, cloud: Sandbox, load: Load, dice: random.Random) -> Counter[str]:
    """Kill, start again, copy and reopen, until the time is over; return how often."""
    done: Counter[str] = Counter()
    until = time.monotonic() + SOAK_S
    while time.monotonic() < until and not load.failures:
        time.sleep(dice.expovariate(1.0))
        if dice.random() < 0.8:  # else perhaps in the middle of a start
            wait_for_scan(load)
        if dice.random() < 0.3:
            answered = load.answers.copy()
            copied(kiosk.data_dir, kiosk.directory / "copy", dice)
            done["mended"] += reopened(kiosk.directory / "copy", answered)
            done["copies"] += 1
        if dice.random() < 0.3:
            cloud.arm(dice.choice(FAULTS), 1, route=dice.choice(("POST /api/scans", "GET /api/scans")))
        victims = PROGRAMS if dice.random() < 0.3 else dice.sample(PROGRAMS, dice.randrange(1, 3))
        for program in victims:  # all of them before any comes back
            kiosk.stop(program, signal.SIGKILL)
            done[f"kills of {program}"] += 1
        for program in victims:
            kiosk.start(program)
    return done


def delivered(kiosk: Any) -> bool:
    outbox = kiosk.status()["outbox"]
    return not any(outbox[state] for state in ("pending", "inflight", "unknown"))


@pytest.mark.timeout(SOAK_S + 600)
def test_whatever_is_killed_under_load_each_answer_is_recorded_once_and_delivered_once(kiosk, cloud, eventually):
    seed = int(os.environ.get("KIOSK_SEED", str(random.randrange(1_000_000))))
    dice = random.Random(seed)
    tickets = list(generate_tickets(int(1_000 + 20 * SOAK_S), EVENT_ID))
    cloud.add_tickets(tickets)
    kiosk.configure(cloud.url, gate="hold_off_s = 0.0\nlookup_ms = 0")
    kiosk.file.write_text(kiosk.file.read_text().replace("[gate]", "requests_per_hour = 1000000\n[gate]"))
    assert kiosk.call("sync", "--once").returncode == 0
    os.set_blocking(kiosk.master, False)
    for program in PROGRAMS:
        kiosk.start(program)
    load = Load(kiosk, [ticket["barcode"] for ticket in tickets], dice)
    for thread in load.threads:
        thread.start()
    done = harass(kiosk, cloud, load, dice)
    load.stop()
    kiosk.stop("gate", signal.SIGKILL)
    kiosk.open_gate()
    for seq, end, result in told_by_light(kiosk):
        if seq not in load.answers.by_number:
            load.answers.note(seq, end, result)
    found = recorded(kiosk.data_dir)
    print(
        f"\nKIOSK_SEED={seed} KIOSK_SOAK_S={SOAK_S:.0f}: {load.answers.asked} asked, {len(load.answers.by_number)} "
        f"answered, {len(found)} recorded; {dict(done)}"
    )
    assert load.failures == []
    assert len(load.answers.by_number) > done["kills of gate"] > 0
    holds(found, load.answers.by_number)
    cloud.disarm()
    eventually("all is delivered", lambda: delivered(kiosk), 300.0)
    ours = [(scan["barcode"], moment(scan["time"])) for scan in kiosk.scans() if scan["ticketId"] is not None]
    assert arrived(cloud) == Counter(ours)
    assert len(set(ours)) == len(ours)


def arrived(cloud: Sandbox) -> Counter[tuple[str, int]]:
    """How often the cloud has each of our scans, by its code and the time that it was given."""
    scans = [scan for scan in cloud.scans() if scan.get("deviceId") == DEVICE]
    return Counter((str(scan["barcode"]), moment(str(scan["time"]))) for scan in scans)


def moment(time_: str) -> int:
    return to_ms(datetime.fromisoformat(time_))
