"""What Linux's keyboard library says is on each keyboard: writes kiosk/keyboards.py.

    python tests/xkb.py > kiosk/keyboards.py

Needs libxkbcommon0 and xkb-data. Scanners know the layouts of Windows; where these differ from Linux's in a way that
matters, WINDOWS says so.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from pathlib import Path

LIBRARY = "libxkbcommon.so.0"
RELEASE = Path("/usr/share/pkgconfig/xkeyboard-config.pc")
LAYOUTS = ("us", "gb", "de", "fr", "it", "es", "ch(de)", "ch(fr)", "be", "se", "no", "dk", "fi")
ROWS = (range(2, 14), range(16, 28), (*range(30, 42), 43), (86, *range(44, 54)), (83,))
SHIFT, LEVEL_3, CAPS, NUM = "Shift", "Mod5", "Lock", "Mod2"
LEVELS = ((), (SHIFT,), (LEVEL_3,), (SHIFT, LEVEL_3))
RIGHT_ALT = 100
OFFSET = 8  # X's key codes begin there

MARKS = {
    "grave": "\u0300", "acute": "\u0301", "circumflex": "\u0302", "tilde": "\u0303", "macron": "\u0304",
    "breve": "\u0306", "abovedot": "\u0307", "diaeresis": "\u0308", "abovering": "\u030a", "doubleacute": "\u030b",
    "caron": "\u030c", "cedilla": "\u0327", "ogonek": "\u0328",
}  # fmt: skip
NOTHING, DEAD = "□", "◌"

# AltGr+2 and AltGr+7 of France and AltGr+4 of Spain are dead on Windows, so a scanner types a space behind them.
WINDOWS = {("fr", 3): MARKS["tilde"], ("fr", 8): MARKS["grave"], ("es", 5): MARKS["tilde"]}


class Names(ctypes.Structure):
    _fields_ = [(name, ctypes.c_char_p) for name in ("rules", "model", "layout", "variant", "options")]


def load() -> ctypes.CDLL:
    library = ctypes.CDLL(LIBRARY)
    pointer, number = ctypes.c_void_p, ctypes.c_uint32
    for name, result, arguments in (
        ("context_new", pointer, [ctypes.c_int]),
        ("keymap_new_from_names", pointer, [pointer, ctypes.POINTER(Names), ctypes.c_int]),
        ("keymap_mod_get_index", number, [pointer, ctypes.c_char_p]),
        ("state_new", pointer, [pointer]),
        ("state_update_mask", ctypes.c_int, [pointer, *[number] * 6]),
        ("state_key_get_one_sym", number, [pointer, number]),
        ("state_key_get_level", number, [pointer, number, number]),
        ("keysym_to_utf32", number, [number]),
        ("keysym_get_name", ctypes.c_int, [number, ctypes.c_char_p, ctypes.c_size_t]),
    ):
        function = getattr(library, f"xkb_{name}")
        function.restype, function.argtypes = result, arguments
    return library


class Keyboard:
    """One layout, as a state whose modifiers can be set. NumLock is on: scanners take it for granted."""

    def __init__(self, layout: str) -> None:
        self._xkb = load()
        country, _, variant = layout.rstrip(")").partition("(")
        names = Names(b"evdev", b"pc105", country.encode(), variant.encode(), b"")
        keymap = self._xkb.xkb_keymap_new_from_names(self._xkb.xkb_context_new(0), names, 0)
        assert keymap, f"xkb-data has no layout {layout}"
        self._state = self._xkb.xkb_state_new(keymap)
        self._bits = {
            name: 1 << self._xkb.xkb_keymap_mod_get_index(keymap, name.encode()) for name in (SHIFT, LEVEL_3, CAPS, NUM)
        }
        self.has_level_3 = self._symbol(RIGHT_ALT) == "ISO_Level3_Shift"

    def types(self, key: int, *modifiers: str) -> str | None:
        """Say what a key types, a combining mark if it is dead, None if it is nothing."""
        if LEVEL_3 in modifiers and not self._reaches_level_3(key, modifiers):
            return None
        self._hold(*modifiers)
        symbol = self._symbol(key)
        if symbol.startswith("dead_"):
            return MARKS.get(symbol.removeprefix("dead_"))
        code = self._xkb.xkb_keysym_to_utf32(self._xkb.xkb_state_key_get_one_sym(self._state, key + OFFSET))
        return chr(code) if code and chr(code).isprintable() else None

    def _reaches_level_3(self, key: int, modifiers: tuple[str, ...]) -> bool:
        self._hold(*(name for name in modifiers if name != LEVEL_3))
        without = self._xkb.xkb_state_key_get_level(self._state, key + OFFSET, 0)
        self._hold(*modifiers)
        return self.has_level_3 and self._xkb.xkb_state_key_get_level(self._state, key + OFFSET, 0) != without

    def _hold(self, *modifiers: str) -> None:
        held = sum(self._bits[name] for name in modifiers)
        self._xkb.xkb_state_update_mask(self._state, held, 0, self._bits[NUM], 0, 0, 0)

    def _symbol(self, key: int) -> str:
        name = ctypes.create_string_buffer(64)
        self._xkb.xkb_keysym_get_name(self._xkb.xkb_state_key_get_one_sym(self._state, key + OFFSET), name, 64)
        return name.value.decode()


def name_of(layout: str) -> str:
    """What our configuration calls it: ch(de) is ch-de."""
    return layout.rstrip(")").replace("(", "-")


def level(layout: str, keyboard: Keyboard, modifiers: tuple[str, ...]) -> str:
    return " ".join("".join(signs(layout, keyboard, modifiers, row)) for row in ROWS)


def signs(layout: str, keyboard: Keyboard, modifiers: tuple[str, ...], row: tuple[int, ...] | range) -> Iterator[str]:
    for key in row:
        sign = keyboard.types(key, *modifiers)
        if modifiers == (LEVEL_3,):
            sign = WINDOWS.get((layout, key), sign)
        yield NOTHING if sign is None else DEAD + sign if sign in MARKS.values() else sign


def block(layout: str) -> str:
    keyboard = Keyboard(layout)
    levels = LEVELS if keyboard.has_level_3 else LEVELS[:2]
    rows = "\n".join(level(layout, keyboard, modifiers) for modifiers in levels)
    return f'    "{name_of(layout)}": r"""\n{rows}\n""",\n'


def release() -> str:
    """The release of xkb-data that is installed."""
    return RELEASE.read_text(encoding="ascii").rpartition("Version:")[2].strip()


def module() -> str:
    return f'''\
"""What is on the keys of each keyboard. Written by tests/xkb.py from xkb-data {release()}: change it there.

A line a level: plain, with Shift, with AltGr, with both. In a line the keys as they lie, a group a row: from 1, from Q,
from A (with the one above or beside Enter), from the one beside the left Shift; last the point of the keypad. □ is
nothing, ◌ with an accent on it a dead key.
"""

KEYBOARDS = {{
{"".join(block(layout) for layout in LAYOUTS)}}}
'''


if __name__ == "__main__":
    sys.stdout.write(module())
