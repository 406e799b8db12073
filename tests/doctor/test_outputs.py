"""Lamps, relays and sounds: what is missing, taken, or dangerous, and what to do about it."""

import struct

import pytest

from kiosk import config
from kiosk.doctor.finding import Colour
from kiosk.doctor.outputs import Board, board, outputs, user_of

RELAY = '[[output]]\nname = "barrier"\nkind = "relay"\npin = 17\n'
SOUND = '[[output]]\nname = "horn"\nkind = "sound"\n'
DRUM = '[[turnstile]]\nname = "drum"\npin = 27\n'
GOOD = Board((), True, " 0 [Headphones     ]: bcm2835\n", lambda pin: "")


def checked(text, *, found=GOOD, gate=None):
    parsed = config.parse(text, "x")
    return outputs(parsed.output, parsed.turnstile, gate, found)


def one(text, **more):
    (finding,) = checked(text, **more)
    return finding


@pytest.mark.parametrize("text", [RELAY, SOUND, DRUM])
def test_what_is_there_is_green(text):
    assert one(text).colour is Colour.GREEN


@pytest.mark.parametrize("text", [RELAY, DRUM])
def test_a_missing_library_is_named_with_its_extra(text):
    found = one(text, found=Board(("lgpio",), True, "", lambda pin: ""))
    assert (found.colour, "lgpio" in found.found, "kiosk[gpio]" in found.mend) == (Colour.RED, True, True)


@pytest.mark.parametrize("text", [RELAY, DRUM])
def test_a_pin_that_somebody_has_is_red_unless_it_is_the_gate(text):
    taken = Board((), True, "", lambda pin: "spi0 CS0")
    assert "taken by spi0 CS0" in one(text, found=taken).found
    gate = {
        "outputs": [{"name": "barrier", "kind": "relay", "problem": None}],
        "turnstiles": [{"name": "drum", "problem": None}],
    }
    assert one(text, found=taken, gate=gate).colour is Colour.GREEN


def test_a_relay_that_may_open_while_the_machine_starts_is_red_and_a_lamp_amber():
    unsafe = RELAY.replace("17", "4")
    assert one(unsafe).colour is Colour.RED
    assert "pulled up at reset" in one(unsafe).found
    assert one(unsafe.replace("relay", "lamp")).colour is Colour.AMBER


@pytest.mark.parametrize(
    ("found", "mend"),
    [
        (Board((), False, GOOD.cards, GOOD.user_of), "alsa-utils"),
        (Board((), True, "--- no soundcards ---\n", GOOD.user_of), "audio=on"),
        (Board((), True, "", GOOD.user_of), "audio=on"),
    ],
)
def test_a_sound_needs_a_player_and_a_card(found, mend):
    finding = one(SOUND, found=found)
    assert (finding.colour, mend in finding.mend) == (Colour.RED, True)


def test_what_the_gate_says_of_it_is_believed():
    gate = {"outputs": [{"name": "barrier", "kind": "relay", "problem": "hangs, for 7 s now"}], "turnstiles": []}
    finding = one(RELAY, gate=gate)
    assert (finding.colour, "hangs, for 7 s now" in finding.found) == (Colour.RED, True)


def test_the_kernel_is_asked_for_the_line_of_this_name(tmp_path):
    """As linux/gpio.h lays it out: 0xB4 0x01 for the chip, 0xB4 0x05 for each line."""
    (tmp_path / "gpiochip0").touch()
    lines = [(b"ID_SD", b"", 0), (b"GPIO17", b"kiosk", 1), (b"GPIO18", b"", 0), (b"GPIO19", b"", 1)]

    def ioctl(descriptor, request, data):
        if request == 0x8044B401:
            assert len(data) == 68
            data[64:68] = struct.pack("=I", len(lines))
            return
        assert (request, len(data)) == (0xC100B405, 256)
        name, user, used = lines[struct.unpack_from("=I", data, 64)[0]]
        data[0:64] = name.ljust(32, b"\0") + user.ljust(32, b"\0")
        data[72:80] = struct.pack("=Q", used)

    assert [user_of(pin, tmp_path, ioctl) for pin in (17, 18, 19, 20)] == ["kiosk", "", "the kernel", None]


def test_a_machine_without_any_of_it_is_looked_at_all_the_same(tmp_path):
    found = board(tmp_path / "proc", tmp_path / "dev")
    assert (found.cards, found.user_of(17)) == ("", None)
