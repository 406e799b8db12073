"""Hearing from udev, by umockdev, which sends its events to an unmodified pyudev."""

import socket
import subprocess
import sys

import pytest

from kiosk.scanners import hotplug
from kiosk.scanners.hotplug import Udev

pytest.importorskip("pyudev")


def test_what_cannot_be_had_is_none_and_said(monkeypatch, caplog):
    caplog.set_level("INFO")
    monkeypatch.setitem(sys.modules, "pyudev", None)
    assert hotplug.hotplug() is None
    assert "looked for twice a second" in caplog.text


class Monitor:
    """A monitor whose socket has overflowed once."""

    def __init__(self, devices) -> None:
        self.near, self.far = socket.socketpair()
        self.devices, self.overflowed = list(devices), True

    def fileno(self) -> int:
        return self.near.fileno()

    def poll(self, timeout):
        if self.overflowed:
            self.overflowed = False
            raise OSError("Error while polling fd")
        return self.devices.pop(0) if self.devices else None

    def close(self) -> None:
        self.near.close()
        self.far.close()


class Device:
    def __init__(self, action: str) -> None:
        self.action = action


@pytest.mark.parametrize(
    ("actions", "changed"), [([], False), (["remove"], False), (["remove", "add"], True), (["add", "remove"], True)]
)
def test_an_overflow_means_look_again_and_afterwards_it_goes_on(actions, changed, caplog):
    udev = Udev.__new__(Udev)
    udev._monitor = Monitor(map(Device, actions))
    assert udev.changed() is True
    assert "more than its socket holds" in caplog.text
    assert udev.changed() is changed
    assert udev._monitor.devices == []
    udev._monitor.close()


@pytest.mark.needs("umockdev-run")
def test_a_device_that_is_plugged_in_is_told(tmp_path):
    """An event that udev sends wakes whoever polls, once."""
    script = """
import select
from kiosk.scanners.hotplug import hotplug
udev = hotplug()
print(udev is not None, select.select([udev], [], [], 0)[0], udev.changed())
"""
    (tmp_path / "devices").write_text("P: /devices/x\nE: SUBSYSTEM=input\n\n")
    done = subprocess.run(
        ["umockdev-run", "-d", str(tmp_path / "devices"), "--", sys.executable, "-c", script],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.split() == ["True", "[]", "False"], done.stderr
