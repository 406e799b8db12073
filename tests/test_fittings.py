"""What hangs on the kiosk: what cannot be right is refused with its line and its mend."""

import pytest

from kiosk import config
from kiosk.errors import ConfigError
from kiosk.fittings import LONGEST_RELAY_MS, hazard
from kiosk.signals import Signal

RELAY = '[[output]]\nname = "barrier"\nkind = "relay"\npin = 17\n'
DRUM = '[[turnstile]]\nname = "drum"\npin = 27\n'


def parsed(text):
    return config.parse(text, "kiosk.toml")


def test_a_relay_opens_for_passages_only_and_for_half_a_second():
    (relay,) = parsed(RELAY).output
    assert (relay.signals, relay.ms) == ({Signal.APPROVED, Signal.CHECKOUT}, 500)


def test_a_lamp_says_everything_unless_told_what():
    lamp = RELAY.replace("relay", "lamp")
    assert parsed(lamp).output[0].signals == set(Signal)
    assert parsed(lamp + 'on = ["declined", "see_staff"]\n').output[0].signals == {Signal.DECLINED, Signal.SEE_STAFF}


@pytest.mark.parametrize(
    ("text", "line", "mend"),
    [
        (RELAY.replace("pin = 17", ""), 1, "a relay needs the number of a GPIO"),
        (RELAY.replace("17", "1"), 4, "needs a GPIO number from 2 to 27"),
        (RELAY.replace("17", "28"), 4, "needs a GPIO number from 2 to 27"),
        (RELAY + f"pulse_ms = {LONGEST_RELAY_MS + 1}\n", 1, f"never on for longer than {LONGEST_RELAY_MS}"),
        (RELAY + "pulse_ms = 5\n", 5, "greater than or equal to 20"),
        (RELAY + 'on = ["declined"]\n', 1, "it opens for nobody else"),
        (RELAY + 'on = ["green"]\n', 5, "'approved', 'checkout', 'repeated', 'declined' or 'see_staff'"),
        (RELAY + 'lanes = ["right"]\n', 5, "no scanner is called 'right'; known here: manual"),
        (RELAY + RELAY.replace("17", "18"), 6, "two outputs are called 'barrier'"),
        (RELAY + DRUM.replace("27", "17"), 7, "GPIO17 is taken by 'barrier'"),
        (RELAY + "pins = 3\n", 5, "did you mean 'pin'?"),
        (RELAY + 'device = "default"\n', 1, "leave it out"),
        (RELAY.replace("[[output]]", "[output]"), 1, "needs double brackets: [[output]]"),
        (DRUM.replace("[[turnstile]]", "[turnstile]"), 1, "needs double brackets: [[turnstile]]"),
        (DRUM + "timeout_s = 0\n", 4, "greater than or equal to 1"),
        (DRUM.replace("27", "99"), 3, "needs a GPIO number from 2 to 27"),
        ('[[output]]\nname = "x"\nkind = "lights"\n', 1, "lights need the path of a keyboard"),
        ('[[output]]\nname = "x"\nkind = "sound"\npin = 17\n', 1, "leave it out for sound"),
        ('[[output]]\nname = "x"\nkind = "sound"\ndevice = "--help"\n', 1, "needs an ALSA name"),
    ],
)
def test_what_cannot_be_right_is_refused_with_its_line_and_its_mend(text, line, mend):
    with pytest.raises(ConfigError) as raised:
        parsed(text)
    assert f"kiosk.toml:{line}:" in str(raised.value)
    assert mend in str(raised.value)


@pytest.mark.parametrize(
    ("pin", "active_low", "safe"),
    [
        (8, "true", True),
        (9, "false", True),
        (27, "false", True),
        (2, "true", True),
        (8, "false", False),
        (9, "true", False),
    ],
)
def test_a_pin_is_safe_where_its_pull_at_reset_is_off(pin, active_low, safe):
    (relay,) = parsed(RELAY.replace("17", str(pin)) + f"active_low = {active_low}\n").output
    assert (hazard(relay) is None) == safe
    if not safe:
        assert f"GPIO{pin} is pulled" in hazard(relay)


def test_a_lane_may_be_a_scanner_or_manual_entry():
    lane = '[[scanner]]\nname = "left"\nkind = "socket"\n'
    assert parsed(lane + RELAY + 'lanes = ["left", "manual"]\n').output[0].lanes == ("left", "manual")
