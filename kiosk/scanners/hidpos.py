"""Scanners in HID-POS mode, by hidraw: whole codes in reports of their own, of which nothing reaches a console.

hidraw keeps 63 reports for a reader that is away and drops the newest, silently (drivers/hid/hidraw.c): the parts of a
code may then have a gap that no report shows. Only that so many were waiting tells it, and from there on nothing is
believed that may be the rest of something, until the queue was empty once. On an unplug, unlike evdev, what is waiting
can still be read; then comes EIO.
"""

from __future__ import annotations

import fcntl
import logging
import os
import select
import struct
from collections.abc import Callable
from typing import Any

from kiosk.clock import now
from kiosk.descriptor import MAX_DESCRIPTOR, MAX_REPORT
from kiosk.errors import ScannerLost
from kiosk.model import Moment, Reading
from kiosk.parts import PATIENCE_NS, Parts
from kiosk.reports import Layout, layout

log = logging.getLogger(__name__)

RING = 63
"""How many reports hidraw keeps: HIDRAW_BUFFER_SIZE is 64, of which one place stays empty."""

QUIET_S = PATIENCE_NS / 1e9
"""How long is listened after opening, for the rest of a code that was under way."""

# linux/hidraw.h, by asm-generic/ioctl.h
_READ, _WRITE = 2 << 30, 1 << 30
HIDIOCGRDESCSIZE = _READ | 4 << 16 | ord("H") << 8 | 0x01
HIDIOCGRDESC = _READ | (4 + MAX_DESCRIPTOR) << 16 | ord("H") << 8 | 0x02
HIDIOCGRAWINFO = _READ | 8 << 16 | ord("H") << 8 | 0x03
HIDIOCSFEATURE_2 = _READ | _WRITE | 2 << 16 | ord("H") << 8 | 0x06
"""HIDIOCSFEATURE of two bytes: the report's id and its value."""

HONEYWELL = 0x0C2E
REDIRECTION = 254
"""Honeywell's feature report "output redirection": 1 sends codes by the scanned data report."""


class HidPosScanner:
    """An open hidraw device. Each read of its descriptor gives one whole report."""

    def __init__(self, node: str, descriptor: int, parts: Parts, described: bytes = b"") -> None:
        """Take an open device; `described` is its report descriptor, for a recording."""
        self._node, self._descriptor, self._parts, self._described = node, descriptor, parts, described
        self._in_a_row = 0

    def fileno(self) -> int:
        return self._descriptor

    def read(self, moment: Moment) -> list[Reading]:
        """Return the codes that are complete by the reports that have arrived. Raises ScannerLost."""
        readings: list[Reading] = []
        for _ in range(RING + 1):  # as many as can wait, and the word that there is no more
            try:
                report = self._next()
            except ScannerLost:
                if readings:  # what came before the plug was pulled counts; the next read finds it pulled
                    return readings
                raise
            if self._in_a_row >= RING:
                readings += self._parts.lose(moment)
            if report is None:
                self._in_a_row = 0
                return readings + self._parts.silence(moment)
            self._in_a_row += 1
            readings += self._parts.feed(report, moment)
        return readings

    def sent(self, moment: Moment) -> list[tuple[Moment, str, Any]]:
        """Return the next report, for a recording, the first behind its descriptor. Raises ScannerLost."""
        report, described, self._described = self._next(), self._described, b""
        found = [(moment, "descriptor", described.hex(" "))] if described else []
        return found if report is None else [*found, (moment, "report", report.hex(" "))]

    def due_ns(self) -> int | None:
        return self._parts.due_ns()

    def close(self) -> None:
        os.close(self._descriptor)

    def _next(self) -> bytes | None:
        try:
            report = os.read(self._descriptor, MAX_REPORT)
        except BlockingIOError:
            return None
        except OSError as error:
            raise ScannerLost(f"{self._node}: {error}") from error
        if not report:
            raise ScannerLost(f"{self._node}: it has come to an end")
        return report


def open_node(node: str, parts: Callable[[Layout], Parts]) -> HidPosScanner:
    """Open /dev/hidrawN, for one reader only. Raises ScannerLost."""
    try:
        return _opened(node, parts)
    except OSError as error:
        raise ScannerLost(f"{node}: {error}") from error


def _opened(node: str, parts: Callable[[Layout], Parts]) -> HidPosScanner:
    descriptor = _open(node)
    try:
        _claim(node, descriptor)
        described = _described(descriptor)
        shape = _layout(node, described)
        _direct_here(node, descriptor, shape)
        decoder = parts(shape)
        if select.select([descriptor], [], [], QUIET_S)[0]:  # who was just sending may be in the middle of a code
            decoder.lose(now())
        return HidPosScanner(node, descriptor, decoder, described)
    except BaseException:
        os.close(descriptor)
        raise


def _open(node: str) -> int:
    flags = os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    try:
        return os.open(node, os.O_RDWR | flags)
    except PermissionError:  # reading is all that codes need
        return os.open(node, os.O_RDONLY | flags)


def _claim(node: str, descriptor: int) -> None:
    """Keep a second kiosk away. Others cannot be: hidraw gives every reader all reports, and knows no grab."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ScannerLost(f"{node}: another program holds it: {error}") from error


def _described(descriptor: int) -> bytes:
    (size,) = struct.unpack("=I", _asked(descriptor, HIDIOCGRDESCSIZE, bytes(4)))
    answer = _asked(descriptor, HIDIOCGRDESC, struct.pack("=I", min(size, MAX_DESCRIPTOR - 1)) + bytes(MAX_DESCRIPTOR))
    return answer[4 : 4 + size]


def _layout(node: str, described: bytes) -> Layout:
    found = layout(described)
    if found is None:
        raise ScannerLost(f"{node}: is no bar code scanner in HID-POS mode: set it to that with its maker's code")
    return found


def _direct_here(node: str, descriptor: int, described: Layout) -> None:
    """Tell a Honeywell that has the choice to send codes this way. It may do so untold: a failure is only noted."""
    try:
        _, vendor, _ = struct.unpack("=IHH", _asked(descriptor, HIDIOCGRAWINFO, bytes(8)))
        if vendor == HONEYWELL and REDIRECTION in described.features:
            _asked(descriptor, HIDIOCSFEATURE_2, bytes([REDIRECTION, 1]))
    except OSError as error:
        log.warning("%s: could not be told to send codes as HID-POS reports: %s", node, error)


def _asked(descriptor: int, request: int, argument: bytes) -> bytes:
    answer = bytearray(argument)
    fcntl.ioctl(descriptor, request, answer)
    return bytes(answer)
