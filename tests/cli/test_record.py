"""`kiosk record`, from outside: what a scanner sent is written down, and played again it is the same."""

import json
import os
import pty
import signal
import subprocess
import sys
import tty
from contextlib import closing, suppress
from pathlib import Path

import pytest

from kiosk import clock
from kiosk.decode import Frames
from kiosk.errors import ScannerLost
from kiosk.scanners.replay import ReplayScanner


class Bench:
    """A configured lane whose scanner is a pty."""

    def __init__(self, directory: Path) -> None:
        self.far, near = pty.openpty()
        tty.setraw(near)
        self.running: list[subprocess.Popen[str]] = []
        self.near, self.out, self.file = near, directory / "out.jsonl", directory / "kiosk.toml"
        self.file.write_text(
            f'[device]\ndata_dir = "{directory / "data"}"\nruntime_dir = "{directory / "run"}"\n'
            f'[[scanner]]\nname = "left"\nkind = "serial"\ndevice = "{os.ttyname(near)}"\n'
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "kiosk", "record", "--config", str(self.file), *arguments]
        environ = os.environ | {"KIOSK_ALLOW_VOLATILE": "1"}
        self.running.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environ))
        return self.running[-1]

    def close(self) -> None:
        for process in self.running:
            process.kill()
            process.communicate()
        os.close(self.far)
        os.close(self.near)


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path)
    yield made
    made.close()


def played(recording: Path) -> list[bytes]:
    found: list[bytes] = []
    scanner = ReplayScanner(str(recording), {"bytes": Frames("left", idle_ms=5_000).feed})
    with closing(scanner), suppress(ScannerLost):
        while True:
            found += [reading.raw for reading in scanner.read(clock.now())]
    return found


def test_what_is_recorded_is_what_was_sent_with_its_times_and_can_be_played(bench, eventually):
    recording = bench.start("left", str(bench.out))
    assert "left is open" in recording.stderr.readline()
    os.write(bench.far, b"TKT-1\r\n")
    eventually("it is written", lambda: "TKT-1" in bench.out.read_text())
    os.write(bench.far, b"\x02K\xff\xe9\0\x03")
    eventually("the rest, too", lambda: bench.out.read_text().count("\n") == 2)
    recording.send_signal(signal.SIGINT)
    assert recording.wait(10) == 0
    assert "2 lines were recorded" in recording.stderr.read()
    first, second = (json.loads(line) for line in bench.out.read_text().splitlines())
    assert first == {"at_s": 0.0, "bytes": "TKT-1\r\n"}
    assert second["bytes"] == "\x02K\xff\xe9\0\x03"
    assert second["at_s"] > 0
    assert bench.out.stat().st_mode & 0o077 == 0  # codes are admissions
    assert played(bench.out) == [b"TKT-1", b"K\xff\xe9"]


def test_a_file_that_is_there_already_is_left_as_it_is(bench):
    bench.out.write_text("precious")
    recording = bench.start("left", str(bench.out))
    assert recording.wait(30) == 1
    assert "name a file that is not there yet" in recording.stderr.read()
    assert bench.out.read_text() == "precious"


def test_a_lane_that_is_not_there_is_told_with_those_that_are(bench):
    recording = bench.start("right", str(bench.out))
    assert recording.wait(30) == 1
    assert "no lane 'right' with a device; the configuration has: left" in recording.stderr.read()


def test_while_somebody_else_reads_the_scanner_nothing_is_recorded(bench):
    first = bench.start("left", "-")
    assert "left is open" in first.stderr.readline()
    second = bench.start("left", str(bench.out))
    assert second.wait(30) == 1
    assert "lock port" in second.stderr.read()
    first.send_signal(signal.SIGTERM)
    assert first.wait(10) == 0
