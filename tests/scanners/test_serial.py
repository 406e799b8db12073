"""A scanner on a serial port: a pty, whose other end is the scanner; closing that end pulls the plug."""

import os
import pty
import select
import subprocess
import sys
import termios
import threading
import time
import tty
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kiosk import clock
from kiosk.decode import DAMAGED, LATE, MISSED, NOT_TEXT, TOO_LONG, Frames
from kiosk.dialects import DIALECTS, Dialect
from kiosk.errors import ScannerLost
from kiosk.model import Answer, Direction, Reason, Result, Scan, Verdict
from kiosk.scanners.serial import Line, Marks, SerialScanner

PATIENCE_S = 10.0
NEVER_MS = 1_000


class Port:
    """A serial port and the scanner at its far end."""

    def __init__(self) -> None:
        self._far, near = pty.openpty()
        tty.setraw(near)
        self.device = os.ttyname(near)
        self._near = near

    def send(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._far, data) :]

    def unplug(self) -> None:
        for descriptor in (self._far, self._near):
            with suppress(OSError):
                os.close(descriptor)


@pytest.fixture
def port():
    made = Port()
    yield made
    made.unplug()


@pytest.fixture
def scanner(port):
    with closing(SerialScanner(port.device, Line(), Frames("left", idle_ms=NEVER_MS))) as opened:
        yield opened


def heard(scanner, number: int):
    """Read, whenever there is something, until this many codes are whole."""
    found = []
    while len(found) < number:
        assert select.select([scanner], [], [], PATIENCE_S)[0], f"nothing came after {found}"
        found += scanner.read(clock.now())
    return found


def codes(scanner, number: int) -> list[str]:
    return [reading.code for reading in heard(scanner, number)]


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


# --- codes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n", b"\t", b"\x03"], ids=["CR", "LF", "CRLF", "TAB", "ETX"])
def test_a_code_ends_with_whatever_the_scanner_is_set_to_send(port, scanner, end):
    port.send(b"TKT-1" + end + b"TKT-2" + end)
    (first, second) = heard(scanner, 2)
    assert [(first.code, first.raw, first.flaw), (second.code, second.raw, second.flaw)] == [
        ("TKT-1", b"TKT-1", None), ("TKT-2", b"TKT-2", None),
    ]  # fmt: skip


def test_a_code_that_comes_in_pieces_is_one_code(port, scanner):
    for piece in (b"T", b"KT", b"-1\r\n", b"TKT-", b"2\r"):
        port.send(piece)
        select.select([scanner], [], [], PATIENCE_S)
        found = scanner.read(clock.now())
        assert [reading.code for reading in found] == {b"-1\r\n": ["TKT-1"], b"2\r": ["TKT-2"]}.get(piece, [])


def test_every_byte_a_scanner_can_send_comes_through_as_it_is(port, scanner):
    """No tty of any setting eats, echoes or translates a byte: XON, XOFF, EOF and the interrupt key among them."""
    special = bytes(byte for byte in range(1, 256) if byte not in b"\r\n\t\x02\x03")
    port.send(b"A" + special + b"Z\r")
    (reading,) = heard(scanner, 1)
    assert reading.raw == b"A" + special + b"Z"
    assert reading.flaw == NOT_TEXT
    assert not select.select([port._far], [], [], 0)[0]  # nothing was echoed to the scanner


def test_a_code_that_is_utf_8_is_text(port, scanner):
    port.send("Löwe-€\r".encode())
    assert codes(scanner, 1) == ["Löwe-€"]


def test_an_endless_code_is_one_flaw_and_the_next_code_is_whole_again(port, scanner):
    threading.Thread(target=port.send, args=(b"K" * 20_000 + b"\rTKT-2\r",)).start()
    endless, after = heard(scanner, 2)
    assert endless.flaw == TOO_LONG
    assert (after.code, after.flaw) == ("TKT-2", None)


def test_a_burst_far_beyond_the_kernels_buffer_arrives_whole_and_in_order(port, scanner):
    sent = [f"TKT-{number:06}" for number in range(5_000)]
    threading.Thread(target=port.send, args=("\r\n".join([*sent, ""]).encode(),)).start()
    assert codes(scanner, len(sent)) == sent


def test_reading_when_there_is_nothing_gives_nothing_and_does_not_wait(scanner):
    assert scanner.read(clock.now()) == []


