"""Each key of each layout, one by one, against what is printed on such keyboards."""

from __future__ import annotations

import re
import string

import pytest

from kiosk.layouts import ACCENTS, LAYOUTS, MODIFIERS, SILENT, joined, nearest

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
# What AltGr types on Windows, whose layouts scanners know, as far as it is ASCII. ^ behind a sign: it is dead.
WITH_ALTGR = {
    "us": "",
    "gb": "",
    "de": r"8 {   9 [   10 ]   11 }   12 \   16 @   27 ~   86 |",
    "fr": r"3 ~^   4 #   5 {   6 [   7 |   8 `^   9 \   10 ^   11 @   12 ]   13 }",
    "it": r"26 [   27 ]   39 @   40 #",
    "es": r"2 |   3 @   4 #   5 ~^   26 [   27 ]   40 {   41 \   43 }",
    "ch-de": r"86 \   3 @   4 #   8 |   12 ´^   13 ~^   26 [   27 ]   40 {   43 }",
    "ch-fr": r"86 \   3 @   4 #   8 |   12 ´^   13 ~^   26 [   27 ]   40 {   43 }",
    "be": r"86 \   2 |   3 @   4 #   7 ^   10 {   11 }   26 [   27 ]   40 ´^   43 `^   53 ~^",
    "se": r"3 @   5 $   8 {   9 [   10 ]   11 }   12 \   27 ~^   86 |",
    "no": r"3 @   5 $   8 {   9 [   10 ]   11 }   13 ´^   27 ~^",
    "dk": r"86 \   3 @   5 $   8 {   9 [   10 ]   11 }   13 |   27 ~^",
    "fi": r"3 @   5 $   8 {   9 [   10 ]   11 }   12 \   27 ~^   86 |",
}
# What the same keys type without and with Shift: Y Z - / and those right of L, P and M. ◌ before a sign: it is dead.
TELLING = {
    "us": "y z - / ; ' [ ] ,   Y Z _ ? : \" { } <",
    "gb": "y z - / ; ' [ ] ,   Y Z _ ? : @ { } <",
    "de": "z y ß - ö ä ü + ,   Z Y ? _ Ö Ä Ü * ;",
    "fr": "y w ) ! m ù ◌^ $ ;   Y W ° § M % ◌¨ £ .",
    "it": "y z ' - ò à è + ,   Y Z ? _ ç ° é * ;",
    "es": "y z ' - ñ ◌´ ◌` + ,   Y Z ? _ Ñ ◌¨ ◌^ * ;",
    "ch-de": "z y ' - ö ä ü ◌¨ ,   Z Y ? _ é à è ! ;",
    "ch-fr": "z y ' - é à è ◌¨ ,   Z Y ? _ ö ä ü ! ;",
    "be": "y w ) = m ù ◌^ $ ;   Y W ° + M % ◌¨ * .",
    "se": "y z + - ö ä å ◌¨ ,   Y Z ? _ Ö Ä Å ◌^ ;",
    "no": "y z + - ø æ å ◌¨ ,   Y Z ? _ Ø Æ Å ◌^ ;",
    "dk": "y z + - æ ø å ◌¨ ,   Y Z ? _ Æ Ø Å ◌^ ;",
    "fi": "y z + - ö ä å ◌¨ ,   Y Z ? _ Ö Ä Å ◌^ ;",
}
TELLING_KEYS = (21, 44, 12, 53, 39, 40, 26, 27, 51)
KEYPAD = {82: "0", 79: "1", 80: "2", 81: "3", 75: "4", 76: "5", 77: "6", 71: "7", 72: "8", 73: "9"}
SIGNS = {98: "/", 55: "*", 74: "-", 78: "+"}
ENDS = {28: "\r", 96: "\r", 15: "\t"}
DEAD = {"us": "", "gb": "", "de": "^`", "fr": "`", "it": "", "es": "^`~", "be": "`~"} | dict.fromkeys(
    ("ch-de", "ch-fr", "se", "no", "dk", "fi"), "^`~"
)
NORDIC = ("se", "no", "dk", "fi")
POINT = 83

Levels = tuple[str | None, str | None, str | None]


def levels(plain: str | None, shift: str | None, altgr: str | None = None) -> Levels:
    return plain, shift, altgr


def printed(layout: str) -> dict[int, Levels]:
    cells = (cell.split() for cell in re.split(r"\s{2,}", PRINTED[layout].strip()))
    keys = {int(key): levels(*(None if sign == "·" else sign for sign in signs)) for key, *signs in cells}
    keys |= {key: levels(sign, sign) for key, sign in {57: " ", **KEYPAD, **SIGNS}.items()}
    keys[POINT] = levels("," if layout == "de" else ".", None)
    return keys | {key: levels(end, end, end) for key, end in ENDS.items()}


def test_every_layout_is_here() -> None:
    assert set(LAYOUTS) == set(WITH_ALTGR) == set(TELLING) == set(DEAD) > set(PRINTED)
    assert len(LAYOUTS) == 13


