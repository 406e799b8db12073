"""How the screen is to look, as the settings come, change, and cannot be read."""

import sqlite3
from dataclasses import replace

import pytest

from kiosk import clock
from kiosk.config import parse
from kiosk.display.guise import Guise
from kiosk.settings import Looks

NOW = clock.now()
PINK = {"deviceSettings": {"colorSettings": {"repeated": "pink"}}}


def later(seconds):
    return replace(NOW, boottime_ns=NOW.boottime_ns + int(seconds * 1e9))


class Cloud:
    """What was stored of the cloud's answer; counts how often it is asked for."""

    def __init__(self, answer=None):
        self.answer, self.asked = answer, 0

    def __call__(self):
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def guise():
    return Guise(parse("", "kiosk.toml"))


def test_without_settings_the_screen_looks_as_it_always_does(guise):
    guise.look(Cloud(), NOW)
    assert guise.looks == Looks()


def test_settings_that_come_and_change_are_followed(guise):
    cloud = Cloud(PINK)
    guise.look(cloud, NOW)
    assert guise.looks.repeated == "pink"
    cloud.answer = {"deviceSettings": {"scanRevealInterval": 10}}
    guise.look(cloud, later(1))
    assert (guise.looks.repeated, guise.looks.reveal_s) == ("orange", 10)


def test_the_settings_are_asked_for_once_a_second_and_joined_only_when_they_changed(guise):
    cloud = Cloud(PINK)
    for tenth in range(20):
        guise.look(cloud, later(tenth / 10))
    assert cloud.asked == 2
    joined = guise.looks
    cloud.answer = {"deviceSettings": {"colorSettings": {"repeated": "pink"}}}
    guise.look(cloud, later(3))
    assert guise.looks is joined


@pytest.mark.parametrize(
    "spoilt",
    [None, 5, {"deviceSettings": 5}, {**PINK, "accessControlSettings": []}, ValueError("no JSON"), sqlite3.Error("no")],
)
def test_settings_that_are_gone_or_cannot_be_read_leave_the_last_good_ones_in_force(guise, spoilt):
    guise.look(Cloud(PINK), NOW)
    guise.look(Cloud(spoilt), later(1))
    assert guise.looks.repeated == "pink"


def test_settings_that_are_not_there_are_nothing_to_tell(guise, caplog):
    for second, answer in enumerate([None, PINK, None]):
        guise.look(Cloud(answer), later(second))
    assert caplog.text == ""


def test_that_settings_cannot_be_read_is_said_once(guise, caplog):
    for second in range(3):
        guise.look(Cloud(sqlite3.DatabaseError("malformed")), later(second))
    assert caplog.text.count("the device settings cannot be read, the last ones stay: malformed") == 1


def test_a_door_that_does_not_ask_the_cloud_looks_as_its_file_says():
    guise = Guise(parse("[gate]\nsettings_from_cloud = false\n[display]\nscan_reveal_s = 5\n", "kiosk.toml"))
    guise.look(Cloud({"deviceSettings": {"scanRevealInterval": 10, "enableSoundFeedback": False}}), NOW)
    assert guise.looks == Looks(reveal_s=5)


def test_a_screen_is_told_all_of_it(guise):
    colours = {"repeated": "pink", "highlighted": "green", "actionRequired": "blue"}
    guise.look(Cloud({"deviceSettings": {"colorSettings": colours, "enableSoundFeedback": False}}), NOW)
    assert guise.facts() == {
        "revealSeconds": 3.0,
        "sound": False,
        "colours": {"success": "green", "declined": "red", **colours},
    }
