"""A keyboard's lights, as the kernel takes them: on a pipe here."""

import os
import struct

import pytest

from kiosk.errors import OutputLost
from kiosk.outputs.lights import Light


def events(data):
    return [row[2:] for row in struct.iter_unpack("@llHHi", data)]


@pytest.fixture
def keyboard(tmp_path):
    """A pipe in the place of a keyboard, and the end on which its events come out."""
    path = tmp_path / "event0"
    os.mkfifo(path)
    read_end = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    yield str(path), read_end
    os.close(read_end)


@pytest.mark.parametrize(("led", "code"), [("num", 0), ("caps", 1), ("scroll", 2)])
def test_a_light_is_off_at_once_and_then_what_it_is_put_to(keyboard, led, code):
    path, read_end = keyboard
    light = Light(path, led)
    light.put(on=True)
    light.put(on=False)
    light.close()
    done = (0, 0, 0)
    assert events(os.read(read_end, 4096)) == [(0x11, code, 0), done, (0x11, code, 1), done, (0x11, code, 0), done]


def test_a_keyboard_that_is_not_there_is_said(tmp_path):
    with pytest.raises(OutputLost, match="No such file"):
        Light(str(tmp_path / "none"), "caps")


def test_a_keyboard_that_goes_is_said(keyboard):
    path, read_end = keyboard
    light = Light(path, "caps")
    spare = os.dup(read_end)
    os.close(read_end)
    os.close(spare)
    with pytest.raises(OutputLost, match="Broken pipe"):
        light.put(on=True)
    light.close()
    os.dup2(os.open(os.devnull, os.O_RDONLY), read_end)
