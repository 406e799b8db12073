"""What a key means on which keyboard: Linux key code → character, at each of four levels.

A scanner in keyboard mode sends keys, not characters; whoever reads it must use the layout the scanner is set to.
`keyboards.py` says what is on the keys; here stand what CapsLock and dead keys make of it, and the keypad, which is
read as if NumLock were on: scanners take that for granted, and nobody sees the lamp of a scanner. Key codes are those
of linux/input-event-codes.h.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kiosk.keyboards import KEYBOARDS

LEFT_SHIFT, RIGHT_SHIFT, ALT_GR, CAPS_LOCK = 42, 54, 100, 58
LEFT_CTRL, RIGHT_CTRL, LEFT_ALT, NUM_LOCK, LEFT_META, RIGHT_META = 29, 97, 56, 69, 125, 126
SHIFTS = frozenset({LEFT_SHIFT, RIGHT_SHIFT})
CHORDS = frozenset({LEFT_CTRL, RIGHT_CTRL, LEFT_ALT, LEFT_META, RIGHT_META})
"""Keys that make a command, not a character, of the one they are held with."""

MODIFIERS = SHIFTS | CHORDS | {ALT_GR}
SILENT = MODIFIERS | {CAPS_LOCK, NUM_LOCK}
"""Keys that make no character of their own."""

ENDS = {28: "\r", 96: "\r", 15: "\t"}
"""Enter, keypad Enter, Tab: the same on every keyboard, whatever is held."""

DIGITS = dict(zip((82, 79, 80, 81, 75, 76, 77, 71, 72, 73), "0123456789", strict=True))
"""The keypad's; with Alt held they spell the number of a character."""

ACCENTS = {
    "\u0300": "`", "\u0301": "´", "\u0302": "^", "\u0303": "~", "\u0304": "¯", "\u0306": "˘", "\u0307": "˙",
    "\u0308": "¨", "\u030a": "˚", "\u030b": "˝", "\u030c": "ˇ", "\u0327": "¸", "\u0328": "˛",
}  # fmt: skip
"""What dead keys type, as the combining marks of Unicode → the accent by itself."""

_SIGNS = {98: "/", 55: "*", 74: "-", 78: "+"}  # of the keypad
_SPACE, _POINT = 57, 83
_ROWS = (range(2, 14), range(16, 28), (*range(30, 42), 43), (86, *range(44, 54)), (_POINT,))
_KEYS = tuple(key for row in _ROWS for key in row)
_NOTHING, _DEAD = "□", "◌"


@dataclass(frozen=True, slots=True)
class Layout:
    plain: Mapping[int, str]
    shift: Mapping[int, str]
    altgr: Mapping[int, str]
    shift_altgr: Mapping[int, str]

    def character(self, key: int, *, shift: bool, altgr: bool) -> str | None:
        """Return what the key types by itself; None when that is nothing in this layout, as with dead keys."""
        sign = self.sign(key, shift=shift, altgr=altgr)
        return None if sign in ACCENTS else sign

    def sign(self, key: int, *, shift: bool, altgr: bool, caps: bool = False) -> str | None:
        """Return what the key adds to a text: a character, a dead key's combining mark, or None for nothing."""
        if key in ENDS:
            return ENDS[key]
        lower, upper = (self.altgr, self.shift_altgr) if altgr else (self.plain, self.shift)
        if caps and _is_letter(lower.get(key), upper.get(key)):
            return (lower if shift else upper)[key]
        sign = (upper if shift else lower).get(key)
        if sign is None and not altgr:
            return DIGITS.get(key) or _SIGNS.get(key)
        return _capital(sign) if caps and sign else sign


def _is_letter(lower: str | None, upper: str | None) -> bool:
    """Tell whether CapsLock exchanges the two: one is nothing but the other's capital."""
    return lower is not None and lower != lower.upper() == upper


def _capital(sign: str) -> str:
    """What CapsLock makes of a small letter that shares its key with something else, as é with the 2 in France.

    ß and µ stay: they have no capital on any keyboard.
    """
    capital = sign.upper()
    return capital if capital.lower() == sign else sign


def joined(mark: str, sign: str) -> str | None:
    """Return what a dead key and the key after it type together, None when they do not go together."""
    if sign == " ":
        return ACCENTS[mark]
    together = unicodedata.normalize("NFC", sign + mark)
    return together if sign.isalpha() and len(together) == 1 else None


def _layout(rows: str) -> Layout:
    levels = [dict(_level(line)) for line in rows.split("\n") if line]
    for level in levels[:2]:
        level[_SPACE] = " "
    plain, shift, altgr, both = (*levels, {}, {})[:4]
    return Layout(plain, shift, altgr, both)


def _level(line: str) -> Iterator[tuple[int, str]]:
    signs = line.replace(" ", "").replace(_DEAD, "")
    yield from ((key, sign) for key, sign in zip(_KEYS, signs, strict=True) if sign != _NOTHING)


class _Layouts(Mapping[str, Layout]):
    """All of them, each read when it is asked for: a scanner has one, and a Pi Zero would notice thirteen."""

    def __getitem__(self, name: str) -> Layout:
        return _layout(KEYBOARDS[name])

    def __iter__(self) -> Iterator[str]:
        return iter(KEYBOARDS)

    def __len__(self) -> int:
        return len(KEYBOARDS)


LAYOUTS: Mapping[str, Layout] = _Layouts()

_OTHER_NAMES = {
    "uk": "gb", "en-gb": "gb", "en": "us", "at": "de", "ch": "ch-de", "de-ch": "ch-de", "fr-ch": "ch-fr",
    "sv": "se", "nb": "no", "nn": "no", "da": "dk",
}  # fmt: skip


def nearest(name: str) -> str | None:
    """Return the layout that somebody may have meant who calls it by its language, or as Linux or Windows do."""
    plain = name.lower().replace("_", "-").replace("(", "-").rstrip(")")
    names = (_OTHER_NAMES.get(part, part) for part in (plain, plain.partition("-")[0]))
    return next((known for known in names if known in KEYBOARDS), None)
