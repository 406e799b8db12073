"""Why a scanner's codes cannot be read, and what to do about it: a sentence each, for the person who sets it up.

Each function looks at what came where a known text should have come. Pure, never raises.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from kiosk.layouts import CHORDS, DIGITS, LAYOUTS, LEFT_ALT, SILENT

NO_END = (
    "the scanner sends nothing behind a code, so that only a silence ends it: "
    "scan “suffix CR” or “add Enter” from its handbook"
)
END_FIRST = (
    "the scanner sends the end of a code before it instead of behind it: "
    "scan “no prefix”, then “suffix CR” from its handbook"
)
NOTHING = "the scanner sent nothing that could be part of a code: hold it nearer, or scan again"
KEYS_DROPPED = "keys were lost, this machine was too busy: scan again"
SECOND_LINE = (
    "the scanner sends a line of its own besides the code: "
    "scan “no prefix, no suffix”, then “suffix CR” from its handbook"
)
TOO_MUCH = (
    "the scanner adds more than the 16 characters that `prefix` and `suffix` may have: "
    "scan “no prefix, no suffix”, then “suffix CR” from its handbook"
)
CAPS = (
    "capitals and small letters come exchanged: "
    "press CapsLock once on this machine, or scan “CapsLock off” from the scanner's handbook"
)
CASE = "the scanner changes capitals and small letters: scan “no case conversion” from its handbook"
HELD = (
    "the scanner holds Ctrl, Alt or the Windows key while it types, which makes commands of characters: "
    "scan “no function codes”, or “ALT mode”, from its handbook"
)
SURROUNDED = "the scanner adds bytes that are not text: scan “no prefix, no suffix”, then “suffix CR” from its handbook"
WRONG_LINE = (
    "as much came as the code is long, and none of it fits: 7 bits or parity or baud rate are wrong: "
    "set the scanner to 8 data bits and no parity, and `baudrate` here to the scanner's"
)
BAUD = "what came is not text, so the baud rate is wrong: set `baudrate` to what the scanner's handbook says"
STRANGE_KEY = "the scanner presses key {key}, which types nothing: remove that prefix or suffix from it"
NO_LAYOUT = (
    'no layout fits; nearest is "{layout}", but {signs} came otherwise: set the scanner to a '
    'keyboard that is known here ("us", say) or to ALT mode, from its handbook, and calibrate again'
)
ANOTHER = "this was another code, or only a part of the right one: scan the code that is shown here"
ANOTHER_END = (
    "this was another code, or only a part of the right one (it ends in {end}): scan the code that is shown here"
)
ALIKE = "{layouts} type every ASCII character alike: take the one that the scanner's handbook names"
AIM = (
    "the prefix is an AIM identifier, another one for each kind of barcode: "
    "scan “no AIM ID” from the scanner's handbook rather than setting it here"
)

_ALIKE = 0.6
"""How much of the text must have come for the rest to be worth naming."""


class Blame(NamedTuple):
    """A sentence for whoever sets the scanner up, and what stands in its gaps."""

    text: str
    facts: Mapping[str, str] = {}

    def __str__(self) -> str:
        return self.text.format_map(self.facts)


def keys(text: str, pressed: Sequence[int], codes: Mapping[str, str]) -> Blame:
    """Say why no layout reads the text from these keys; `codes` is what each layout reads."""
    if changed := _changed_case(text, codes.values()):
        return Blame(changed)
    if strange := _strange(pressed):
        return Blame(STRANGE_KEY, {"key": str(strange[0])})
    chords = CHORDS & set(pressed)
    if chords and not (chords == {LEFT_ALT} and DIGITS.keys() & set(pressed)):
        return Blame(HELD)
    nearest, code = max(codes.items(), key=lambda item: _alike(text, item[1]).ratio())
    if _alike(text, code).ratio() < _ALIKE:
        return _another(code)
    return Blame(NO_LAYOUT, {"layout": nearest, "signs": _missing(text, code)})


def line(text: str, data: bytes, code: str) -> Blame:
    """Say why the text is not among these bytes, of which `code` is the longest line."""
    if changed := _changed_case(text, [code]):
        return Blame(changed)
    content = data.strip(b"\0\r\n\t\x02\x03")
    if content.isascii() and all(byte >= 32 for byte in content):
        return _another(code)
    return Blame(WRONG_LINE if abs(len(data) - len(text) - 1) <= 1 else BAUD)


def _strange(pressed: Iterable[int]) -> list[int]:
    """The keys that are nothing on any keyboard."""
    layouts = list(LAYOUTS.values())
    typing = {key for key in pressed if any(layout.sign(key, shift=False, altgr=False) for layout in layouts)}
    return [key for key in pressed if key not in typing | SILENT]


def _changed_case(text: str, codes: Iterable[str]) -> str | None:
    for code in codes:
        if text.swapcase() in code:
            return CAPS
        if text.upper() in code or text.lower() in code:
            return CASE
    return None


def _alike(text: str, code: str) -> difflib.SequenceMatcher[str]:
    return difflib.SequenceMatcher(None, text, code, autojunk=False)


def _missing(text: str, code: str) -> str:
    """The characters of the text that did not come, or came as others."""
    changes = _alike(text, code).get_opcodes()
    return " ".join(text[start:stop] for tag, start, stop, _, _ in changes if tag in {"replace", "delete"})


def _another(code: str) -> Blame:
    return Blame(ANOTHER_END, {"end": ascii(code[-4:])[1:-1]}) if code else Blame(ANOTHER)
