"""Scanners on a serial port or USB-CDC, by pyserial."""

from __future__ import annotations

import fcntl
import logging
import os
import re
import select
import termios
import threading
import time
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

import serial

from kiosk.clock import now
from kiosk.decode import Frames
from kiosk.dialects import Dialect
from kiosk.errors import ScannerLost
from kiosk.model import Answer, Moment, Reading, Result

log = logging.getLogger(__name__)

CHUNK = 4096
"""The kernel's tty buffer: more cannot be waiting."""

MOST_QUIET_S, OPENING_S = 0.5, 1.0
"""How long it is listened, after opening, for the rest of a code that was under way: for silence, and in all."""

# pyserial lets all of these through when a port vanishes at the wrong moment.
VANISHED = (serial.SerialException, OSError, termios.error)


class Line(NamedTuple):
    """How a port is set: bits a second, bits a character, and none, even, odd, mark or space."""

    baudrate: int = 9600
    bits: int = 8
    parity: str = "none"


class SerialScanner:
    """An open port, held exclusively: two readers would each get half of every code."""

    def __init__(self, device: str, line: Line, frames: Frames, dialect: Dialect = Dialect()) -> None:  # noqa: B008
        self._frames, self._dialect = frames, dialect
        self._marks = Marks(line.bits)
        self._lock = threading.Lock()
        try:
            self._port = serial.Serial(
                device, line.baudrate, line.bits, line.parity[0].upper(), timeout=0, exclusive=True
            )  # fmt: skip
        except VANISHED as error:
            raise ScannerLost(f"{device}: {error}") from error
        try:
            _set_up(self._port.fileno())
            self._early = _sent(self._port, min(frames.idle_s, MOST_QUIET_S))
        except VANISHED as error:
            self.close()
            raise ScannerLost(f"{device}: {error}") from error
        if self._early:
            frames.doubt(now())

    def fileno(self) -> int:
        return int(self._port.fileno())

    def read(self, moment: Moment) -> list[Reading]:
        """Return the codes that are complete by what has arrived. Raises ScannerLost."""
        readings = self._hear(self._data(), moment)
        return [replace(reading, asker=self._answer) for reading in readings] if any(self._dialect) else readings

    def _hear(self, data: bytes, moment: Moment) -> list[Reading]:
        if not data:
            return self._frames.silence(moment)
        readings: list[Reading] = []
        for sound, damaged in self._marks.split(data):
            readings += self._frames.receive(sound, moment) if sound else []
            readings += self._frames.damage(moment) if damaged else []
        return readings

    def sent(self, moment: Moment) -> list[tuple[Moment, str, Any]]:
        """Return what has arrived, for a recording. Raises ScannerLost."""
        data = self._data()
        found: list[tuple[Moment, str, Any]] = []
        for sound, damaged in self._marks.split(data) if data else ():
            found += [(moment, "bytes", sound.decode("latin-1"))] if sound else []
            found += [(moment, "damaged", 1)] if damaged else []
        return found

    def _data(self) -> bytes:
        """Return what has arrived, as the kernel marks it. Raises ScannerLost."""
        early, self._early = self._early, b""
        try:
            return early + bytes(self._port.read(CHUNK))
        except VANISHED as error:
            raise ScannerLost(f"{self._port.port}: {error}") from error

    def due_ns(self) -> int | None:
        return 0 if self._early else self._frames.due_ns()

    def close(self) -> None:
        with self._lock:
            with suppress(*VANISHED):  # a port that has gone has nothing to undo
                fcntl.ioctl(self._port.fileno(), termios.TIOCNXCL)
                self._port.reset_output_buffer()  # closing would wait for it
            self._port.close()

    def _answer(self, answer: Answer) -> None:
        """Have the scanner beep; comes from another thread, and never waits."""
        approved = answer.scan is not None and answer.scan.verdict.result is Result.APPROVED
        word = self._dialect.good if approved else self._dialect.bad
        if answer.repeated:
            word = self._dialect.again
        with self._lock:
            if not self._port.is_open:
                return
            try:
                os.write(self._port.fileno(), word)
            except OSError as error:  # the ears will notice, if it has gone
                log.info("%s: no beep: %s", self._port.port, error)


class Marks:
    r"""Takes out what the kernel puts in (termios(3), PARMRK): FF 00 before a damaged byte, FF before an FF."""

    _TOKEN = re.compile(rb"\xff\x00(?P<damaged>.)|\xff(?P<literal>\xff)|(?P<cut>\xff\x00?)\Z", re.DOTALL)

    def __init__(self, bits: int = 8) -> None:
        self._mask = bytes(byte & (1 << bits) - 1 for byte in range(256))
        self._cut = b""

    def split(self, data: bytes) -> list[tuple[bytes, bool]]:
        """Return the sound bytes in pieces, each with whether a damaged one follows."""
        data, self._cut = self._cut + data, b""
        pieces, sound, begin = [], b"", 0
        for token in self._TOKEN.finditer(data):
            sound += data[begin : token.start()] + (token["literal"] or b"")
            begin = token.end()
            self._cut = token["cut"] or b""
            if token["damaged"]:
                pieces.append((sound.translate(self._mask), True))
                sound = b""
        return [*pieces, ((sound + data[begin:]).translate(self._mask), False)]


def _set_up(port: int) -> None:
    """Have damage marked, leave the line up when closing, and let no other program in (tty_ioctl(4))."""
    settings = termios.tcgetattr(port)
    settings[0] |= termios.PARMRK | termios.INPCK
    settings[0] &= ~(termios.IGNPAR | termios.IGNBRK | termios.BRKINT)
    settings[2] &= ~termios.HUPCL
    termios.tcsetattr(port, termios.TCSANOW, settings)
    fcntl.ioctl(port, termios.TIOCEXCL)


def _sent(port: serial.Serial, quiet_s: float) -> bytes:
    """Return what is sent until nothing is any more: who had begun before the port was open goes on."""
    deadline, data = time.monotonic() + OPENING_S, b""
    while time.monotonic() < deadline and select.select([port], [], [], quiet_s)[0]:
        data += port.read(CHUNK)
    return data
