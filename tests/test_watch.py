"""The ears: every scanner is heard, whatever becomes of the others, and nothing is left open when they stop."""

import errno
import logging
import os
import pty
import queue
import socket
import threading
import time
import tty
from collections import defaultdict
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from kiosk import clock
from kiosk.clock import boottime_ns
from kiosk.decode import Frames
from kiosk.errors import ScannerLost
from kiosk.lanes import MOST_FLAWS, NOISE, Lane
from kiosk.model import Direction, Reading
from kiosk.scanners.replay import ReplayScanner
from kiosk.scanners.serial import Line, SerialScanner
from kiosk.scanners.socket import SocketScanner
from kiosk.watch import MAX_BACKLOG, RETRY_S, TICK_S, Ears

PATIENCE_S = 10.0


class Plug:
    """A serial scanner that can be plugged in and pulled out, under one name."""

    def __init__(self, directory: Path, name: str) -> None:
        self.name, self.device = name, directory / name
        self._ends: tuple[int, ...] = ()
        self.opened = 0

    def plug_in(self) -> None:
        self._ends = pty.openpty()
        tty.setraw(self._ends[1])
        self.device.symlink_to(os.ttyname(self._ends[1]))

    def pull_out(self) -> None:
        self.device.unlink(missing_ok=True)
        for end in self._ends:
            os.close(end)
        self._ends = ()

    def send(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._ends[0], data) :]

    def open(self) -> SerialScanner:
        self.opened += 1
        return SerialScanner(str(self.device), Line(), Frames(self.name, idle_ms=1_000))

    def lane(self, direction: Direction | None = None) -> Lane:
        return Lane(self.name, "serial", str(self.device), self.open, direction)


def wait_until(happened) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.005)


class Room:
    """Ears that listen on a thread of their own, and what they hear."""

    def __init__(self) -> None:
        self.heard: queue.SimpleQueue[Reading] = queue.SimpleQueue()
        self.waiting = 0
        self.early: defaultdict[str, list[Reading]] = defaultdict(list)
        self.ears: Ears | None = None
        self.thread: threading.Thread | None = None

    def listen(self, *lanes: Lane) -> Ears:
        """Return when every lane has been tried: what is sent before that, the kernel drops."""
        self.ears = Ears(lanes, self.heard.put, lambda lane: self.waiting, clock.now)
        self.thread = threading.Thread(target=self.ears.run, name="ears under test")
        self.thread.start()
        wait_until(lambda: all(lane["connected"] or lane["problem"] for lane in self.ears.state()))
        return self.ears

    def next(self, lane: str) -> Reading:
        """Return what comes next from this lane; what comes from others meanwhile is kept."""
        while not self.early[lane]:
            reading = self.heard.get(timeout=PATIENCE_S)
            self.early[reading.lane].append(reading)
        return self.early[lane].pop(0)

    def connected(self) -> list[object]:
        return [scanner["name"] for scanner in self.ears.state() if scanner["connected"]]

    def cpu_s(self) -> float:
        return time.clock_gettime(time.pthread_getcpuclockid(self.thread.ident))

    def stop(self) -> None:
        if self.thread is not None and self.thread.is_alive():
            self.ears.stop()
            self.thread.join(PATIENCE_S)
            assert not self.thread.is_alive()
            self.thread = None


@pytest.fixture
def room():
    made = Room()
    yield made
    made.stop()


@pytest.fixture
def plugs(tmp_path):
    """Three scanners, all plugged in."""
    made = [Plug(tmp_path, name) for name in ("left", "middle", "right")]
    for plug in made:
        plug.plug_in()
    yield made
    for plug in made:
        with suppress(OSError):
            plug.pull_out()


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


# --- heard -----------------------------------------------------------------------------------------------------------


def test_every_scanner_is_heard_each_in_its_own_order(room, plugs):
    room.listen(*(plug.lane() for plug in plugs))
    for number in range(50):
        for plug in plugs:
            plug.send(f"{plug.name}-{number}\r".encode())
    for plug in plugs:
        assert [room.next(plug.name).code for _ in range(50)] == [f"{plug.name}-{number}" for number in range(50)]


