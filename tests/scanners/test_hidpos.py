"""A scanner in HID-POS mode: a socket that keeps reports apart stands in for its queue, umockdev for its driver.

What umockdev cannot do is keep reports apart, and an unplug; a virtual machine has the kernel's own hidraw.
"""

import errno
import json
import os
import select
import socket
import struct
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kiosk.descriptor import Field
from kiosk.errors import ScannerLost
from kiosk.model import Moment
from kiosk.parts import BYTES_LOST, PATIENCE_NS, Parts
from kiosk.reports import COMMON, Layout
from kiosk.scanners.hidpos import RING, HidPosScanner, open_node

LONG = b"M1GATHERGOOD/MICHAEL YABCDEF LHRDURAK 3542 052Y003D23  100 "


def moment(ns=0):
    return Moment(datetime(2026, 6, 1, 10, 0, tzinfo=UTC), 10**12 + ns, "boot")


def report(data, *, more=False):
    return bytes([2, len(data)]) + b"]Q1" + data.ljust(56, b"\0") + b"s\0" + bytes([more])


def reports(code):
    pieces = [code[at : at + 56] for at in range(0, len(code), 56)]
    return [report(piece, more=number < len(pieces) - 1) for number, piece in enumerate(pieces)]


def heard(readings):
    return [reading.code if reading.flaw is None else (reading.code, reading.flaw) for reading in readings]


class Plug:
    """A scanner's queue: what was sent can be read, one report a read; after an unplug comes the end."""

    def __init__(self):
        self.far, near = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        near.setblocking(False)
        self.scanner = HidPosScanner("/dev/hidraw9", near.detach(), Parts("left", COMMON))

    def send(self, *sent):
        for one in sent:
            self.far.send(one)

    def read(self, ns=0):
        return heard(self.scanner.read(moment(ns)))


@pytest.fixture
def plug():
    made = Plug()
    yield made
    made.far.close()
    made.scanner.close()


# --- what is read ----------------------------------------------------------------------------------------------------


def test_reading_when_nothing_was_scanned_gives_nothing_and_does_not_wait(plug):
    assert plug.read() == []


def test_all_reports_that_wait_are_read_at_once(plug):
    plug.send(report(b"TKT-1\r"), *reports(LONG), report(b"TKT-2"))
    assert select.select([plug.scanner], [], [], 0)[0]
    assert plug.read() == ["TKT-1", LONG.decode(), "TKT-2"]
    assert not select.select([plug.scanner], [], [], 0)[0]


def test_parts_may_come_in_several_reads(plug):
    first, second = reports(LONG)
    plug.send(first)
    assert plug.read(0) == []
    plug.send(second)
    assert plug.read(PATIENCE_NS) == [LONG.decode()]


def test_half_a_code_is_given_up_at_a_read_that_finds_nothing(plug):
    assert plug.scanner.due_ns() is None
    plug.send(reports(LONG)[0])
    assert plug.read(0) == []
    assert plug.scanner.due_ns() == moment(PATIENCE_NS + 1).boottime_ns
    assert plug.read(PATIENCE_NS) == []
    assert plug.read(PATIENCE_NS + 1) == [(LONG[:56].decode(), BYTES_LOST)]
    assert plug.read(PATIENCE_NS * 9) == []


def test_the_longest_report_that_there_is_arrives_whole(plug):
    plug.scanner = HidPosScanner(
        "/dev/hidraw9", plug.scanner.fileno(), Parts("left", Layout(None, Field(131_032, 8, 5)))
    )
    plug.send(bytes(16_379) + b"TKT1\0", bytes(16_379) + b"TKT2\0")
    assert plug.read() == ["TKT1", "TKT2"]


# --- more than the kernel keeps --------------------------------------------------------------------------------------


def test_one_report_less_than_the_kernel_keeps_is_no_loss(plug):
    plug.send(*[report(b"TKT-%d" % number) for number in range(RING - 1)])
    assert plug.read() == [f"TKT-{number}" for number in range(RING - 1)]
    plug.send(report(b"NEXT"))
    assert plug.read() == ["NEXT"]


