"""Scanners on a serial port or USB-CDC, by pyserial."""

from __future__ import annotations

import termios

import serial

from kiosk.decode import Frames
from kiosk.errors import ScannerLost
from kiosk.model import Moment, Reading

CHUNK = 4096
"""The kernel's tty buffer: more cannot be waiting."""

# pyserial lets all of these through when a port vanishes at the wrong moment.
VANISHED = (serial.SerialException, OSError, termios.error)


class SerialScanner:
    """An open port, held exclusively: two readers would each get half of every code."""

    def __init__(self, device: str, baudrate: int, frames: Frames) -> None:
        self._frames = frames
        try:
            self._port = serial.Serial(device, baudrate, timeout=0, exclusive=True)
        except VANISHED as error:
            raise ScannerLost(f"{device}: {error}") from error

    def fileno(self) -> int:
        return int(self._port.fileno())

    def read(self, moment: Moment) -> list[Reading]:
        """Return the codes that are complete by what has arrived. Raises ScannerLost."""
        try:
            return self._frames.feed(self._port.read(CHUNK), moment)
        except VANISHED as error:
            raise ScannerLost(f"{self._port.port}: {error}") from error

    def close(self) -> None:
        self._port.close()
