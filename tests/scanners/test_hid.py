"""A scanner that types: evdev as it is, on a device that umockdev makes up. (There the grab does nothing.)"""

import json
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from kiosk.layouts import LAYOUTS

pytest.importorskip("evdev")

DEVICE = "/dev/input/event5"
SYN, KEY, MISC = 0, 1, 4
SHIFT, ENTER, CAPS = 42, 28, 58
BEHIND_S = 0.2
"""When the first key is typed: the device is open by then, and umockdev counts from that."""


def link(number: int) -> str:
    return f"input/by-id/usb-Scanner{number}-event-kbd"


def description(number: int, product: int, keys: range, body: int) -> str:
    """What udev knows of a keyboard scanner (umockdev-record's format); `body` is the USB device it is a part of."""
    usb = f"/devices/pci0000:00/0000:00:14.0/usb1/1-{body}"
    parent = f"{usb}/1-{body}:1.{number}/0003:0C2E:{product:04X}.{number:04}/input/input{number}"
    mask = sum(1 << key for key in keys)
    words = " ".join(f"{mask >> 64 * word & (1 << 64) - 1:x}" for word in reversed(range(4)))
    return (
        f"P: {parent}/event{number}\nN: input/event{number}\nS: {link(number)}\nE: DEVNAME=/dev/input/event{number}\n"
        f"E: MAJOR=13\nE: MINOR={64 + number}\nE: SUBSYSTEM=input\nE: ID_INPUT_KEYBOARD=1\n"
        f"A: dev=13:{64 + number}\nL: device=../../input{number}\n\n"
        f"P: {parent}\nE: SUBSYSTEM=input\nA: name=Scanner {number}\nA: uniq=\nA: capabilities/key={words}\n"
        f"A: id/vendor=0c2e\nA: id/product={product:04x}\n\n"
    ) + (
        f"P: {usb}\nE: SUBSYSTEM=usb\nE: DEVTYPE=usb_device\nA: idVendor=0c2e\nA: idProduct={product:04x}\n"
        f"A: manufacturer=Honeywell\nA: product=Scanner {body}\nA: serial=SN{body}\n\n"
        if body == number
        else ""
    )


