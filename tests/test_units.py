"""The units start what there is, and keep the promises that are lines in them."""

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

SYSTEMD = Path(__file__).parents[1] / "systemd"
PROGRAMS = ("gate", "sync", "display")


def unit(program: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(SYSTEMD / f"kiosk-{program}.service")
    return parser


def test_every_program_has_a_unit_and_no_unit_is_without_a_program():
    units = {path.stem for path in SYSTEMD.glob("*.service")}
    assert units == {f"kiosk-{program}" for program in (*PROGRAMS, "screen")}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_unit_starts_its_program_again_and_again(program):
    found = unit(program)
    assert found["Service"]["ExecStart"].endswith(f"/kiosk {program}")
    assert found["Service"]["Restart"] == "always"
    assert found["Unit"]["StartLimitIntervalSec"] == "0"


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_unit_waits_for_the_network_or_the_clock(program):
    text = (SYSTEMD / f"kiosk-{program}.service").read_text()
    assert "network-online" not in text
    assert "time-sync" not in text


def test_the_gate_can_open_no_network_socket():
    families = unit("gate")["Service"]["RestrictAddressFamilies"].split()
    assert set(families) == {"AF_UNIX", "AF_NETLINK"}  # programs of this machine, and its kernel


@pytest.mark.parametrize("program", ["sync", "display"])
def test_the_others_see_no_device(program):
    assert unit(program)["Service"]["PrivateDevices"] == "yes"


@pytest.mark.needs("systemd-analyze")
@pytest.mark.parametrize("program", PROGRAMS)
def test_systemd_understands_every_line(program, tmp_path):
    """Verified with a command that exists, since the kiosk is not installed in /opt here."""
    copy = tmp_path / f"kiosk-{program}.service"
    text = (SYSTEMD / copy.name).read_text().replace("/opt/kiosk/bin/kiosk", shutil.which("true") or "")
    copy.write_text(text.replace("User=kiosk", "User=root"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--recursive-errors=yes", "--man=no", str(copy)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    complaints = [line for line in done.stderr.splitlines() if copy.name in line]
    assert complaints == []


OUTPUTS = SYSTEMD / "kiosk-gate.service.d" / "outputs.conf"


def test_outputs_are_switched_off_however_the_gate_ended_and_may_be_opened_by_it():
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(OUTPUTS)
    assert parser["Service"]["ExecStopPost"] == "-/opt/kiosk/bin/kiosk outputs --off"
    assert parser["Service"]["SupplementaryGroups"].split() == ["gpio", "audio"]
    assert unit("gate")["Service"]["WorkingDirectory"] == "%t/kiosk"  # lgpio makes a pipe where it is


@pytest.mark.needs("systemd-analyze")
def test_systemd_understands_the_lines_for_outputs(tmp_path):
    copy = tmp_path / "kiosk-gate.service"
    text = (SYSTEMD / copy.name).read_text().partition("[Install]")[0] + OUTPUTS.read_text()
    text = text.replace("/opt/kiosk/bin/kiosk", shutil.which("true") or "").replace("User=kiosk", "User=root")
    copy.write_text(text)
    command = ["systemd-analyze", "verify", "--recursive-errors=yes", "--man=no", str(copy)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert [line for line in done.stderr.splitlines() if copy.name in line] == []


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_that_hangs_is_noticed_and_a_card_that_hangs_for_a_while_kills_nobody(program):
    service = unit(program)["Service"]
    assert (service["Type"], service["NotifyAccess"]) == ("notify", "main")
    assert int(service["WatchdogSec"]) >= 30
    assert "AF_UNIX" in service["RestrictAddressFamilies"].split()  # systemd is told through a socket


SCREEN = SYSTEMD / "kiosk-screen.service"


@pytest.mark.needs("systemd-analyze")
def test_systemd_understands_the_screens_unit(tmp_path):
    copy = tmp_path / SCREEN.name
    text = (
        SCREEN.read_text().replace("/usr/bin/cage", shutil.which("true") or "").replace("=kiosk-screen\n", "=root\n", 1)
    )
    copy.write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--recursive-errors=yes", "--man=no", str(copy)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert [line for line in done.stderr.splitlines() if copy.name in line] == []


def test_the_screens_browser_has_a_new_profile_at_each_start_and_plays_sounds():
    text = SCREEN.read_text()
    assert "--user-data-dir=%t/kiosk-screen/profile" in text
    assert "RuntimeDirectory=kiosk-screen\n" in text
    assert "RuntimeDirectoryPreserve" not in text
    assert "--autoplay-policy=no-user-gesture-required" in text