def test_a_lane_gives_its_direction_to_what_has_none(room, plugs, tmp_path):
    left, middle, _ = plugs
    desk = tmp_path / "gate.sock"
    room.listen(
        left.lane(Direction.CHECKOUT),
        middle.lane(),
        Lane("manual", "socket", str(desk), partial(SocketScanner, desk, "manual"), Direction.CHECKOUT),
    )
    left.send(b"A\r")
    middle.send(b"B\r")
    assert room.next("left").direction is Direction.CHECKOUT
    assert room.next("middle").direction is None
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(desk))
        client.sendall(b'{"code": "C", "type": "checkin"}\n')
        assert room.next("manual").direction is Direction.CHECKIN  # what the client says counts more
        client.sendall(b'{"code": "D"}\n')
        assert room.next("manual").direction is Direction.CHECKOUT


def test_a_reading_is_stamped_when_it_comes(room, plugs):
    room.listen(plugs[0].lane())
    before = boottime_ns()
    plugs[0].send(b"A\r")
    reading = room.next("left")
    assert before <= reading.moment.boottime_ns <= boottime_ns()
    assert reading.moment.boot_id == clock.boot_id()


def test_a_code_waits_for_nothing(room, plugs):
    """No poll at intervals: the median way through the ears is far below the shortest of their periods."""
    room.listen(plugs[0].lane())
    took = []
    for number in range(30):
        before = boottime_ns()
        plugs[0].send(b"K%d\r" % number)
        room.next("left")
        took.append(boottime_ns() - before)
    assert sorted(took)[15] < 20_000_000


# --- lost and found --------------------------------------------------------------------------------------------------


def test_a_scanner_that_is_not_there_yet_is_tried_until_it_is_and_the_others_are_heard_meanwhile(
    room, plugs, eventually
):
    left, middle, _ = plugs
    left.pull_out()
    ears = room.listen(left.lane(), middle.lane())
    eventually("it was tried again", lambda: left.opened >= 2)
    middle.send(b"A\r")
    assert room.next("middle").code == "A"
    assert room.connected() == ["middle"]
    assert "No such file" in str(ears.state()[0]["problem"])
    left.plug_in()
    eventually("it is connected", lambda: room.connected() == ["left", "middle"])
    assert ears.state()[0]["problem"] is None
    left.send(b"B\r")
    assert room.next("left").code == "B"


def test_a_scanner_that_was_pulled_out_in_the_middle_of_a_code_comes_back_without_it(room, plugs, eventually):
    left, middle, _ = plugs
    room.listen(left.lane(), middle.lane())
    for number in range(2):
        left.send(b"WHOLE\rHALF")
        assert room.next("left").code == "WHOLE"
        left.pull_out()
        eventually("it is noticed", lambda: room.connected() == ["middle"])
        middle.send(b"A\r")
        assert room.next("middle").code == "A"
        left.plug_in()
        eventually("it is back", lambda: room.connected() == ["left", "middle"])
        left.send(f"{number}\r".encode())
        assert room.next("left").code == str(number)


def test_others_are_heard_at_once_while_a_scanner_is_away(room, plugs, eventually):
    left, middle, _ = plugs
    room.listen(left.lane(), middle.lane())
    left.pull_out()
    eventually("it is noticed", lambda: room.connected() == ["middle"])
    took = []
    for number in range(100):
        before = boottime_ns()
        middle.send(b"K%d\r" % number)
        room.next("middle")
        took.append(boottime_ns() - before)
    assert sorted(took)[50] < 20_000_000


def test_a_scanner_that_is_away_costs_next_to_no_time(room, plugs, eventually):
    """After an unplug a descriptor is readable for ever: who does not let go of it spins."""
    left, middle, _ = plugs
    room.listen(left.lane(), middle.lane())
    left.send(b"A\r")
    room.next("left")
    tried, spent, began = left.opened, room.cpu_s(), time.monotonic()
    left.pull_out()
    eventually("it was tried three times", lambda: left.opened >= tried + 3)
    passed = time.monotonic() - began
    assert passed < 3 * RETRY_S + 1
    assert room.cpu_s() - spent < 0.1 * passed
    assert left.opened - tried <= passed / RETRY_S + 1


def test_a_scanner_that_is_away_is_reported_once_not_at_every_try(room, plugs, eventually, caplog):
    caplog.set_level(logging.INFO)
    left = plugs[0]
    room.listen(left.lane())
    eventually("it is connected", room.connected)
    left.pull_out()
    eventually("it was tried three times", lambda: left.opened >= 4)
    left.plug_in()
    eventually("it is back", room.connected)
    said = [record.getMessage() for record in caplog.records if "scanner left" in record.getMessage()]
    assert said[0] == said[-1] == "scanner left: connected"
    assert len(said) == 4  # connected, lost, not there, connected