def answers(product: int, keys: range) -> str:
    """What the kernel answers when evdev asks (the ioctls of linux/input.h, as umockdev-record writes them)."""
    pressed = bytearray(96)
    for key in keys:
        pressed[key // 8] |= 1 << key % 8

    def text(value: str) -> str:
        return f"{len(value) + 1} {value.encode().hex().upper()}{'00' * (256 - len(value))}"

    lines = [
        "EVIOCGVERSION 0 01000100",
        f"EVIOCGID 0 {struct.pack('=4H', 3, 0x0C2E, product, 0x110).hex().upper()}",
        f"EVIOCGNAME(0) {text('Scanner')}",
        f"EVIOCGPHYS(0) {text('usb-1/input0')}",
        f"EVIOCGUNIQ(0) {text('SN1')}",
        "EVIOCGBIT(0) 8 13000200",
        f"EVIOCGBIT(1) 96 {pressed.hex().upper()}",
        f"EVIOCGBIT(4) 8 {'10' + '00' * 95}",
        f"EVIOCGBIT(17) 8 {'1F' + '00' * 95}",
        f"EVIOCGPROP(0) 8 {'00' * 256}",
        "EVIOCGREP 0 FA00000021000000",
        "EVIOCGEFFECTS 0 00000000",
    ]
    return "\n".join(lines) + "\n"


def keys_for(text: str, layout: str) -> list[tuple[int, int, int]]:
    """Press and release what types this text, a report after each, as the kernel's HID driver does."""
    found = []
    for character in text:
        code, shift = next(
            (code, shift) for code in range(1, 120) for shift in (False, True)
            if LAYOUTS[layout].character(code, shift=shift, altgr=False) == character
        ) if character != "\n" else (ENTER, False)  # fmt: skip
        strokes = [(SHIFT, 1), (code, 1), (code, 0), (SHIFT, 0)] if shift else [(code, 1), (code, 0)]
        for key, value in strokes:
            found += [(MISC, 4, 458752 + key), (KEY, key, value), (SYN, 0, 0)]
    return found


CHILD = """
import json, select, sys
from pathlib import Path
from kiosk import clock
from kiosk.decode import Frames
from kiosk.keys import Keys
from kiosk.errors import ScannerLost
from kiosk.layouts import LAYOUTS
from kiosk.scanners import hid
from kiosk.scanners.binding import Bindings

{before}
device, layout, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
bindings = Bindings(Path(sys.argv[4]), ["left"])
try:
    scanner = hid.HidScanner(bindings.find("left", "hid", device), Keys(Frames("left", idle_ms=5000), LAYOUTS[layout]))
    found = []
    while len(found) < number and select.select([scanner], [], [], 10)[0]:
        found += scanner.read(clock.now())
    print(json.dumps([[reading.code, reading.flaw] for reading in found]))
    if not number:
        print(json.dumps(scanner.read(clock.now())))
    scanner.close()
except ScannerLost as lost:
    print(json.dumps(str(lost)))
{after}
"""


class Machine:
    """A machine with keyboard scanners plugged in."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._arguments: list[str] = []

    def plug_in(
        self, number: int = 5, *, product: int = 0x0B61, keys: range = range(1, 120), body: int | None = None
    ) -> None:
        described, answered = (self._directory / f"{number}.{kind}" for kind in ("umockdev", "ioctl"))
        described.write_text(description(number, product, keys, body or number), encoding="ascii")
        answered.write_text(answers(product, keys), encoding="ascii")
        self._arguments += ["-d", str(described)]
        for name in (f"input/event{number}", link(number)):
            self._arguments += ["-i", f"/dev/{name}={answered}"]

    def will_type(self, events: list[tuple[int, int, int]], number: int = 5) -> None:
        lines = [
            f"E: {BEHIND_S + index * 0.0003:.6f} {kind:04x} {code:04x} {value}\n"
            for index, (kind, code, value) in enumerate(events)
        ]
        file = self._directory / f"{number}.events"
        file.write_text("".join(lines), encoding="ascii")
        self._arguments += ["-e", f"/dev/input/event{number}={file}"]

    def run(self, device: str, number: int, *, layout: str = "us", before: str = "", after: str = ""):
        """Return what a program that opens the device and reads this many codes says, line by line."""
        script = CHILD.format(before=before, after=after)
        done = subprocess.run(
            ["umockdev-run", *self._arguments, "--", sys.executable, "-c", script, device, layout, str(number),
             str(self._directory)],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


# --- what is typed ---------------------------------------------------------------------------------------------------


@pytest.mark.needs("umockdev-run")
@pytest.mark.parametrize("layout", ["us", "de"])
def test_what_a_keyboard_scanner_types_is_the_code(machine, layout):
    machine.plug_in()
    machine.will_type(keys_for("TKT-yz_42?\nabc\n", layout))
    assert machine.run(DEVICE, 2, layout=layout) == [[["TKT-yz_42?", None], ["abc", None]]]


@pytest.mark.needs("umockdev-run")
def test_keys_that_the_kernel_dropped_make_the_code_unreadable_and_the_next_one_is_whole(machine):
    machine.plug_in()
    lost = [(SYN, 3, 0), (KEY, 30, 1), (SYN, 0, 0)]
    machine.will_type([*keys_for("tkt", "us"), *lost, *keys_for("1\ntkt-2\n", "us")])
    (found,) = machine.run(DEVICE, 2)
    assert [flaw for _, flaw in found] == ["keys were lost", None]
    assert found[1][0] == "tkt-2"


@pytest.mark.needs("umockdev-run")
def test_reading_when_no_key_was_pressed_gives_nothing_and_does_not_wait(machine):
    machine.plug_in()
    assert machine.run(DEVICE, 0) == [[], []]


# --- which device ----------------------------------------------------------------------------------------------------


@pytest.mark.needs("umockdev-run")
@pytest.mark.parametrize("device", ["auto", "0c2e:0b61", "0C2E:0B61", "by-id/usb-Scanner5-event-kbd", DEVICE])
def test_a_scanner_is_found_by_any_of_its_names(machine, device):
    machine.plug_in(5)
    machine.plug_in(6, product=0x0001, keys=range(113, 117))  # a few buttons are no keyboard
    machine.will_type(keys_for("tkt-1\n", "us"))
    assert machine.run(device, 1) == [[["tkt-1", None]]]


@pytest.mark.needs("umockdev-run")
@pytest.mark.parametrize("device", ["auto", "0c2e:0b61"])
def test_two_scanners_that_fit_are_not_guessed_between(machine, device):
    machine.plug_in(5)
    machine.plug_in(6)
    assert machine.run(device, 1) == [
        f"{device}: 2 devices fit: name one by its path (/dev/{link(5)} (Honeywell Scanner 5), "
        f"/dev/{link(6)} (Honeywell Scanner 6))"
    ]


@pytest.mark.needs("umockdev-run")
@pytest.mark.parametrize("device", ["auto", "0c2e:0b62", "0b61:0c2e", "nonsense"])
def test_a_scanner_that_fits_nothing_is_lost(machine, device):
    machine.plug_in(5, keys=range(113, 117))
    (said,) = machine.run(device, 1)
    assert said.startswith(f"{device}: no such scanner is plugged in")


# --- taken, pulled out ------------------------------------------------------------------------------------------------

GRABBED_BY_ANOTHER = """
import errno, evdev

opened = []

class Grabbed(evdev.InputDevice):
    def grab(self):
        opened.append(self)
        raise OSError(errno.EBUSY, "Device or resource busy")

hid.InputDevice = Grabbed
"""


@pytest.mark.needs("umockdev-run")
def test_a_scanner_that_another_program_has_grabbed_is_never_read_and_is_let_go(machine):
    machine.plug_in()
    said, descriptor = machine.run(DEVICE, 1, before=GRABBED_BY_ANOTHER, after="print(opened[0].fd)")
    assert said == f"{DEVICE}: another program holds it: [Errno 16] Device or resource busy"
    assert descriptor == -1


WATCHED = """
import evdev

done = []

class Watched(evdev.InputDevice):
    def grab(self):
        done.append("grab")
        super().grab()

    def read(self):
        done.append("read")
        return super().read()

hid.InputDevice = Watched
"""


@pytest.mark.needs("umockdev-run")
def test_a_scanner_is_grabbed_before_its_first_key_is_read(machine):
    machine.plug_in()
    machine.will_type(keys_for("tkt-1\n", "us"))
    found, done = machine.run(DEVICE, 1, before=WATCHED, after="print(json.dumps(done))")
    assert found == [["tkt-1", None]]
    assert done[:2] == ["grab", "read"]
    assert done.count("grab") == 1


PULLED_OUT = """
import errno, evdev

class PulledOut(evdev.InputDevice):
    def read(self):
        raise OSError(errno.ENODEV, "No such device")

hid.InputDevice = PulledOut
"""


@pytest.mark.needs("umockdev-run")
def test_a_scanner_that_was_pulled_out_is_lost_and_named(machine):
    machine.plug_in()
    machine.will_type(keys_for("tk", "us"))
    assert machine.run(DEVICE, 1, before=PULLED_OUT) == [f"{DEVICE}: [Errno 19] No such device"]


# --- all of it, by the kernel alone ----------------------------------------------------------------------------------

OTHER_NODES = """
done = []

class Watched(hid.InputDevice):
    def grab(self):
        done.append(f"grab {self.path}")
        super().grab()

    def read(self):
        done.append("read")
        return super().read()

hid.InputDevice = Watched
"""


@pytest.mark.needs("umockdev-run")
def test_every_node_of_a_scanner_is_grabbed_before_any_is_read_and_no_other_scanners(machine):
    machine.plug_in(5)
    machine.plug_in(6, keys=range(113, 117), body=5)  # its volume keys, which could hold the power key as well
    machine.plug_in(7, product=0x0001)
    machine.will_type(keys_for("tkt-1\n", "us"))
    found, done = machine.run(DEVICE, 1, before=OTHER_NODES, after="print(json.dumps(done))")
    assert found == [["tkt-1", None]]
    assert done[:3] == ["grab /dev/input/event5", "grab /dev/input/event6", "read"]
    assert "grab /dev/input/event7" not in done


ONE_NODE_TAKEN = """
import errno

closed = []

class Taken(hid.InputDevice):
    def grab(self):
        if self.path.endswith("6"):
            raise OSError(errno.EBUSY, "Device or resource busy")

    def close(self):
        closed.append(self.path)
        super().close()

hid.InputDevice = Taken
"""


@pytest.mark.needs("umockdev-run")
def test_a_scanner_of_which_one_node_cannot_be_grabbed_is_not_read_at_all(machine):
    machine.plug_in(5)
    machine.plug_in(6, keys=range(113, 117), body=5)
    said, closed = machine.run(DEVICE, 1, before=ONE_NODE_TAKEN, after="print(json.dumps(sorted(set(closed))))")
    assert said == "/dev/input/event6: another program holds it: [Errno 16] Device or resource busy"
    assert closed == ["/dev/input/event5", "/dev/input/event6"]


LATE_NODE = """
nodes = hid.siblings
hid.siblings = lambda node: [node]
"""
GRABBED_LATER = """
hid.siblings = nodes
held = []
class Watched(hid.InputDevice):
    def grab(self):
        held.append(self.path)
hid.InputDevice = Watched
scanner = hid.HidScanner(device, Keys(Frames("left"), LAYOUTS["us"]))
held.clear()
hid.OTHER_NODES_NS = 0
from dataclasses import replace
now = clock.now()
scanner._nodes.pop("event6").close()
scanner.read(replace(now, boottime_ns=now.boottime_ns + 2 * 10**9))
scanner.read(replace(now, boottime_ns=now.boottime_ns + 4 * 10**9))
print(json.dumps(held))
"""


@pytest.mark.needs("umockdev-run")
def test_a_node_that_appears_after_its_scanner_was_opened_is_grabbed_too(machine):
    machine.plug_in(5)
    machine.plug_in(6, keys=range(113, 117), body=5)
    *_, held = machine.run(DEVICE, 0, before=LATE_NODE, after=GRABBED_LATER)
    assert held == ["/dev/input/event6"]


WITHOUT_EVDEV = """
from kiosk.scanners import bare
hid.InputDevice = bare.InputDevice
"""


@pytest.mark.needs("umockdev-run")
def test_without_evdev_the_same_codes_are_read_by_the_kernels_interface_alone(machine):
    machine.plug_in()
    machine.will_type(keys_for("TKT-yz_42?\nabc\n", "de"))
    assert machine.run(DEVICE, 2, layout="de", before=WITHOUT_EVDEV) == [[["TKT-yz_42?", None], ["abc", None]]]


@pytest.mark.needs("umockdev-run")
def test_without_evdev_a_device_says_the_same_of_itself(machine):
    machine.plug_in()
    told = """
import evdev
from kiosk.scanners import bare
for kind in (evdev.InputDevice, bare.InputDevice):
    told = kind(device)
    print(json.dumps([told.name, tuple(told.info), told.capabilities()[1]]))
    told.close()
"""
    before = told.replace("device)", "'/dev/input/event5')")
    by_evdev, alone, _ = machine.run("/dev/input/none", 0, before=before)
    assert alone == by_evdev != []


def test_a_scanner_that_is_not_there_is_lost_and_named(tmp_path):
    from kiosk.decode import Frames
    from kiosk.errors import ScannerLost
    from kiosk.keys import Keys
    from kiosk.scanners.hid import HidScanner

    keys = Keys(Frames("left"), LAYOUTS["us"])
    (tmp_path / "file").touch()
    for device in (str(tmp_path / "nowhere"), str(tmp_path / "file"), "by-id/nowhere", "by-path/nowhere", "/dev/null"):
        with pytest.raises(ScannerLost, match=device):
            HidScanner(device, keys)
