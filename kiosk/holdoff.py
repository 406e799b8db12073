"""The hold-off: the same code at the same lane again is the same guest, who gets the last verdict again.

A code that stays in front of its scanner slides its hold-off. What could not be read has no identity to compare.
"""

from __future__ import annotations

from dataclasses import dataclass

from kiosk.model import Answer, Direction
from kiosk.waiting import Case


@dataclass(slots=True)
class _Held:
    """What a lane showed last, and when its scanner last saw that code; `names` are what it was sent as and came to."""

    names: frozenset[str]
    direction: Direction
    seen_ns: int
    answer: Answer


class HoldOff:
    """Keeps the last answer of each lane. Belongs to the gate's thread."""

    def __init__(self, seconds: float) -> None:
        self.length_ns = int(seconds * 1e9)
        self._held: dict[str, _Held] = {}

    def keep(self, lane: str, names: frozenset[str], direction: Direction, seen_ns: int, answer: Answer) -> None:
        """Let this be what the lane shows again while one of these codes stays there."""
        self._held[lane] = _Held(names, direction, seen_ns, answer)

    def again(self, case: Case) -> Answer | None:
        """Return what its lane showed for this very code a moment ago, and let the hold-off begin anew."""
        held = self._held.get(case.reading.lane)
        if held is None or case.reading.flaw is not None or held.direction is not case.direction:
            return None
        if not held.names & case.names or case.seen_ns - held.seen_ns >= self.length_ns:
            return None
        held.seen_ns = case.seen_ns
        return held.answer

    def forget(self, code: str) -> None:
        """Let this code be judged anew, wherever it was shown."""
        self._held = {lane: held for lane, held in self._held.items() if code not in held.names}
