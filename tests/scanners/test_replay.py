"""A recording, or standard input, as a scanner."""

import fcntl
import json
import os
import select
import struct
import subprocess
import sys
import termios
import threading
import time
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from kiosk import clock
from kiosk.cli.opening import opened
from kiosk.config import Scanner
from kiosk.decode import HALF, NOT_TEXT, TOO_LONG, Frames
from kiosk.errors import ScannerLost
from kiosk.scanners.binding import Bindings
from kiosk.scanners.replay import ReplayScanner

PATIENCE_S = 10.0
RECORDINGS = Path(__file__).parents[1] / "recordings"


def of_bytes(device: object) -> ReplayScanner:
    return ReplayScanner(str(device), {"bytes": Frames("left", idle_ms=5_000).feed})


def played(playing: ReplayScanner):
    """Read the whole recording, whenever there is something, to its end."""
    found = []
    with closing(playing) as scanner:
        while True:
            assert select.select([scanner], [], [], PATIENCE_S)[0], f"nothing came after {found}"
            try:
                found += [reading for reading in scanner.read(clock.now()) if reading.flaw != HALF]
            except ScannerLost:
                return found


def codes(readings) -> list[str]:
    return [reading.code for reading in readings]


def feeders() -> int:
    return sum(thread.name == "replay" for thread in threading.enumerate())


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


# --- plain bytes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"TKT-1\rTKT-2\r\nTKT-3\n", b"\nTKT-1\tTKT-2\r\r\rTKT-3\rHALF"])
def test_a_file_of_bytes_is_what_a_scanner_sends(tmp_path, data):
    (tmp_path / "bytes").write_bytes(data)
    assert codes(played(of_bytes(tmp_path / "bytes"))) == ["TKT-1", "TKT-2", "TKT-3"]


def test_bytes_that_are_no_text_and_codes_without_end_are_flaws(tmp_path):
    (tmp_path / "bytes").write_bytes(b"AB\xff\r" + b"K" * 9_000 + b"\rTKT-1\r")
    assert [reading.flaw for reading in played(of_bytes(tmp_path / "bytes"))] == [NOT_TEXT, TOO_LONG, None]


def test_an_empty_file_ends_at_once(tmp_path):
    (tmp_path / "bytes").touch()
    assert played(of_bytes(tmp_path / "bytes")) == []


def test_a_file_far_longer_than_a_pipe_arrives_whole_and_in_order(tmp_path):
    sent = [f"TKT-{number:06}" for number in range(20_000)]
    (tmp_path / "bytes").write_text("\n".join([*sent, ""]), encoding="ascii")
    assert codes(played(of_bytes(tmp_path / "bytes"))) == sent


# --- recordings with times -------------------------------------------------------------------------------------------


def test_a_recording_is_played_in_its_own_time(tmp_path):
    steps = [(0.0, "TKT-1\\r"), (0.12, "TKT-2\\r"), (0.3, "TKT-3\\r")]
    (tmp_path / "steps").write_text("".join(f'{{"at_s": {at}, "bytes": "{data}"}}\n' for at, data in steps))
    started = time.monotonic()
    found = played(of_bytes(tmp_path / "steps"))
    assert time.monotonic() - started >= 0.3
    assert codes(found) == ["TKT-1", "TKT-2", "TKT-3"]
    first_ns = found[0].moment.boottime_ns
    assert (found[2].moment.boottime_ns - first_ns) / 1e9 >= 0.3 - 0.1
    assert found[1].moment.boottime_ns < found[2].moment.boottime_ns


def test_every_byte_can_be_recorded(tmp_path):
    (tmp_path / "steps").write_text('{"at_s": 0, "bytes": "A\\u0000\\u00ff\\u0080Z\\r"}\n')
    (reading,) = played(of_bytes(tmp_path / "steps"))
    assert reading.raw == b"A\0\xff\x80Z"


@pytest.mark.parametrize(
    "bad",
    [
        "no JSON", "", "[]", "null", '{"at_s": 0}', '{"bytes": "X\\r"}', '{"at_s": "soon", "bytes": "X\\r"}',
        '{"at_s": 0, "bytes": 17}', '{"at_s": 0, "bytes": "\\u20ac\\r"}', '{"at_s": 0, "bytes": ["X"]}',
        '{"at_s": Infinity, "bytes": "X\\r"}', '{"at_s": NaN, "bytes": "X\\r"}', '{"at_s": 1e300, "bytes": "X\\r"}',
        "[" * 10_000, '{"at_s": ' + "9" * 5_000 + ', "bytes": "X\\r"}',
    ],
    ids=lambda bad: bad[:30],
)  # fmt: skip
def test_a_line_that_cannot_be_read_sends_nothing_and_the_next_one_does(tmp_path, caplog, bad):
    good = '{"at_s": 0.0, "bytes": "TKT-%d\\r"}\n'
    (tmp_path / "steps").write_text(good % 1 + bad + "\n" + good % 2)
    assert codes(played(of_bytes(tmp_path / "steps"))) == ["TKT-1", "TKT-2"]
    assert "a line of the recording cannot be read" in caplog.text


