"""Systemd's watchdog: fed while everything moves, not fed when something stands still, which is named then."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kiosk.cli.gate import _Watched as Watched
from kiosk.clock import boottime_ns, now
from kiosk.model import Direction, Reading, Reason, Result, Verdict
from kiosk.scanners.socket import FILE as DESK
from kiosk.store.journal import Journal
from kiosk.store.keeper import Keeper
from kiosk.store.recovery import DRAFT
from kiosk.store.upkeep import Plan, Upkeep
from kiosk.sync.run import TICKETS, UPLOAD, Contact, run_download, run_upload
from kiosk.watchdog import LONGEST_START_S, STALL_S, Mark, Notify, Part, Watchdog, Work, lenient, stalled


class Systemd:
    """Listens where systemd would."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._wire = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._wire.bind("\0" + address[1:] if address.startswith("@") else address)
        self.heard: list[str] = []

    def environ(self, period_s: float = 0.1, pid: int | None = None) -> dict[str, str]:
        found = {"NOTIFY_SOCKET": self.address, "WATCHDOG_USEC": str(int(period_s * 1e6))}
        return found | ({"WATCHDOG_PID": str(pid)} if pid is not None else {})

    def listen(self, seconds: float = 0.0) -> list[str]:
        """Return the lines that come within this time."""
        until, came = time.monotonic() + seconds, []
        while select.select([self._wire], [], [], max(0.0, until - time.monotonic()))[0]:
            came += self._wire.recv(4096).decode().splitlines()
        self.heard += came
        return came

    def wait_for(self, line: str, seconds: float = 60.0) -> None:
        until = time.monotonic() + seconds
        while line not in self.listen():
            assert time.monotonic() < until, (line, self.heard)
            select.select([self._wire], [], [], 0.1)

    def close(self) -> None:
        self._wire.close()


@pytest.fixture(params=["path", "abstract"])
def systemd(request, tmp_path) -> Iterator[Systemd]:
    made = Systemd(str(tmp_path / "notify") if request.param == "path" else f"@kiosk-{os.getpid()}-{boottime_ns()}")
    yield made
    made.close()


class Clock:
    """Something that moves when it is told to."""

    def __init__(self) -> None:
        self.at_ns = boottime_ns()

    def still_for(self, seconds: float) -> None:
        self.at_ns = boottime_ns() - int(seconds * 1e9)

    def part(self) -> Part:
        return Part(lambda: self.at_ns)


# --- who is stalled --------------------------------------------------------------------------------------------------


def test_who_has_not_moved_for_longer_than_it_may_is_named_and_nobody_else():
    parts = {"ears": Part(lambda: 0, 1.0), "mind": Part(lambda: 10**9, 1.0), "journal": Part(lambda: 0, 5.0)}
    assert stalled(parts, 10**9) == []
    assert stalled(parts, 10**9 + 1) == ["ears"]
    assert stalled(parts, 6 * 10**9) == ["ears", "mind", "journal"]


def test_a_sync_of_five_seconds_is_no_stall():
    assert stalled({"journal": Part(lambda: 0)}, 5 * 10**9) == []
    assert STALL_S > 5


def test_work_is_stalled_only_while_it_is_done_and_a_mark_since_it_moved():
    work, mark = Work(), Mark()
    before = mark.moved_ns()
    with work.going_on():
        since = work.moved_ns()
        assert since == work.moved_ns() <= boottime_ns()
    assert work.moved_ns() > since
    with contextlib.suppress(ZeroDivisionError), work.going_on():
        raise ZeroDivisionError
    later = work.moved_ns()
    assert work.moved_ns() > later - 1
    assert mark.moved_ns() == before
    mark.move()
    assert mark.moved_ns() > before


def test_a_recovery_may_stand_still_for_long_but_not_for_ever():
    busy_s = 0.0
    part = {"journal": Part(lenient(lambda: 0, lambda: busy_s))}
    assert stalled(part, boottime_ns()) == ["journal"]
    busy_s = LONGEST_START_S - 1
    assert stalled(part, boottime_ns()) == []
    busy_s = LONGEST_START_S + 1
    assert stalled(part, boottime_ns()) == ["journal"]


# --- what systemd is told --------------------------------------------------------------------------------------------


def test_the_watchdog_is_this_process_s_or_nothing_is_fed(systemd):
    assert Notify(systemd.environ(4.0)).period_s == 4.0
    assert Notify(systemd.environ(4.0, os.getpid())).period_s == 4.0
    assert Notify(systemd.environ(4.0, os.getpid() + 1)).period_s == 0.0
    with Watchdog(Notify(systemd.environ(0.1, os.getpid() + 1))) as watchdog:
        watchdog.ready({"mind": Clock().part()})
        assert "WATCHDOG=1" not in systemd.listen(0.3)


