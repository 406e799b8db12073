"""Hears of new devices from udev, by pyudev: after its rules have run, so that the device may be opened.

Where pyudev is not installed, or its socket not allowed, the ears find new devices by themselves, half a second later.
"""

from __future__ import annotations

import itertools
import logging
import os
import socket
from collections.abc import Iterator
from typing import Any

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
        """Take what waits; tell whether a device is among it that may be opened now, or may have been."""
        try:
            return any([device.action != "remove" for device in self._waiting()])  # noqa: C419  # all are to be taken
        except OSError as error:
            log.warning("udev told more than its socket holds: %s", error)
            _clear_error(self.fileno())
            return True

    def _waiting(self) -> Iterator[Any]:
        return itertools.islice(iter(lambda: self._monitor.poll(timeout=0), None), MOST)


def _clear_error(descriptor: int) -> None:
    """Take the error off a socket, which is told once for each overflow (socket(7), SO_ERROR)."""
    with socket.socket(fileno=os.dup(descriptor)) as copy:
        copy.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def hotplug() -> Udev | None:
    """Return what tells of new devices; None where nothing can."""
    try:
        return Udev()
    except (ImportError, OSError) as error:
        log.info("no word from udev (%s): new scanners are looked for twice a second", error)
        return None