@pytest.mark.parametrize("layout", sorted(PRINTED))
def test_every_key_types_what_is_printed_on_it_and_no_other_key_types_anything(layout: str) -> None:
    """With AltGr, Linux's keyboards type more than is printed on them, none of it ASCII, and more still with Shift."""
    table, expected = LAYOUTS[layout], printed(layout)
    for key in range(0x300):
        plain, shift, altgr = expected.get(key, (None, None, None))
        assert table.character(key, shift=False, altgr=False) == plain, key
        assert table.character(key, shift=True, altgr=False) == shift, key
        third = table.character(key, shift=False, altgr=True)
        assert third == altgr or (layout != "us" and altgr is None and third and not third.isascii()), key


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_alt_gr_types_what_is_printed_on_the_keyboards_of_windows(layout: str) -> None:
    for cell in re.split(r"\s{2,}", WITH_ALTGR[layout].strip()) if WITH_ALTGR[layout] else ():
        key, sign = cell.split()
        found = LAYOUTS[layout].sign(int(key), shift=False, altgr=True)
        assert ((ACCENTS[found] + "^") if found in ACCENTS else found) == sign, key


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_the_keys_by_which_layouts_are_told_apart_type_what_is_printed_on_them(layout: str) -> None:
    signs = [
        LAYOUTS[layout].sign(key, shift=shift, altgr=False) or "" for shift in (False, True) for key in TELLING_KEYS
    ]
    assert ["◌" + ACCENTS[sign] if sign in ACCENTS else sign for sign in signs] == TELLING[layout].split()


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_digits_and_signs_of_the_keypad_are_the_same_everywhere_and_its_point_is_not(layout: str) -> None:
    table = LAYOUTS[layout]
    for key, sign in {**KEYPAD, **SIGNS, **ENDS}.items():
        assert table.character(key, shift=False, altgr=False) == sign
    assert table.character(POINT, shift=False, altgr=False) == ("," if layout in {"de", *NORDIC} else ".")


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_caps_lock_turns_every_letter_round_and_no_digit(layout: str) -> None:
    table = LAYOUTS[layout]
    for level, shift in ((table.plain, False), (table.shift, True)):
        for key, sign in level.items():
            turned = table.sign(key, shift=shift, altgr=False, caps=True)
            assert turned == (sign.swapcase() if sign.isascii() else turned)
            assert turned is not None


def test_caps_lock_follows_linux_where_a_letter_shares_its_key() -> None:
    french, swiss = LAYOUTS["fr"], LAYOUTS["ch-de"]
    assert [french.sign(key, shift=False, altgr=False, caps=True) for key in (2, 3, 10, 43)] == ["&", "É", "Ç", "*"]
    assert [french.sign(key, shift=True, altgr=False, caps=True) for key in (2, 3, 10, 43)] == ["1", "2", "9", "µ"]
    assert [swiss.sign(26, shift=shift, altgr=False, caps=True) for shift in (False, True)] == ["Ü", "È"]
    assert LAYOUTS["de"].sign(12, shift=False, altgr=False, caps=True) == "ß"


def test_a_dead_key_joins_with_a_letter_stands_alone_before_a_space_and_joins_with_nothing_else() -> None:
    acute, diaeresis, tilde = "\u0301", "\u0308", "\u0303"
    assert [joined(acute, sign) for sign in "eEyÆ x1´\r"] == ["é", "É", "ý", "Ǽ", "´", None, None, None, None]
    assert [joined(diaeresis, sign) for sign in "uU ¨"] == ["ü", "Ü", "¨", None]
    assert [joined(tilde, sign) for sign in "nÑ ="] == ["ñ", None, "~", None]
    assert joined(acute, "¨") is None  # Unicode has ΅
    assert [joined(mark, mark) for mark in ACCENTS] == [None] * len(ACCENTS)


def test_a_layout_is_guessed_from_what_people_call_it() -> None:
    guesses = {
        "uk": "gb", "UK": "gb", "en_GB": "gb", "en": "us", "us-intl": "us", "de-AT": "de", "de_CH": "ch-de",
        "ch(fr)": "ch-fr", "fr-CH": "ch-fr", "ch": "ch-de", "FR": "fr", "nb": "no", "da": "dk", "sv": "se",
        "dvorak": None, "": None,
    }  # fmt: skip
    assert {name: nearest(name) for name in guesses} == guesses


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_every_printable_ascii_character_can_be_typed_but_for_dead_keys(layout: str) -> None:
    table = LAYOUTS[layout]
    typable = {sign for level in (table.plain, table.shift, table.altgr) for sign in level.values()}
    assert set(string.ascii_letters + string.digits + string.punctuation + " ") - typable == set(DEAD[layout])
    assert {ACCENTS[sign] for sign in typable & set(ACCENTS)} >= set(DEAD[layout])


@pytest.mark.parametrize("layout", sorted(PRINTED))
def test_keys_that_are_held_type_nothing_themselves(layout: str) -> None:
    assert not SILENT & set(printed(layout))
    assert MODIFIERS | {58, 69} == SILENT


def test_the_silent_keys_are_the_modifiers_of_the_kernel() -> None:
    assert sorted(SILENT) == [29, 42, 54, 56, 58, 69, 97, 100, 125, 126]