def test_as_many_as_the_kernel_keeps_are_read_and_the_next_may_be_the_tail_of_what_it_dropped(plug):
    plug.send(*[report(b"TKT-%d" % number) for number in range(RING)])
    assert plug.read() == [f"TKT-{number}" for number in range(RING)]
    plug.send(report(b"TAIL"), report(b"OK"))
    assert plug.read() == [("TAIL", BYTES_LOST), "OK"]


def test_half_a_code_at_the_end_of_a_full_queue_joins_no_other(plug):
    plug.send(*[report(b"TKT-1")] * (RING - 1), report(b"A" * 56, more=True))
    assert plug.read() == ["TKT-1"] * (RING - 1) + [("A" * 56, BYTES_LOST)]
    plug.send(report(b"TAIL"), report(b"OK"))
    assert plug.read() == [("TAIL", BYTES_LOST), "OK"]


def test_nothing_is_believed_behind_a_full_queue_until_it_was_empty_once(plug):
    plug.send(*[report(b"TKT-1")] * (RING - 1), report(b"A" * 56, more=True))
    plug.send(report(b"B"), report(b"C"))  # they came while the others were read, and so may be tails
    found = plug.read() + plug.read()
    assert found == ["TKT-1"] * (RING - 1) + [("A" * 56, BYTES_LOST), ("B", BYTES_LOST), ("C", BYTES_LOST)]
    plug.send(report(b"D"), report(b"OK"))
    assert plug.read() == [("D", BYTES_LOST), "OK"]


def test_a_scanner_that_never_stops_does_not_keep_the_ears_from_the_others(plug):
    plug.send(*[report(b"TKT-1")] * 100)
    assert len(plug.read()) == RING + 1
    assert len(plug.read()) == 100 - RING - 1


# --- unplugged -------------------------------------------------------------------------------------------------------


def test_a_scanner_that_is_unplugged_in_mid_code_is_lost_and_gives_no_code(plug):
    plug.send(report(b"TKT-1"), reports(LONG)[0])
    assert plug.read() == ["TKT-1"]
    plug.far.close()
    assert select.select([plug.scanner], [], [], 0)[0]
    with pytest.raises(ScannerLost, match="/dev/hidraw9"):
        plug.read()


def test_what_was_scanned_just_before_the_plug_was_pulled_counts(plug):
    plug.send(report(b"TKT-1"), report(b"TKT-2"))
    plug.far.close()
    assert plug.read() == ["TKT-1", "TKT-2"]
    with pytest.raises(ScannerLost, match="end"):
        plug.read()


def test_an_unplugged_device_says_eio_and_that_is_a_lost_scanner():
    near, far = os.openpty()
    os.close(far)
    os.set_blocking(near, False)
    scanner = HidPosScanner("/dev/hidraw9", near, Parts("left", COMMON))
    with closing(scanner), pytest.raises(ScannerLost, match=f"/dev/hidraw9: .*{errno.EIO}"):
        scanner.read(moment())


# --- opened ----------------------------------------------------------------------------------------------------------

DESCRIPTOR = bytes.fromhex(
    "05 8C 09 02 A1 01 09 12 A1 02 85 02 15 00 26 FF 00 75 08 95 01 05 01 09 3B 81 02"
    "95 03 05 8C 09 FB 09 FC 09 FD 81 02 95 38 09 FE 82 02 01 06 66 FF 95 02 09 04 09 00 81 02"
    "05 8C 25 01 75 01 95 08 09 FF 81 02 C0 06 66 FF 75 08 26 FF 00 09 03 A1 02 85 FE 95 01 09 03 B2 82 01 C0 C0"
)
"""The common report, and Honeywell's feature report 254."""

NODE = "/dev/hidraw0"


