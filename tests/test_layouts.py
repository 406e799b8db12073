"""Each key of each layout, one by one, against what is printed on such keyboards."""

from __future__ import annotations

import re
import string

import pytest

from kiosk.layouts import LAYOUTS, SILENT

# Number of the key, then what it types without a modifier, with Shift, with AltGr; · is nothing.
PRINTED = {
    "us": r"""
        2 1 !   3 2 @   4 3 #   5 4 $   6 5 %   7 6 ^   8 7 &   9 8 *   10 9 (   11 0 )   12 - _   13 = +
        16 q Q   17 w W   18 e E   19 r R   20 t T   21 y Y   22 u U   23 i I   24 o O   25 p P   26 [ {   27 ] }
        30 a A   31 s S   32 d D   33 f F   34 g G   35 h H   36 j J   37 k K   38 l L   39 ; :   40 ' "   41 ` ~
        43 \ |   86 < >
        44 z Z   45 x X   46 c C   47 v V   48 b B   49 n N   50 m M   51 , <   52 . >   53 / ?
    """,
    "de": r"""
        2 1 !   3 2 " ²   4 3 § ³   5 4 $   6 5 %   7 6 &   8 7 / {   9 8 ( [   10 9 ) ]   11 0 = }   12 ß ? \
        16 q Q @   17 w W   18 e E €   19 r R   20 t T   21 z Z   22 u U   23 i I   24 o O   25 p P   26 ü Ü   27 + * ~
        30 a A   31 s S   32 d D   33 f F   34 g G   35 h H   36 j J   37 k K   38 l L   39 ö Ö   40 ä Ä   41 · °
        43 # '   86 < > |
        44 y Y   45 x X   46 c C   47 v V   48 b B   49 n N   50 m M µ   51 , ;   52 . :   53 - _
    """,
}
KEYPAD = {82: "0", 79: "1", 80: "2", 81: "3", 75: "4", 76: "5", 77: "6", 71: "7", 72: "8", 73: "9"}
SIGNS = {98: "/", 55: "*", 74: "-", 78: "+"}
ENDS = {28: "\r", 96: "\r", 15: "\t"}
DEAD = {"us": "", "de": "^`"}

Levels = tuple[str | None, str | None, str | None]


def levels(plain: str | None, shift: str | None, altgr: str | None = None) -> Levels:
    return plain, shift, altgr


def printed(layout: str) -> dict[int, Levels]:
    cells = (cell.split() for cell in re.split(r"\s{2,}", PRINTED[layout].strip()))
    keys = {int(key): levels(*(None if sign == "·" else sign for sign in signs)) for key, *signs in cells}
    keys |= {key: levels(sign, sign) for key, sign in {57: " ", **KEYPAD, **SIGNS}.items()}
    return keys | {key: levels(end, end, end) for key, end in ENDS.items()}


def test_every_layout_is_here() -> None:
    assert set(LAYOUTS) == set(PRINTED)


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_every_key_types_what_is_printed_on_it_and_no_other_key_types_anything(layout: str) -> None:
    table, expected = LAYOUTS[layout], printed(layout)
    for key in range(0x300):
        plain, shift, altgr = expected.get(key, (None, None, None))
        assert table.character(key, shift=False, altgr=False) == plain, key
        assert table.character(key, shift=True, altgr=False) == shift, key
        assert table.character(key, shift=False, altgr=True) == altgr, key
        assert table.character(key, shift=True, altgr=True) == altgr, key


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_every_printable_ascii_character_can_be_typed_but_for_dead_keys(layout: str) -> None:
    table = LAYOUTS[layout]
    typable = {sign for level in (table.plain, table.shift, table.altgr) for sign in level.values()}
    assert set(string.ascii_letters + string.digits + string.punctuation + " ") - typable == set(DEAD[layout])


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_keys_that_are_held_type_nothing_themselves(layout: str) -> None:
    assert not SILENT & set(printed(layout))


def test_the_silent_keys_are_the_modifiers_of_the_kernel() -> None:
    assert sorted(SILENT) == [29, 42, 54, 56, 58, 69, 97, 100, 125, 126]
