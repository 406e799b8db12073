"""The plug of the kiosk itself is pulled."""

from tests.vm import lanes
from tests.vm.scanner import Gadget, admitted, recorded


def test_what_was_recorded_is_still_there_after_a_power_cut_and_the_door_opens_again(machine):
    codes = lanes.codes(30)
    scanner = Gadget(machine, "acm", lanes.ACM, "line")
    scanner.plug()
    scanner.say("".join(f"{code}\r" for code in codes[:-1]))
    machine.call("door.await_scans", number=len(codes) - 1)
    machine.cut_power()
    machine.power_on()
    machine.call("door.mount")
    machine.call("door.open_gate")
    scanner = Gadget(machine, "acm", lanes.ACM, "line")
    scanner.plug()
    scanner.say(f"{codes[-1]}\r")
    scans = machine.call("door.await_scans", number=len(codes))
    assert recorded(scans, "acm") == admitted(codes)
    assert "recovery complete" in machine.run("dmesg")
