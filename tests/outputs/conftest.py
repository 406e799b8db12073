"""A board of pins that are written down, for real programs; and outputs that play without any time going by."""

import os
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kiosk.model import Answer, ClockQuality, Direction, Moment, Reason, Result, Scan, Ticket, Verdict
from kiosk.outputs.output import Fitting, Output
from kiosk.signals import signal

HERE = Path(__file__).parent
TICKET = Ticket("t1", "TKT-0001", "e1", "tt1")
DECLINED = {Reason.UNKNOWN, Reason.ALREADY_IN, Reason.AMBIGUOUS, Reason.INVALID}


def answer(reason=Reason.OK, direction=Direction.CHECKIN, *, seq=1, repeated=False, facts=None):
    """What the gate says to one reading, as it was recorded."""
    at = datetime(2026, 6, 1, 19, 30, tzinfo=UTC)
    result = Result.DECLINED if reason in DECLINED else Result.APPROVED
    moment = Moment(at, 10**12, "boot", ClockQuality.SYNCED)
    verdict = Verdict(direction, result, reason, TICKET, facts or {})
    return Answer(Scan(seq, "id", at, "north", moment, "left", "TKT-0001", verdict), "", repeated)


@pytest.fixture
def answers():
    return answer


class Recorder:
    """An output's device: what was played is kept; `hold` keeps it at work until `go`."""

    def __init__(self):
        self.played, self.closed = [], threading.Event()
        self.go, self.at_work, self.done = threading.Event(), threading.Event(), threading.Semaphore(0)
        self.go.set()
        self.error = None

    def play(self, signal, rest):
        self.at_work.set()
        self.go.wait(30)
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        self.played.append(signal)
        self.done.release()

    def close(self):
        self.closed.set()

    def wait(self):
        assert self.done.acquire(timeout=30)


@pytest.fixture
def recorder():
    made = Recorder()
    yield made
    made.go.set()


@pytest.fixture
def output(recorder):
    """An output that is there, and plays all signals on the recorder."""
    made = Output(Fitting("lamp", "lamp", signal, lambda: recorder), retry_s=0.01)
    made.start()
    assert made.tried.wait(30)
    yield made
    recorder.go.set()
    made.end()
    assert made.ended_within(30)


class Board:
    """A kiosk's pins, as `pinboard.py` writes them down in whatever program has them."""

    def __init__(self, directory):
        self.log, self.control = directory / "pins.log", directory / "pins.control"
        os.mkfifo(self.control)
        home = directory / "board"
        (home / "pinboard-1.dist-info").mkdir(parents=True)
        (home / "pinboard.py").write_text((HERE / "pinboard.py").read_text(encoding="utf-8"), encoding="utf-8")
        (home / "pinboard-1.dist-info" / "METADATA").write_text("Name: pinboard\nVersion: 1\n", encoding="utf-8")
        points = "[gpiozero_pin_factories]\npinboard = pinboard:Pinboard\n"
        (home / "pinboard-1.dist-info" / "entry_points.txt").write_text(points, encoding="utf-8")
        path = os.pathsep.join([str(home), *filter(None, [os.environ.get("PYTHONPATH")])])
        self.environ = {
            "PYTHONPATH": path, "GPIOZERO_PIN_FACTORY": "pinboard", "PINBOARD_LOG": str(self.log),
            "PINBOARD_CONTROL": str(self.control),
        }  # fmt: skip

    def lines(self, pin):
        """What happened on a pin, in order: levels as 0 and 1, "input", "close", each with the scans by then."""
        if not self.log.exists():
            return []
        rows = [line.split() for line in self.log.read_text(encoding="utf-8").splitlines()]
        return [(what, int(scans)) for number, what, scans in rows if number == str(pin)]

    def levels(self, pin):
        return [what for what, _ in self.lines(pin) if what in {"0", "1"}]

    def drive(self, pin, level):
        with self.control.open("w", encoding="ascii") as control:
            control.write(f"{pin} {level}\n")


@pytest.fixture
def board(tmp_path, monkeypatch):
    pytest.importorskip("gpiozero")
    made = Board(tmp_path)
    for name, value in made.environ.items():
        monkeypatch.setenv(name, value)
    return made
