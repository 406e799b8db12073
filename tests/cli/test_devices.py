"""`kiosk devices`, from outside: what umockdev plugs in is what it shows."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kiosk.scanners.binding import FILE

pytestmark = pytest.mark.needs("umockdev-run")

USB = "/devices/pci0000:00/usb1/1-2"
EVENT = f"{USB}/1-2:1.0/0003:0C2E:0B61.0001/input/input5"
LINK = "input/by-id/usb-Honeywell_Voyager_SN1-event-kbd"
PLUGGED = (
    f"P: {USB}\nE: SUBSYSTEM=usb\nA: idVendor=0c2e\nA: idProduct=0b61\nA: serial=SN1\nA: manufacturer=Honeywell\n"
    f"A: product=Voyager\n\n"
    f"P: {EVENT}/event5\nN: input/event5\nS: {LINK}\nE: DEVNAME=/dev/input/event5\nE: SUBSYSTEM=input\n"
    f"L: device=../../input5\n\n"
    f"P: {EVENT}\nE: SUBSYSTEM=input\nA: name=Voyager\nA: capabilities/key=ffffffffffffff fffffffffffffffe\n\n"
)
NOTHING = f"P: {USB}\nE: SUBSYSTEM=usb\n\n"


class Machine:
    def __init__(self, directory: Path) -> None:
        self.directory, self.file = directory, directory / "kiosk.toml"

    def configure(self, text: str) -> None:
        place = f'[device]\ndata_dir = "{self.directory / "data"}"\nruntime_dir = "{self.directory / "run"}"\n'
        (self.directory / "data").mkdir(exist_ok=True)
        self.file.write_text(place + text)

    def command(self, *arguments: str, devices: str = PLUGGED) -> list[str]:
        (self.directory / "devices").write_text(devices)
        devices_file = str(self.directory / "devices")
        kiosk = [sys.executable, "-m", "kiosk", *arguments, "--config", str(self.file)]
        return ["umockdev-run", "-d", devices_file, "--", *kiosk]

    def run(self, *arguments: str, devices: str = PLUGGED) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments, devices=devices), capture_output=True, text=True, timeout=60, check=False
        )


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_a_scanner_is_shown_with_the_lines_to_paste_and_they_are_a_configuration(machine):
    done = machine.run("devices")
    assert done.returncode == 0, done.stderr
    assert "Honeywell Voyager (in keyboard mode, 0c2e:0b61, serial number SN1, port 1-2, not configured)" in done.stdout
    machine.configure(done.stdout.partition("    [[scanner]]")[2].join(["[[scanner]]", ""]).replace("…", "left"))
    again = machine.run("devices")
    assert "lane left" in again.stdout
    assert "[[scanner]]" not in again.stdout


def test_for_programs_it_is_one_object_a_line(machine):
    machine.configure('[[scanner]]\nname = "left"\nkind = "hid"\n')
    (line,) = machine.run("devices", "--json").stdout.splitlines()
    found = json.loads(line)
    assert found == {
        "kind": "hid", "node": "/dev/input/event5", "device": f"/dev/{LINK}", "name": "Honeywell Voyager",
        "ids": "0c2e:0b61", "serial": "SN1", "port": "1-2", "links": [f"/dev/{LINK}"], "lane": "left",
        "usable": found["usable"],
    }  # fmt: skip


def test_without_any_device_it_says_so_and_is_done(machine):
    done = machine.run("devices", devices=NOTHING)
    assert (done.returncode, done.stdout) == (0, "")
    assert "Nothing that could be a scanner is plugged in" in done.stderr


def test_a_configuration_that_is_wrong_is_said_and_the_devices_are_shown(machine):
    machine.file.write_text("[nonsense]\n")
    done = machine.run("devices")
    assert done.returncode == 0
    assert "the configuration is left out" in done.stderr
    assert "Honeywell Voyager" in done.stdout


def test_another_device_in_a_lanes_place_is_told_until_it_is_accepted(machine):
    machine.configure('[[scanner]]\nname = "left"\nkind = "hid"\n')
    kept = {"left": {"device": "auto", "ids": "046d:c31c", "serial": "", "port": "1-2", "name": "Keyboard"}}
    (machine.directory / "data" / FILE).write_text(json.dumps(kept))
    done = machine.run("devices")
    assert "another device (0c2e:0b61 Honeywell Voyager) is where 046d:c31c Keyboard was" in done.stderr
    assert "kiosk devices --accept left" in done.stderr
    assert machine.run("devices", "--accept", "left").returncode == 0
    assert "lane left" in machine.run("devices").stdout
    refused = machine.run("devices", "--accept", "left")
    assert refused.returncode == 1
    assert "nothing to accept" in refused.stderr


def test_watching_goes_on_until_it_is_told_to_stop(machine):
    with subprocess.Popen(machine.command("devices", "--watch"), stdout=subprocess.PIPE, text=True) as watching:
        assert "Honeywell Voyager" in watching.stdout.readline()
        (child,) = Path(f"/proc/{watching.pid}/task/{watching.pid}/children").read_text().split()
        os.kill(int(child), signal.SIGINT)
        assert watching.wait(10) == 0