def test_the_lane_and_the_moment_are_those_of_the_reading(port, scanner):
    port.send(b"TKT-1\r")
    select.select([scanner], [], [], PATIENCE_S)
    now = clock.now()
    (reading,) = scanner.read(now)
    assert (reading.lane, reading.moment, reading.direction) == ("left", now, None)


# --- plugged and unplugged -------------------------------------------------------------------------------------------


def test_half_a_code_and_an_unplugged_cable_is_a_lost_scanner_and_no_code(port, scanner):
    port.send(b"TKT-1\rTKT-")
    assert codes(scanner, 1) == ["TKT-1"]
    port.unplug()
    assert select.select([scanner], [], [], PATIENCE_S)[0]
    with pytest.raises(ScannerLost, match=port.device):
        scanner.read(clock.now())


def test_a_scanner_that_comes_back_under_its_name_is_opened_again_and_has_forgotten_the_half_code(tmp_path):
    name = tmp_path / "usb-Scanner_SN1-if00"
    for number in range(3):
        port = Port()
        name.symlink_to(port.device)
        with closing(SerialScanner(str(name), Line(), Frames("left", idle_ms=NEVER_MS))) as scanner:
            port.send(f"TKT-{number}\rHALF".encode())
            assert codes(scanner, 1) == [f"TKT-{number}"]
            port.unplug()
            select.select([scanner], [], [], PATIENCE_S)
            with pytest.raises(ScannerLost):
                scanner.read(clock.now())
        name.unlink()


def test_a_scanner_that_is_not_there_is_lost_and_named(tmp_path):
    with pytest.raises(ScannerLost, match="nowhere"):
        SerialScanner(str(tmp_path / "nowhere"), Line(), Frames("left"))


@pytest.mark.parametrize("kind", ["file", "directory", "device"])
def test_what_is_no_serial_port_is_a_lost_scanner(tmp_path, kind):
    (tmp_path / "file").write_bytes(b"TKT-1\r")
    device = {"file": tmp_path / "file", "directory": tmp_path, "device": Path("/dev/null")}[kind]
    with pytest.raises(ScannerLost):
        SerialScanner(str(device), Line(), Frames("left"))


def test_two_programs_cannot_share_a_scanner(port, scanner):
    with pytest.raises(ScannerLost, match=port.device):
        SerialScanner(port.device, Line(), Frames("right"))
    port.send(b"TKT-1\r")
    assert codes(scanner, 1) == ["TKT-1"]
    scanner.close()
    SerialScanner(port.device, Line(), Frames("right")).close()


def test_a_baud_rate_that_no_table_has_is_set_all_the_same(port):
    with closing(SerialScanner(port.device, Line(250_001), Frames("left"))) as scanner:
        port.send(b"TKT-1\r")
        assert codes(scanner, 1) == ["TKT-1"]


def test_however_often_a_scanner_is_lost_and_found_no_descriptor_is_left_open(port, tmp_path):
    before = descriptors()
    for _ in range(20):
        scanner = SerialScanner(port.device, Line(), Frames("left"))
        with pytest.raises(ScannerLost):
            SerialScanner(port.device, Line(), Frames("right"))
        with pytest.raises(ScannerLost):
            SerialScanner(str(tmp_path / "nowhere"), Line(), Frames("right"))
        with pytest.raises(ScannerLost):
            SerialScanner("/dev/null", Line(), Frames("right"))
        scanner.close()
    assert descriptors() == before


# --- nobody else, and nothing half -----------------------------------------------------------------------------------


def test_a_program_that_respects_no_lock_is_kept_out_too(port, scanner):
    """TIOCEXCL binds everybody but root: so a child that is nobody tries."""
    tries = "import os, sys; os.getuid() or os.setuid(65534); os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)"
    Path(port.device).chmod(0o666)
    done = subprocess.run([sys.executable, "-c", tries, port.device], capture_output=True, text=True, check=False)
    assert "Device or resource busy" in done.stderr
    scanner.close()
    assert subprocess.run([sys.executable, "-c", tries, port.device], check=False).returncode == 0


