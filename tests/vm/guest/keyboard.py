"""Which keys a scanner presses for a text, on two layouts. Written down apart from the kiosk's own tables, as a check.

A key is a usage of the HID usage tables' page 7; host and guest both import this.
"""

from dataclasses import dataclass

ENTER, DELETE, PRINT_SCREEN = 0x28, 0x4C, 0x46
CONTROL, SHIFT, ALT = 1, 2, 4
"""Bits of a report's first byte, the left one of each."""

LETTERS = {chr(ord("a") + number): 0x04 + number for number in range(26)}
DIGITS = {digit: 0x1E + number for number, digit in enumerate("1234567890")}

US = {
    **{letter: (usage, False) for letter, usage in LETTERS.items()},
    **{letter.upper(): (usage, True) for letter, usage in LETTERS.items()},
    **{digit: (usage, False) for digit, usage in DIGITS.items()},
    "-": (0x2D, False), "_": (0x2D, True), " ": (0x2C, False), "\n": (ENTER, False),
}  # fmt: skip
GERMAN = {
    **US,
    "y": US["z"], "z": US["y"], "Y": US["Z"], "Z": US["Y"],
    "-": (0x38, False), "_": (0x38, True),
}  # fmt: skip
LAYOUTS = {"us": US, "de": GERMAN}

QCODES = {
    **{usage: letter for letter, usage in LETTERS.items()},
    **{usage: digit for digit, usage in DIGITS.items()},
    ENTER: "ret", 0x2C: "spc", DELETE: "delete", 0x2D: "minus", 0x38: "slash",
}  # fmt: skip
"""QEMU's names of the keys, by where they lie on an American keyboard."""


@dataclass(frozen=True)
class Stroke:
    usage: int
    shift: bool = False
    control: bool = False
    alt: bool = False

    def reports(self) -> list[bytes]:
        """The key goes down and up again: two reports of a boot keyboard."""
        held = CONTROL * self.control | SHIFT * self.shift | ALT * self.alt
        return [bytes([held, 0, self.usage, 0, 0, 0, 0, 0]), bytes(8)]


def strokes(text: str, layout: str = "us") -> list[Stroke]:
    return [Stroke(usage, shift=shift) for usage, shift in (LAYOUTS[layout][character] for character in text)]
