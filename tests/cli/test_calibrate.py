"""One scan, and the scanner's settings are known: with a real port, and with keys as the kernel gives them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from kiosk.calibration import TEXT, Found, Terminator, Wrong
from kiosk.cli.calibrate import collect, report
from kiosk.collection import SETTLED_NS, judge
from kiosk.config import Scanner
from kiosk.errors import Refused
from kiosk.store import audit
from kiosk.store import calibrated as store
from kiosk.tuning import Tuning
from tests.typist import ENTER, alt, press, typed

CODE = TEXT.encode()


class Calibration:
    """The command, running, with what it says as it goes."""

    def __init__(self, kiosk, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "kiosk", "calibrate", *arguments, "--config", str(kiosk.file), "--allow-volatile"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.said = ""

    def listens(self) -> None:
        """Wait until the scanner is open and the code is shown."""
        while "Scan this code" not in self.said:
            line = self.process.stderr.readline()
            assert line, self.said
            self.said += line

    def end(self) -> tuple[int, str]:
        """Return the exit status and what was printed."""
        printed, said = self.process.communicate(timeout=30)
        self.said += said
        return self.process.returncode, printed


@pytest.fixture
def calibrate(kiosk):
    started = []

    def start(*arguments: str) -> Calibration:
        started.append(Calibration(kiosk, *arguments))
        started[-1].listens()
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.communicate()


# --- with a real port ------------------------------------------------------------------------------------------------


def test_a_scan_on_the_only_port_prints_the_lines_to_paste(kiosk, calibrate):
    running = calibrate()
    assert "█" in running.said
    os.write(kiosk.master, b"]Q1" + CODE + b'"\r\n')
    assert running.end() == (0, 'prefix = "]Q1"\nsuffix = "\\""\n')
    assert "scanner left: prefix ']Q1', suffix '\"', end CR LF" in running.said
    assert "AIM" in running.said


def test_the_printed_lines_are_a_right_configuration(kiosk, cloud, calibrate):
    running = calibrate()
    os.write(kiosk.master, b"\\#" + CODE + b"\r")
    status, printed = running.end()
    scanner = f'[[scanner]]\nname = "left"\nkind = "serial"\ndevice = "{kiosk.scanner}"\n{printed}'
    kiosk.configure(cloud.url, scanner=scanner)
    assert (status, kiosk.call("check").returncode) == (0, 0)
    again = calibrate()
    os.write(kiosk.master, b"\\#" + CODE + b"\r")
    assert again.end() == (0, printed)
    assert "nothing is to be changed" in again.said


def test_a_code_in_pieces_is_one_scan(kiosk, calibrate):
    running = calibrate()
    for piece in (CODE[:5], CODE[5:], b"\r"):
        os.write(kiosk.master, piece)
        time.sleep(0.05)
    status, printed = running.end()
    assert status == 0
    assert "prefix" not in printed


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (bytes(byte ^ 0xA5 for byte in CODE + b"\r"), "7 bits or parity or baud rate"),
        (b"TKT-000001\r", "another code"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_printed(kiosk, calibrate, sent, said):
    running = calibrate()
    os.write(kiosk.master, sent)
    assert running.end() == (1, "")
    assert said in running.said
    assert "Traceback" not in running.said


def test_a_scanner_without_an_end_is_configured_so_and_better_changed(kiosk, calibrate):
    running = calibrate()
    os.write(kiosk.master, CODE)
    assert running.end() == (0, 'terminator = "none"\n')
    assert "only a silence ends it" in running.said


def test_seven_bits_are_configured(kiosk, calibrate):
    running = calibrate()
    os.write(kiosk.master, bytes(byte | byte.bit_count() % 2 << 7 for byte in CODE + b"\r"))
    assert running.end() == (0, 'bits = 7\nparity = "even"\n')


def test_when_nothing_comes_the_time_ends_with_advice(kiosk, calibrate):
    running = calibrate("--wait", "1")
    assert running.end() == (1, "")
    assert "nothing came from scanner left within 1 s" in running.said
    assert "serial or USB-CDC mode" in running.said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_can_be_stopped(kiosk, calibrate, number):
    running = calibrate()
    started = time.monotonic()
    running.process.send_signal(number)
    assert running.end() == (1, "")
    assert time.monotonic() - started < 2
    assert "Traceback" not in running.said


def test_a_sheet_is_written_before_the_scan(kiosk, calibrate, tmp_path):
    running = calibrate("--sheet", str(tmp_path / "sheet.svg"))
    assert (tmp_path / "sheet.svg").read_text(encoding="utf-8").startswith("<svg")
    os.write(kiosk.master, CODE + b"\r")
    assert running.end() == (0, "")


def test_a_port_that_is_not_there_is_a_failure(kiosk, cloud):
    kiosk.configure(cloud.url, scanner='[[scanner]]\nname = "left"\nkind = "serial"\ndevice = "/dev/nothing"\n')
    done = kiosk.call("calibrate", check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "/dev/nothing" in done.stderr


def test_a_gate_that_runs_holds_the_scanner(kiosk):
    kiosk.open_gate()
    done = kiosk.call("calibrate", check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "systemctl stop kiosk-gate" in done.stderr


# --- what was calibrated on the staff page ---------------------------------------------------------------------------


def tune(kiosk, *names):
    kiosk.data_dir.mkdir(exist_ok=True)
    own = Tuning(kind="serial", device=kiosk.scanner, settings={"prefix": "##"})
    store.write(kiosk.data_dir, dict.fromkeys(names, own))


def test_it_is_forgotten_through_the_gate_that_runs(kiosk, eventually):
    tune(kiosk, "left")
    kiosk.open_gate()
    assert kiosk.scanners()[0]["calibrated"] == {"prefix": "##"}
    done = kiosk.call("calibrate", "--forget")
    assert "scanner left: as configured again" in done.stderr
    assert store.read(kiosk.data_dir) == {}
    eventually("the gate says so", lambda: kiosk.scanners()[0]["calibrated"] is None)
    (row,) = [row for row in audit.read(kiosk.data_dir) if row["action"] == "calibration forgotten"]
    assert (row["by"], row["scanner"]) == ("command line", "left")


def test_it_is_forgotten_while_no_gate_runs_and_only_what_is_meant(kiosk):
    tune(kiosk, "left", "gone")
    for arguments in (["--forget"], ["--forget", "--scanner", "nobody"]):
        done = kiosk.call("calibrate", *arguments, check=False)
        assert (done.returncode, "left, gone" in done.stderr) == (1, True)
    kiosk.call("calibrate", "--forget", "--scanner", "gone")
    assert list(store.read(kiosk.data_dir)) == ["left"]
    kiosk.call("calibrate", "--forget")
    assert store.read(kiosk.data_dir) == {}
    assert [row["scanner"] for row in audit.read(kiosk.data_dir)] == ["gone", "left"]


def test_who_pastes_lines_is_told_what_wins_over_them(kiosk, calibrate):
    tune(kiosk, "left")
    running = calibrate()
    os.write(kiosk.master, b"++" + CODE + b"\r")
    assert running.end() == (0, 'prefix = "++"\n')
    assert 'wins over these lines: prefix = "##"' in running.said
    assert "kiosk calibrate --forget --scanner left" in running.said


# --- which scanner ---------------------------------------------------------------------------------------------------


def section(name: str, kind: str, device: str) -> str:
    return f'[[scanner]]\nname = "{name}"\nkind = "{kind}"\ndevice = "{device}"\n'


def test_of_several_scanners_one_must_be_named(kiosk, cloud, calibrate):
    both = section("left", "serial", kiosk.scanner) + section("right", "serial", "/dev/nothing")
    kiosk.configure(cloud.url, scanner=both + section("desk", "socket", str(kiosk.directory / "desk")))
    for arguments in ([], ["--scanner", "middle"], ["--scanner", "desk"]):
        done = kiosk.call("calibrate", *arguments, check=False)
        assert (done.returncode, done.stdout) == (2, "")
        assert "name one with --scanner: left, right" in done.stderr
    running = calibrate("--scanner", "left")
    os.write(kiosk.master, CODE + b"\r")
    assert running.end() == (0, "")


def test_manual_entry_beside_the_only_scanner_is_not_meant(kiosk, cloud, calibrate):
    desk = section("desk", "socket", str(kiosk.directory / "desk"))
    kiosk.configure(cloud.url, scanner=desk + section("left", "serial", kiosk.scanner))
    running = calibrate()
    os.write(kiosk.master, CODE + b"\r")
    assert running.end() == (0, "")


def test_without_a_scanner_the_configuration_is_wrong(kiosk, cloud):
    kiosk.configure(cloud.url, scanner="")
    done = kiosk.call("calibrate", check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "add a [[scanner]] section" in done.stderr


# --- keys ------------------------------------------------------------------------------------------------------------


class Typed:
    """A keyboard scanner, open, which tells what it got in batches."""

    def __init__(self, *batches) -> None:
        self._batches = list(batches)
        self._read, self._write = os.pipe()
        os.write(self._write, b"x" * len(batches))

    def fileno(self) -> int:
        return self._read

    def sent(self, moment):
        os.read(self._read, 1)
        return [(moment, "events", self._batches.pop(0))]

    def close(self) -> None:
        os.close(self._read)
        os.close(self._write)


HID = Scanner(name="left", kind="hid")


def calibrated(*batches, scanner=HID, stopped=lambda: False):
    source, told = Typed(*batches), []
    try:
        heard = collect(source, 0.5, told.append, stopped)
    finally:
        source.close()
    return judge(heard, scanner.layout), told


def lines(capsys, found, scanner=HID):
    capsys.readouterr()
    report(scanner, found)
    return capsys.readouterr()


@pytest.mark.parametrize("layout", ["de", "fr", "be"])
def test_a_keyboard_s_layout_is_found_and_printed(capsys, layout):
    events = typed(f"{TEXT}\r", layout)
    found, told = calibrated(events[:64], events[64:128], events[128:])
    assert lines(capsys, found).out == f'layout = "{layout}"\n'
    assert told[0].startswith("waiting for the scan")
    assert told[-1] == "receiving"


def test_what_the_file_says_already_is_not_to_be_changed(capsys):
    german = HID.model_copy(update={"layout": "de", "idle_ms": 300})
    found, _ = calibrated(typed(f"{TEXT}\r", "de"), scanner=german)
    said = lines(capsys, found, german)
    assert said.out == 'layout = "de"\n'
    assert "nothing is to be changed" in said.err


def test_patience_that_the_file_has_already_is_not_taken_away(capsys):
    found = Found("", "", Terminator.ENTER, ("us",), slowest_ms=100)
    assert lines(capsys, found).out == "idle_ms = 200\n"
    for idle_ms in (200, 300):
        assert lines(capsys, found, HID.model_copy(update={"idle_ms": idle_ms})).out == ""


def test_of_layouts_that_fit_equally_well_the_configured_one_stays(capsys):
    finnish = HID.model_copy(update={"layout": "fi"})
    found, _ = calibrated(typed(f"{TEXT}\r", "se"), scanner=finnish)
    said = lines(capsys, found, finnish)
    assert said.out == 'layout = "fi"\n'
    assert "nothing is to be changed" in said.err


def test_what_the_file_says_wrongly_is_printed_even_where_the_default_is_right(capsys):
    wrong = HID.model_copy(update={"layout": "de", "prefix": "~"})
    found, _ = calibrated(typed(f"{TEXT}\r", "us"), scanner=wrong)
    said = lines(capsys, found, wrong)
    assert said.out == 'layout = "us"\nprefix = ""\n'
    assert "put these lines into" in said.err


def test_a_scanner_in_alt_mode_needs_no_layout(capsys):
    found, _ = calibrated([*alt(TEXT), *press(ENTER)])
    said = lines(capsys, found)
    assert said.out == ""
    assert "ALT mode" in said.err


def test_a_layout_that_has_its_like_is_printed_with_the_other_beside_it(capsys):
    found, _ = calibrated(typed(f"{TEXT}\r", "ch-fr"))
    said = lines(capsys, found)
    assert said.out == 'layout = "ch-de"\n'
    assert '"ch-de" and "ch-fr"' in said.err


def test_what_is_wrong_with_keys_is_a_refusal(capsys):
    found, _ = calibrated(typed(f"{TEXT.swapcase()}\r"))
    assert isinstance(found, Wrong)
    with pytest.raises(Refused, match="CapsLock"):
        report(HID, found)
    assert capsys.readouterr().out == ""


def test_a_scan_is_over_after_a_silence_and_not_before():
    started = time.monotonic()
    found, _ = calibrated(typed(TEXT), press(ENTER))
    assert isinstance(found, Found)
    assert found.terminator == "Enter"
    assert SETTLED_NS / 1e9 <= time.monotonic() - started < SETTLED_NS / 1e9 + 5


def test_nothing_is_collected_after_the_time_or_once_stopped():
    source = Typed()
    started = time.monotonic()
    assert collect(source, 0.3, lambda _: None, lambda: False) == []
    assert time.monotonic() - started >= 0.3
    assert collect(source, 60.0, lambda _: None, lambda: True) == []
    source.close()


def test_a_scanner_that_never_stops_is_not_waited_for():
    class Endless(Typed):
        def sent(self, moment):
            return [(moment, "events", list(press(30)) * 100)]

    source = Endless([])
    heard = collect(source, 5.0, lambda _: None, lambda: False)
    source.close()
    assert 20_000 <= len(heard) < 21_000
    assert isinstance(judge(heard, "us"), Wrong)
