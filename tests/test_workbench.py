"""The workbench with the gate's real ears: a serial scanner on a pty, and keys as the kernel gives them."""

import contextlib
import json
import os
import time
from collections import Counter

import pytest

from kiosk import clock
from kiosk.calibration import TEXT
from kiosk.config import Scanner
from kiosk.decode import Frames
from kiosk.errors import Refused, ScannerLost
from kiosk.keys import Keys
from kiosk.lanes import Lane
from kiosk.layouts import LAYOUTS
from kiosk.scanners.serial import Line, SerialScanner
from kiosk.store import audit, calibrated
from kiosk.workbench import FAILED, LOST, NOTHING_CAME, REFUSALS, Workbench
from tests.test_watch import Plug, Room
from tests.typist import typed

CODE = TEXT.encode()


class Keyboard:
    """A scanner in keyboard mode, which can be pulled out; its keys go to whoever has it open."""

    def __init__(self):
        self.open_ = None

    def type(self, text, layout="us"):
        self.open_.batches.append(typed(text, layout))
        os.write(self.open_.pipe[1], b"x")

    def open(self, layout="us", prefix=""):
        self.open_ = _Typing(Keys(Frames("typed", prefix=prefix), LAYOUTS[layout]))
        return self.open_


class _Typing:
    def __init__(self, keys):
        self.keys, self.pipe, self.batches = keys, os.pipe(), []

    def fileno(self):
        return self.pipe[0]

    def sent(self, moment):
        if not os.read(self.pipe[0], 1):
            raise ScannerLost("it has gone")
        return [(moment, "events", self.batches.pop(0))]

    def read(self, moment):
        return [reading for when, _, events in self.sent(moment) for reading in self.keys.play(events, when)]

    def due_ns(self):
        return self.keys.due_ns()

    def close(self):
        for end in self.pipe:
            os.close(end)


class Door:
    """Ears and a workbench for a serial scanner, one in keyboard mode and one that cannot be calibrated."""

    def __init__(self, directory, room, wait_s=60.0):
        self.directory, self.room, self.keyboard = directory, room, Keyboard()
        self.plug = Plug(directory, "left")
        self.plug.plug_in()
        self.followed, self.opened = [], Counter()
        self.bench = Workbench(directory, self.scanners(), self.lane, self.device, wait_s=wait_s)
        self.bench.follow(self.followed.append)
        self.bench.ears = room.listen(*self.bench.lanes())

    def scanners(self):
        return [
            Scanner(name="left", kind="serial", device=str(self.plug.device), idle_ms=1000),
            Scanner(name="typed", kind="hid"),
            Scanner(name="desk", kind="socket", device=str(self.directory / "desk.sock")),
        ]

    def lane(self, scanner):
        return Lane(scanner.name, scanner.kind, scanner.device, self.device(scanner))

    def device(self, scanner):
        if scanner.kind == "socket":
            return self._nowhere
        return lambda: self.open(scanner)

    def open(self, scanner):
        self.opened[scanner.name] += 1
        if scanner.kind == "hid":
            return self.keyboard.open(scanner.layout, scanner.prefix)
        line = Line(scanner.baudrate, scanner.bits, scanner.parity)
        return SerialScanner(scanner.device, line, Frames(scanner.name, prefix=scanner.prefix, idle_ms=scanner.idle_ms))

    @staticmethod
    def _nowhere():
        raise ScannerLost("nobody is there")

    def do(self, step, scanner="left", **words):
        return self.bench.serve({"scanner": scanner, "step": step, **words}, "staff", clock.boottime_ns())

    def listens(self, eventually, scanner="left"):
        self.do("begin", scanner)
        return eventually("it listens", lambda: self.at("listening", scanner))

    def at(self, state, scanner="left"):
        found = self.do("look", scanner)
        return found if found["state"] == state else None

    def connected(self, name="left"):
        return name in self.room.connected()

    def told(self):
        return [row["action"] for row in audit.read(self.directory)]


@pytest.fixture
def room():
    made = Room()
    yield made
    made.stop()


@pytest.fixture
def door(tmp_path, room):
    made = Door(tmp_path, room)
    yield made
    if made.plug._ends:
        made.plug.pull_out()


def test_a_scan_is_found_put_in_force_on_disk_and_audited(door, room, eventually):
    number = door.listens(eventually)["number"]
    door.plug.send(b"##" + CODE + b"\r")
    found = eventually("it is found", lambda: door.at("found"))
    assert found["found"]["prefix"] == "##"
    assert found["changes"] == [{"key": "prefix", "before": "", "after": "##"}]
    assert calibrated.read(door.directory) == {}
    with opened_again(door, eventually):
        door.do("use", number=number)
    assert calibrated.read(door.directory)["left"].settings["prefix"] == "##"
    assert door.bench.counting("left")["prefix"] == "##"
    assert door.told() == ["calibration begun", "scanner calibrated"]
    door.plug.send(b"##TKT\r")
    assert room.next("left").code == "TKT"
    again = Workbench(door.directory, door.scanners(), door.lane, door.device)
    assert again.counting("left")["prefix"] == "##", "it survives the gate"
    with opened_again(door, eventually):
        door.do("forget")
    assert (calibrated.read(door.directory), door.told()[-1]) == ({}, "calibration forgotten")
    door.plug.send(b"##TKT\r")
    assert room.next("left").code == "##TKT"
    door.do("forget")
    assert door.told().count("calibration forgotten") == 1