def test_a_time_that_has_passed_is_no_reason_to_wait(tmp_path):
    lines = ['{"at_s": 0.0, "bytes": "TKT-1\\r"}', '{"at_s": -5, "bytes": "TKT-2\\r"}']
    (tmp_path / "steps").write_text("\n".join(lines))
    assert codes(played(of_bytes(tmp_path / "steps"))) == ["TKT-1", "TKT-2"]


# --- what misbehaving scanners send ----------------------------------------------------------------------------------

KEPT = sorted(file.stem for file in RECORDINGS.glob("*.jsonl"))


def test_every_recording_has_its_expectation():
    assert sorted(file.stem for file in RECORDINGS.glob("*.json")) == KEPT


@pytest.mark.parametrize("name", KEPT)
def test_a_recorded_scanner_gives_the_codes_it_should(name, tmp_path):
    expected = json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))
    recipe = Scanner(name="left", device=str(RECORDINGS / f"{name}.jsonl"), **{**expected["scanner"], "kind": "replay"})
    found = played(opened(recipe, recipe.device, Bindings(tmp_path, ["left"])))
    assert [f"! {reading.flaw}" if reading.flaw else reading.code for reading in found] == expected["codes"]


# --- opened and closed -----------------------------------------------------------------------------------------------


def test_a_recording_that_is_not_there_is_a_lost_scanner_and_named(tmp_path):
    for device in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(ScannerLost, match=device.name):
            ReplayScanner(str(device), {"bytes": Frames("left").feed})


def test_closing_in_the_middle_ends_the_feeder_without_a_word_and_leaves_no_descriptor(tmp_path, eventually, caplog):
    (tmp_path / "bytes").write_bytes(b"TKT-1\r" * 100_000)
    before = descriptors()
    for _ in range(5):
        scanner = ReplayScanner(str(tmp_path / "bytes"), {"bytes": Frames("left").feed})
        select.select([scanner], [], [], PATIENCE_S)
        assert scanner.read(clock.now())
        scanner.close()
    eventually("the feeders have ended", lambda: feeders() == 0)
    assert descriptors() == before
    assert caplog.text == ""


LISTENING = """
import select, sys
from kiosk import clock
from kiosk.decode import Frames
from kiosk.errors import ScannerLost
from kiosk.scanners.binding import Bindings
from kiosk.scanners.replay import ReplayScanner

scanner = ReplayScanner(sys.argv[1], {"bytes": Frames("left", idle_ms=5000).feed})
print("open", flush=True)
while select.select([scanner], [], [], 10)[0]:
    try:
        for reading in scanner.read(clock.now()):
            print(reading.code, flush=True)
            if reading.code == "ENOUGH":
                raise SystemExit(0)
    except ScannerLost as ended:
        print(ended, flush=True)
        break
"""


class Listener:
    """A process that says what it hears from a device."""

    def __init__(self, device: str) -> None:
        self._said = b""
        self.process = subprocess.Popen(
            [sys.executable, "-c", LISTENING, device],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def tell(self, text: str) -> None:
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def unread(self) -> int:
        (number,) = struct.unpack("i", fcntl.ioctl(self.process.stdin, termios.FIONREAD, b"\0" * 4))
        return number

    def says(self) -> str:
        while b"\n" not in self._said:
            assert select.select([self.process.stdout], [], [], PATIENCE_S)[0], "it says nothing"
            self._said += os.read(self.process.stdout.fileno(), 4096)
        line, _, self._said = self._said.partition(b"\n")
        return line.decode()


@pytest.fixture
def listen():
    with ExitStack() as stack:

        def start(device: str) -> Listener:
            started = Listener(device)
            stack.enter_context(started.process)
            stack.callback(started.process.kill)
            return started

        yield start


def test_what_is_typed_on_standard_input_is_heard_at_once_and_its_end_is_the_end(listen):
    listener = listen("-")
    assert listener.says() == "open"
    for code in ("TKT-1", "TKT-2"):
        listener.tell(f"{code}\n")
        assert listener.says() == code
    listener.process.stdin.close()
    assert listener.says() == "the recording has ended"
    assert listener.process.wait(PATIENCE_S) == 0
    assert listener.process.stderr.read() == ""


def test_a_recording_comes_through_standard_input_however_it_is_cut(listen, eventually):
    listener = listen("-")
    assert listener.says() == "open"
    for piece in ("{", '"at_s"', ': 0.0, "bytes"', ': "TKT-1\\r"}\n{"at_s": 0.05, "bytes": "TKT-2\\r"}\n'):
        listener.tell(piece)
        eventually("the piece has been read", lambda: listener.unread() == 0)
    assert listener.says() == "TKT-1"
    assert listener.says() == "TKT-2"


def test_a_program_ends_although_its_standard_input_stays_open(listen):
    listener = listen("-")
    listener.tell("ENOUGH\n")
    assert listener.process.wait(PATIENCE_S) == 0
    assert listener.process.stderr.read() == ""


def test_a_named_pipe_is_a_scanner_that_keeps_nobody_waiting_until_somebody_writes(listen, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    listener = listen(str(fifo))
    assert listener.says() == "open"
    fifo.write_text("TKT-1\r", encoding="ascii")
    assert listener.says() == "TKT-1"
