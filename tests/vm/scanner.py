"""A scanner in somebody's hand: plugs in, scans, is pulled."""

from __future__ import annotations

import base64
import difflib
from typing import Any

from tests.vm.guest.keyboard import strokes
from tests.vm.machine import Machine

POS_DATA = 56

PACE_MS = 8.0
"""Between two reports: the interval of most keyboards at full speed."""


class Gadget:
    """A device of the guest's gadget drivers, on one lane of the door."""

    def __init__(self, machine: Machine, lane: str, ids: tuple[int, int], part: str) -> None:
        self._machine, self.lane, self._part = machine, lane, part
        vendor, product = ids
        machine.call(
            "gadget.create", name=lane, vendor=vendor, product=product, serial=f"SN-{lane}", parts=[part]
        )  # fmt: skip

    def plug(self, patience_s: float = 30.0) -> float:
        """Plug in and wait until the gate listens; return how many seconds that took."""
        self._machine.call("gadget.plug", name=self.lane)
        return float(self._machine.call("door.await_scanners", connected={self.lane: True}, patience_s=patience_s))

    def pull(self) -> None:
        """Pull the plug and wait until the gate has noticed."""
        self._machine.call("gadget.pull", name=self.lane)
        self._machine.call("door.await_scanners", connected={self.lane: False})

    def report(self, reports: list[bytes], pace_ms: float = PACE_MS) -> dict[str, Any]:
        """Send reports at this pace, or as slowly as the host fetches them."""
        return dict(self._machine.end(self.begin(reports, pace_ms)))

    def begin(self, reports: list[bytes], pace_ms: float = PACE_MS) -> int:
        """Begin to send reports; `machine.end` waits for it."""
        return self._machine.begin(
            "gadget.report", name=self.lane, part=self._part, size=len(reports[0]), pace_ms=pace_ms,
            reports=base64.b64encode(b"".join(reports)).decode(),
        )  # fmt: skip

    def say(self, text: str) -> None:
        """Send text over a serial line."""
        self._machine.call("gadget.say", name=self.lane, data=text)


def keys(codes: list[str], layout: str) -> list[bytes]:
    """The reports that type these codes, each with Enter behind it."""
    return [report for code in codes for stroke in strokes(f"{code}\n", layout) for report in stroke.reports()]


def pos_reports(code: bytes) -> list[bytes]:
    """One code as a HID-POS scanner sends it: 56 bytes a report, bit 0 of the last byte while more is to come."""
    pieces = [code[start : start + POS_DATA] for start in range(0, len(code), POS_DATA)]
    return [
        bytes([2, len(piece)]) + b"]Q0" + piece.ljust(POS_DATA, b"\0") + b"s\0" + bytes([piece is not pieces[-1]])
        for piece in pieces
    ]


def recorded(scans: list[dict[str, Any]], lane: str) -> list[tuple[str, str]]:
    """What the journal has of a lane: codes and reasons, in order."""
    return [(scan["barcode"], scan["reason"]) for scan in scans if scan["scanner"] == lane]


def admitted(codes: list[str]) -> list[tuple[str, str]]:
    return [(code, "ok") for code in codes]


def difference(found: list[tuple[str, str]], expected: list[tuple[str, str]]) -> list[str]:
    """What is not as it should be, line by line: an assertion on hundreds of codes would show only the first."""
    lines = ([f"{code} {reason}" for code, reason in each] for each in (expected, found))
    return [line for line in difflib.unified_diff(*lines, "typed", "recorded", n=0, lineterm="") if line[0] in "+-"]