def description():
    """What udev knows of a scanner (umockdev-record's format)."""
    parent = "/devices/pci0000:00/0000:00:14.0/usb1/1-1/1-1:1.0/0003:0C2E:0B61.0001"
    return (
        f"P: {parent}/hidraw/hidraw0\nN: hidraw0\nE: DEVNAME={NODE}\nE: MAJOR=247\nE: MINOR=0\nE: SUBSYSTEM=hidraw\n"
        f"A: dev=247:0\n\n"
    )


def answers(descriptor, vendor):
    """What the driver answers (the ioctls of linux/hidraw.h, as umockdev-record writes them)."""
    size = struct.pack("=I", len(descriptor))
    info = struct.pack("=IHH", 3, vendor, 0x0B61)
    lines = [
        f"HIDIOCGRDESCSIZE 0 {size.hex().upper()}",
        f"HIDIOCGRDESC 0 {(size + descriptor.ljust(4096, bytes(1))).hex().upper()}",
        f"HIDIOCGRAWINFO 0 {info.hex().upper()}",
    ]
    return f"@DEV {NODE}\n" + "\n".join(lines) + "\n"


def script(sent, asked):
    """One report, for umockdev does not keep two apart; `asked` when it was written to (its script format)."""
    escaped = "".join(f"^{chr(byte + 64)}" if byte < 32 else {94: "^`"}.get(byte, chr(byte)) for byte in sent)
    return ("w 0 go\n" if asked else "") + (f"r 0 {escaped}\n" if sent else "")


CHILD = """
import fcntl, json, os, select, sys
from functools import partial
from kiosk import clock
from kiosk.errors import ScannerLost
from kiosk.parts import Parts
from kiosk.scanners import hidpos

{before}
try:
    scanner = hidpos.open_node(sys.argv[1], partial(Parts, "left", prefix="~"))
    found = []
    if int(sys.argv[2]) and {asked}:
        os.write(scanner.fileno(), b"go")
    while len(found) < int(sys.argv[2]) and select.select([scanner], [], [], 10)[0]:
        found += scanner.read(clock.now())
    print(json.dumps([[reading.code, reading.flaw] for reading in found]))
    {while_open}
    scanner.close()
except ScannerLost as lost:
    print(json.dumps(str(lost)))
{after}
"""


class Machine:
    """A machine with one scanner plugged in."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def run(
        self,
        number=0,
        *,
        sent=b"",
        asked=True,
        descriptor=DESCRIPTOR,
        vendor=0x05E0,
        before="",
        while_open="",
        after="",
    ):
        """Return what a program that opens the scanner and reads this many codes says, line by line."""
        files = {
            "-d": ("described", description()),
            "-i": ("answers", answers(descriptor, vendor)),
            "-s": ("script", script(sent, asked)),
        }
        arguments = []
        for option, (name, text) in files.items():
            file = self._directory / name
            file.write_text(text, encoding="latin-1")
            arguments += [option, str(file) if option == "-d" else f"{NODE}={file}"]
        program = CHILD.format(asked=asked, before=before, while_open=while_open, after=after)
        done = subprocess.run(
            ["umockdev-run", *arguments, "--", sys.executable, "-c", program, NODE, str(number)],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        self.said = done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


@pytest.mark.needs("umockdev-run")
def test_what_a_scanner_reports_is_the_code(machine):
    assert machine.run(1, sent=report(b"~TKT 1\r\n")) == [[["TKT 1", None]]]


@pytest.mark.needs("umockdev-run")
def test_what_was_being_sent_while_the_scanner_was_opened_may_be_a_tail_and_is_no_code(machine):
    assert machine.run(1, sent=report(b"TAIL"), asked=False) == [[["TAIL", BYTES_LOST]]]


@pytest.mark.needs("umockdev-run")
def test_the_descriptor_says_where_the_code_is(machine):
    moved = bytes.fromhex("05 8C 09 02 A1 01 85 07 75 08 95 04 81 03 09 FE 95 08 81 02 C0")
    assert machine.run(1, sent=b"\x07----TKT-1\0\0\0", descriptor=moved) == [[["TKT-1", None]]]


@pytest.mark.needs("umockdev-run")
@pytest.mark.parametrize(
    "descriptor",
    [DESCRIPTOR[:-1], DESCRIPTOR.replace(b"\x05\x8c\x09\x02", b"\x05\x01\x09\x06"), b""],
    ids=["torn", "a keyboard's", "none"],
)
def test_what_is_no_scanner_is_not_read_and_the_mend_is_said(machine, descriptor):
    (said,) = machine.run(descriptor=descriptor)
    assert said.startswith("/dev/hidraw0: is no bar code scanner in HID-POS mode: ")


TWICE = """try:
        hidpos.open_node(sys.argv[1], partial(Parts, "right"))
    except ScannerLost as lost:
        print(json.dumps(str(lost)))
    scanner.close()
    scanner = hidpos.open_node(sys.argv[1], partial(Parts, "right"))"""


@pytest.mark.needs("umockdev-run")
def test_two_kiosks_cannot_share_a_scanner(machine):
    assert machine.run(while_open=TWICE) == [
        [],
        "/dev/hidraw0: another program holds it: [Errno 11] Resource temporarily unavailable",
    ]


WATCHED = """
asked = []
ask = fcntl.ioctl