@contextlib.contextmanager
def opened_again(door, eventually, name="left"):
    """Until the device, a door again by now, is open once more."""
    eventually("it is a door", lambda: door.connected(name))
    before = door.opened[name]
    yield
    eventually("it is open again", lambda: door.opened[name] > before and door.connected(name))


def test_keys_are_calibrated_and_whoever_watches_layouts_hears_of_it(door, room, eventually):
    number = door.listens(eventually, "typed")["number"]
    door.keyboard.type(f"{TEXT}\r", "de")
    found = eventually("it is found", lambda: door.at("found", "typed"))
    assert found["changes"] == [{"key": "layout", "before": "us", "after": "de"}]
    with opened_again(door, eventually, "typed"):
        door.do("use", "typed", number=number)
    assert [scanner.layout for scanner in door.followed[-1]] == ["us", "de", "us"]
    door.keyboard.type("zy-/\r", "de")
    assert room.next("typed").code == "zy-/"


def test_a_scan_of_something_else_says_what_to_do_and_can_be_used_by_nobody(door, eventually):
    number = door.listens(eventually)["number"]
    door.plug.send(b"TKT-000001\r")
    found = eventually("it is judged", lambda: door.at("wrong"))
    assert ("another code" in found["text"], found["facts"]) == (True, {"end": "0001"})
    with pytest.raises(Refused, match="over"):
        door.do("use", number=number)
    assert calibrated.read(door.directory) == {}


def test_what_is_used_is_what_the_page_has_seen(door, eventually):
    number = door.listens(eventually)["number"]
    door.plug.send(CODE + b"\r")
    eventually("it is found", lambda: door.at("found"))
    for wrong in (number + 1, None, "x"):
        with pytest.raises(Refused, match="over"):
            door.do("use", number=wrong)
    door.do("use", number=number)
    with pytest.raises(Refused, match="over"):
        door.do("use", number=number)


def test_two_who_begin_at_once_share_one_calibration(door, eventually):
    first = door.listens(eventually)
    second = door.do("begin")
    assert (second["number"], second["state"]) == (first["number"], "listening")
    door.do("cancel")
    ended = eventually("it is over", lambda: door.at("ended"))
    assert "cancelled" in ended["text"]
    eventually("it is a door again", door.connected)
    door.do("cancel")
    assert door.at("ended")
    eventually("it can be begun again", lambda: door.do("begin")["number"] != first["number"])


def test_nothing_that_comes_ends_it_with_what_to_look_at(tmp_path, room, eventually):
    door = Door(tmp_path, room, wait_s=1.0)
    door.listens(eventually)
    assert eventually("its time is over", lambda: door.at("ended"))["text"] == NOTHING_CAME
    eventually("it is a door again", door.connected)
    door.plug.pull_out()


def test_a_scanner_that_is_pulled_out_ends_it(door, eventually):
    door.listens(eventually)
    door.plug.pull_out()
    assert eventually("it is over", lambda: door.at("ended"))["text"] == LOST


def test_what_cannot_be_calibrated_is_refused(door):
    for name in ("desk", "nobody"):
        with pytest.raises(Refused, match=REFUSALS["kind"]):
            door.do("begin", name)
    with pytest.raises(KeyError):
        door.do("explode")
    assert door.do("look")["state"] == "none"


def test_a_disk_that_refuses_leaves_everything_as_it_was(door, eventually):
    number = door.listens(eventually)["number"]
    door.plug.send(b"##" + CODE + b"\r")
    eventually("it is found", lambda: door.at("found"))
    (door.directory / "calibrated.draft").mkdir()
    with pytest.raises(Refused, match="cannot be written down"):
        door.do("use", number=number)
    assert door.bench.counting("left") == {}
    (door.directory / "calibrated.draft").rmdir()
    door.do("use", number=number)
    assert door.bench.counting("left")["prefix"] == "##"


def test_whatever_a_scanner_sends_the_mind_is_answered_at_once(door, eventually):
    door.listens(eventually, "typed")
    door.keyboard.open_.batches.append([(1, 30 + n % 20, n % 2) for n in range(20_000)])
    os.write(door.keyboard.open_.pipe[1], b"x")
    slowest, states, until = 0.0, ["listening"], time.monotonic() + 30
    while states[-1] not in {"wrong", "found"}:
        began = time.monotonic()
        states.append(door.do("look", "typed")["state"])
        slowest = max(slowest, time.monotonic() - began)
        assert time.monotonic() < until
        time.sleep(0.01)
    assert "judging" in states, "it is judged elsewhere"
    assert slowest < 0.5


def test_a_hostile_scanner_s_answer_fits_into_one_line_of_the_socket(door, eventually):
    door.listens(eventually)
    door.plug.send("\u202e<b>&\"'\x1b".encode() + CODE + b"\r")
    found = eventually("it is judged", lambda: door.at("found") or door.at("wrong"))
    assert len(json.dumps(found)) < 4_000
    assert found["state"] == "found"
    assert FAILED not in json.dumps(found)
