"""What a scanner sends while it is calibrated: all up to the silence behind a scan, bounded. Pure, never raises."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from kiosk import calibration
from kiosk.calibration import Found, KeyEvent, Wrong
from kiosk.model import Moment

Heard = tuple[int, KeyEvent | bytes]
"""When it was sent (boot time, ns), and what it was."""

KINDS = ("hid", "serial")
"""The scanners that can be set in more ways than one."""

SETTLED_NS = 800_000_000
"""So much silence ends a scan, whatever ends its code: a slow radio pauses for half a second."""

LONGEST_NS = 10_000_000_000
MOST_PIECES = 20_000
"""A scanner that goes on longer than this, in key events or bytes, sends something else."""

NO_BYTE = b"\xff"
"""Stands for a byte that came damaged: no part of any text."""


class Collection:
    """Begins to wait at `began_ns`; is over when a scan has settled, too much came, or nothing came for `wait_s`."""

    def __init__(self, began_ns: int, wait_s: float) -> None:
        self.heard: list[Heard] = []
        self._size = 0
        self._until_ns, self._last_ns = began_ns + int(wait_s * 1e9), 0

    def take(self, now_ns: int, sent: Iterable[tuple[Moment, str, Any]]) -> None:
        """Take what a device says that it got, as a recording would have it."""
        pieces = [piece for each in sent for piece in _pieces(*each)]
        if pieces:
            self._last_ns = self._last_ns if self.heard else now_ns + LONGEST_NS
            self._until_ns = min(self._last_ns, now_ns + SETTLED_NS)
        self._size += sum(len(piece) if isinstance(piece, bytes) else 1 for _, piece in pieces)
        self.heard += pieces

    def due_ns(self) -> int:
        """Return the time since boot at which it is over, if nothing more comes."""
        return self._until_ns

    def over(self, now_ns: int) -> bool:
        return now_ns >= self._until_ns or self._size >= MOST_PIECES

    def left_s(self, now_ns: int) -> float:
        return max(0.0, (self._until_ns - now_ns) / 1e9)


def _pieces(moment: Moment, kind: str, sent: Any) -> list[Heard]:
    """What a recording would have of it, in the form that calibration takes."""
    if kind == "bytes":
        return [(moment.boottime_ns, sent.encode("latin-1"))]
    if kind == "damaged":
        return [(moment.boottime_ns, NO_BYTE)] * int(sent)
    return [(moment.boottime_ns, (event[0], event[1], event[2])) for event in sent]


def judge(heard: Sequence[Heard], prefer: str) -> Found | Wrong:
    """Return what a scanner's input says; `prefer` comes first among layouts that fit equally well."""
    pieces = [(at_ns, sent) for at_ns, sent in heard if isinstance(sent, bytes)]
    events = [(at_ns, sent) for at_ns, sent in heard if not isinstance(sent, bytes)]
    return calibration.from_bytes(pieces) if pieces else calibration.from_keys(events, prefer)
