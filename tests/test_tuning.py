"""What was calibrated wins over the file, as long as it is the same scanner."""

import logging

import pytest

from kiosk.calibration import Found, Terminator
from kiosk.config import Scanner
from kiosk.tuning import Tuning, changes, counting, in_force, misfit, raw, tuned, tuning

SERIAL = Scanner(name="left", kind="serial", device="/dev/ttyACM0", baudrate=115200, prefix="X")
HID = Scanner(name="right", kind="hid", layout="de", idle_ms=300)


def found(prefix="", suffix="", end=Terminator.CR, **more):
    return Found(prefix, suffix, end, **more)


def test_what_was_found_replaces_what_the_file_says_and_leaves_the_rest():
    own = tuning(SERIAL, found("##"))
    after = tuned(SERIAL, own)
    assert (after.prefix, after.baudrate, after.device, after.name) == ("##", 115200, "/dev/ttyACM0", "left")
    assert changes(SERIAL, after) == [("prefix", "X", "##")]
    assert tuned(SERIAL, None) is SERIAL


def test_a_layout_is_set_where_it_matters_and_left_where_it_does_not():
    assert tuned(HID, tuning(HID, found(layouts=("fr",)))).layout == "fr"
    assert tuned(HID, tuning(HID, found(by_number=True))).layout == "de"


def test_patience_of_the_file_is_not_taken_away():
    assert tuned(HID, tuning(HID, found(slowest_ms=100))).idle_ms == 300
    assert tuned(HID, tuning(HID, found(slowest_ms=400))).idle_ms == 800


def test_seven_bits_are_seen_through_eight_and_taken_back_where_they_are_gone():
    seven = SERIAL.model_copy(update={"bits": 7, "parity": "even"})
    assert (raw(seven).bits, raw(seven).parity) == (8, "none")
    assert raw(SERIAL) is SERIAL
    odd = SERIAL.model_copy(update={"parity": "odd"})
    assert raw(odd) is odd, "eight bits and parity do not fit into eight"
    after = tuned(seven, tuning(seven, found()))
    assert (after.bits, after.parity) == (8, "none")
    again = tuned(SERIAL, tuning(SERIAL, found(parity="mark")))
    assert (again.bits, again.parity) == (7, "mark")


@pytest.mark.parametrize(
    ("own", "why"),
    [
        (Tuning(kind="hid", device="/dev/ttyACM0", settings={"prefix": "#"}), "kind or its device"),
        (Tuning(kind="serial", device="/dev/ttyUSB0", settings={"prefix": "#"}), "kind or its device"),
        (Tuning(kind="serial", device="/dev/ttyACM0", settings={"device": "/dev/sda"}), "does not have"),
        (Tuning(kind="serial", device="/dev/ttyACM0", settings={"baudrate": 300}), "does not have"),
        (Tuning(kind="serial", device="/dev/ttyACM0", settings={"prefix": "#" * 17}), "prefix"),
        (Tuning(kind="serial", device="/dev/ttyACM0", settings={"idle_ms": 0}), "idle_ms"),
    ],
)
def test_what_belongs_to_another_scanner_or_cannot_be_does_not_count_and_is_logged(caplog, own, why):
    caplog.set_level(logging.INFO)
    assert why in misfit(SERIAL, own)
    assert tuned(SERIAL, own) is SERIAL
    assert counting(SERIAL, {"left": own}) == {}
    assert in_force([SERIAL, HID], {"left": own}) == [SERIAL, HID]
    assert "scanner left: what was calibrated does not count" in caplog.text


def test_what_wins_over_the_file_is_logged_at_the_start(caplog):
    caplog.set_level(logging.INFO)
    own = tuning(SERIAL, found("##"))
    (after,) = in_force([SERIAL], {"left": own, "gone": own})
    assert after.prefix == "##"
    assert counting(SERIAL, {"left": own}) == own.settings
    assert "scanner left: calibrated, over the configuration" in caplog.text
    assert "gone" not in caplog.text
