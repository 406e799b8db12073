"""On and off: how long, how often, and always off in the end. Time is an argument here."""

import pytest

from kiosk import config
from kiosk.errors import OutputLost
from kiosk.outputs.switch import GAP_MS, Switch, rhythm
from kiosk.signals import Signal


class Wire:
    """A level and the time on it: what was put, and how long it stayed so."""

    def __init__(self):
        self.steps, self.closed, self.cut_after = [(False, 0.0)], False, None

    def put(self, *, on):
        self.steps.append((on, 0.0))

    def close(self):
        self.closed = True

    def rest(self, seconds):
        on, before = self.steps[-1]
        cut = self.cut_after is not None and seconds >= self.cut_after
        self.steps[-1] = (on, before + (self.cut_after if cut else seconds))
        return cut

    @property
    def on_for(self):
        return [round(seconds, 3) for on, seconds in self.steps if on]


def recipe(kind, **more):
    lines = "".join(f"{key} = {value}\n" for key, value in more.items())
    return config.parse(f'[[output]]\nname = "x"\nkind = "{kind}"\npin = 17\n{lines}', "x").output[0]


def played(output, *signals, wire=None):
    wire = wire or Wire()
    switch = Switch(wire, {signal: rhythm(output, signal) for signal in Signal})
    for signal in signals:
        switch.play(signal, wire.rest)
    return wire


@pytest.mark.parametrize(("given", "seconds"), [({}, 0.5), ({"pulse_ms": 300}, 0.3), ({"pulse_ms": 10_000}, 10.0)])
def test_a_relay_is_on_once_for_its_pulse_and_then_off(given, seconds):
    wire = played(recipe("relay", **given), Signal.APPROVED)
    assert wire.on_for == [seconds]
    assert wire.steps[-1][0] is False


@pytest.mark.parametrize("kind", ["relay", "lamp", "buzzer"])
@pytest.mark.parametrize("signal", Signal)
def test_nothing_is_ever_on_for_longer_than_its_pulse(kind, signal):
    output = recipe(kind, pulse_ms=400)
    assert 0 < max(played(output, signal).on_for) <= 0.4


def test_a_buzzer_has_a_rhythm_of_its_own_for_each_signal():
    output = recipe("buzzer")
    assert len({rhythm(output, signal) for signal in Signal}) == len(Signal)


def test_what_is_newer_cuts_a_pulse_short_and_has_one_of_its_own_after_a_gap():
    wire = Wire()
    wire.cut_after = 0.2
    switch = Switch(wire, {signal: rhythm(recipe("relay"), signal) for signal in Signal})
    switch.play(Signal.APPROVED, wire.rest)
    wire.cut_after = None
    switch.play(Signal.APPROVED, wire.rest)
    assert wire.on_for == [0.2, 0.5]
    between = wire.steps[wire.steps.index((True, 0.2)) + 1]
    assert between == (False, GAP_MS / 1000)


def test_it_is_off_after_anything_that_goes_wrong_while_it_is_on():
    wire = Wire()

    def broken(seconds):
        raise RuntimeError("the clock has stopped")

    switch = Switch(wire, {Signal.APPROVED: ((True, 500),)})
    with pytest.raises(RuntimeError):
        switch.play(Signal.APPROVED, broken)
    assert wire.steps[-1][0] is False


def test_closing_switches_off_first():
    wire = Wire()
    wire.put(on=True)
    Switch(wire, {}).close()
    assert wire.steps[-1][0] is False
    assert wire.closed


def test_a_level_that_fails_is_closed_all_the_same():
    class Broken(Wire):
        def put(self, *, on):
            raise OutputLost("gone")

    wire = Broken()
    with pytest.raises(OutputLost):
        Switch(wire, {}).close()
    assert wire.closed
