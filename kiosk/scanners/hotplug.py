"""Hears of new devices from udev, by pyudev: after its rules have run, so that the device may be opened.

Where pyudev is not installed, or its socket not allowed, the ears find new devices by themselves, half a second later.
"""

from __future__ import annotations

import logging

log = logging.getLogger(__name__)

SUBSYSTEMS = ("input", "hidraw", "tty")
MOST = 1000
"""How many events are taken at once: a hub full of scanners makes dozens."""


class Udev:
    """A socket on which udev tells of every device that comes and goes."""

    def __init__(self) -> None:
        import pyudev

        self._monitor = pyudev.Monitor.from_netlink(pyudev.Context())
        for subsystem in SUBSYSTEMS:
            self._monitor.filter_by(subsystem)
        self._monitor.start()

    def fileno(self) -> int:
        return int(self._monitor.fileno())

    def changed(self) -> bool:
        """Take what waits; tell whether a device is among it that may be opened now."""
        changed = False
        for _ in range(MOST):
            device = self._monitor.poll(timeout=0)
            if device is None:
                break
            changed |= device.action != "remove"
        return changed


def hotplug() -> Udev | None:
    """Return what tells of new devices; None where nothing can."""
    try:
        return Udev()
    except (ImportError, OSError) as error:
        log.info("no word from udev (%s): new scanners are looked for twice a second", error)
        return None