@pytest.mark.parametrize("pause_s", [0.002, 0.05, 0.15])
def test_a_port_that_is_opened_in_the_middle_of_a_code_does_not_take_its_rest_for_one(port, pause_s):
    """However slowly it comes: a pause within the idle time is no end."""
    stop = threading.Event()

    def scan_without_end() -> None:
        while not stop.wait(pause_s):
            port.send(b"7")

    sending = threading.Thread(target=scan_without_end)
    sending.start()
    with closing(SerialScanner(port.device, Line(), Frames("left", idle_ms=250))) as scanner:
        stop.set()
        sending.join()
        port.send(b"7\rTKT-1\r")
        assert [(reading.code, reading.flaw) for reading in heard(scanner, 2)] == [("", MISSED), ("TKT-1", None)]


def test_what_was_sent_while_a_port_was_opened_is_not_lost_in_silence(port):
    opened: list[SerialScanner] = []
    opening = threading.Thread(
        target=lambda: opened.append(SerialScanner(port.device, Line(), Frames("left", idle_ms=400)))
    )
    opening.start()
    while opening.is_alive():
        port.send(b"TKT-1\rTKT-2\r")
        time.sleep(0.05)
    with closing(opened[0]) as scanner:
        assert scanner.due_ns() == 0
        found = scanner.read(clock.now())
        assert (found[0].code, found[0].flaw) == ("", MISSED)
        assert {reading.code for reading in found[1:]} == {"TKT-1", "TKT-2"}


def test_whole_codes_that_came_before_anybody_listened_leave_no_doubt(port):
    with closing(SerialScanner(port.device, Line(), Frames("left", idle_ms=NEVER_MS))) as scanner:
        port.send(b"TKT-1\r")
        assert codes(scanner, 1) == ["TKT-1"]


def test_a_code_without_a_terminator_ends_in_silence_when_it_is_looked_for(port):
    with closing(SerialScanner(port.device, Line(), Frames("left", idle_ms=50, terminated=False))) as scanner:
        port.send(b"TKT-1")
        select.select([scanner], [], [], PATIENCE_S)
        assert scanner.read(clock.now()) == []
        due_ns = scanner.due_ns()
        assert due_ns - clock.boottime_ns() <= 50_000_001
        assert [reading.code for reading in scanner.read(replace(clock.now(), boottime_ns=due_ns))] == ["TKT-1"]
        assert scanner.due_ns() > due_ns  # it goes on being looked for


def test_what_is_read_late_in_the_middle_of_a_code_is_no_code(port):
    with closing(SerialScanner(port.device, Line(), Frames("left", idle_ms=50))) as scanner:
        port.send(b"TKT-")
        select.select([scanner], [], [], PATIENCE_S)
        now = clock.now()
        scanner.read(now)
        port.send(b"0001\rTKT-2\r")
        select.select([scanner], [], [], PATIENCE_S)
        found = scanner.read(replace(now, boottime_ns=now.boottime_ns + 2_000_000_000))
        assert [(reading.code, reading.flaw) for reading in found] == [("TKT-", LATE), ("TKT-2", None)]


def test_the_line_is_left_up_when_a_scanner_is_let_go(port, scanner):
    """A scanner that is powered by the line, or starts anew when it drops, would beep at each restart."""
    assert not termios.tcgetattr(scanner.fileno())[2] & termios.HUPCL


@pytest.mark.parametrize(("bits", "parity"), [(7, "even"), (7, "odd"), (8, "none"), (8, "space"), (7, "mark")])
def test_seven_bits_and_parity_are_asked_of_the_port(port, bits, parity):
    with closing(SerialScanner(port.device, Line(9600, bits, parity), Frames("left"))) as scanner:
        assert (scanner._port.bytesize, scanner._port.parity) == (bits, parity[0].upper())  # a pty has neither


def test_of_seven_bits_the_eighth_is_no_part_of_the_code(port):
    with closing(SerialScanner(port.device, Line(9600, 7, "even"), Frames("left", idle_ms=NEVER_MS))) as scanner:
        port.send(bytes(byte | (byte.bit_count() % 2) << 7 for byte in b"TKT-1\r"))
        assert codes(scanner, 1) == ["TKT-1"]


# --- damage, as the kernel marks it (a pty has none, so its marks are made here) -------------------------------------


