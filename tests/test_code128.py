"""Bars, read back by the standard's own rules."""

from __future__ import annotations

import string
from itertools import groupby

import pytest

from kiosk import code128
from kiosk.calibration import TEXT

PRINTABLE = string.ascii_letters + string.digits + string.punctuation + " "
KNOWN = {0: "212222", 33: "111323", 64: "111422", 95: "114113", 103: "211412", 104: "211214", 105: "211232"}
"""Space, A and others of the standard's table; the starts of the sets A, B and C."""


def widths(text: str) -> list[int]:
    return [len(list(run)) for _, run in groupby(code128.modules(text))]


def symbols(text: str) -> list[str]:
    """Three bars and three spaces each, but for the stop, which has one more bar."""
    digits = "".join(map(str, widths(text)))
    return [digits[place : place + 6] for place in range(0, len(digits) - 7, 6)] + [digits[-7:]]


TABLE = {f"{first}": value for value, first in enumerate(code128._WIDTHS.split())}


def decoded(text: str) -> str:
    """Read the bars as a scanner does: start, characters, check, stop."""
    start, *values, check, stop = (TABLE[symbol] for symbol in symbols(text))
    assert (start, stop) == (104, 106)
    assert check == (start + sum(place * value for place, value in enumerate(values, start=1))) % 103
    return "".join(chr(value + 32) for value in values)


def test_the_table_is_one_of_code_128() -> None:
    """Each symbol is 11 modules wide, the stop 13; bars have an even sum, spaces an odd one; no two are alike."""
    assert len(TABLE) == 107
    for symbol, value in TABLE.items():
        sizes = [int(digit) for digit in symbol]
        assert sum(sizes) == (13 if value == 106 else 11)
        assert value == 106 or sum(sizes[::2]) % 2 == 0
        assert max(sizes) <= 4
    assert {value: symbol for symbol, value in TABLE.items() if value in KNOWN} == KNOWN


@pytest.mark.parametrize("text", [TEXT, PRINTABLE, "A", "~ ~", "0123456789"])
def test_what_is_drawn_is_read_back(text: str) -> None:
    assert decoded(text) == text


def test_the_check_is_the_one_of_the_standard_s_example() -> None:
    """PJJ123C, in set A and in set B alike but for the start: 104 + 879 − 103 × 9 … the check is 55 from start B."""
    values = [ord(sign) - 32 for sign in "PJJ123C"]
    assert (104 + sum(place * value for place, value in enumerate(values, start=1))) % 103 == TABLE[
        symbols("PJJ123C")[-2]
    ]


def test_it_begins_and_ends_with_a_bar_and_is_as_wide_as_it_should_be() -> None:
    modules = code128.modules(TEXT)
    assert modules[0]
    assert modules[-1]
    assert len(modules) == 11 * (len(TEXT) + 2) + 13


@pytest.mark.parametrize("text", ["", "\t", "ü", "a\x7f"])
def test_what_set_b_does_not_have_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII"):
        code128.modules(text)
