"""Scanners that pretend to be a keyboard, by evdev. Grabbed before the first key is read: nothing reaches a console."""

from __future__ import annotations

import re
from collections.abc import Iterable

import evdev

from kiosk.errors import ScannerLost
from kiosk.keys import Keys
from kiosk.model import Moment, Reading

VID_PID = re.compile(r"^([0-9a-fA-F]{4}):([0-9a-fA-F]{4})$")


class HidScanner:
    """An open and grabbed input device."""

    def __init__(self, device: str, keys: Keys) -> None:
        self._keys = keys
        try:
            self._input = evdev.InputDevice(find(device))
        except OSError as error:
            raise ScannerLost(f"{device}: {error}") from error
        try:
            self._input.grab()
        except OSError as error:
            self._input.close()
            raise ScannerLost(f"{device}: another program holds it: {error}") from error

    def fileno(self) -> int:
        return int(self._input.fd)

    def read(self, moment: Moment) -> list[Reading]:
        """Return the codes that are complete by the keys that have arrived. Raises ScannerLost."""
        try:
            events = list(self._input.read())
        except BlockingIOError:
            return []
        except OSError as error:
            raise ScannerLost(f"{self._input.path}: {error}") from error
        return [reading for event in events for reading in self._keys.feed(event.type, event.code, event.value, moment)]

    def close(self) -> None:
        self._input.close()


def find(device: str) -> str:
    """Return the path of a device given as a path, `by-id/…`, `by-path/…`, `vid:pid`, or `auto`. Raises ScannerLost."""
    if device.startswith(("by-id/", "by-path/")):
        return f"/dev/input/{device}"
    if device.startswith("/"):
        return device
    return _only(device, [path for path in evdev.list_devices() if _matches(path, device)])


def _only(device: str, found: list[str]) -> str:
    if len(found) == 1:
        return found[0]
    if found:
        raise ScannerLost(f"{device}: {len(found)} devices fit: name one by its path ({', '.join(sorted(found))})")
    raise ScannerLost(f"{device}: no such scanner is plugged in, or this user may not read /dev/input")


def _matches(path: str, device: str) -> bool:
    try:
        found = evdev.InputDevice(path)
        try:
            return _is(found, device)
        finally:
            found.close()
    except OSError:  # it was pulled, or is not ours to read: then it is not the one
        return False


def _is(found: evdev.InputDevice, device: str) -> bool:
    if wanted := VID_PID.match(device):
        return (int(wanted[1], 16), int(wanted[2], 16)) == (found.info.vendor, found.info.product)
    return device == "auto" and _types(found.capabilities().get(evdev.ecodes.EV_KEY, ()))


def _types(keys: Iterable[int]) -> bool:
    codes = evdev.ecodes
    return {codes.KEY_0, codes.KEY_9, codes.KEY_A, codes.KEY_Z, codes.KEY_ENTER} <= set(keys)