@pytest.mark.parametrize("environ", [{}, {"WATCHDOG_USEC": "1000"}, {"NOTIFY_SOCKET": "", "WATCHDOG_USEC": "x"}])
def test_without_systemd_nothing_is_said_and_no_thread_runs(environ):
    assert not Notify(environ)
    assert Notify(environ).period_s == 0.0
    before = threading.active_count()
    with Watchdog(Notify(environ)) as watchdog:
        watchdog.ready({})
        assert threading.active_count() == before


def test_a_socket_that_is_gone_stops_nobody(tmp_path):
    Notify({"NOTIFY_SOCKET": str(tmp_path / "nowhere")}).say("READY=1")


def test_a_start_that_takes_long_asks_for_time_until_it_is_ready_which_is_said_once(systemd):
    with Watchdog(Notify(systemd.environ())) as watchdog:
        early = systemd.listen(0.2)
        assert early.count("EXTEND_TIMEOUT_USEC=30000000") >= 2
        assert {"READY=1", "WATCHDOG=1"} & set(early) == set()
        for _ in range(3):
            watchdog.ready({"mind": Clock().part()})
        systemd.listen(0.2)
    systemd.listen(0.0)
    assert systemd.heard.count("READY=1") == 1
    assert "WATCHDOG=1" in systemd.heard
    assert systemd.heard[-1] == "STOPPING=1" or "STOPPING=1" in systemd.heard


def test_a_start_that_never_ends_is_not_given_time_for_ever(systemd):
    watchdog = Watchdog(Notify(systemd.environ()))
    watchdog._look(boottime_ns() + int((LONGEST_START_S + 1) * 1e9))
    assert systemd.listen() == []


def test_whoever_stands_still_is_named_and_nothing_is_fed_until_it_moves(systemd, caplog):
    ears, mind = Clock(), Clock()
    with Watchdog(Notify(systemd.environ())) as watchdog:
        watchdog.ready({"ears": ears.part(), "mind": mind.part()})
        systemd.wait_for("WATCHDOG=1")
        ears.still_for(STALL_S + 1)
        systemd.wait_for("STATUS=stands still: ears")
        assert systemd.listen(0.3) == []
        ears.still_for(0)
        systemd.wait_for("WATCHDOG=1")
    assert "STATUS=running" in systemd.heard
    assert [record.getMessage() for record in caplog.records] == ["stands still: ears", "everything moves again"]


# --- the programs ----------------------------------------------------------------------------------------------------


def started(kiosk: Any, program: str, systemd: Systemd, *before: str, period_s: float = 2.0) -> subprocess.Popen[str]:
    command = [*before, sys.executable, "-m", "kiosk", program, "--config", str(kiosk.file), "--allow-volatile"]
    log = (kiosk.directory / f"{program}.log").open("a", encoding="utf-8")
    with log:
        kiosk.running[program] = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, text=True,
            env={**os.environ, **systemd.environ(period_s)},
        )  # fmt: skip
    return kiosk.running[program]


@pytest.mark.parametrize("program", ["gate", "sync", "display"])
def test_each_program_says_that_it_is_ready_feeds_and_says_that_it_stops(kiosk, tmp_path, program):
    systemd = Systemd(str(tmp_path / "notify"))
    process = started(kiosk, program, systemd)
    systemd.wait_for("READY=1")
    if program == "gate":
        assert (kiosk.runtime_dir / DESK).exists()  # the door is open
    systemd.wait_for("WATCHDOG=1")
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    systemd.wait_for("STOPPING=1", 1.0)
    assert not [line for line in systemd.heard if "still" in line]
    systemd.close()


def test_a_display_whose_server_is_stuck_is_not_fed(kiosk, tmp_path):
    """The kernel takes connections for a server that no longer answers any: here because it is not its own."""
    systemd = Systemd(str(tmp_path / "notify"))
    process = started(kiosk, "display", systemd)
    systemd.wait_for("WATCHDOG=1")
    process.send_signal(signal.SIGSTOP)
    systemd.listen(0.1)
    assert "WATCHDOG=1" not in systemd.listen(2.5)
    process.send_signal(signal.SIGCONT)
    systemd.wait_for("WATCHDOG=1")
    systemd.close()


