"""From the keys of a scanner that pretends to be a keyboard to codes. Sans-I/O, as `decode.py`; feeds its `Frames`.

What was typed is believed or the code is lost: a key that types nothing, an accent that joins with nothing, a modifier
of which nobody knows whether it is down. Nothing of that ever becomes a shorter or another code.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from kiosk.decode import KEYS_LOST, Frames
from kiosk.layouts import (
    ACCENTS,
    ALT_GR,
    CAPS_LOCK,
    CHORDS,
    DIGITS,
    ENDS,
    LEFT_ALT,
    MODIFIERS,
    SHIFTS,
    SILENT,
    Layout,
    joined,
)
from kiosk.model import Moment, Reading

# linux/input-event-codes.h
EV_SYN, EV_KEY = 0, 1
SYN_REPORT, SYN_DROPPED = 0, 3
KEY_UP, KEY_DOWN = 0, 1

MAX_DIGITS = 4
"""The longest number of a character: 0 and three more."""


class Keys:
    """Turns the key events of one scanner into codes.

    The kernel queues only 64 events and then drops the lot, saying SYN_DROPPED: what follows up to the next
    SYN_REPORT is a torso (Documentation/input/event-codes.rst), and so is the code it belongs to. With a scanner that
    uses CapsLock, nobody knows how it stands after that, so no letter is believed before a silence.

    A modifier is down from one of its edges to the other. One that is still down when a code ends, or after a silence,
    may have got stuck: no character is believed until it moves; after one more silence it counts as let go.
    """

    def __init__(self, frames: Frames, layout: Layout) -> None:
        self._frames = frames
        self._layout = layout
        self._held: set[int] = set()
        self._stuck: set[int] = set()
        self._caps: bool | None = False
        self._caps_doubtful = False
        self._torso = False
        self._accent = ""
        self._number = AltNumber()
        self._by_number = False

    def feed(self, kind: int, code: int, value: int, moment: Moment) -> list[Reading]:
        """Take one event (type, code, value as the kernel gives them); return the codes it completes."""
        if kind == EV_SYN:
            return self._synchronise(code, moment)
        if kind != EV_KEY or self._torso or value not in {KEY_UP, KEY_DOWN}:
            return []  # an autorepeat is the kernel's invention, not the scanner's
        ended = self._notice_silence(moment)
        self._frames.feed(b"", moment)  # a modifier, an accent or a digit under Alt breaks the silence, too
        readings = self._press(code, moment) if value == KEY_DOWN else self._release(code, moment)
        return ended + (self._marked(readings) if readings else [])

    def play(self, events: Iterable[tuple[int, int, int]], moment: Moment) -> list[Reading]:
        """Take several at once."""
        return [reading for event in events for reading in self.feed(*event, moment)]

    def silence(self, moment: Moment) -> list[Reading]:
        """Take it that no key had moved by this moment."""
        return self._notice_silence(moment)

    @property
    def idle_s(self) -> float:
        return self._frames.idle_s

    def due_ns(self) -> int | None:
        """Return the time since boot at which silence would end what has begun; None when nothing has."""
        return self._frames.due_ns()

    def doubt(self, moment: Moment) -> None:
        """Begin in the middle of a code, maybe."""
        self._frames.doubt(moment)

    def _notice_silence(self, moment: Moment) -> list[Reading]:
        if not self._frames.after_silence(moment):
            return []
        half = self._accent or self._number.digits or self._held & CHORDS
        lost = self._frames.spoil(moment, KEYS_LOST) if half and not self._frames.terminated else []
        ended = self._frames.silence(moment)
        if self._caps is None or self._caps_doubtful:
            self._caps, self._caps_doubtful = False, False
        self._held = (self._held & MODIFIERS) - self._stuck
        self._stuck = set(self._held)
        self._forget_half()
        return self._marked(lost + ended)

    def _marked(self, readings: list[Reading]) -> list[Reading]:
        """Say of what has ended whether any of it was spelt by number."""
        by_number, self._by_number = self._by_number, False
        return [replace(reading, by_number=True) for reading in readings] if by_number else readings

    def _forget_half(self) -> None:
        self._accent = ""
        self._number = AltNumber()

    def _synchronise(self, code: int, moment: Moment) -> list[Reading]:
        if code == SYN_REPORT:
            self._torso = False
        if code != SYN_DROPPED:
            return []
        ended = self._notice_silence(moment)
        self._torso = True
        self._held.clear()
        self._stuck.clear()
        self._caps_doubtful = self._caps is False
        self._caps = False if self._caps_doubtful else None
        return ended + self._lose(moment)

    def _lose(self, moment: Moment) -> list[Reading]:
        self._forget_half()
        return self._frames.lose(moment, KEYS_LOST)

    def _press(self, key: int, moment: Moment) -> list[Reading]:
        if key in SILENT:
            return self._hold(key, moment)
        if key in ENDS:
            return self._end(key, moment)
        if key in DIGITS:
            return self._digit(key, moment)
        return self._add(self._sign(key), moment)

    def _hold(self, key: int, moment: Moment) -> list[Reading]:
        self._stuck.discard(key)
        if key == CAPS_LOCK:
            self._caps = None if self._caps is None or self._caps_doubtful else not self._caps
        digit_before_alt = key == LEFT_ALT and self._held & DIGITS.keys()
        self._held.add(key)
        return self._lose(moment) if digit_before_alt else []

    def _digit(self, key: int, moment: Moment) -> list[Reading]:
        apart = not self._held & DIGITS.keys()
        self._held.add(key)
        if self._stuck or self._held & MODIFIERS != {LEFT_ALT}:
            return self._add(self._sign(key), moment)
        self._number.add(DIGITS[key], apart=apart)
        return []

    def _release(self, key: int, moment: Moment) -> list[Reading]:
        self._held.discard(key)
        self._stuck.discard(key)
        if key != LEFT_ALT or not self._number.digits:
            return []
        character, self._number = self._number.character(), AltNumber()
        self._by_number = True
        return self._add(character, moment)

    def _end(self, key: int, moment: Moment) -> list[Reading]:
        lost = self._lose(moment) if self._accent or self._held & CHORDS else []
        self._stuck |= self._held & MODIFIERS
        return [*lost, *self._frames.feed(ENDS[key].encode(), moment)]

    def _sign(self, key: int) -> str | None:
        """What the key adds as things stand; None when that is nothing, or cannot be known."""
        if self._held & CHORDS or self._stuck:
            return None
        shift, altgr = bool(self._held & SHIFTS), ALT_GR in self._held
        plain, turned = (self._layout.sign(key, shift=shift, altgr=altgr, caps=caps) for caps in (False, True))
        if self._caps is None:
            return plain if plain == turned else None
        return turned if self._caps else plain

    def _add(self, sign: str | None, moment: Moment) -> list[Reading]:
        """Add to the code what was typed, joined with the accent before it; whatever cannot be added loses the code."""
        if sign in ACCENTS and not self._accent:
            self._accent = sign
            return []
        if self._accent and sign is not None:
            sign = joined(self._accent, sign)
        self._accent = ""
        return self._lose(moment) if sign is None else self._frames.feed(sign.encode(), moment)


class AltNumber:
    """The number of a character, spelt on the keypad while Alt is down; Alt's release ends it.

    Scanners press the digits one after the other or in one report. In one report a digit cannot come twice: the kernel
    takes 066 for 06. All such numbers fall below 32, where only control characters are, which are then not believed.
    """

    def __init__(self) -> None:
        self.digits = ""
        self._apart = True

    def add(self, digit: str, *, apart: bool) -> None:
        """Add a digit; `apart` when the one before was let go first."""
        self.digits = (self.digits + digit)[: MAX_DIGITS + 1]
        self._apart &= apart

    def character(self) -> str | None:
        """Return what Windows types for it: of code page 1252 behind a 0, else of 437. None when that is nothing."""
        number, page = int(self.digits), "cp1252" if self.digits.startswith("0") else "cp437"
        control = number < 32 and self._apart and page == "cp1252" and len(self.digits) > 2
        if len(self.digits) > MAX_DIGITS or not (control or 32 <= number <= 255) or number == 127:
            return None
        return bytes([number]).decode(page, errors="ignore") or None
