"""What comes on the screen next: new rows of the journal, and the turns of the gate that left no row.

A row is shown as soon as it is seen, long before the gate's next regular beat tells of it. The beat is needed for the
rest: a repeat within the hold-off, which shows an old row again, and an answer that could not be recorded. A turn that
only tells of the row that is on the screen already is no news. Each lane has an answer of its own, so none that came
between two looks is left out. Pure: what was read comes in, what to show goes out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MOST = 32
"""How many new rows are shown of one look: more than all scanners of a door together can read in it."""


@dataclass(frozen=True, slots=True)
class Beat:
    """What the gate says it showed last. `turn` counts within one process; `seq` is None for what has no row.

    `notice` is why there is none.
    """

    pid: int
    turn: int
    lane: str
    seq: int | None
    notice: str


@dataclass(frozen=True, slots=True)
class Cue:
    """What to show now: the row `seq`, or only a notice. `repeated`: this row was shown before."""

    seq: int | None
    lane: str = ""
    notice: str = ""
    repeated: bool = False


def beat(facts: Mapping[str, Any] | None) -> Beat | None:
    """Take what is needed out of `gate.json`; None while the gate has shown nothing."""
    shown = (facts or {}).get("shown")
    if facts is None or not isinstance(shown, dict) or not shown.get("turn"):
        return None
    seq = shown.get("seq")
    return Beat(
        int(facts.get("pid") or 0),
        int(shown["turn"]),
        str(shown.get("lane") or ""),
        int(seq) if seq is not None else None,
        str(shown.get("notice") or ""),
    )


@dataclass(frozen=True, slots=True)
class _Mark:
    """The last turn that is known of, and the newest row that there was then, or an older one."""

    pid: int
    turn: int
    row: int


class Stage:
    """Follows the journal and the gate from here on; what was before is not news."""

    def __init__(self, newest: int, beat: Beat | None, older: int | None = None) -> None:
        """`older`: the newest row of a moment ago, where that is known; the turns about those since are no repeats."""
        self.newest = newest
        self._last: int | None = newest
        self._mark = _mark(beat, newest) if beat is not None else _Mark(0, 0, newest if older is None else older)

    def follow(self, newest: int, beat: Beat | None) -> list[Cue]:
        """Return what is to be shown now, what wins on its lane last; nothing where nothing is new.

        `beat` must have been read after `newest`: then a turn about an older row than the newest is a repeat.
        """
        older, self.newest = self.newest, newest
        turned, before, last = self._turned(beat), self._mark, self._last
        rows = [Cue(seq) for seq in range(max(older, newest - MOST) + 1, newest + 1)]
        if rows:
            self._last = newest
        if turned is None:
            return rows
        self._mark = _mark(turned, older)
        if turned.seq is None:  # with a row at the same time: rather red than green
            self._last = None
            return [*rows, Cue(None, turned.lane, turned.notice)]
        if turned.seq > older or not self._repeats(turned, turned.seq, before, last):
            return rows
        if not rows:
            self._last = turned.seq
        return [Cue(turned.seq, repeated=True), *rows]

    def _turned(self, beat: Beat | None) -> Beat | None:
        """A beat about a row that this look did not see yet is left for the next look."""
        if beat is None or (beat.seq is not None and beat.seq > self.newest):
            return None
        return beat if (beat.pid, beat.turn) != (self._mark.pid, self._mark.turn) else None

    def _repeats(self, turned: Beat, seq: int, before: _Mark, last: int | None) -> bool:
        """About the row on the screen a beat is late news, unless there were more turns than rows meanwhile."""
        turns = turned.turn - (before.turn if before.pid == turned.pid else 0)
        return seq != last or turns > seq - before.row


def _mark(beat: Beat, row: int) -> _Mark:
    return _Mark(beat.pid, beat.turn, beat.seq if beat.seq is not None else row)
