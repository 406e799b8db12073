"""From a section of the configuration to an output: what it is told, and what is opened."""

import pytest

from kiosk import config
from kiosk.cli.fitted import meant, opened
from kiosk.errors import OutputLost
from kiosk.model import Answer
from kiosk.signals import Signal

SECTION = '[[output]]\nname = "x"\nkind = "{}"\npin = 17\n'
NOT_RECORDED = Answer(None, "see staff")


def output(text):
    return config.parse(text, "x").output[0]


def test_a_lamp_calls_for_staff_where_nothing_could_be_recorded_and_a_relay_stays_shut():
    assert meant(output(SECTION.format("lamp")), NOT_RECORDED) is Signal.SEE_STAFF
    assert meant(output(SECTION.format("relay")), NOT_RECORDED) is None


def test_an_output_is_told_only_of_what_it_is_for():
    assert meant(output(SECTION.format("lamp") + 'on = ["approved"]\n'), NOT_RECORDED) is None


def test_lights_are_opened_on_their_keyboard_and_sound_without_any(tmp_path, monkeypatch):
    lights = f'[[output]]\nname = "x"\nkind = "lights"\ndevice = "{tmp_path}/none"\n'
    with pytest.raises(OutputLost, match="none: No such file"):
        opened(output(lights), lambda: True)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OutputLost, match="aplay"):
        opened(output('[[output]]\nname = "x"\nkind = "sound"\n'), lambda: True)