def test_no_descriptor_is_lost_with_a_scanner(room, plugs, eventually):
    left, middle, _ = plugs
    room.listen(left.lane(), middle.lane())
    eventually("both are connected", lambda: len(room.connected()) == 2)
    before = descriptors()
    for _ in range(2):
        left.pull_out()
        eventually("it is noticed", lambda: room.connected() == ["middle"])
        left.plug_in()
        eventually("it is back", lambda: len(room.connected()) == 2)
    assert descriptors() == before


def test_a_scanner_that_sends_without_end_does_not_drown_the_others(room, plugs):
    left, middle, _ = plugs
    room.listen(left.lane(), middle.lane())
    flooding = threading.Event()
    flooding.set()

    def flood() -> None:
        while flooding.is_set():
            left.send(b"FLOOD\r" * 100)

    flooder = threading.Thread(target=flood)
    flooder.start()
    try:
        room.next("left")
        for number in range(10):
            middle.send(b"K%d\r" % number)
            assert room.next("middle").code == f"K{number}"
    finally:
        flooding.clear()
        flooder.join(PATIENCE_S)


class Faulty:
    """A scanner whose driver fails in a way that nobody has foreseen."""

    def __init__(self, fails: str, error: Exception) -> None:
        self._fails, self._error = fails, error
        self.opened = self.closed = 0

    def open(self) -> "Faulty":
        self.opened += 1
        if self._fails == "open":
            raise self._error
        self._end, other = os.pipe()
        os.close(other)  # readable for ever, like a device that has gone
        return self

    def fileno(self) -> int:
        return self._end

    def read(self, moment) -> list[Reading]:
        if self._fails == "read":
            raise self._error
        raise ScannerLost("gone")

    def due_ns(self) -> None:
        return None

    def close(self) -> None:
        self.closed += 1
        os.close(self._end)
        if self._fails == "close":
            raise self._error


@pytest.mark.parametrize(
    ("fails", "error"),
    [
        ("open", ValueError("Failed to set custom baud rate")),
        ("read", OSError(errno.EMFILE, "Too many open files")),
        ("read", RecursionError("maximum recursion depth exceeded")),
        ("close", OSError(errno.EIO, "Input/output error")),
    ],
)
def test_a_scanner_that_fails_as_nobody_foresaw_is_a_lost_one_and_the_others_are_heard(
    room, plugs, eventually, caplog, fails, error
):
    faulty = Faulty(fails, error)
    room.listen(Lane("faulty", "serial", "nowhere", faulty.open), plugs[0].lane())
    eventually("it was tried again", lambda: faulty.opened >= 3 or not room.thread.is_alive())
    plugs[0].send(b"A\r")
    assert room.next("left").code == "A"
    room.stop()
    assert faulty.closed == (faulty.opened if fails != "open" else 0)
    if fails != "close":
        assert str(error) in caplog.text
    if fails == "open":
        assert caplog.text.count("Traceback") <= 1  # not twice a second all night


# --- slow to open, silent, without an end ----------------------------------------------------------------------------


def test_a_device_that_is_slow_to_open_keeps_nobody_waiting(room, plugs, eventually):
    release = threading.Event()

    def slowly() -> SerialScanner:
        release.wait(PATIENCE_S)
        return plugs[1].open()

    ears = Ears(
        [Lane("slow", "serial", "slow", slowly), plugs[0].lane()], room.heard.put, lambda lane: 0, clock.now
    )  # fmt: skip
    room.ears, room.thread = ears, threading.Thread(target=ears.run)
    room.thread.start()
    eventually("the other is connected", lambda: room.connected() == ["left"])
    plugs[0].send(b"A\r")
    assert room.next("left").code == "A"
    release.set()
    eventually("it is there", lambda: len(room.connected()) == 2)
    plugs[1].send(b"B\r")
    assert room.next("middle").code == "B"


