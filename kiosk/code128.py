"""A text as the bars of Code 128, in its code set B: printable ASCII. By ISO/IEC 15417. Pure."""

from __future__ import annotations

from itertools import cycle

_WIDTHS = """
212222 222122 222221 121223 121322 131222 122213 122312 132212 221213 221312 231212 112232 122132 122231 113222 123122
123221 223211 221132 221231 213212 223112 312131 311222 321122 321221 312212 322112 322211 212123 212321 232121 111323
131123 131321 112313 132113 132311 211313 231113 231311 112133 112331 132131 113123 113321 133121 313121 211331 231131
213113 213311 213131 311123 311321 331121 312113 312311 332111 314111 221411 431111 111224 111422 121124 121421 141122
141221 112214 112412 122114 122411 142112 142211 241211 221114 413111 241112 134111 111242 121142 121241 114212 124112
124211 411212 421112 421211 212141 214121 412121 111143 111341 131141 114113 114311 411113 411311 113141 114131 311141
411131 211412 211214 211232 2331112
"""
"""Bar, space, bar … of each symbol, in modules; the last is the stop pattern (the standard's table 1)."""

_START_B, _STOP = 104, 106
QUIET = 10
"""How many modules must stay empty on either side."""


def modules(text: str) -> list[bool]:
    """Return the modules from left to right, True for a dark one, without the quiet zones.

    Raises ValueError for what set B does not have.
    """
    if not text or not all(" " <= character <= "~" for character in text):
        raise ValueError("Code 128, set B, takes printable ASCII only")
    widths = _WIDTHS.split()
    values = [_START_B, *(ord(character) - 32 for character in text)]
    check = sum(place * value for place, value in enumerate(values[1:], start=1))
    symbols = [*values, (_START_B + check) % 103, _STOP]
    return [dark for symbol in symbols for dark in _bars(widths[symbol])]


def _bars(widths: str) -> list[bool]:
    return [dark for width, dark in zip(widths, cycle((True, False)), strict=False) for _ in range(int(width))]
