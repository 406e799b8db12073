"""What is either on or off: a relay, a lamp, a buzzer, a keyboard's light. Each signal is a rhythm of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from kiosk.fittings import Output
from kiosk.outputs.output import Rest
from kiosk.signals import Signal

GAP_MS = 150
"""How long a switch is off between two pulses: a turnstile lets one person through for each."""

BEATS: Mapping[Signal, tuple[int, ...]] = {
    Signal.APPROVED: (1,),
    Signal.CHECKOUT: (1, -1, 1),
    Signal.REPEATED: (1, -1, 1, -1, 1),
    Signal.DECLINED: (3, -1, 3),
    Signal.SEE_STAFF: (1, -1, 1, -2, 1, -1, 1),
}
"""A buzzer's rhythms, in fifths of its longest time on: below 0 it is off for so long."""

Rhythm = tuple[tuple[bool, int], ...]


def rhythm(output: Output, signal: Signal) -> Rhythm:
    """Return for how many milliseconds at a time an output is on and off. Never on for longer than its pulse."""
    if output.kind != "buzzer":
        return ((True, output.ms),)
    beat = output.ms / 5
    return tuple((length > 0, round(abs(length) * beat)) for length in BEATS[signal])


class Level(Protocol):
    """Something that is on or off, and was made off. All of it raises OutputLost."""

    def put(self, *, on: bool) -> None: ...
    def close(self) -> None: ...


class Switch:
    """Plays rhythms on a level, and leaves it off however they end."""

    def __init__(self, level: Level, rhythms: Mapping[Signal, Rhythm]) -> None:
        self._level, self._rhythms = level, rhythms
        self._cut = False

    def play(self, signal: Signal, rest: Rest) -> None:
        try:
            if self._cut and rest(GAP_MS / 1000):
                return
            self._cut = False
            for on, milliseconds in self._rhythms[signal]:
                self._level.put(on=on)
                if rest(milliseconds / 1000):
                    self._cut = True
                    break
        finally:
            self._level.put(on=False)

    def close(self) -> None:
        try:
            self._level.put(on=False)
        finally:
            self._level.close()
