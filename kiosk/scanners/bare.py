"""An input device by the kernel's interface alone: what is used of evdev, where evdev is not installed.

evdev is compiled from source, and a missing compiler must not close a door. Numbers and structures are those of
linux/input.h; a 32-bit kernel's events are shorter, hence the native sizes.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Iterator
from typing import NamedTuple

EV_KEY = 1
_EVENT = struct.Struct("@llHHi")
_EVENTS_AT_ONCE = 64
_IDS = struct.Struct("@4H")
_KEY_BYTES = 96


def _asks(number: int, size: int) -> int:
    """The request code of an ioctl that reads so many bytes (linux/ioctl.h, _IOR of type E)."""
    return 2 << 30 | size << 16 | ord("E") << 8 | number


_GRAB = 1 << 30 | 4 << 16 | ord("E") << 8 | 0x90


class Event(NamedTuple):
    sec: int
    usec: int
    type: int
    code: int
    value: int


class Ids(NamedTuple):
    bustype: int
    vendor: int
    product: int
    version: int


class InputDevice:
    """An open event node. Everything raises OSError when the device is gone."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.fd = _open(path)
        try:
            self.info = Ids(*_IDS.unpack(self._ask(0x02, _IDS.size)))
        except OSError:
            self.close()
            raise

    def fileno(self) -> int:
        return self.fd

    @property
    def name(self) -> str:
        return self._ask(0x06, 256).split(b"\0")[0].decode(errors="replace")

    def capabilities(self) -> dict[int, list[int]]:
        """Return the keys it has."""
        return {EV_KEY: list(_set_bits(self._ask(0x20 + EV_KEY, _KEY_BYTES)))}

    def grab(self) -> None:
        fcntl.ioctl(self.fd, _GRAB, 1)

    def read(self) -> Iterator[Event]:
        """Return what waits, or raise BlockingIOError."""
        return map(Event._make, _EVENT.iter_unpack(os.read(self.fd, _EVENTS_AT_ONCE * _EVENT.size)))

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1

    def _ask(self, number: int, size: int) -> bytes:
        return _ask(self.fd, number, size)


def keys_down(descriptor: int) -> list[int]:
    """Return the keys that are down. Raises OSError.

    evdev's own takes a refusal for a fault of the interpreter.
    """
    return list(_set_bits(_ask(descriptor, 0x18, _KEY_BYTES)))


def _ask(descriptor: int, number: int, size: int) -> bytes:
    return fcntl.ioctl(descriptor, _asks(number, size), bytes(size))


def _open(path: str) -> int:
    flags = os.O_NONBLOCK | os.O_CLOEXEC
    try:
        return os.open(path, os.O_RDWR | flags)
    except PermissionError:
        return os.open(path, os.O_RDONLY | flags)


def _set_bits(mask: bytes) -> Iterator[int]:
    return (index * 8 + bit for index, byte in enumerate(mask) for bit in range(8) if byte >> bit & 1)
