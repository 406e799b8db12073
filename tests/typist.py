"""How a scanner in keyboard mode types a text: key events, in any layout, in any way there is."""

from __future__ import annotations

from collections.abc import Iterator

from kiosk.layouts import ACCENTS, ALT_GR, LAYOUTS, LEFT_ALT, LEFT_SHIFT, joined

Event = tuple[int, int, int]
UP, DOWN = 0, 1
ENTER, KEYPAD_ENTER, TAB = 28, 96, 15
PAD = (82, 79, 80, 81, 75, 76, 77, 71, 72, 73)
REPORT: Event = (0, 0, 0)
DROPPED: Event = (0, 3, 0)
Strokes = tuple[tuple[int, ...], ...]
"""Keys one after the other, each with the modifiers held."""


def press(key: int, *held: int) -> Iterator[Event]:
    for code, value in [*((code, DOWN) for code in held), (key, DOWN), (key, UP), *((code, UP) for code in held)]:
        yield from ((4, 4, 0x70000 + code), (1, code, value), REPORT)


def ways(layout: str) -> dict[str, list[Strokes]]:
    """Every way to type each character, by key or by a dead key and another, the one that scanners use first."""
    table = LAYOUTS[layout]
    levels = (
        (table.plain, ()), (table.shift, (LEFT_SHIFT,)), (table.altgr, (ALT_GR,)),
        (table.shift_altgr, (ALT_GR, LEFT_SHIFT)),
    )  # fmt: skip
    single = [(sign, (key, *held)) for level, held in levels for key, sign in level.items()]
    # Seldom: Shift and AltGr together, the keypad's point, and a key that not all keyboards have.
    single.sort(key=lambda typed: (len(typed[1]) > 2, typed[1][0] in {83, 86}))
    found: dict[str, list[Strokes]] = {"\r": [((ENTER,),)], "\t": [((TAB,),)]}
    for sign, stroke in single:
        if sign not in ACCENTS:
            found.setdefault(sign, []).append((stroke,))
    for mark, first in single:
        for sign, second in single:
            if mark in ACCENTS and sign not in ACCENTS and (together := joined(mark, sign)):
                found.setdefault(together, []).append((first, second))
    return found


WAYS = {layout: ways(layout) for layout in LAYOUTS}


def typed(text: str, layout: str = "us") -> list[Event]:
    return [event for character in text for stroke in WAYS[layout][character][0] for event in press(*stroke)]


def alt(text: str, form: str = "{:04}") -> list[Event]:
    """Characters by their numbers: Alt down, the keypad's digits, Alt up."""
    events: list[Event] = []
    for character in text:
        digits = [event for digit in form.format(ord(character)) for event in press(PAD[int(digit)])]
        events += [(1, LEFT_ALT, DOWN), REPORT, *digits, (1, LEFT_ALT, UP), REPORT]
    return events
