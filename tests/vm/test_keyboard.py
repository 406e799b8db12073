"""Scanners that type: the kernel's HID drivers, the gate's grab, and a root shell that must see nothing."""

import itertools

import pytest

from tests.vm import lanes
from tests.vm.guest.keyboard import ALT, DELETE, ENTER, LETTERS, PRINT_SCREEN, Stroke, strokes
from tests.vm.scanner import Gadget, admitted, difference, keys, recorded

PLUGS = 20
CODES_A_PLUG = 25
HARM = {
    "the word reboot": keys(["reboot"], "us"),
    "Ctrl+Alt+Del": Stroke(DELETE, control=True, alt=True).reports(),
    "Alt+SysRq+B": [bytes([ALT, 0, *held]).ljust(8, b"\0") for held in ([PRINT_SCREEN], [PRINT_SCREEN, LETTERS["b"]])],
}
CONTROL_C = Stroke(LETTERS["c"], control=True).reports()


@pytest.fixture
def keyboards(machine):
    made = {layout: Gadget(machine, layout, ids, "keyboard") for layout, ids in lanes.KEYBOARDS.items()}
    for scanner in made.values():
        scanner.plug()
    machine.run("echo 1 > /proc/sys/kernel/sysrq")  # all of it, as on many machines
    return made


def test_each_whole_code_of_two_layouts_is_recorded_once_over_twenty_plugs_some_pulled_in_mid_code(machine, keyboards):
    """One scanner types while the other is pulled and plugged in again."""
    before, every = machine.screen(), iter(lanes.codes(PLUGS * CODES_A_PLUG))
    typed = {layout: [] for layout in keyboards}
    for turn in range(PLUGS):
        layout, other = ("us", "de") if turn % 2 else ("de", "us")
        codes = list(itertools.islice(every, CODES_A_PLUG))
        half = keys(["HALF-A-CODE"], layout)[: 2 * (turn // 2 % 4)]
        typing = keyboards[layout].begin(keys(codes, layout) + half)
        keyboards[other].pull()
        keyboards[other].plug()
        machine.end(typing)
        typed[layout] += codes
    scans = machine.call("door.await_scans", number=PLUGS * CODES_A_PLUG)
    for layout, codes in typed.items():
        assert difference(recorded(scans, layout), admitted(codes)) == []
    assert len(scans) == PLUGS * CODES_A_PLUG
    assert machine.screen() == before


def test_of_a_code_that_was_under_way_when_the_gate_grabbed_nothing_shorter_is_made(machine):
    """It types on while it is plugged in: what came before the grab went elsewhere."""
    scanner, codes = Gadget(machine, "us", lanes.KEYBOARDS["us"], "keyboard"), lanes.codes(60)
    machine.call("gadget.plug", name="us")
    scanner.report(keys(codes, "us"))
    found = recorded(machine.call("door.await_quiet"), "us")
    right = [code for code, reason in found if reason == "ok"]
    print(f"{len(codes) - len(right)} codes before the grab")
    assert right, found
    assert right == codes[-len(right) :]
    assert {reason for _, reason in found} <= {"ok", "unreadable"}


def test_qemu_s_own_keyboard_is_heard_and_again_after_it_was_pulled_in_mid_code(machine):
    before, codes = machine.screen(), lanes.codes(12)
    for turn in range(3):
        machine.plug_keyboard()
        machine.call("door.await_scanners", connected={"qemu": True})
        for code in codes[turn * 4 : turn * 4 + 4]:
            machine.type(strokes(f"{code}\n"))
        machine.type(strokes("half"))
        machine.unplug("keyboard")
        machine.call("door.await_scanners", connected={"qemu": False})
    scans = machine.call("door.await_scans", number=len(codes))
    assert recorded(scans, "qemu") == admitted(codes)
    assert machine.screen() == before


def test_nothing_a_scanner_types_reaches_the_console(machine, keyboards):
    before = machine.screen()
    for harm in HARM.values():
        keyboards["us"].report([*harm, bytes(8), *CONTROL_C, *Stroke(ENTER).reports()])
    keyboards["us"].report(keys(lanes.codes(1), "us"))
    found = recorded(machine.call("door.await_quiet"), "us")
    assert ("reboot", "unknown") in found
    assert found[-1] == (lanes.codes(1)[0], "ok")
    assert {reason for _, reason in found[1:-1]} <= {"unreadable", "unknown"}
    assert machine.screen() == before
    assert not machine.happened("RESET")


@pytest.mark.parametrize("what", HARM)
def test_without_the_gate_it_would(machine, keyboards, what):
    """What the test above would say if the grab were missing."""
    before = machine.screen()
    machine.run("systemctl stop kiosk-gate")
    keyboards["us"].report(keys(["echo z"], "us"))
    machine.call("shell.await_screen_other_than", lines=before)
    keyboards["us"].begin(HARM[what])
    machine.await_event("RESET")
