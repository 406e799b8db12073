"""What a scanner is set to, found from what it sends for one code whose content is known. Sans-I/O, never raises.

The code is read with the decoder of the door, once for each layout: what is found here is what the gate will read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import pairwise

from kiosk import blame
from kiosk.blame import Blame
from kiosk.decode import STX, Frames
from kiosk.keys import EV_KEY, EV_SYN, KEY_DOWN, SYN_DROPPED, Keys
from kiosk.layouts import CAPS_LOCK, ENDS, LAYOUTS, SILENT, Layout
from kiosk.model import Moment, Reading

TEXT = "KIOSK-aQmyZ/_12?#|"
"""Tells all layouts apart that differ in any printable ASCII character; none of it is on a dead key anywhere."""

IDLE_MS, LONGEST_IDLE_MS = 120, 5_000
"""What the configuration takes for a silence when nothing is said, and at most."""

LONGEST_AFFIX = 16
"""What the configuration takes as a prefix or a suffix."""

KeyEvent = tuple[int, int, int]
"""Type, code and value, as the kernel gives them."""

_PATIENT_MS = 600_000
_ENTER, _KEYPAD_ENTER, _TAB = 28, 96, 15
_FLUSH: KeyEvent = (EV_KEY, _ENTER, KEY_DOWN)


class Terminator(StrEnum):
    ENTER = "Enter"
    KEYPAD_ENTER = "keypad Enter"
    TAB = "Tab"
    CR = "CR"
    LF = "LF"
    CR_LF = "CR LF"
    ETX = "ETX"
    NONE = "none"


_BY_KEY = {_KEYPAD_ENTER: Terminator.KEYPAD_ENTER, _TAB: Terminator.TAB}
_BY_BYTE = {0x0D: Terminator.CR, 0x0A: Terminator.LF, 0x09: Terminator.TAB, 0x03: Terminator.ETX}


@dataclass(frozen=True, slots=True)
class Found:
    """How a scanner is set.

    `layouts`: each one that reads the code; empty where the layout does not matter. `by_number`: it spells characters
    with Alt and the keypad. `caps_lock`: it presses that key. `framed`: it sends STX. `slowest_ms`: the longest silence
    within the code. `parity`: even, odd or mark, where it sends 7 bits and parity.
    """

    prefix: str
    suffix: str
    terminator: Terminator
    layouts: tuple[str, ...] = ()
    by_number: bool = False
    caps_lock: bool = False
    framed: bool = False
    slowest_ms: int = 0
    parity: str = ""

    def settings(self) -> dict[str, str | int]:
        """Return the keys of the scanner's section in the configuration, with the values that fit."""
        found: dict[str, str | int] = {"layout": self.layouts[0]} if self.layouts else {}
        if self.parity:
            found |= {"bits": 7, "parity": self.parity}
        found |= {"prefix": self.prefix, "suffix": self.suffix}
        found["terminator"] = "none" if self.terminator is Terminator.NONE else "any"
        twice_ms = min(LONGEST_IDLE_MS, 10 * -(-self.slowest_ms // 5))
        if twice_ms > IDLE_MS:
            found["idle_ms"] = twice_ms
        return found

    def notes(self) -> Iterator[Blame]:
        """Yield what a person should know besides, a sentence each."""
        if self.terminator is Terminator.NONE:
            yield Blame(blame.NO_END)
        if len(self.layouts) > 1:
            yield Blame(blame.ALIKE, {"layouts": " and ".join(f'"{name}"' for name in self.layouts)})
        if self.prefix.startswith("]"):
            yield Blame(blame.AIM)

    def advice(self) -> Iterator[str]:
        """Yield the same in English."""
        return map(str, self.notes())


@dataclass(frozen=True, slots=True)
class Wrong:
    """What keeps the scanner's codes from being read, in one sentence, with what to do."""

    blame: Blame

    @property
    def problem(self) -> str:
        return str(self.blame)


@dataclass(frozen=True, slots=True)
class _Line:
    """One reading, and the place of the event or byte that ended it."""

    reading: Reading
    end: int

    @property
    def whole(self) -> bool:
        return self.reading.flaw is None and TEXT in self.reading.code


def from_keys(heard: Sequence[tuple[int, KeyEvent]], prefer: str = "us") -> Found | Wrong:
    """Return what a scanner in keyboard mode is set to; `prefer` comes first among layouts that fit equally well.

    `heard`: the events since the code was shown, each with the time since boot in nanoseconds.
    """
    if any(event[:2] == (EV_SYN, SYN_DROPPED) for _, event in heard):
        return Wrong(Blame(blame.KEYS_DROPPED))
    pressed = [code for _, (kind, code, value) in heard if kind == EV_KEY and value == KEY_DOWN and code not in SILENT]
    if set(pressed) <= ENDS.keys():
        return Wrong(Blame(blame.NOTHING))
    lines = {name: _typed(heard, LAYOUTS[name]) for name in sorted(LAYOUTS, key=lambda name: name != prefer)}
    fitting = [name for name, found in lines.items() if any(line.whole for line in found)]
    if not fitting:
        held = [code for _, (kind, code, _) in heard if kind == EV_KEY]
        return Wrong(blame.keys(TEXT, held, {name: _longest(found) for name, found in lines.items()}))
    layouts = tuple(fitting) if len(fitting) < len(LAYOUTS) else ()
    return _by_keys(heard, lines[fitting[0]], layouts, end_first=pressed[0] in ENDS)


def _typed(heard: Sequence[tuple[int, KeyEvent]], layout: Layout) -> list[_Line]:
    """What the door would read; a last Enter of our own brings out what the scanner did not end."""
    keys = Keys(Frames("", idle_ms=_PATIENT_MS), layout)
    events = [*heard, (heard[-1][0], _FLUSH)]
    return [
        _Line(reading, place)
        for place, (at_ns, event) in enumerate(events)
        for reading in keys.feed(*event, _moment(at_ns))
    ]


def _moment(at_ns: int) -> Moment:
    return Moment(datetime.fromtimestamp(0, UTC), at_ns, "")


def _longest(lines: Iterable[_Line]) -> str:
    return max((line.reading.code for line in lines), key=len, default="")


def _by_keys(
    heard: Sequence[tuple[int, KeyEvent]], lines: list[_Line], layouts: tuple[str, ...], *, end_first: bool
) -> Found | Wrong:
    line = next(line for line in lines if line.whole)
    ended = line.end < len(heard)
    terminator = _BY_KEY.get(heard[line.end][1][1], Terminator.ENTER) if ended else Terminator.NONE
    if problem := _problem(line, lines, ended=ended, end_first=end_first):
        return Wrong(Blame(problem))
    prefix, _, suffix = line.reading.code.partition(TEXT)
    within = heard[: line.end + 1]
    caps_lock = any(event == (EV_KEY, CAPS_LOCK, KEY_DOWN) for _, event in within)
    slowest_ms = _slowest_ms([at_ns for at_ns, _ in within])
    return Found(prefix, suffix, terminator, layouts, not layouts, caps_lock, slowest_ms=slowest_ms)


def _problem(line: _Line, lines: list[_Line], *, ended: bool, end_first: bool) -> str | None:
    """Say what keeps the door from reading a scanner that sends the text."""
    if line.reading.flaw is not None:
        return blame.SURROUNDED
    if any(not other.whole for other in lines):
        return blame.SECOND_LINE
    if not ended and end_first:
        return blame.END_FIRST
    if max(map(len, line.reading.code.split(TEXT))) > LONGEST_AFFIX:
        return blame.TOO_MUCH
    return blame.NO_END if line.reading.code.count(TEXT) > 1 else None


def _slowest_ms(times_ns: list[int]) -> int:
    return max((later - earlier for earlier, later in pairwise(times_ns)), default=0) // 1_000_000


def from_bytes(heard: Sequence[tuple[int, bytes]]) -> Found | Wrong:
    """Return what a serial scanner is set to; `heard`: its bytes in pieces, each with the time since boot in ns."""
    data, parity = b"".join(piece for _, piece in heard), ""
    seven = bytes(byte & 0x7F for byte in data)
    if TEXT.encode() not in data and TEXT.encode() in seven:
        data, parity = seven, _parity(data)
    if not data.strip(b"\0\r\n\t\x02\x03"):
        return Wrong(Blame(blame.NOTHING))
    lines = _sent(data)
    line = next((line for line in lines if TEXT in line.reading.code), None)
    if line is None:
        return Wrong(blame.line(TEXT, data, _longest(lines)))
    terminator = _terminator(data, line.end)
    ended = terminator is not Terminator.NONE
    if problem := _problem(line, lines, ended=ended, end_first=data[0] in _BY_BYTE):
        return Wrong(Blame(problem))
    prefix, _, suffix = line.reading.code.partition(TEXT)
    slowest_ms = _slowest_ms([at_ns for at_ns, piece in heard for _ in piece][: line.end + 1])
    framed = STX in data[: line.end]
    return Found(prefix, suffix, terminator, framed=framed, slowest_ms=slowest_ms, parity=parity)


def _parity(data: bytes) -> str:
    """Which parity these bytes have, their eighth bit included."""
    odd = [byte.bit_count() % 2 for byte in data]
    return "odd" if all(odd) else "mark" if any(odd) else "even"


def _sent(data: bytes) -> list[_Line]:
    frames = Frames("", idle_ms=_PATIENT_MS)
    flushed = data + b"\r"
    return [
        _Line(reading, place)
        for place in range(len(flushed))
        for reading in frames.feed(flushed[place : place + 1], _moment(0))
    ]


def _terminator(data: bytes, end: int) -> Terminator:
    if end == len(data):
        return Terminator.NONE
    return Terminator.CR_LF if data[end : end + 2] == b"\r\n" else _BY_BYTE[data[end]]