def test_a_device_that_opens_after_the_end_is_closed_again(plugs, eventually):
    release, before = threading.Event(), descriptors()

    def slowly() -> SerialScanner:
        release.wait(PATIENCE_S)
        return plugs[0].open()

    ears = Ears([Lane("slow", "serial", "slow", slowly)], lambda reading: None, lambda lane: 0, clock.now)
    listening = threading.Thread(target=ears.run)
    listening.start()
    eventually("it is being opened", lambda: any(thread.name == "opening" for thread in threading.enumerate()))
    ears.stop()
    listening.join(PATIENCE_S)
    assert not listening.is_alive()
    release.set()
    eventually("it was closed", lambda: plugs[0].opened == 1 and descriptors() == before)


def test_a_code_that_ends_in_silence_is_heard_without_anything_coming_after_it(room, plugs):
    frames = Frames("left", idle_ms=50, terminated=False)
    room.listen(Lane("left", "serial", "left", lambda: SerialScanner(str(plugs[0].device), Line(), frames)))
    began = time.monotonic()
    plugs[0].send(b"TKT-1")
    assert room.next("left").code == "TKT-1"
    assert 0.05 <= time.monotonic() - began < TICK_S


def test_codes_without_an_end_are_not_heard_but_told_with_what_to_do(room, plugs, eventually, caplog):
    frames = Frames("left", idle_ms=30)
    ears = room.listen(Lane("left", "serial", "left", lambda: SerialScanner(str(plugs[0].device), Line(), frames)))
    for number in (1, 2):
        plugs[0].send(b"TKT-%d" % number)
        eventually("the half was dropped", lambda number=number: caplog.text.count("without an end") == number)
    assert 'configure terminator = "none"' in ears.state()[0]["hint"]
    assert "TKT" not in caplog.text
    plugs[0].send(b"TKT-3\r")
    assert room.next("left").code == "TKT-3"
    assert ears.state()[0]["hint"] is None
    assert room.heard.empty()


def test_rubbish_without_end_is_heard_up_to_a_point_and_told_and_codes_among_it_are_all_heard(
    room, plugs, eventually, caplog
):
    left = plugs[0]
    ears = room.listen(left.lane())
    flooder = threading.Thread(target=left.send, args=(b"\xff\r" * 2_000 + b"TKT-1\r" + b"\xff\r" * 500 + b"TKT-2\r",))
    flooder.start()
    heard = []
    while not heard or heard[-1].code != "TKT-2":
        heard.append(room.next("left"))
    flooder.join(PATIENCE_S)
    assert [reading.code for reading in heard if reading.flaw is None] == ["TKT-1", "TKT-2"]
    assert MOST_FLAWS <= len(heard) - 2 < 2 * MOST_FLAWS
    assert caplog.text.count(NOISE) >= 1
    assert ears.state()[0]["hint"] is None  # a code came through
    left.send(b"\xff\r" * 2 * MOST_FLAWS)
    eventually("it is told", lambda: ears.state()[0]["hint"] == NOISE)


class Socket:
    """Stands in for udev: a pipe that is readable when something was plugged in."""

    def __init__(self) -> None:
        self.out, self.into = os.pipe()
        self.looked = 0

    def fileno(self) -> int:
        return self.out

    def plugged_in(self) -> None:
        os.write(self.into, b"x")

    def changed(self) -> bool:
        self.looked += 1
        os.read(self.out, 1)
        return True


def test_what_is_plugged_in_is_opened_at_once_where_somebody_tells(plugs, eventually, room):
    left, udev, tries = plugs[0], Socket(), []

    def opened() -> SerialScanner:
        tries.append(time.monotonic())
        if len(tries) == 1:
            raise ScannerLost("not there")
        return left.open()

    ears = Ears([Lane("left", "serial", "left", opened)], room.heard.put, lambda lane: 0, clock.now, udev)
    room.ears, room.thread = ears, threading.Thread(target=ears.run)
    room.thread.start()
    eventually("it was missed", lambda: ears.state()[0]["problem"])
    udev.plugged_in()
    eventually("it is there", room.connected)
    assert tries[1] - tries[0] < RETRY_S
    assert udev.looked == 1


class Deaf(Socket):
    def changed(self) -> bool:
        raise OSError(errno.ENOBUFS, "No buffer space available")