def watched(descriptor, request, argument):
    if request & 0xFFFF == 0x4806:
        asked.append([request >> 16 & 0x3FFF, *argument])
        {fails}
        return 0
    return ask(descriptor, request, argument)

fcntl.ioctl = watched
"""


@pytest.mark.needs("umockdev-run")
@pytest.mark.parametrize(
    ("vendor", "descriptor", "expected"),
    [
        (0x0C2E, DESCRIPTOR, [[2, 254, 1]]),
        (0x05E0, DESCRIPTOR, []),
        (0x0C2E, DESCRIPTOR.replace(b"\x85\xfe", b"\x85\xfb"), []),
    ],
    ids=["a Honeywell", "another maker's", "a Honeywell without the switch"],
)
def test_a_honeywell_that_has_the_choice_is_told_to_send_codes_this_way(machine, vendor, descriptor, expected):
    before = WATCHED.format(fails="")
    assert machine.run(vendor=vendor, descriptor=descriptor, before=before, after="print(asked)") == [[], expected]
    assert machine.said == ""


@pytest.mark.needs("umockdev-run")
def test_a_honeywell_that_will_not_be_told_is_read_all_the_same(machine):
    before = WATCHED.format(fails='raise OSError(32, "Broken pipe")')
    assert machine.run(1, sent=report(b"TKT-1"), vendor=0x0C2E, before=before) == [[["TKT-1", None]]]
    assert "could not be told to send codes as HID-POS reports: [Errno 32] Broken pipe" in machine.said


READ_ONLY = """
opened = []
open_ = os.open

def may_not_write(path, flags, *rest, **more):
    if path == sys.argv[1]:
        opened.append(flags & os.O_ACCMODE)
        if flags & os.O_ACCMODE != os.O_RDONLY:
            raise PermissionError(13, "Permission denied")
    return open_(path, flags, *rest, **more)

os.open = may_not_write
"""


@pytest.mark.needs("umockdev-run")
def test_a_scanner_that_may_only_be_read_is_opened_for_reading(machine):
    assert machine.run(before=READ_ONLY, after="print(opened)") == [[], [os.O_RDWR, os.O_RDONLY]]


def parts(layout):
    return Parts("left", layout)


def descriptors():
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


@pytest.mark.parametrize("kind", ["nowhere", "file", "directory", "device"])
def test_what_is_no_hidraw_device_is_a_lost_scanner_and_let_go(tmp_path, kind):
    (tmp_path / "file").write_bytes(report(b"TKT-1"))
    (tmp_path / "directory").mkdir()
    node = "/dev/null" if kind == "device" else str(tmp_path / kind)
    before = descriptors()
    with pytest.raises(ScannerLost, match=node):
        open_node(node, parts)
    assert descriptors() == before
