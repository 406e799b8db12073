"""From what a scanner sends to whole codes. Sans-I/O: bytes in, readings out, time as an argument.

`Frames` cuts a stream of bytes into codes; `keys.py` turns the events of a scanner in keyboard mode into the same
bytes and feeds them to a `Frames` of its own. Nothing here raises on what a guest can show to a scanner: a code with a
hole in it, one that is too long, or one that is not text becomes a reading with a flaw, never a shorter code.
"""

from __future__ import annotations

from collections.abc import Callable

from kiosk.model import Answer, Direction, Moment, Reading

MAX_CHARACTERS = 512
"""The longest code: no ticket needs more, and at 8 ms a report a keyboard scanner types it for eight seconds."""

MAX_BYTES = 4 * MAX_CHARACTERS
"""What that many characters take in UTF-8 at most."""

TERMINATORS = frozenset(b"\r\n\t\x03")
"""CR, LF, TAB and ETX each end a code; between CR and LF stands an empty one, which is ignored."""

STX = 0x02

TOO_LONG = f"longer than {MAX_CHARACTERS} characters"
NOT_TEXT = "not text"
KEYS_LOST = "keys were lost"
HALF = "it has no end"
"""The flaw of what a silence cut off: nothing to answer, but to know about."""

LATE = "part of it came late"
DAMAGED = "it came damaged"
MISSED = "its beginning was missed"


def whole(
    raw: bytes,
    lane: str,
    moment: Moment,
    direction: Direction | None = None,
    asker: Callable[[Answer], None] | None = None,
) -> Reading | None:
    """Read one code that arrived whole, as from manual entry; None when there is nothing in it."""
    content = raw.strip(b"\0\r\n\t")
    if not content:
        return None
    text, flaw = _text(content)
    kept = content[:MAX_BYTES]
    if len(text) > MAX_CHARACTERS:
        text, flaw, kept = text[:MAX_CHARACTERS], TOO_LONG, content[:MAX_CHARACTERS]
    return Reading(lane, text, kept, moment, flaw, direction, asker)


def _text(raw: bytes) -> tuple[str, str | None]:
    try:
        return raw.decode(), None
    except UnicodeDecodeError:
        return raw.decode(errors="backslashreplace")[:MAX_CHARACTERS], NOT_TEXT


