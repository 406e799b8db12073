"""Where on the screen a verdict stands: with two scanners or more, each half belongs to some of the lanes.

A verdict leaves the other half alone, and ends by itself. What comes from no scanner (staff's manual entry, a program)
has the half that is free, the whole screen when both are; while both are taken it waits, for as long as it holds: who
asked by hand has the answer already. Pure: the page lays out what is said here.
"""

from __future__ import annotations

from collections.abc import Sequence

from kiosk.config import Scanner
from kiosk.display.snapshot import Half, Shown

ELSEWHERE = -1
"""The place of what belongs to no half; of everything, where there is one scanner."""

HALVES = 2

SAME_HAND_NS = 1_000_000_000
"""A code that stays before its scanner is read again and again; that is one presentation, not a second guest."""


class Places:
    """Keeps what each place shows."""

    def __init__(self, scanners: Sequence[Scanner]) -> None:
        lanes = [scanner.name for scanner in scanners if scanner.kind != "socket"]
        self._lanes = [lanes[number::HALVES] for number in range(HALVES)] if len(lanes) > 1 else []
        self._shown: dict[int, Shown] = {}

    def put(self, lane: str, shown: Shown) -> None:
        """Show this in the lane's place, instead of what is there."""
        self._shown[self._place(lane)] = shown

    def take_back(self, now_ns: int, reveal_s: float) -> None:
        """Take away what has been shown long enough."""
        self._shown = {at: one for at, one in self._shown.items() if now_ns - one.since_ns < reveal_s * 1e9}

    def holds(self, lane: str, seq: int, now_ns: int) -> bool:
        """Say whether this scan's code has just been shown there, so that seeing it again is no repeat."""
        shown = self._shown.get(self._place(lane))
        return (
            shown is not None
            and shown.facts["seq"] == seq
            and not shown.facts["repeated"]
            and now_ns - shown.since_ns < SAME_HAND_NS
        )

    @property
    def newest(self) -> Shown | None:
        """What was shown last and is shown still, wherever it is."""
        return max(self._shown.values(), key=lambda shown: shown.since_ns, default=None)

    @property
    def elsewhere(self) -> Shown | None:
        """What belongs to no half."""
        return self._shown.get(ELSEWHERE)

    @property
    def halves(self) -> tuple[Half, ...]:
        """The halves in the order of the configuration; none where the screen is one."""
        return tuple(Half(tuple(lanes), self._shown.get(number)) for number, lanes in enumerate(self._lanes))

    def _place(self, lane: str) -> int:
        return next((number for number, lanes in enumerate(self._lanes) if lane in lanes), ELSEWHERE)
