"""From the reports of a scanner in HID-POS mode to codes. Sans-I/O, as `decode.py`.

A report carries up to 56 bytes; a longer code comes in several, each but the last marked as continued. No report says
that it is the first of its code. So whoever has lost a report cannot know whether the next one is the tail of a code
or a code: it is not believed, however late it comes, and is told as unreadable. One more scan mends it. A tail that
was taken for a code could be anybody's ticket.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from kiosk.decode import MAX_BYTES, TERMINATORS, TOO_LONG, whole
from kiosk.descriptor import Field
from kiosk.model import Moment, Reading
from kiosk.reports import Layout, layout

PATIENCE_NS = 200_000_000
"""How long after a part of a code the next one may come: scanners send them a few milliseconds apart."""

BYTES_LOST = "bytes were lost"

ENDS = b"\0" + bytes(sorted(TERMINATORS))
"""What a scanner may add behind a code although its reports say how long it is."""


class _State(Enum):
    FRESH = auto()
    """The next report begins a code."""
    HALF = auto()
    """A code has begun, and goes on."""
    LOST = auto()
    """A code was given up and told; the rest of it is still to come."""
    DOUBT = auto()
    """The next report may be the rest of something."""


@dataclass(frozen=True, slots=True)
class _Part:
    """What one report says. `data` is None where it cannot be right, `continued` where nobody knows."""

    identifier: bytes
    data: bytes | None
    continued: bool | None


class Parts:
    """Joins the reports of one scanner to codes.

    `prefix`, `suffix`: what the scanner is set to add, taken off again. The AIM identifier has a field of its own: it
    stands in front of a reading's `raw`, and is no part of its code.
    """

    def __init__(self, lane: str, layout: Layout, *, prefix: str = "", suffix: str = "") -> None:
        self.lane = lane
        self._layout = layout
        self._prefix, self._suffix = prefix.encode(), suffix.encode()
        self._most = MAX_BYTES + len(self._prefix) + len(self._suffix) + len(b"\r\n")
        self._state = _State.FRESH
        self._code = bytearray()
        self._identifier = b""
        self._last_ns = 0

    def describe(self, descriptor: bytes) -> list[Reading]:
        """Take the report descriptor of the scanner whose reports follow, as a recording has it."""
        self._layout = layout(descriptor) or self._layout
        return []

    def feed(self, report: bytes, moment: Moment) -> list[Reading]:
        """Take one whole report; return the codes that are complete by it. Other reports of the device say nothing."""
        if self._layout.report_id is not None and report[:1] != bytes([self._layout.report_id]):
            return []
        told = self.silence(moment)
        self._last_ns = moment.boottime_ns
        reading = self._take(_read(self._layout, report), moment)
        return told if reading is None else [*told, reading]

    def silence(self, moment: Moment) -> list[Reading]:
        """Give up half a code whose next part is overdue at this moment, and say so."""
        if self._state not in {_State.HALF, _State.LOST} or moment.boottime_ns - self._last_ns <= PATIENCE_NS:
            return []
        return self.lose(moment)

    def due_ns(self) -> int | None:
        """Return the time since boot at which half a code would be given up; None when there is none."""
        return self._last_ns + PATIENCE_NS + 1 if self._state is _State.HALF else None

    def lose(self, moment: Moment) -> list[Reading]:
        """Say that reports may have been lost between the last one and the next."""
        told = [self._give_up(moment, BYTES_LOST)] if self._state is _State.HALF else []
        self._state = _State.DOUBT
        return told

    def _take(self, part: _Part, moment: Moment) -> Reading | None:
        state, self._state = self._state, _follows(part.continued)
        if state is _State.LOST:
            return None
        first = state is not _State.HALF
        if first:
            self._identifier = part.identifier
        torn = part.data is None or part.identifier != self._identifier
        self._code += b"" if torn else part.data or b""
        if torn or state is _State.DOUBT:
            return self._give_up(moment, BYTES_LOST)
        if len(self._code) > self._most:
            return self._give_up(moment, TOO_LONG)
        if part.continued:
            self._state = _State.HALF
            return None
        return self._end(moment)

    def _end(self, moment: Moment) -> Reading | None:
        code = bytes(self._code).rstrip(ENDS).lstrip(b"\0")
        self._code.clear()
        found = whole(code.removeprefix(self._prefix).removesuffix(self._suffix), self.lane, moment)
        if found is None:
            return None
        return Reading(self.lane, found.code, self._marked(found.raw), moment, found.flaw)

    def _give_up(self, moment: Moment, flaw: str) -> Reading:
        found = whole(bytes(self._code), self.lane, moment)
        self._code.clear()
        code, raw = ("", b"") if found is None else (found.code, found.raw)
        return Reading(self.lane, code, self._marked(raw), moment, flaw)

    def _marked(self, raw: bytes) -> bytes:
        return self._identifier.rstrip(b"\0") + raw


def _follows(continued: bool | None) -> _State:  # noqa: FBT001
    """What a report leaves behind when its code is not believed."""
    if continued is None:
        return _State.DOUBT
    return _State.LOST if continued else _State.FRESH


def _read(layout: Layout, report: bytes) -> _Part:
    if len(report) * 8 < layout.bits:
        return _Part(b"", None, None)
    identifier = b"".join(field.content(report) for field in layout.identifier)
    data = _data(layout, report)
    if layout.continued is None:
        # Nothing says whether there is more: there is, where the field is full.
        full = layout.data.size * layout.data.count // 8
        return _Part(identifier, data, None if data is None else len(data) == full)
    return _Part(identifier, data, bool(layout.continued.value(report)))


def _data(layout: Layout, report: bytes) -> bytes | None:
    data = layout.data.content(report)
    if layout.length is None:
        return data.rstrip(b"\0")
    length = layout.length.value(report)
    return data[:length] if length <= len(data) and _is_allowed(length, layout.length) else None


def _is_allowed(value: int, field: Field) -> bool:
    return field.lowest >= field.highest or field.lowest <= value <= field.highest