def test_ears_go_on_when_nobody_tells_any_more_what_is_plugged_in(plugs, eventually, room, caplog):
    left, udev = plugs[0], Deaf()
    left.pull_out()
    ears = Ears([left.lane(), plugs[1].lane()], room.heard.put, lambda lane: 0, clock.now, udev)
    room.ears, room.thread = ears, threading.Thread(target=ears.run)
    room.thread.start()
    eventually("the other is there", lambda: room.connected() == ["middle"])
    udev.plugged_in()
    eventually("it was told", lambda: "nobody tells of new scanners" in caplog.text)
    plugs[1].send(b"A\r")
    assert room.next("middle").code == "A"
    left.plug_in()
    eventually("it is found all the same", lambda: len(room.connected()) == 2)


# --- what ends by itself ---------------------------------------------------------------------------------------------


def test_a_recording_that_has_ended_is_not_played_again(room, plugs, tmp_path, eventually):
    played = []
    (tmp_path / "bytes").write_bytes(b"A\rB\r")

    def play() -> ReplayScanner:
        played.append(1)
        return ReplayScanner(str(tmp_path / "bytes"), {"bytes": Frames("tape").feed})

    ears = room.listen(Lane("tape", "replay", "bytes", play, ends=True), plugs[0].lane())
    assert [room.next("tape").code for _ in range(2)] == ["A", "B"]
    eventually("it has ended", lambda: room.connected() == ["left"])
    ticked = ears.ticked_ns
    eventually("the ears went on", lambda: ears.ticked_ns > ticked + int(RETRY_S * 1e9))
    assert played == [1]
    assert ears.state()[0]["problem"] == "the recording has ended"


def test_a_recording_that_is_not_there_yet_is_waited_for(room, tmp_path, eventually):
    decoders = {"bytes": Frames("tape").feed}
    lane = Lane("tape", "replay", "bytes", lambda: ReplayScanner(str(tmp_path / "bytes"), decoders), ends=True)
    ears = room.listen(lane)
    eventually("it was missed", lambda: ears.state()[0]["problem"])
    (tmp_path / "bytes").write_bytes(b"A\r")
    assert room.next("tape").code == "A"


# --- a mind that is behind -------------------------------------------------------------------------------------------


def test_a_lane_of_which_too_much_waits_is_left_alone_and_loses_nothing_and_the_others_are_heard(room, plugs):
    left, middle, _ = plugs
    behind = {"left": 0}
    room.ears = Ears(
        [left.lane(), middle.lane()], room.heard.put, lambda lane: behind.get(lane, 0), clock.now
    )  # fmt: skip
    room.thread = threading.Thread(target=room.ears.run)
    room.thread.start()
    wait_until(lambda: len(room.connected()) == 2)
    behind["left"] = MAX_BACKLOG + 1
    for number in range(100):
        left.send(b"K%d\r" % number)
        middle.send(b"M%d\r" % number)
    assert [room.next("middle").code for _ in range(100)] == [f"M{number}" for number in range(100)]
    spent, began = room.cpu_s(), time.monotonic()
    ticked = room.ears.ticked_ns
    wait_until(lambda: room.ears.ticked_ns >= ticked + 300_000_000)
    assert room.heard.empty()
    assert room.cpu_s() - spent < 0.2 * (time.monotonic() - began)
    behind["left"] = 0
    assert [room.next("left").code for _ in range(100)] == [f"K{number}" for number in range(100)]


def test_a_lane_that_is_pulled_out_while_it_is_left_alone_comes_back(room, plugs, eventually):
    left = plugs[0]
    room.waiting = 0
    room.listen(left.lane())
    room.waiting = MAX_BACKLOG + 1
    left.send(b"A\r")
    eventually("it rests", lambda: room.ears._ears[0].resting_ns)
    left.pull_out()
    room.waiting = 0
    eventually("it is noticed", lambda: room.connected() == [])
    left.plug_in()
    eventually("it is back", room.connected)
    left.send(b"B\r")
    eventually("it is heard", lambda: room.next("left").code == "B")


# --- life and end ----------------------------------------------------------------------------------------------------


def test_ears_that_hear_nothing_still_show_that_they_live(room, plugs, eventually):
    ears = room.listen(plugs[0].lane())
    eventually("it is connected", room.connected)
    ticks = set()

    def ticked() -> bool:
        ticks.add(ears.ticked_ns)
        return len(ticks) >= 3

    began = time.monotonic()
    eventually("they ticked", ticked)
    assert time.monotonic() - began < 2 * TICK_S + 2


