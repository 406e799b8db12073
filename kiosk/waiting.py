"""Just bought: a reading whose code is not on the list may wait a moment for the cloud's word on it.

    not found → worth it? → wanted, which sync sees → found · the cloud has no such ticket · the time is over

A lane keeps one reading at most, and goes on: no other code waits behind it. What was found never waits.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from kiosk.errors import NotRecorded
from kiosk.model import Answer, Direction, Lookup, Moment, Reading, Rules, is_barcode

log = logging.getLogger(__name__)

LOOK_S = 0.02
"""How often the list is looked at while somebody waits."""

PACE_NS = 1_000_000_000
"""One unknown code a second at most is asked for, whoever waves them."""


class Word(Protocol):
    """What is asked of the ticket list; none of it raises."""

    def look_up(self, code: str, events: Mapping[str, object], now: Moment) -> Lookup: ...
    def answered(self, code: str, moment: Moment) -> bool: ...


@dataclass(slots=True)
class Case:
    """One presentation of a code: its first reading, the rules of that moment, and all who want to know.

    `code` is what the reading comes to: the ticket's code or, while there is no ticket, the one to be asked for.
    """

    reading: Reading
    rules: Rules
    code: str
    askers: list[Callable[[Answer], None]] = field(init=False)
    seen_ns: int = field(init=False)

    def __post_init__(self) -> None:
        self.askers = [self.reading.asker] if self.reading.asker is not None else []
        self.seen_ns = self.reading.moment.boottime_ns

    @property
    def direction(self) -> Direction:
        return self.reading.direction or self.rules.direction

    @property
    def names(self) -> frozenset[str]:
        """What was read and what it comes to: a scanner may send a code twice, with and without what is before it."""
        return frozenset((self.reading.code, self.code))

    def is_met_by(self, other: Case) -> bool:
        """Tell whether this is the same code in the same direction once more."""
        direction = other.reading.direction or self.rules.direction
        return other.reading.flaw is None and direction is self.direction and bool(other.names & self.names)

    def meet(self, other: Case) -> None:
        self.seen_ns = other.seen_ns
        self.askers += other.askers


def _to_nobody(_code: str, _moment: Moment) -> None:
    pass


class Waiting:
    """Which case waits at which lane. Belongs to the gate's thread.

    `want` lets sync look a code up, and raises NotRecorded; `online` says whether sync could. After 0 ms nobody waits.
    """

    def __init__(
        self,
        tickets: Word,
        want: Callable[[str, Moment], None] = _to_nobody,
        online: Callable[[], bool] = lambda: False,
        wait_ms: int = 0,
    ) -> None:
        self._tickets, self._want, self._online = tickets, want, online
        self._wait_ns = wait_ms * 1_000_000
        self._lanes: dict[str, Case] = {}
        self._wanted, self._wanted_ns = "", -PACE_NS

    def __bool__(self) -> bool:
        return bool(self._lanes)

    def begin(self, case: Case) -> bool:
        """Let a case wait whose code was not found, if that is worth it; return whether it does."""
        flaw = case.reading.flaw
        if self._wait_ns == 0 or flaw is not None or not is_barcode(case.code) or not self._online():
            return False
        if not self._is_asked_for(case) and not self._ask(case):
            return False
        self._lanes[case.reading.lane] = case
        return True

    def join(self, other: Case) -> bool:
        """Tell whether this is what its lane waits for already; whoever asks gets the same answer then."""
        case = self._lanes.get(other.reading.lane)
        if case is None or not case.is_met_by(other):
            return False
        case.meet(other)
        return True

    def leave(self, lane: str) -> list[Case]:
        """Return what a lane waited for, if anything: it does not wait any longer."""
        return [self._lanes.pop(lane)] if lane in self._lanes else []

    def over(self, now_ns: float) -> list[Case]:
        """Return, in the order in which they came, the cases whose waiting is over at this time since boot."""
        ended = [case for case in self._lanes.values() if self._is_over(case, now_ns)]
        for case in ended:
            del self._lanes[case.reading.lane]
        return ended

    def answered(self, case: Case) -> bool:
        """Tell whether the cloud has given its word; a look at the list after that shows what it said."""
        return self._tickets.answered(case.code, case.reading.moment)

    def _is_over(self, case: Case, now_ns: float) -> bool:
        reading = case.reading
        if now_ns - reading.moment.boottime_ns >= self._wait_ns or self.answered(case):
            return True
        return not self._tickets.look_up(reading.code, case.rules.events, reading.moment).unknown

    def _is_asked_for(self, case: Case) -> bool:
        """Whether the word is there, or on its way."""
        asked = {other.code for other in self._lanes.values()}
        if self._is_too_soon(case.reading):
            asked.add(self._wanted)
        return case.code in asked or self.answered(case)

    def _is_too_soon(self, reading: Reading) -> bool:
        return reading.moment.boottime_ns - self._wanted_ns < PACE_NS

    def _ask(self, case: Case) -> bool:
        moment = case.reading.moment
        if self._is_too_soon(case.reading):
            return False
        try:
            self._want(case.code, moment)
        except NotRecorded as error:
            log.warning("a code could not be asked for: %s", error)
            return False
        self._wanted, self._wanted_ns = case.code, moment.boottime_ns
        return True
