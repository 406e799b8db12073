"""The sounds: told apart in noise and by whoever hears no pitch, equally loud, made here."""

import array
import io
import itertools
import math
import wave

import pytest

from kiosk import tones
from kiosk.signals import Signal


def samples(signal):
    with wave.open(io.BytesIO(tones.wav(signal))) as sound:
        assert (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) == (1, 2, tones.RATE)
        return array.array("h", sound.readframes(sound.getnframes()))


def loud(signal):
    """Blocks of 10 ms, and whether there is anything to hear in each."""
    size, found = tones.RATE // 100, samples(signal)
    blocks = [found[n : n + size] for n in range(0, len(found), size)]
    return [math.sqrt(sum(x * x for x in block) / len(block)) > 800 for block in blocks]


def bursts(signal):
    """How long it sounds at a time, in blocks: what is left of it where no pitch is heard."""
    return [len(list(group)) for heard, group in itertools.groupby(loud(signal)) if heard]


def crossings(signal, part):
    """How often a second it changes its sign in a part of what sounds: high is many, low is few."""
    found = samples(signal)[tones.RATE * tones.LEAD_MS // 1000 :]
    piece = found[int(len(found) * part[0]) : int(len(found) * part[1])]
    return sum((a < 0) != (b < 0) for a, b in itertools.pairwise(piece)) * tones.RATE / len(piece)


@pytest.mark.parametrize("signal", Signal)
def test_each_signal_is_a_whole_short_sound_that_neither_clips_nor_cracks(signal):
    found = samples(signal)
    assert 0.2 < len(found) / tones.RATE < 1.0
    assert max(map(abs, found)) < 32_000
    assert abs(found[-1]) < 800
    assert not any(found[: tones.RATE * tones.LEAD_MS // 1000])
    assert max(abs(b - a) for a, b in itertools.pairwise(found)) < 16_000


def test_all_are_equally_loud_while_they_sound():
    def power(signal):
        heard = [x for x in samples(signal) if x]
        return math.sqrt(sum(x * x for x in heard) / len(heard)) / 32_767

    powers = [power(signal) for signal in Signal]
    assert max(powers) / min(powers) < 1.05
    assert min(powers) > 0.15


def test_those_with_pauses_differ_in_rhythm_from_all_others():
    """One sound without a pause, two long ones, three short ones: good, no, again, with no pitch heard at all."""
    assert [len(bursts(signal)) for signal in (Signal.APPROVED, Signal.DECLINED, Signal.REPEATED)] == [1, 2, 3]
    assert min(bursts(Signal.DECLINED)) > 2 * max(bursts(Signal.REPEATED))
    lengths = {signal: sum(bursts(signal)) for signal in Signal}
    assert lengths[Signal.SEE_STAFF] > 1.5 * lengths[Signal.APPROVED]


def test_in_goes_up_out_goes_down_and_no_is_low():
    first, last = (0.0, 0.25), (0.75, 1.0)
    assert crossings(Signal.APPROVED, last) > 1.3 * crossings(Signal.APPROVED, first)
    assert crossings(Signal.CHECKOUT, first) > 1.3 * crossings(Signal.CHECKOUT, last)
    others = [crossings(signal, (0.0, 1.0)) for signal in (Signal.APPROVED, Signal.CHECKOUT, Signal.SEE_STAFF)]
    assert crossings(Signal.DECLINED, (0.0, 1.0)) < 0.6 * min(others)
