"""A lane is lent, given back and opened in another way while the ears listen; what hangs holds nobody up."""

import math
import threading
import time

import pytest

from kiosk.clock import boottime_ns
from kiosk.decode import Frames
from kiosk.errors import ScannerLost
from kiosk.lanes import Lane
from kiosk.scanners.serial import Line, SerialScanner
from kiosk.scanners.trial import Trial
from tests.test_watch import Plug, Room, descriptors


@pytest.fixture
def room():
    made = Room()
    yield made
    made.stop()


@pytest.fixture
def left(tmp_path):
    made = Plug(tmp_path, "left")
    made.plug_in()
    yield made
    if made._ends:
        made.pull_out()


@pytest.fixture
def right(tmp_path):
    made = Plug(tmp_path, "right")
    made.plug_in()
    yield made
    made.pull_out()


def state(room, name="left"):
    return next(one for one in room.ears.state() if one["name"] == name)


def lend(room, plug, wait_s=60.0, opened=None):
    trial = Trial(opened or plug.open, boottime_ns(), wait_s)
    room.ears.lend("left", trial)
    return trial


def test_what_comes_while_a_lane_is_lent_is_no_reading_and_the_other_lane_goes_on(room, left, right, eventually):
    room.listen(left.lane(), right.lane())
    trial = lend(room, left)
    eventually("it is open", lambda: trial.open_)
    assert (state(room)["connected"], state(room)["calibrating"], state(room)["hint"]) == (False, True, None)
    left.send(b"TKT-1\r")
    right.send(b"TKT-2\r")
    assert room.next("right").code == "TKT-2"
    eventually("it has settled", lambda: trial.ended)
    assert b"".join(sent for _, sent in trial.heard) == b"TKT-1\r"
    eventually("it is a door again", lambda: state(room)["connected"])
    left.send(b"TKT-3\r")
    assert room.next("left").code == "TKT-3"
    assert not state(room)["calibrating"]


def test_half_a_code_before_a_loan_joins_nothing_after_it(room, left, eventually):
    room.listen(left.lane())
    left.send(b"HALF")
    eventually("the ears have it", lambda: room.ears._ears[0].due_ns() < math.inf)
    trial = lend(room, left)
    eventually("it is open", lambda: trial.open_)
    trial.cancel()
    room.ears.wake()
    eventually("it is a door again", lambda: state(room)["connected"])
    left.send(b"WHOLE\r")
    assert room.next("left").code == "WHOLE"


def test_a_loan_ends_by_cancelling_and_by_time(room, left, eventually):
    room.listen(left.lane())
    trial = lend(room, left)
    eventually("it is open", lambda: trial.open_)
    trial.cancel()
    room.ears.wake()
    eventually("it is a door again", lambda: state(room)["connected"], 2.0)
    began = time.monotonic()
    trial = lend(room, left, wait_s=1.0)
    eventually("its time is over", lambda: trial.ended)
    assert 0.9 < time.monotonic() - began < 5
    assert (trial.problem, trial.heard) == (None, [])
    eventually("it is a door again", lambda: state(room)["connected"])


def test_a_device_that_goes_ends_its_loan_and_comes_back_as_a_door(room, left, eventually):
    room.listen(left.lane())
    trial = lend(room, left)
    eventually("it is open", lambda: trial.open_)
    left.pull_out()
    eventually("it is over", lambda: trial.ended)
    assert trial.problem
    eventually("it is missed", lambda: state(room)["problem"])
    assert not state(room)["calibrating"]
    left.plug_in()
    eventually("it is a door again", lambda: state(room)["connected"])
    left.send(b"TKT\r")
    assert room.next("left").code == "TKT"


def test_a_device_that_cannot_be_opened_for_a_loan_is_a_door_again(room, left, eventually):
    def refuse():
        raise ScannerLost("not now")

    room.listen(left.lane())
    trial = lend(room, left, opened=refuse)
    eventually("it is over", lambda: trial.ended)
    assert (trial.problem, trial.open_) == ("not now", False)
    eventually("it is a door again", lambda: state(room)["connected"])


@pytest.mark.parametrize("where", ["opening", "closing"])
def test_a_device_that_hangs_holds_up_neither_the_other_lane_nor_the_end(room, left, right, eventually, where):
    free = threading.Event()

    class Sticky(SerialScanner):
        def close(self):
            free.wait(20)
            super().close()

    def sticky():
        return Sticky(str(left.device), Line(), Frames("left"))

    def slow():
        free.wait(20)
        return left.open()

    lane = Lane("left", "serial", "left", sticky if where == "closing" else left.open)
    room.listen(lane, right.lane())
    trial = lend(room, left, wait_s=0.5, opened=slow if where == "opening" else None)
    began = time.monotonic()
    eventually("its time is over", lambda: trial.ended)
    right.send(b"TKT\r")
    assert room.next("right").code == "TKT"
    assert not state(room)["calibrating"]
    assert time.monotonic() - began < 10
    free.set()
    eventually("it is a door again", lambda: state(room)["connected"])
    left.send(b"TKT\r")
    assert room.next("left").code == "TKT"


def test_a_lane_is_opened_in_another_way_at_once(room, left, eventually):
    room.listen(left.lane())
    opened = []

    def prefixed():
        opened.append(SerialScanner(str(left.device), Line(), Frames("left", prefix="#")))
        return opened[-1]

    room.ears.change(Lane("left", "serial", "left", prefixed))
    eventually("it is open again", lambda: opened and state(room)["connected"])
    left.send(b"#TKT\r")
    assert room.next("left").code == "TKT"


def test_nothing_stays_open_after_loans_and_changes(room, left, eventually):
    before = descriptors()
    room.listen(left.lane())
    for _ in range(5):
        trial = lend(room, left)
        trial.cancel()
        room.ears.change(left.lane())
    eventually("it is a door again", lambda: state(room)["connected"])
    room.stop()
    eventually("all is closed", lambda: descriptors() <= before)