def test_what_is_plugged_in_is_told_for_people(room, plugs, eventually):
    ears = room.listen(plugs[0].lane())
    assert eventually("it is connected", lambda: room.connected() and ears.state()) == [
        {
            "name": "left",
            "kind": "serial",
            "device": str(plugs[0].device),
            "connected": True,
            "calibrating": False,
            "problem": None,
            "hint": None,
        }
    ]


@pytest.mark.parametrize("behind", [0, MAX_BACKLOG + 1], ids=["listening", "waiting for the mind"])
def test_stopping_from_another_thread_closes_everything_at_once(room, plugs, tmp_path, eventually, behind):
    desk, tape = tmp_path / "gate.sock", tmp_path / "bytes"
    tape.write_bytes(b"A\r" * 10)
    before = descriptors()
    lanes = [plug.lane() for plug in plugs]
    lanes.append(Lane("manual", "socket", str(desk), partial(SocketScanner, desk, "manual")))
    lanes.append(
        Lane("tape", "replay", str(tape), lambda: ReplayScanner(str(tape), {"bytes": Frames("tape").feed}), ends=True)
    )
    lanes.append(
        Lane("away", "serial", "nowhere", partial(SerialScanner, str(tmp_path / "no"), Line(), Frames("away")))
    )
    room.listen(*lanes)
    room.waiting = behind
    eventually("they are connected", lambda: set(room.connected()) >= {"left", "middle", "right", "manual"})
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(desk))
        client.sendall(b'{"code": "HALF')
        room.waiting = behind
        began = time.monotonic()
        room.ears.stop()
        room.thread.join(PATIENCE_S)
        assert not room.thread.is_alive()
        assert time.monotonic() - began < TICK_S
    eventually("the tape's feeder has ended", lambda: descriptors() == before)
    assert not desk.exists()


def test_stopping_does_not_wait_for_the_next_tick(room, plugs):
    ears = room.listen(plugs[0].lane())
    ticked = ears.ticked_ns
    wait_until(lambda: ears.ticked_ns != ticked)  # they have just gone back to sleep
    began = time.monotonic()
    room.stop()
    assert time.monotonic() - began < TICK_S / 2


def test_stopping_before_the_start_ends_at_once(room, plugs):
    before = descriptors()
    ears = Ears([plugs[0].lane()], room.heard.put, lambda lane: 0, clock.now)
    ears.stop()
    ears.run()
    assert descriptors() == before


def written_by(stop, directory: Path) -> list[str]:
    """Return which files have got something, of many that were opened on the numbers that had become free."""
    files = [(directory / f"file{number}").open("wb", buffering=0) for number in range(64)]
    try:
        stop()
    finally:
        for file in files:
            file.close()
    return [Path(file.name).name for file in files if Path(file.name).stat().st_size]


def test_stopping_twice_or_after_the_end_writes_to_nobody_elses_file(room, plugs, tmp_path):
    ears = room.listen(plugs[0].lane())
    room.stop()
    assert written_by(ears.stop, tmp_path) == []


def test_that_every_scanner_was_tried_is_told_once_each_is_there_or_known_to_be_missing(plugs, room):
    release = threading.Event()

    def slowly() -> SerialScanner:
        release.wait(PATIENCE_S)
        raise ScannerLost("not there")

    room.ears = Ears([plugs[0].lane(), Lane("slow", "serial", "slow", slowly)], print, lambda lane: 0, clock.now)
    room.thread = threading.Thread(target=room.ears.run)
    room.thread.start()
    wait_until(room.connected)
    assert not room.ears.tried.wait(0.1)
    release.set()
    assert room.ears.tried.wait(PATIENCE_S)


def test_scanners_are_closed_even_when_the_ears_fall_ill(plugs, tmp_path):
    """A reading that nobody takes is a fault of the program; its devices are free for the next one all the same."""

    def nobody(reading: Reading) -> None:
        raise RuntimeError("nobody listens")

    def open_and_send() -> SerialScanner:
        opened = plugs[0].open()
        plugs[0].send(b"A\r")
        return opened

    before = descriptors()
    lanes = [Lane("left", "serial", "left", open_and_send), plugs[1].lane()]
    ears = Ears(lanes, nobody, lambda lane: 0, clock.now)
    with pytest.raises(RuntimeError, match="nobody listens"):
        ears.run()
    assert descriptors() == before
    assert written_by(ears.stop, tmp_path) == []