class Frames:
    """Cuts a byte stream into codes at their terminators.

    `idle_ms`: half a code followed by silence of that length is dropped, so that it never joins the next guest's; what
    is dropped is a reading whose flaw is HALF.
    `terminated` False: the scanner sends no terminator, and that silence is what ends a code.
    `prefix`, `suffix`: what the scanner is set to add, taken off again.
    """

    def __init__(
        self, lane: str, *, idle_ms: int = 120, prefix: str = "", suffix: str = "", terminated: bool = True
    ) -> None:
        self.lane, self.terminated = lane, terminated
        self._idle_ns = idle_ms * 1_000_000
        self._prefix, self._suffix = prefix.encode(), suffix.encode()
        self._most = MAX_CHARACTERS + len(prefix) + len(suffix)
        self._code = bytearray()
        self._characters = 0
        self._discarding = False
        self._doubtful = False
        self._last_ns = self._looked_ns = 0

    def feed(self, data: bytes, moment: Moment) -> list[Reading]:
        """Take what was sent at this moment, in pieces of any size; return the codes that are complete by it."""
        ended = self._notice_silence(moment)
        readings = [self._take(byte, moment) for byte in data]
        return [reading for reading in (ended, *readings) if reading is not None]

    def receive(self, data: bytes, moment: Moment) -> list[Reading]:
        """Take what is read at this moment and may have waited.

        Whoever reads only when woken, and late, cannot know whether a code went on at once or ended in silence: it is
        lost then, up to its end, rather than cut in two or joined with the next.
        """
        self._looked_ns = moment.boottime_ns
        if self._discarding and self.after_silence(moment):
            self.doubt(moment)
        unsure = self._code and self.after_silence(moment)
        unsure = unsure or (not self.terminated and moment.late_ns > self._idle_ns)
        lost = self.spoil(moment, LATE) if unsure else []
        self._last_ns = moment.boottime_ns
        return lost + self.feed(data, moment)

    def silence(self, moment: Moment) -> list[Reading]:
        """Take it that nothing more had been sent by this moment."""
        self._looked_ns = moment.boottime_ns
        return self.feed(b"", moment) if self.after_silence(moment) else []

    def lose(self, moment: Moment, flaw: str) -> list[Reading]:
        """Say that part of the code was lost: nothing up to its terminator can be trusted."""
        ended = self._notice_silence(moment)
        return [*([ended] if ended is not None else []), *self.spoil(moment, flaw)]

    def spoil(self, moment: Moment, flaw: str) -> list[Reading]:
        """Say so of the code that was under way, whatever silence there was since."""
        return [] if self._discarding and not self._doubtful else [self._give_up(moment, flaw)]

    def damage(self, moment: Moment) -> list[Reading]:
        """Say that a byte was damaged: that of a code, or of the noise between codes, which is nobody's loss."""
        ended = self._notice_silence(moment)
        if self._code.strip(b"\0"):
            return self.spoil(moment, DAMAGED)
        if not self._discarding:
            self.doubt(moment)
        return [ended] if ended is not None else []

    def doubt(self, moment: Moment) -> None:
        """Begin in the middle of a code, maybe: what comes before a silence or a terminator is lost, and said to be."""
        self._clear()
        self._discarding = self._doubtful = True
        self._last_ns = moment.boottime_ns

    def after_silence(self, moment: Moment) -> bool:
        """Tell whether what comes at this moment begins something new."""
        return moment.boottime_ns - self._last_ns > self._idle_ns

    @property
    def idle_s(self) -> float:
        return self._idle_ns / 1e9

    def due_ns(self) -> int | None:
        """Return the time since boot at which silence would end what has begun; None when nothing has.

        Where only silence ends a code it has to be looked for all the time, or two codes could be one.
        """
        if self._code or self._discarding:
            return self._last_ns + self._idle_ns + 1
        return self._looked_ns + self._idle_ns // 2 if not self.terminated else None

    def _notice_silence(self, moment: Moment) -> Reading | None:
        ended = None
        if self.after_silence(moment):
            ended = self._drop(moment) if self.terminated else self._end(moment)
            self._clear()
        self._last_ns = moment.boottime_ns
        return ended

    def _drop(self, moment: Moment) -> Reading | None:
        half = bytes(self._code[:MAX_BYTES]).strip(b"\0")
        return Reading(self.lane, _text(half)[0][:MAX_CHARACTERS], half, moment, HALF) if half else None

    def _take(self, byte: int, moment: Moment) -> Reading | None:
        if byte in TERMINATORS:
            return self._end(moment)
        if self._discarding:
            return self._give_up(moment, MISSED) if self._doubtful else None
        if byte == STX and not self._code.strip(b"\0"):
            return None
        self._code.append(byte)
        self._characters += byte != 0 and byte & 0xC0 != 0x80  # neither noise nor UTF-8's continuation bytes count
        if self._characters > self._most or len(self._code) > 4 * self._most:
            return self._give_up(moment, TOO_LONG)
        return None

    def _end(self, moment: Moment) -> Reading | None:
        code, discarding = bytes(self._code), self._discarding
        self._clear()
        if discarding:
            return None
        code = code.strip(b"\0").removeprefix(self._prefix).removesuffix(self._suffix)
        return whole(code, self.lane, moment)

    def _give_up(self, moment: Moment, flaw: str) -> Reading:
        raw = bytes(self._code[:MAX_BYTES])
        self._clear()
        self._discarding = True
        return Reading(self.lane, _text(raw)[0][:MAX_CHARACTERS], raw, moment, flaw)

    def _clear(self) -> None:
        self._code.clear()
        self._characters = 0
        self._discarding = self._doubtful = False