@pytest.mark.parametrize("cut", [lambda data: [data], lambda data: [bytes([byte]) for byte in data]])
@pytest.mark.parametrize(
    ("data", "pieces"),
    [
        (b"abc", [(b"abc", False)]),
        (b"a\xff\xffb", [(b"a\xffb", False)]),
        (b"a\xff\x00Xb", [(b"a", True), (b"b", False)]),
        (b"\xff\x00\x00", [(b"", True), (b"", False)]),
        (b"a\xff\xff\xff\x00\xffb", [(b"a\xff", True), (b"b", False)]),
        (b"\xff\xff\x00X", [(b"\xff\x00X", False)]),
        (b"a\xff", [(b"a", False)]),
    ],
)
def test_marks_are_taken_out_and_damage_is_told(data, pieces, cut):
    marks, sound, damages = Marks(), b"", []
    for piece in cut(data):
        for found, damaged in marks.split(piece):
            sound += found
            damages += [len(sound)] if damaged else []
    assert sound == b"".join(found for found, _ in pieces)
    assert len(damages) == sum(damaged for _, damaged in pieces)


class Marking(SerialScanner):
    """A port whose kernel marks damage."""

    arrived = b""

    def _data(self) -> bytes:
        data, self.arrived = self.arrived, b""
        return data


def test_a_damaged_byte_makes_its_code_unreadable_and_no_other(port):
    with closing(Marking(port.device, Line(), Frames("left", idle_ms=NEVER_MS))) as scanner:
        scanner.arrived = b"TKT-\xff\x00\x211\rTKT-2\r"
        found = scanner.read(clock.now())
        assert [(reading.code, reading.flaw) for reading in found] == [("TKT-", DAMAGED), ("TKT-2", None)]


# --- beeps -----------------------------------------------------------------------------------------------------------

WELCOME = Verdict(Direction.CHECKIN, Result.APPROVED, Reason.OK)
SCAN = Scan(1, "id", datetime.now(UTC), "gate", clock.now(), "left", "TKT-1", WELCOME)
DECLINED = replace(SCAN, verdict=Verdict(Direction.CHECKIN, Result.DECLINED, Reason.UNKNOWN))


@pytest.mark.parametrize(
    ("answer", "sent"),
    [
        (Answer(SCAN, "Welcome"), b"\x16\x07\r"),
        (Answer(DECLINED, "not on the list"), b"\x16\x07\r\x16\x07\r"),
        (Answer(None, "see staff"), b"\x16\x07\r\x16\x07\r"),
        (Answer(SCAN, "Welcome", repeated=True), b""),
    ],
)
def test_a_scanner_beeps_once_for_good_and_twice_for_anything_else(port, answer, sent):
    with closing(SerialScanner(port.device, Line(), Frames("left"), DIALECTS["honeywell"])) as scanner:
        port.send(b"TKT-1\r")
        (reading,) = heard(scanner, 1)
        reading.asker(answer)
        port.send(b"")
        assert (os.read(port._far, 64) if select.select([port._far], [], [], 0.1)[0] else b"") == sent


def test_a_scanner_that_waits_for_an_acknowledgement_gets_one_each_time(port):
    with closing(SerialScanner(port.device, Line(), Frames("left"), DIALECTS["ack"])) as scanner:
        for answer in (Answer(SCAN, "Welcome"), Answer(SCAN, "Welcome", repeated=True), Answer(None, "see staff")):
            port.send(b"TKT-1\r")
            (reading,) = heard(scanner, 1)
            reading.asker(answer)
            assert select.select([port._far], [], [], PATIENCE_S)[0]
            assert os.read(port._far, 64) == b"\x06"


def test_a_scanner_that_speaks_no_dialect_is_left_alone(port, scanner):
    port.send(b"TKT-1\r")
    (reading,) = heard(scanner, 1)
    assert reading.asker is None


def test_a_beep_for_a_scanner_that_has_gone_or_does_not_listen_waits_for_nothing(port):
    scanner = SerialScanner(port.device, Line(), Frames("left"), Dialect(b"x" * 60_000, b""))
    port.send(b"TKT-1\r")
    (reading,) = heard(scanner, 1)
    began = time.monotonic()
    for _ in range(20):  # nobody reads the far end
        reading.asker(Answer(SCAN, "Welcome"))
    scanner.close()
    reading.asker(Answer(SCAN, "Welcome"))
    assert time.monotonic() - began < 1
