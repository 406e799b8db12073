"""The alarm for a wrong keyboard layout: codes that no ticket has, and would have, typed in another layout.

Only a hint for people, no verdict comes of it: what is in a code is what was read, not what might have been meant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

from kiosk.layouts import ACCENTS, LAYOUTS, Layout, joined
from kiosk.model import Reading, Reason

RUN = 3
"""So many unknown codes in a row that are known in the same other layout are no accident."""

UNKNOWN = frozenset({Reason.UNKNOWN, Reason.UNKNOWN_STALE})

_SELDOM = frozenset({86, 83})
"""The key beside the left Shift, which US keyboards lack, and the keypad's point: other keys type the same, too."""

_Stroke = tuple[int, bool, bool]
"""A key, and whether Shift and AltGr are down."""


def retyped(text: str, typed_as: str, meant: str) -> str | None:
    """Return what the keys that type this text in one layout type in another; None when that is nothing whole.

    Where several keys type the same, the one that scanners use for more is taken.
    """
    strokes = _strokes(typed_as)
    keys = [stroke for sign in text for stroke in strokes.get(sign, ())]
    return _read(keys, _layout(meant)) if all(sign in strokes for sign in text) else None


def _read(keys: list[_Stroke], layout: Layout) -> str | None:
    found, accent = "", ""
    for key, shift, altgr in keys:
        sign = layout.sign(key, shift=shift, altgr=altgr)
        if sign in ACCENTS and not accent:
            accent = sign
            continue
        if accent and sign is not None:
            sign = joined(accent, sign)
        if sign is None:
            return None
        found, accent = found + sign, ""
    return found if not accent else None


@cache
def _layout(name: str) -> Layout:
    return LAYOUTS[name]


@cache
def _strokes(name: str) -> dict[str, tuple[_Stroke, ...]]:
    """How each character is typed in a layout: by one key, else by a dead key and another."""
    layout = _layout(name)
    levels = (
        (layout.plain, False, False), (layout.shift, True, False),
        (layout.altgr, False, True), (layout.shift_altgr, True, True),
    )  # fmt: skip
    signs = [(sign, (key, shift, altgr)) for level, shift, altgr in levels for key, sign in level.items()]
    signs.sort(key=lambda typed: (typed[1][1:] == (True, True), typed[1][0] in _SELDOM))
    single: dict[str, tuple[_Stroke, ...]] = {}
    for sign, stroke in signs:
        if sign not in ACCENTS:
            single.setdefault(sign, (stroke,))
    both: dict[str, tuple[_Stroke, ...]] = {}
    for mark, stroke in signs:
        for sign, (then,) in single.items() if mark in ACCENTS else ():
            if together := joined(mark, sign):
                both.setdefault(together, (stroke, then))
    return both | single


@dataclass(slots=True)
class _Lane:
    """What speaks for which other layouts: a run of codes, and what a long enough run left behind."""

    layout: str
    run: int = 0
    suspects: frozenset[str] = frozenset()
    accused: frozenset[str] = frozenset()

    def accuse(self, known_as: frozenset[str]) -> None:
        """Take an unknown code that is known in these layouts."""
        together = known_as & self.suspects
        self.run = self.run + 1 if together else int(bool(known_as))
        self.suspects = together or known_as
        if self.run >= RUN:
            self.accused = self.suspects

    def acquit(self, code: str) -> None:
        """Take a known code: it speaks against every layout in which it would be another one."""
        alike = frozenset(
            other for other in self.suspects | self.accused if retyped(code, self.layout, other) == code
        )  # fmt: skip
        self.suspects, self.accused = self.suspects & alike, self.accused & alike


@dataclass(slots=True)
class Suspicion:
    """Watches the verdicts of keyboard lanes, whose layouts it is given by name. Belongs to the gate's thread."""

    layouts: Mapping[str, str] = field(default_factory=dict)
    _lanes: dict[str, _Lane] = field(init=False)

    def __post_init__(self) -> None:
        self._lanes = {name: _Lane(layout) for name, layout in self.layouts.items()}

    def hint(self, lane: str) -> str | None:
        """Return what a person should do about a lane's scanner; None when there is nothing."""
        return _hint(lane, self._lanes[lane].accused) if lane in self._lanes else None

    def note(self, reading: Reading, reason: Reason, is_known: Callable[[str], bool]) -> None:
        """Take a reading and its verdict; `is_known` tells of a code whether some ticket has it.

        It is asked twelve times at most, and only for a code that nobody knows.
        """
        lane = self._lanes.get(reading.lane)
        if lane is None or reading.flaw is not None or reading.by_number:
            return
        if reason in UNKNOWN:
            lane.accuse(_known_as(reading.code, lane.layout, is_known))
        else:
            lane.acquit(reading.code)


def _known_as(code: str, layout: str, is_known: Callable[[str], bool]) -> frozenset[str]:
    """The layouts in which the code is another one that is known; each of those is asked for once."""
    meanings: dict[str, list[str]] = {}
    for other in LAYOUTS:
        meaning = retyped(code, layout, other) if other != layout else None
        if meaning is not None and meaning != code:
            meanings.setdefault(meaning, []).append(other)
    return frozenset(other for meaning, others in meanings.items() if is_known(meaning) for other in others)


def _hint(lane: str, layouts: frozenset[str]) -> str | None:
    if not layouts:
        return None
    names = [f'"{name}"' for name in LAYOUTS if name in layouts]
    *others, last = names
    which = f"{', '.join(others)} or {last}" if others else last
    mend = "let `kiosk calibrate` find which it is" if others else f"set layout = {last}"
    return f"scanner layout? These codes are known when read as {which}: {mend} for scanner {lane}"
