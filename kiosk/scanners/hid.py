"""Scanners that pretend to be a keyboard. Grabbed before the first key is read: nothing reaches a console.

By evdev where it is installed, else by `bare.py`. Never evdev's asynchronous face: it loses keys when it is cancelled.
"""

from __future__ import annotations

import array
import fcntl
import itertools
import logging
import select
import struct
import time
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from kiosk.clock import boottime_ns, now
from kiosk.errors import ScannerLost
from kiosk.keys import EV_KEY, Keys
from kiosk.model import Moment, Reading
from kiosk.scanners.bare import keys_down
from kiosk.scanners.plugged import node_name, siblings

if TYPE_CHECKING:
    from kiosk.scanners.bare import Event, InputDevice
else:
    try:
        from evdev import InputDevice
    except ImportError:
        from kiosk.scanners.bare import InputDevice

log = logging.getLogger(__name__)

# linux/input.h
SET_CLOCK, SET_MASK = 0x400445A0, 0x40104593
EV_MSC = 4

RELEASE_S = 0.5
"""How long a key that is down is waited for: grabbed in between, it would stay down for the console."""

QUIET_S = 0.03
"""A scanner that types pauses for less: two reports at the 8 ms of a slow one, and as much again."""

MOST_QUIET_S = 0.5
"""So long it is listened at most, after opening, for the rest of a code that was under way."""

OTHER_NODES_NS = 1_000_000_000
"""When the nodes are counted again: those of one device appear one after the other."""


class HidScanner:
    """An open keyboard scanner, all of its nodes grabbed."""

    def __init__(self, node: str, keys: Keys) -> None:
        self._keys = keys
        self._nodes: dict[str, InputDevice] = {}
        self._timed = False
        try:
            self._input = self._hold(node)
            self._hold_others()
            self._early = _typed(self._input, min(keys.idle_s, MOST_QUIET_S)) if self._timed else []
        except OSError as error:
            self._let_go()
            raise ScannerLost(f"{node}: {error}") from error
        except BaseException:
            self._let_go()
            raise
        self._recount_ns: int | None = boottime_ns() + OTHER_NODES_NS
        if any(event.type == EV_KEY for event in self._early):
            self._keys.doubt(now())

    def fileno(self) -> int:
        return int(self._input.fd)

    def read(self, moment: Moment) -> list[Reading]:
        """Return the codes that are complete by the keys that have arrived. Raises ScannerLost."""
        events = self._events(moment)
        if not events:
            self._count_nodes_again(moment)
            return self._keys.silence(moment)
        return [
            reading
            for event, when in events
            for reading in self._keys.feed(event.type, event.code, event.value, when)
        ]  # fmt: skip

    def sent(self, moment: Moment) -> list[tuple[Moment, str, Any]]:
        """Return the events that have arrived, for a recording, those of one time together. Raises ScannerLost."""
        reports = itertools.groupby(self._events(moment), key=lambda timed: timed[1])
        return [
            (when, "events", [(event.type, event.code, event.value) for event, _ in timed]) for when, timed in reports
        ]

    def _events(self, moment: Moment) -> list[tuple[Event, Moment]]:
        """Return the events that have arrived, each with when the kernel got it. Raises ScannerLost."""
        events, self._early = self._early, []
        try:
            events += self._input.read()
        except BlockingIOError:
            pass
        except OSError as error:
            raise ScannerLost(f"{self._input.path}: {error}") from error
        return [(event, self._when(event, moment)) for event in events]

    def due_ns(self) -> int | None:
        if self._early:
            return 0
        return min((due for due in (self._keys.due_ns(), self._recount_ns) if due is not None), default=None)

    def close(self) -> None:
        """Let go, but not in the middle of a code: its rest would be typed on the console."""
        with suppress(OSError):  # it has gone, and types nothing any more
            _typed(self._input, QUIET_S)
        self._let_go()

    def _hold(self, node: str, *, patiently: bool = True) -> InputDevice:
        try:
            device = InputDevice(node)
        except OSError as error:
            raise ScannerLost(f"{node}: {error}") from error
        self._nodes[node_name(node)] = device
        self._timed = _use_clock_since_boot(device)
        if patiently:
            _wait_for_release(device)
        try:
            device.grab()
        except OSError as error:
            raise ScannerLost(f"{node}: another program holds it: {error}") from error
        _mask_scan_codes(device)
        return device

    def _hold_others(self, *, patiently: bool = True) -> None:
        for node in siblings(self._input.path):
            if node_name(node) not in self._nodes:
                self._hold(node, patiently=patiently)

    def _count_nodes_again(self, moment: Moment) -> None:
        if self._recount_ns is not None and moment.boottime_ns >= self._recount_ns:
            self._recount_ns = None
            self._hold_others(patiently=False)  # the ears wait for nothing

    def _when(self, event: Event, moment: Moment) -> Moment:
        if not self._timed:
            return moment
        at_ns = event.sec * 1_000_000_000 + event.usec * 1_000
        late = timedelta(microseconds=(moment.boottime_ns - at_ns) // 1_000)
        return replace(moment, boottime_ns=at_ns, at=moment.at - late)

    def _let_go(self) -> None:
        for device in self._nodes.values():
            device.close()


def _wait_for_release(device: InputDevice) -> None:
    """Wait until no key is down; a device that cannot tell is not waited for, nor is a key that is stuck."""
    deadline = time.monotonic() + RELEASE_S
    with suppress(OSError):
        while keys_down(device.fd) and time.monotonic() < deadline:
            time.sleep(0.001)


def _typed(device: InputDevice, quiet_s: float) -> list[Any]:
    """Return what is typed until nothing is any more. Raises OSError."""
    deadline, events = time.monotonic() + RELEASE_S + quiet_s, list[Any]()
    while time.monotonic() < deadline and select.select([device.fd], [], [], quiet_s)[0]:
        events += device.read()
    return events


def _use_clock_since_boot(device: InputDevice) -> bool:
    """Have events stamped by the monotonic clock of a Moment (EVIOCSCLOCKID); False where the kernel does not.

    Not by CLOCK_MONOTONIC and a difference taken here: who is put to sleep while taking it would see silence in a code.
    """
    return _set(device, SET_CLOCK, struct.pack("@i", time.CLOCK_BOOTTIME))


def _mask_scan_codes(device: InputDevice) -> None:
    """Keep out what nobody reads (EVIOCSMASK): the kernel queues 64 events, and scan codes are a third of them."""
    nothing = array.array("Q", [0])
    _set(device, SET_MASK, struct.pack("@IIQ", EV_MSC, 8, nothing.buffer_info()[0]))


def _set(device: InputDevice, request: int, argument: bytes) -> bool:
    try:
        fcntl.ioctl(device.fd, request, argument)
    except OSError as error:
        log.info("%s: the kernel does not take request %#x: %s", device.path, request, error)
        return False
    return True
