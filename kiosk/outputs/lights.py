"""A keyboard's lights, by the kernel's own input events: no library, and a scanner that is grabbed has them, too.

Many scanners in keyboard mode have no light and take the events all the same.
"""

from __future__ import annotations

import os
import struct

from kiosk.errors import OutputLost

_EVENT = struct.Struct("@llHHi")
"""struct input_event (linux/input.h): a time, which the kernel does not look at, type, code and value."""

_EV_SYN, _EV_LED = 0x00, 0x11
LEDS = {"num": 0x00, "caps": 0x01, "scroll": 0x02}
"""LED_NUML, LED_CAPSL, LED_SCROLLL (linux/input-event-codes.h)."""


class Light:
    """One light of a keyboard; off from the moment it is there. Raises OutputLost."""

    def __init__(self, path: str, led: str) -> None:
        self._path, self._led = path, LEDS[led]
        try:
            self._descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise OutputLost(f"{path}: {error.strerror}") from error
        try:
            self.put(on=False)
        except OutputLost:
            os.close(self._descriptor)
            raise

    def put(self, *, on: bool) -> None:
        events = _EVENT.pack(0, 0, _EV_LED, self._led, on) + _EVENT.pack(0, 0, _EV_SYN, 0, 0)
        try:
            os.write(self._descriptor, events)
        except OSError as error:
            raise OutputLost(f"{self._path}: {error.strerror}") from error

    def close(self) -> None:
        os.close(self._descriptor)
