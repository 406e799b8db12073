"""Scanners that speak HID-POS: no keyboard, 64-byte reports by hidraw."""

import pytest

from tests.vm import lanes
from tests.vm.scanner import Gadget, admitted, pos_reports, recorded

PLUGS = 4
CODES_A_PLUG = 20
LONG = "y" * 55 + "zZ-" * 30
"""Three reports' worth, on no list."""


@pytest.fixture
def pos(machine, kinds):
    if "hidpos" not in kinds:
        pytest.skip("this version knows no hidpos scanner")
    return Gadget(machine, "pos", lanes.POS, "pos")


def reports(codes):
    return [report for code in codes for report in pos_reports(code.encode())]


def test_each_whole_code_is_recorded_once_over_several_plugs_some_pulled_in_mid_code(machine, pos):
    every = lanes.codes(PLUGS * CODES_A_PLUG)
    for turn in range(PLUGS):
        pos.plug()
        codes = every[turn * CODES_A_PLUG : (turn + 1) * CODES_A_PLUG]
        pos.report(reports(codes) + pos_reports(LONG.encode())[: turn % 3])
        pos.pull()
    scans = machine.call("door.await_scans", number=len(every))
    assert recorded(scans, "pos") == admitted(every)
    assert len(scans) == len(every)


def test_a_code_of_several_reports_is_one(machine, pos):
    pos.plug()
    pos.report(reports([LONG, *lanes.codes(1)]))
    scans = machine.call("door.await_scans", number=2)
    assert recorded(scans, "pos") == [(LONG, "unknown"), *admitted(lanes.codes(1))]


def test_a_second_report_of_another_kind_of_code_does_not_join_the_first(machine, pos):
    pos.plug()
    first, *_ = pos_reports(LONG.encode())
    other = bytearray(pos_reports(b"-TAIL")[0])
    other[2:5] = b"]C1"
    pos.report([first, bytes(other), *reports(lanes.codes(1))])
    scans = recorded(machine.call("door.await_scans", number=2), "pos")
    assert scans[-1] == (lanes.codes(1)[0], "ok")
    assert not any(code.endswith("-TAIL") and code != "-TAIL" for code, _ in scans)


def test_a_length_that_cannot_be_is_no_code(machine, pos):
    pos.plug()
    wrong = bytearray(pos_reports(b"TKT-1")[0])
    wrong[1] = 57
    pos.report([bytes(wrong), *reports(lanes.codes(1))])
    scans = recorded(machine.call("door.await_scans", number=2, patience_s=5), "pos")
    assert scans[-1] == (lanes.codes(1)[0], "ok")
    assert {reason for _, reason in scans[:-1]} <= {"unreadable"}


def test_no_keyboard_comes_of_it(machine, pos):
    """It cannot type on the console, because the kernel makes no input device for it."""
    before = machine.run("ls /dev/input")
    pos.plug()
    assert machine.run("ls /dev/input") == before