@pytest.mark.needs("strace")
def test_a_card_that_hangs_for_a_while_is_named_and_short_hangs_kill_nobody(kiosk, tmp_path, eventually):
    """The third sync takes 13 seconds: for the first ten the gate is fed, then not, then again."""
    kiosk.configure("http://127.0.0.1:1", gate='events = ["e-1"]')
    kiosk.data_dir.mkdir()
    Journal(kiosk.data_dir, "gate-north-1").close()
    systemd = Systemd(str(tmp_path / "notify"))
    fault = "inject=fdatasync:delay_enter=13000000:when=3"
    strace = ["strace", "-f", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", fault]
    started(kiosk, "gate", systemd, *strace)
    systemd.wait_for("READY=1")
    eventually("the scanner is listened to", lambda: all(one["connected"] for one in kiosk.scanners()))
    for number in range(4):
        kiosk.scan(f"CODE-{number}")
    early = systemd.listen(6.0)
    assert early.count("WATCHDOG=1") >= 5
    assert not [line for line in early if "still" in line]
    systemd.wait_for("STATUS=stands still: mind, journal", 10.0)
    assert "WATCHDOG=1" not in systemd.listen(1.0)
    systemd.wait_for("STATUS=running", 10.0)
    eventually("nothing was lost by it", lambda: len(kiosk.scans()) == 4)
    assert "stands still: mind, journal" in Path(kiosk.directory / "gate.log").read_text()
    systemd.close()


def slow_recovery(kiosk: Any, seconds: int) -> list[str]:
    """A gate before whose eyes a recovery takes so long: its draft comes on disk no sooner."""
    draft = kiosk.data_dir / DRAFT
    draft.touch()
    fault = f"inject=fsync:delay_enter={seconds}000000"
    return ["strace", "-f", "-o", "/dev/null", "-P", str(draft), "-e", "trace=fsync", "-e", fault]


def an_evening(kiosk: Any) -> None:
    kiosk.configure("http://127.0.0.1:1", gate='events = ["e-1"]')
    kiosk.data_dir.mkdir()
    with contextlib.closing(Keeper(kiosk.data_dir, "gate-north-1", 30.0, Upkeep(kiosk.data_dir, Plan()))) as keeper:
        for number in range(50):
            verdict = Verdict(Direction.CHECKIN, Result.DECLINED, Reason.UNKNOWN)
            keeper.append(Reading("left", f"CODE{number}", b"", now()), verdict)


@pytest.mark.needs("strace")
def test_a_start_that_mends_the_journal_first_asks_for_time_and_tells_how_far_it_is(kiosk, tmp_path, eventually):
    an_evening(kiosk)
    (kiosk.data_dir / "journal.db").write_bytes(b"this is no database" * 300)
    systemd = Systemd(str(tmp_path / "notify"))
    started(kiosk, "gate", systemd, *slow_recovery(kiosk, 4), period_s=0.4)
    systemd.wait_for("STATUS=putting the journal together again: the second record, 100 %")
    assert kiosk.status()["gate"] == "recovering"
    assert "the second record, 100 %" in kiosk.call("status").stdout
    assert "EXTEND_TIMEOUT_USEC=30000000" in systemd.listen(1.0)
    assert "READY=1" not in systemd.heard
    systemd.wait_for("READY=1")
    eventually("it is the gate again", lambda: kiosk.status()["gate"] == "running")
    assert kiosk.status()["journal"]["recovering"] is None
    assert len(kiosk.scans()) == 50
    systemd.close()


@pytest.mark.needs("strace")
def test_a_recovery_under_the_open_door_is_fed_however_long_it_takes(kiosk, tmp_path, eventually):
    """Thirteen seconds, longer than any part may stand still otherwise."""
    an_evening(kiosk)
    systemd = Systemd(str(tmp_path / "notify"))
    started(kiosk, "gate", systemd, *slow_recovery(kiosk, 13))
    systemd.wait_for("READY=1")
    for path in kiosk.data_dir.glob("journal.db*"):
        path.unlink()
    kiosk.scan("CODE-A")
    systemd.wait_for("STATUS=putting the journal together again: the second record, 100 %")
    assert kiosk.status()["gate"] == "recovering"
    kiosk.scan("CODE-B")
    assert systemd.listen(11.5).count("WATCHDOG=1") >= 10
    systemd.wait_for("STATUS=running", 20.0)
    eventually("who came meanwhile is recorded", lambda: len(kiosk.scans()) == 52)
    assert not [line for line in systemd.heard if "still" in line]
    systemd.close()


# --- what moves them -------------------------------------------------------------------------------------------------


def test_a_journal_that_is_at_work_is_told_apart_from_a_mind_that_stands_still():
    class Record:
        def __getattr__(self, _name: str) -> Any:
            return lambda *_: work.moved_ns() == work.moved_ns()  # it stands, while it is at work

    work = Work()
    watched = Watched(Record(), work)
    asked: list[Any] = [watched.append(None, None), watched.history(None), watched.recent("", 0)]
    assert asked == [True] * 3
    assert work.moved_ns() != work.moved_ns()


def test_syncs_hands_move_their_marks_in_each_round_and_not_each_others():
    stop, contact = threading.Event(), Contact()
    before = {part: mark.moved_ns() for part, mark in contact.marks.items()}
    delivering = SimpleNamespace(
        step=stop.set, problem=None, heard=False, outstanding=lambda: 0, hurry=list, conclude=list
    )  # fmt: skip
    run_upload(delivering, contact, 0.01, stop)
    assert contact.marks[UPLOAD].moved_ns() > before[UPLOAD]
    assert contact.marks[TICKETS].moved_ns() == before[TICKETS]
    stop.clear()
    fetching = SimpleNamespace(
        look_at_settings=stop.set, look_at_tickets=bool, interval_s=lambda: 0.01,
        sync=SimpleNamespace(scans_interval_s=1),
    )  # fmt: skip
    run_download(fetching, SimpleNamespace(look=bool), contact, stop)
    assert contact.marks[TICKETS].moved_ns() > before[TICKETS]
