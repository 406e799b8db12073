"""Scanners on a serial line: an FTDI adapter of QEMU's, and CDC-ACM by the kernel's own gadget."""

import pytest

from tests.vm import lanes
from tests.vm.scanner import Gadget, admitted, recorded

PLUGS = 4
CODES_A_PLUG = 20


@pytest.fixture
def acm(machine):
    return Gadget(machine, "acm", lanes.ACM, "line")


def test_an_adapter_s_codes_are_each_recorded_once_over_several_plugs(machine):
    every = lanes.codes(PLUGS * CODES_A_PLUG)
    with machine.serial_line("cable") as line:
        for turn in range(PLUGS):
            machine.plug_serial("cable")
            machine.call("door.await_scanners", connected={"adapter": True})
            codes = every[turn * CODES_A_PLUG : (turn + 1) * CODES_A_PLUG]
            line.sendall("".join(f"{code}\r\n" for code in codes).encode())
            machine.call("door.await_scans", number=(turn + 1) * CODES_A_PLUG)
            line.sendall(b"HALF-A-CODE"[: turn * 2])
            machine.unplug("serial")
            machine.call("door.await_scanners", connected={"adapter": False})
    assert recorded(machine.call("door.scans"), "adapter") == admitted(every)


def test_a_cdc_scanner_s_codes_are_each_recorded_once_over_several_plugs(machine, acm):
    every = lanes.codes(PLUGS * CODES_A_PLUG)
    for turn in range(PLUGS):
        acm.plug()
        codes = every[turn * CODES_A_PLUG : (turn + 1) * CODES_A_PLUG]
        acm.say("".join(f"{code}\r" for code in codes) + "HALF-A-CODE"[: turn * 2])
        machine.call("door.await_scans", number=(turn + 1) * CODES_A_PLUG)
        acm.pull()
    assert recorded(machine.call("door.scans"), "acm") == admitted(every)


def test_a_scanner_that_comes_back_under_another_number_is_found(machine, acm):
    first, second = lanes.codes(2)
    acm.plug()
    acm.say(f"{first}\r")
    machine.call("shell.hold_open", path="/dev/ttyACM0")  # so that the kernel cannot give this number again
    acm.pull()
    acm.plug()
    assert machine.run("ls /dev/ttyACM*").split() == ["/dev/ttyACM1"]
    acm.say(f"{second}\r")
    assert recorded(machine.call("door.await_scans", number=2), "acm") == admitted([first, second])


def test_control_characters_do_nothing_but_end_a_code(machine, acm):
    acm.plug()
    before = machine.screen()
    acm.say("reboot\n\x03\x1b[3~\x04\r")
    (code,) = lanes.codes(1)
    acm.say(f"{code}\r")
    scans = recorded(machine.call("door.await_scans", number=3), "acm")
    assert scans[0] == ("reboot", "unknown")
    assert scans[-1] == (code, "ok")
    assert machine.screen() == before
    assert not machine.happened("RESET")
