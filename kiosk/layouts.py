"""What a key means on which keyboard: Linux key code → characters without and with Shift, and with AltGr.

A scanner in keyboard mode sends keys, not characters; whoever reads it must use the layout the scanner is set to.
Key codes are those of linux/input-event-codes.h.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

LEFT_SHIFT, RIGHT_SHIFT, ALT_GR, CAPS_LOCK = 42, 54, 100, 58
LEFT_CTRL, RIGHT_CTRL, LEFT_ALT, NUM_LOCK, LEFT_META, RIGHT_META = 29, 97, 56, 69, 125, 126
SHIFTS = frozenset({LEFT_SHIFT, RIGHT_SHIFT})
CHORDS = frozenset({LEFT_CTRL, RIGHT_CTRL, LEFT_ALT, LEFT_META, RIGHT_META})
"""Keys that make a command, not a character, of the one they are held with."""

SILENT = SHIFTS | CHORDS | {ALT_GR, CAPS_LOCK, NUM_LOCK}
"""Keys that make no character of their own."""

_ENDS = {28: "\r", 96: "\r", 15: "\t"}  # Enter, keypad Enter, Tab
_KEYPAD = dict(zip((82, 79, 80, 81, 75, 76, 77, 71, 72, 73, 98, 55, 74, 78), "0123456789/*-+", strict=True))
_ROWS = (range(2, 14), range(16, 28), range(30, 42), (43, 86), range(44, 54), (57,))


@dataclass(frozen=True, slots=True)
class Layout:
    plain: Mapping[int, str]
    shift: Mapping[int, str]
    altgr: Mapping[int, str]

    def character(self, key: int, *, shift: bool, altgr: bool) -> str | None:
        """Return what the key types, None when it types nothing in this layout."""
        if key in _ENDS:
            return _ENDS[key]
        if altgr:
            return self.altgr.get(key)
        return (self.shift if shift else self.plain).get(key) or _KEYPAD.get(key)

    def is_letter(self, key: int) -> bool:
        """Tell whether CapsLock turns this key round: its Shift is nothing but its capital."""
        plain = self.plain.get(key, "")
        return plain != plain.upper() and self.shift.get(key) == plain.upper()


def _rows(*rows: str) -> Mapping[int, str]:
    return dict(_pairs(rows))


def _pairs(rows: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    for keys, characters in zip(_ROWS, rows, strict=True):
        yield from ((key, char) for key, char in zip(keys, characters, strict=False) if char != "\0")


LAYOUTS: Mapping[str, Layout] = {
    "us": Layout(
        plain=_rows("1234567890-=", "qwertyuiop[]", "asdfghjkl;'`", "\\<", "zxcvbnm,./", " "),
        shift=_rows("!@#$%^&*()_+", "QWERTYUIOP{}", 'ASDFGHJKL:"~', "|>", "ZXCVBNM<>?", " "),
        altgr={},
    ),
    "de": Layout(  # its dead keys ^ ´ ` type nothing by themselves
        plain=_rows("1234567890ß\0", "qwertzuiopü+", "asdfghjklöä\0", "#<", "yxcvbnm,.-", " "),
        shift=_rows('!"§$%&/()=?\0', "QWERTZUIOPÜ*", "ASDFGHJKLÖÄ°", "'>", "YXCVBNM;:_", " "),
        altgr={3: "²", 4: "³", 8: "{", 9: "[", 10: "]", 11: "}", 12: "\\", 16: "@", 18: "€", 27: "~", 50: "µ", 86: "|"},
    ),
}
