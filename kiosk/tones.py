"""The sounds of the door, made here: each a melody of its own, told apart by rhythm as well as by pitch.

A tone has an odd and an even harmonic, so that a small loudspeaker and a noisy hall leave enough of it; each melody has
the same power while it sounds, so that none is drowned and none hurts.
"""

from __future__ import annotations

import array
import io
import math
import sys
import wave
from functools import cache

from kiosk.signals import Signal

RATE = 24_000
LEAD_MS = 60
"""Silence in front: amplifiers and screens swallow the begin of what follows a pause."""

RAMP_MS = 6
"""How long a tone takes to rise and fall; without it there is a crack."""

LOUDNESS = 0.22
"""The root mean square while it sounds, of 1. Twice that as a peak, and a bit."""

Note = tuple[float, int]

MELODIES: dict[Signal, tuple[Note, ...]] = {
    Signal.APPROVED: ((880.0, 90), (1318.5, 220)),
    Signal.CHECKOUT: ((1318.5, 240), (880.0, 120)),
    Signal.REPEATED: ((988.0, 70), (0.0, 70), (988.0, 70), (0.0, 70), (988.0, 70)),
    Signal.DECLINED: ((392.0, 260), (0.0, 90), (330.0, 420)),
    Signal.SEE_STAFF: ((784.0, 140), (1046.5, 140), (784.0, 140), (1046.5, 140)),
}
"""Frequency (0 is a rest) and milliseconds: up for in, down for out, three short for again, two low and long for no, to
and fro for see staff."""


@cache
def wav(signal: Signal) -> bytes:
    """Return a signal's sound as a WAV file: mono, 16 bits."""
    samples = array.array("h", (round(value * 32_767) for value in _samples(MELODIES[signal])))
    if sys.byteorder == "big":
        samples.byteswap()
    file = io.BytesIO()
    with wave.open(file, "wb") as output:
        output.setparams((1, 2, RATE, 0, "NONE", ""))
        output.writeframes(samples.tobytes())
    return file.getvalue()


def _samples(melody: tuple[Note, ...]) -> list[float]:
    tones = [_tone(*note) for note in melody]
    sounding = [value for tone, note in zip(tones, melody, strict=True) if note[0] for value in tone]
    factor = LOUDNESS / math.sqrt(sum(value * value for value in sounding) / len(sounding))
    silence = [0.0] * (RATE * LEAD_MS // 1000)
    return silence + [value * factor for tone in tones for value in tone]


def _tone(frequency: float, milliseconds: int) -> list[float]:
    number, ramp = RATE * milliseconds // 1000, RATE * RAMP_MS // 1000
    step = 2 * math.pi * frequency / RATE
    return [
        min(1.0, index / ramp, (number - index) / ramp)
        * (math.sin(step * index) + 0.3 * math.sin(2 * step * index) + 0.3 * math.sin(3 * step * index))
        for index in range(number)
    ]
